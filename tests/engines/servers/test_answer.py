"""An answer taken in: text, thoughts, counts, and what the sources do not agree on."""

from __future__ import annotations

from typing import Any

from engines.protocol import FinishReason
from engines.servers.answer import Answer
from engines.servers.chunks import Chunk, Usage


def answer(*chunks: dict[str, Any]) -> Answer:
    made = Answer()
    for number, fields in enumerate(chunks):
        made.take(Chunk(at_ns=number * 1_000_000_000, **fields))
    made.close()
    return made


def test_ids_count_and_a_wrong_usage_is_said() -> None:
    found = answer(
        {"text": "a", "ids": (1, 2), "n": 2},
        {"text": "b", "ids": (3,), "n": 1, "finish": "length"},
        {"usage": Usage(4, None, 1)},
    )
    assert (found.n_out, found.n_in, found.n_cached, found.n_shown) == (3, 4, None, 3)
    assert found.reason is FinishReason.LENGTH
    assert found.offsets == [1, 1, 2]
    assert found.notes() == ["the server's usage says 1 token, and 3 came: those count"]
    assert found.decode_rate() == 1.0


def test_without_ids_the_usage_counts() -> None:
    found = answer({"text": "a b", "n": 1}, {"text": " c d", "n": 1}, {"text": " e", "n": 1}, {"usage": Usage(4, 1, 7)})
    assert found.n_out == 7
    assert found.n_cached == 1
    assert found.notes() == ["3 pieces came for 7 tokens (by the server's usage)"]
    assert found.decode_rate() == 3.0


def test_a_usage_below_what_came_is_not_believed() -> None:
    pieces = [{"text": "a ", "n": 1}] * 5
    guessed = answer(*pieces, {"usage": Usage(4, 1, 1)})
    assert (guessed.n_out, guessed.decode_rate()) == (None, None)
    assert guessed.notes() == ["the server's usage says 1 token, and 5 came: the number of tokens is not known"]
    counted = answer(*({"text": "a ", "n": 1, "total": i} for i in range(1, 6)), {"usage": Usage(4, 1, 1)})
    assert (counted.n_out, counted.decode_rate()) == (5, 1.0)
    assert counted.notes() == ["the server's usage says 1 token, and 5 came: those count"]


def test_an_impossible_prompt_is_not_believed() -> None:
    assert answer({"text": "a", "n": 1, "usage": Usage(0, None, 1)}).n_in is None
    assert answer({"text": "a", "n": 1, "usage": Usage(4, 9, 1)}).n_cached is None


def test_without_any_count_there_is_none() -> None:
    found = answer({"text": "a", "n": 1}, {"text": "b", "n": 1})
    assert (found.n_out, found.decode_rate(), found.n_in) == (None, None, None)
    assert found.notes() == ["this server does not say how many tokens it made: 2 pieces came"]


def test_llama_servers_timings() -> None:
    timings = {"predicted_n": 3.0, "prompt_n": 5.0, "cache_n": 2.0, "prompt_ms": 40.0, "predicted_ms": 90.0}
    found = answer({"text": "a", "n": 1, "total": 1}, {"text": "b", "n": 2, "total": 3, "timings": timings})
    assert (found.n_out, found.n_in, found.n_cached) == (3, 7, 2)
    assert found.server_figures() == {"server_prefill_s": 0.04, "server_ttft_s": 0.04, "server_decode_s": 0.09}


def test_a_thought_stands_between_its_tags() -> None:
    found = answer({"thought": "hm", "n": 1}, {"thought": "m", "n": 1}, {"text": "Yes", "n": 1}, {"text": ".", "n": 1})
    assert found.text == "<think>hmm</think>Yes."
    assert answer({"thought": "cut", "n": 1}).text == "<think>cut"


def test_steps_are_stamped_before_their_text() -> None:
    stamped: list[tuple[int, int]] = []
    made = Answer()
    made.take(Chunk(at_ns=5, text="", n=0), lambda n, at: stamped.append((n, at)))
    made.take(Chunk(at_ns=9, text="a", n=2), lambda n, at: stamped.append((n, at)))
    assert stamped == [(2, 9)]
    assert made.gaps() == []


def test_an_answer_in_one_piece_is_said_so() -> None:
    assert any("one piece" in note for note in answer({"text": "a b c", "n": 3, "total": 3}).notes())
    assert answer({"text": "a", "n": 1, "ids": (4,)}).notes() == []


def test_a_tool_call_is_noted() -> None:
    assert any("tool" in note for note in answer({"n": 1, "tool": True, "ids": (4,)}).notes())
