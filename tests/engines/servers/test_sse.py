"""Events out of bytes, however they are cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.errors import EngineError
from engines.servers.sse import MAX_LINE, Events

PLAIN = b'data: {"a": "\xc3\xa9"}\n\n: a comment\n\ndata: one\ndata: two\nevent: x\nid: 4\n\ndata:[DONE]\n\n'
WANTED = [b'{"a": "\xc3\xa9"}', b"one\ntwo", b"[DONE]"]


def fed(pieces: list[bytes]) -> list[bytes]:
    events = Events()
    return [data for piece in pieces for data in events.feed(piece)]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_every_end_of_a_line_and_a_bom(end: bytes, bom: bytes) -> None:
    assert fed([bom + PLAIN.replace(b"\n", end)]) == WANTED


@given(st.lists(st.integers(1, len(PLAIN) + 3), max_size=12), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_cuts_change_nothing(cuts: list[int], end: bytes) -> None:
    data = b"\xef\xbb\xbf" + PLAIN.replace(b"\n", end)
    edges = [0, *sorted(cuts), len(data)]
    pieces = [data[a:b] for a, b in pairwise(edges)]
    assert fed(pieces) == WANTED


def test_byte_by_byte() -> None:
    data = PLAIN.replace(b"\n", b"\r\n")
    assert fed([bytes([b]) for b in data]) == WANTED


def test_the_end_gives_back_what_has_no_empty_line() -> None:
    events = Events()
    assert events.feed(b"data: one\n\ndata: two") == [b"one"]
    assert events.end() == b"two"
    assert events.end() is None


def test_a_line_of_a_mebibyte_passes_and_one_without_an_end_does_not() -> None:
    long = b"x" * (1 << 20)
    assert fed([b"data: ", long, b"\n\n"]) == [long]
    with pytest.raises(EngineError) as caught:
        fed([long] * (MAX_LINE // len(long) + 1))
    assert caught.value.code == "too_long_line"
