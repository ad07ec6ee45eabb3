"""Frames: whatever is sent arrives, however it is cut; whatever is no message is an EngineError."""

from __future__ import annotations

import contextlib
import struct
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines import protocol as p
from engines import wire
from engines.errors import EngineError
from engines.knobs import KnobState

SHAPE = p.ModelShape(
    architecture="llama", n_layers=30, n_embd=576, n_heads=9, n_kv_heads=3, head_dim_k=64, head_dim_v=64, n_vocab=49152,
    n_ff=1536, n_ctx_train=8192, n_params=134_515_008, tensor_bytes=96_000_000,
)  # fmt: skip
FILES = p.ModelFiles(
    id="m", variant="q4_1", format="gguf", path="/m.gguf", files=("/m.gguf",), template="{{ 1 }}", shape=SHAPE
)
BLOB = p.Blob("/x.blob", (2, 3), "float32", 24)
MEMORY = p.Memory(runtime_bytes=1, model_bytes=2**40, parts={"weights": 5})
CHAT = p.ChatRequest(
    messages=(p.Message("user", "Grüß Gott 👋"), p.Message("user", "look", ("/a.png",))),
    knobs={"stop": ["a"], "seed": None, "top_p": 0.5, "k": 3},
)

COMMANDS = [
    p.Describe(id=1, engine="echo"),
    p.Load(id=2, engine="echo", files=FILES, knobs={"n_ctx": "auto", "on": True}),
    p.Run(id=3, request=CHAT),
    p.Tokenize(id=4, text="x", messages=(p.Message("user", "y"),), ids=(5,), pieces=True),
    p.Score(id=5, ids=(1, 2, 3), prefill=1, step=2, write="/w", against="/a"),
    p.Convert(id=6, engine="e", files=FILES, variant="q8_0", target="/t"),
    p.Input(id=7, run=3, text="more", audio=BLOB, end=True),
    p.Cancel(id=3),
    p.Stop(),
]
EVENTS = [
    p.Hello(protocol=1, pid=9, python="3.11"),
    p.Progress(id=1, phase="read", fraction=None, message="half"),
    p.Described(id=1, engine="e", version="1", build="b", available=True, knobs={"k": KnobState(off="why")}),
    p.Loaded(
        id=1,
        engine="e",
        version="1",
        build="b",
        device="cpu",
        effective={"n_ctx": 4096},
        memory=MEMORY,
        sees=True,
        blind="",
    ),
    p.Text(id=1, text="\x00é👋", stats={"n_out": 2.0}),
    p.Segment(id=1, start_s=0.5, end_s=1.5, text="hi"),
    p.Audio(id=1, rate=16000, samples=b"\x00\xff"),
    p.Preview(id=1, step=3, image=BLOB),
    p.Stats(id=1, stats={"n_out": 1.0}),
    p.Tokens(id=1, ids=(1, 2), pieces=("a", "\ufffd")),
    p.Scored(id=1, nll=(0.5,), kl=(0.0,), top1=(True,), stats={"n": 1.0}, written=BLOB),
    p.Converted(id=1, path="/t", bytes=3, seconds=0.5, notes=("n",)),
    p.CancelSeen(id=1),
    p.Beat(phase="decode", counter=4, cpu_s=0.25, rss=10, sample={"cpu_percent": 50.0}),
    p.Finished(
        id=1,
        reason=p.FinishReason.STOP,
        metrics={"ttft_s": 0.1, "p95": None},
        times_ns=(1, 2),
        offsets=(0, 3),
        memory=MEMORY,
    ),
    p.Failed(id=None, code="c", message="m", hint="h", fatal=True),
    p.Ended(code=-9, words="w", expected=False, stderr=("line",)),
    p.Unresponsive(seconds=10.0, phase="read"),
    p.Responsive(),
]


def bodies(*frames: bytes) -> list[bytes]:
    cutter = wire.Frames()
    found = [body for frame in frames for body in cutter.feed(frame)]
    assert cutter.rest == 0
    return found


def test_the_samples_name_every_message() -> None:
    assert {type(c) for c in COMMANDS} == set(get_args(p.Command))
    assert {type(e) for e in EVENTS} == set(get_args(p.Event))


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: type(c).__name__)
def test_a_command_arrives_as_it_was_sent(command: p.Command) -> None:
    (body,) = bodies(wire.encode(command))
    assert wire.decode_command(body) == command


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: type(e).__name__)
def test_an_event_arrives_as_it_was_sent(event: p.Event) -> None:
    (body,) = bodies(wire.encode(event))
    assert wire.decode_event(body) == event


@given(st.lists(st.integers(1, 400), max_size=40))
def test_the_cuts_of_the_stream_do_not_matter(cuts: list[int]) -> None:
    stream = b"".join(map(wire.encode, EVENTS))
    cutter, found = wire.Frames(), list[p.Event]()
    for size in [*cuts, len(stream)]:
        piece, stream = stream[:size], stream[size:]
        found += [wire.decode_event(body) for body in cutter.feed(piece)]
    assert found == EVENTS
    assert cutter.rest == 0


@given(st.binary(max_size=300))
def test_garbage_is_an_engine_error_and_nothing_else(data: bytes) -> None:
    for decode in (wire.decode_event, wire.decode_command):
        with contextlib.suppress(EngineError):  # anything else fails the test
            assert isinstance(decode(data), p.Wire)


@pytest.mark.parametrize("body", [b"", b"\xc1", msgspec.msgpack.encode({"type": "FromTheFuture"}), b"\x91" * 100_000,
                                  msgspec.msgpack.encode({"type": "Text", "id": "x"}), msgspec.msgpack.encode(7)])  # fmt: skip
def test_what_is_no_message_is_refused(body: bytes) -> None:
    with pytest.raises(EngineError, match="could not be understood") as caught:
        wire.decode_event(body)
    assert caught.value.hint


def test_a_frame_that_claims_too_much_is_refused_before_it_is_read() -> None:
    with pytest.raises(EngineError, match="104,857,600") as caught:
        list(wire.Frames().feed(struct.pack("<I", 100 * 1024 * 1024)))
    assert caught.value.code == "bad_frame"


def test_a_message_over_the_limit_is_refused_at_its_sender() -> None:
    with pytest.raises(EngineError) as caught:
        wire.encode(p.Audio(id=1, rate=1, samples=bytes(wire.MAX_FRAME)))
    assert caught.value.code == "frame_too_large"


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb"])
def test_text_that_is_no_text_is_refused_at_its_sender(text: str) -> None:
    with pytest.raises(EngineError) as caught:
        wire.encode(p.Tokenize(id=1, text=text))
    assert caught.value.code == "bad_message"


def test_a_sender_may_know_more_than_the_receiver() -> None:
    body = msgspec.msgpack.encode({"type": "CancelSeen", "id": 4, "a_later_field": [1, 2]})
    assert wire.decode_event(body) == p.CancelSeen(id=4)
