"""llama.cpp on the real SmolLM2: it answers, uses its cache, stops, guesses, keeps to a schema."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engines.chat.llama_tiny import CHATML
from engines.protocol import ChatRequest, FinishReason, Message
from tests.engines.chat.llama_bench import Bench

pytestmark = pytest.mark.e2e
QUESTION = "Explain photosynthesis in one sentence."
GREEDY: dict[str, Any] = {"temperature": 0.0}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, starter_gguf: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path_factory.mktemp("e2e"))
    bench.load(starter_gguf, n_batch=256)
    yield bench
    bench.adapter.close()


def test_it_explains_and_stops_by_itself(bench: Bench) -> None:
    done = bench.ask(QUESTION, **GREEDY)
    assert done.reason is FinishReason.STOP
    assert "light" in done.text
    assert done.metrics["n_out"] == done.metrics["n_shown"] + 1  # type: ignore[operator]
    assert bench.outbox.shown == done.text


def test_the_next_turn_reads_only_what_is_new(bench: Bench) -> None:
    first = bench.ask(QUESTION, clear_cache=True, **GREEDY)
    turns = [Message("user", QUESTION), Message("assistant", first.text), Message("user", "Shorter, please.")]
    second = bench.ask(turns, max_tokens=16, **GREEDY)
    assert second.metrics["n_cached"] >= first.metrics["n_in"] + first.metrics["n_shown"] - 1  # type: ignore[operator]
    assert second.metrics["n_in"] - second.metrics["n_cached"] < 24  # type: ignore[operator]


def test_a_schema_is_kept(bench: Bench) -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "people": {"type": "integer"}},
        "required": ["city", "people"],
    }
    done = bench.ask(
        "Give me a city and how many people live there.", schema=json.dumps(schema), max_tokens=120, **GREEDY
    )
    assert isinstance(json.loads(done.text)["people"], int)


def test_stop_is_heard_inside_a_long_prefill(bench: Bench) -> None:
    ids = (bench.adapter.tokenize("The quick brown fox jumps over the lazy dog. ", ()) * 400)[:3000]
    job = bench.job()
    asked: list[float] = []
    looks = 0

    def tick() -> None:
        nonlocal looks
        looks += 1
        if looks == 6:
            asked.append(time.perf_counter())
            job.cancel()

    job.tick = tick  # type: ignore[method-assign]
    done = bench.adapter.run(ChatRequest(ids=tuple(ids), clear_cache=True), job)
    assert (done.reason, done.ids) == (FinishReason.CANCELLED, ())
    assert asked
    assert "light" in bench.ask(QUESTION, **GREEDY).text


def test_another_thread_stops_a_prefill(bench: Bench) -> None:
    ids = (bench.adapter.tokenize("The quick brown fox jumps over the lazy dog. ", ()) * 400)[:3000]
    job = bench.job()
    timer = threading.Timer(0.3, job.cancel)
    timer.start()
    done = bench.adapter.run(ChatRequest(ids=tuple(ids), clear_cache=True), job)
    timer.join()
    assert done.reason is FinishReason.CANCELLED


def test_prompt_lookup_copies_in_fewer_steps_and_says_the_same(tmp_path: Path, starter_gguf: Path) -> None:
    text = "Repeat this exactly:\n\ndef add(a, b):\n    return a + b\n\ndef sub(a, b):\n    return a - b\n"
    done = []
    for n in (0, 5):
        bench = Bench(tmp_path)
        bench.load(starter_gguf, CHATML, flash_attn="on", n_batch=128, prompt_lookup_num_tokens=n)
        done.append(bench.ask(text, max_tokens=60, **GREEDY))
        bench.adapter.close()
    plain, fast = done
    assert fast.ids == plain.ids
    assert len(fast.counts) < 0.7 * len(plain.counts)
    assert fast.metrics["accept_rate"] > 0.3  # type: ignore[operator]
