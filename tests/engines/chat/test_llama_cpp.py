"""The llama.cpp adapter on a tiny model of random weights: what it says, counts, keeps and refuses."""

from __future__ import annotations

import codecs
import itertools
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.chat.llama_model import Model
from engines.errors import Cancelled, EngineError
from engines.protocol import ChatRequest, FinishReason, Message, Score
from tests.engines.chat.llama_bench import Bench, model_files

GREEDY: dict[str, Any] = {"temperature": 0.0, "ignore_eos": True, "max_tokens": 24}
PROMPT = list(range(20, 90))


@pytest.fixture
def make(tmp_path: Path, tiny_gguf: Path) -> Iterator[Callable[..., Bench]]:
    made: list[Bench] = []

    def load(**knobs: Any) -> Bench:
        bench = Bench(tmp_path)
        made.append(bench)
        bench.loaded = bench.load(tiny_gguf, **({"n_threads": 1, "n_threads_batch": 1} | knobs))  # type: ignore[attr-defined]
        return bench

    yield load
    for bench in made:
        bench.adapter.close()


@pytest.fixture
def bench(make: Callable[..., Bench]) -> Bench:
    return make()


def model(bench: Bench) -> Model:
    assert bench.adapter._model is not None
    return bench.adapter._model


# --- loading ----------------------------------------------------------------------------------


def test_auto_is_resolved_and_explained(make: Callable[..., Bench]) -> None:
    loaded = make(n_threads="auto").loaded  # type: ignore[attr-defined]
    assert "auto" not in loaded.effective.values()
    assert isinstance(loaded.effective["n_threads"], int)
    assert "the cores this process may use" in loaded.why["n_threads"]
    assert (loaded.n_ctx, loaded.effective["n_ctx"]) == (512, 512)
    assert "trained with 512" in loaded.why["n_ctx"]
    assert {"import_s", "read_s", "prime_s"} <= set(loaded.phases)


def test_a_load_says_its_memory_and_leaves_the_cache_empty(make: Callable[..., Bench]) -> None:
    small, large = make(n_ctx=256), make(n_ctx=512)
    kv = [b.loaded.memory.parts["kv"] for b in (small, large)]  # type: ignore[attr-defined]
    assert kv[1] == pytest.approx(2 * kv[0], rel=0.1)
    assert small.loaded.memory.parts["weights"] > 500_000  # type: ignore[attr-defined]
    assert model(small).ids == []


def test_cache_types_really_engage(make: Callable[..., Bench]) -> None:
    loaded = make(type_k="q8_0", type_v="q4_0").loaded  # type: ignore[attr-defined]
    assert [loaded.effective[k] for k in ("type_k", "type_v", "flash_attn")] == ["q8_0", "q4_0", "on"]
    assert "quantized V" in loaded.why["flash_attn"]


def test_a_quantized_v_without_flash_attention_is_a_conflict(make: Callable[..., Bench]) -> None:
    with pytest.raises(EngineError, match="needs flash attention") as caught:
        make(type_v="q4_0", flash_attn="off")
    assert caught.value.code == "conflict"


def test_gpu_layers_on_a_cpu_build_are_not_ignored_silently(make: Callable[..., Bench]) -> None:
    bench = make(n_gpu_layers=3)
    from llama_cpp import llama_cpp as api

    if api.llama_supports_gpu_offload():
        pytest.skip("this build has a GPU")
    assert bench.loaded.effective["n_gpu_layers"] == 0  # type: ignore[attr-defined]
    assert "CPU" in bench.loaded.why["n_gpu_layers"]  # type: ignore[attr-defined]


def test_a_broken_file_says_why(tmp_path: Path, tiny_gguf: Path) -> None:
    broken, bench = tmp_path / "broken.gguf", Bench(tmp_path)
    broken.write_bytes(tiny_gguf.read_bytes()[:300_000])
    with pytest.raises(EngineError, match="not within the file bounds") as caught:
        bench.load(broken)
    bench.adapter.close()
    assert caught.value.code == "load_failed"


def test_a_load_can_be_cancelled_while_it_reads(tmp_path: Path, tiny_gguf: Path) -> None:
    bench = Bench(tmp_path)
    job = bench.job()
    bench.outbox.on_event = job.cancel
    with pytest.raises(Cancelled):
        bench.adapter.load(model_files(tiny_gguf), {}, job)
    assert bench.outbox.progress[0].phase == "read"
    assert bench.adapter._model is None
    bench.adapter.close()


# --- answering --------------------------------------------------------------------------------


def test_text_ids_and_counts_agree(bench: Bench) -> None:
    done = bench.ask("hello", **GREEDY)
    assert done.reason is FinishReason.LENGTH
    assert bench.outbox.shown == done.text
    assert done.text == b"".join(model(bench).piece(t) for t in done.ids).decode("utf-8", "replace")
    assert [done.metrics[k] for k in ("n_out", "n_shown")] == [24, 24]
    assert (len(done.ids), len(done.times_ns), sum(done.counts)) == (24, 24, 24)
    assert list(done.prompt_ids) == bench.adapter.tokenize("", (Message("user", "hello"),))


def test_offsets_say_how_much_text_each_token_had_given(bench: Bench) -> None:
    """A token that is part of a character gives nothing yet; a stop text is held back, and cut."""
    done = bench.ask("hello", **GREEDY)
    decoder, length, wanted = codecs.getincrementaldecoder("utf-8")("replace"), 0, []
    for token in done.ids:
        length += len(decoder.decode(model(bench).piece(token)))
        wanted.append(length)
    assert list(done.offsets) == wanted
    assert bench.ask("hello", discard_text=True, **GREEDY).offsets == done.offsets
    stop = done.text[4:7]
    cut = bench.ask("hello", stop=[stop], **GREEDY)
    assert len(cut.offsets) == len(cut.ids)
    assert cut.offsets[-1] == len(cut.text) == done.text.index(stop)


def test_the_pieces_of_a_prompt_are_what_the_model_reads(bench: Bench) -> None:
    ids = bench.adapter.tokenize("", (Message("user", "hello there"),))
    pieces = bench.adapter.pieces(ids)
    assert "<|im_start|>" in pieces
    assert "".join(pieces).replace(" ", "") == "<|im_start|>user\nhellothere<|im_end|>\n<|im_start|>assistant\n"
    assert "hello there" in "".join(pieces)
    assert set(bench.adapter.pieces(bench.adapter.tokenize("é", ()))[-2:]) == {"\ufffd"}
    with pytest.raises(EngineError) as caught:
        bench.adapter.pieces([model(bench).n_vocab])
    assert caught.value.code == "bad_ids"


def test_what_is_discarded_is_counted_but_not_sent(bench: Bench) -> None:
    done = bench.ask("hello", discard_text=True, **GREEDY)
    assert bench.outbox.shown == ""
    assert done.metrics["n_out"] == 24


def test_a_seed_reproduces_and_another_differs(bench: Bench) -> None:
    hot = {"temperature": 1.5, "ignore_eos": True, "max_tokens": 24, "min_p": 0.0}
    first, again, other = (bench.ask("hello", seed=s, clear_cache=True, **hot) for s in (7, 7, 8))
    assert first.ids == again.ids
    assert first.ids != other.ids


def test_a_random_seed_is_told_so_that_the_run_can_be_replayed(bench: Bench) -> None:
    hot = {"temperature": 1.5, "ignore_eos": True, "max_tokens": 16}
    first = bench.ask("hello", clear_cache=True, **hot)
    again = bench.ask("hello", clear_cache=True, seed=first.effective["seed"], **hot)
    assert first.ids == again.ids


def test_an_end_token_stops_unless_ignored(bench: Bench) -> None:
    end = min(model(bench).end_ids)
    force = json.dumps({str(end): 1000})
    done = bench.ask("hello", temperature=0.0, logit_bias=force)
    assert (done.reason, done.ids, done.text) == (FinishReason.STOP, (end,), "")
    assert [done.metrics[k] for k in ("n_out", "n_shown")] == [1, 0]
    on = bench.ask("hello", logit_bias=force, **GREEDY)
    assert on.reason is FinishReason.LENGTH
    assert not set(on.ids) & model(bench).end_ids


def test_a_stop_text_is_cut_and_its_tokens_are_not_shown(bench: Bench) -> None:
    words = GREEDY | {"logit_bias": json.dumps({str(t): -1000 for t in range(261)})}  # no bytes: whole letters only
    plain = bench.ask("hello", **words)
    pieces = [model(bench).piece(t).decode() for t in plain.ids]
    pairs = [a + b for a, b in itertools.pairwise(pieces)]
    at = next(i for i in range(3, 20) if plain.text.index(pairs[i]) == len("".join(pieces[:i])))
    done = bench.ask("hello", stop=[pairs[at]], **words)
    assert done.reason is FinishReason.STOP
    assert done.text == "".join(pieces[:at]) == bench.outbox.shown
    assert [done.metrics[k] for k in ("n_out", "n_shown")] == [at + 2, at]


def test_the_context_is_filled_to_its_last_place_and_not_beyond(bench: Bench) -> None:
    done = bench.ask(ids=[20] * 500, **(GREEDY | {"max_tokens": 1000}))
    assert (done.reason, done.metrics["n_out"]) == (FinishReason.LENGTH, 12)
    with pytest.raises(EngineError) as caught:
        bench.ask(ids=[20] * 512, **GREEDY)
    assert caught.value.code == "context_full"


@pytest.mark.parametrize("ids", [[5, -1], [5, 10_000]])
def test_ids_of_another_model_are_refused(bench: Bench, ids: list[int]) -> None:
    with pytest.raises(EngineError) as caught:
        bench.ask(ids=ids, **GREEDY)
    assert caught.value.code == "bad_ids"


def test_logprobs_are_the_model_s_own(bench: Bench) -> None:
    done = bench.ask("hello", logprobs=3, **GREEDY)
    assert len(done.logprobs) == len(done.top_logprobs) == 24
    for chosen, table in zip(done.logprobs, done.top_logprobs, strict=True):
        assert len(table) == 3
        assert sum(map(math.exp, table.values())) <= 1.0
        assert chosen <= max(table.values()) + 1e-9
    assert bench.ask("hello", **GREEDY).logprobs == ()


# --- the prefix cache -------------------------------------------------------------------------


def test_a_shared_prefix_is_not_read_again_and_changes_nothing(bench: Bench) -> None:
    first = bench.ask(ids=PROMPT, **GREEDY)
    assert first.metrics["n_cached"] == 0
    longer = [*PROMPT, *first.ids[:10], 40, 41]
    again = bench.ask(ids=longer, logprobs=1, **GREEDY)
    assert again.metrics["n_cached"] == len(PROMPT) + 10
    fresh = bench.ask(ids=longer, logprobs=1, clear_cache=True, **GREEDY)
    assert fresh.metrics["n_cached"] == 0
    assert np.allclose(again.logprobs[:3], fresh.logprobs[:3], atol=0.05)


def test_the_same_prompt_replays_one_token(bench: Bench) -> None:
    first = bench.ask(ids=PROMPT, **GREEDY)
    again = bench.ask(ids=PROMPT, **GREEDY)
    assert again.metrics["n_cached"] == len(PROMPT) - 1
    assert again.ids[:3] == first.ids[:3]


def test_what_was_read_is_forgotten_where_it_is_not_to_be_kept(bench: Bench) -> None:
    bench.ask(ids=PROMPT, **GREEDY)
    kept, forgotten = (bench.ask(ids=PROMPT, cache_prompt=keep, **GREEDY) for keep in (True, False))
    assert (kept.metrics["n_cached"], forgotten.metrics["n_cached"]) == (len(PROMPT) - 1, 0)
    assert kept.ids == forgotten.ids


def test_it_says_how_much_text_stood_there_after_each_step(bench: Bench) -> None:
    done = bench.ask(ids=PROMPT, **GREEDY)
    assert len(done.shown) == len(done.times_ns) == len(done.counts)
    assert list(done.shown) == sorted(done.shown)
    assert done.shown[-1] == len(done.text) > 0
    assert bench.ask(ids=PROMPT, discard_text=True, **GREEDY).shown == ()


def test_a_changed_start_uses_nothing_of_the_cache(bench: Bench) -> None:
    bench.ask(ids=PROMPT, **GREEDY)
    done = bench.ask(ids=[99, *PROMPT[1:]], **GREEDY)
    assert done.metrics["n_cached"] == 0
    assert done.ids == bench.ask(ids=[99, *PROMPT[1:]], clear_cache=True, **GREEDY).ids


# --- stopping ---------------------------------------------------------------------------------


def test_stop_during_decode_keeps_what_there_is(bench: Bench) -> None:
    job = bench.job()
    bench.outbox.on_event = job.cancel
    done = bench.adapter.run(ChatRequest(ids=tuple(PROMPT), knobs=GREEDY | {"max_tokens": 400}), job)
    assert done.reason is FinishReason.CANCELLED
    assert 0 < len(done.ids) < 50
    assert done.text == bench.outbox.shown


def test_stop_inside_a_prefill_leaves_a_sound_session(make: Callable[..., Bench]) -> None:
    bench = make(n_batch=512)
    want = bench.ask(ids=PROMPT, clear_cache=True, **GREEDY).ids
    job = bench.job()
    calls = 0

    def third_look() -> None:  # the abort callback ticks: cancel from inside the evaluation
        nonlocal calls
        calls += 1
        if job.phase_name == "prefill":
            job.cancel()

    job.tick = third_look  # type: ignore[method-assign]
    done = bench.adapter.run(ChatRequest(ids=tuple([20] * 400), knobs=GREEDY, clear_cache=True), job)
    assert (done.reason, done.ids) == (FinishReason.CANCELLED, ())
    assert len(model(bench).ids) < 400
    assert bench.ask(ids=PROMPT, clear_cache=True, **GREEDY).ids == want


# --- prompt lookup ----------------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [0.0, 0.7])
def test_prompt_lookup_says_the_same_in_fewer_steps(make: Callable[..., Bench], temperature: float) -> None:
    knobs = {"temperature": temperature, "seed": 3, "max_tokens": 60, "ignore_eos": True, "logprobs": 1}
    bias = json.dumps({str(t): 6 for t in range(270, 274)})  # few words, so that some repeat
    plain, fast = make(flash_attn="on"), make(prompt_lookup_num_tokens=5)
    want = plain.ask(ids=PROMPT, logit_bias=bias, **knobs)
    got = fast.ask(ids=PROMPT, logit_bias=bias, **knobs)
    assert got.ids == want.ids
    assert got.text == want.text == fast.outbox.shown
    assert got.offsets == want.offsets
    assert np.allclose(got.logprobs, want.logprobs, atol=0.02)
    assert got.metrics["drafted"] >= got.metrics["accepted"] > 0  # type: ignore[operator]
    assert len(got.counts) < len(want.counts)
    assert sum(got.counts) == got.metrics["n_out"] == 60
    again = fast.ask(ids=[*PROMPT, *got.ids[:30]], **GREEDY)
    assert again.metrics["n_cached"] >= len(PROMPT) + 29  # rejected guesses left nothing in the cache


def test_prompt_lookup_turns_flash_attention_on_and_says_so(make: Callable[..., Bench]) -> None:
    loaded = make(prompt_lookup_num_tokens=5).loaded  # type: ignore[attr-defined]
    assert loaded.effective["flash_attn"] == "on"
    assert "guesses" in loaded.why["flash_attn"]


# --- scoring ----------------------------------------------------------------------------------


def test_scores_are_the_same_alone_and_in_steps(bench: Bench, tmp_path: Path) -> None:
    reference = str(tmp_path / "reference.f16")
    order = Score(id=1, ids=tuple(PROMPT), prefill=30, write=reference)
    written = bench.adapter.score(order, bench.job())
    assert len(written.nll) == 40
    assert written.written is not None
    assert written.written.shape == (40, model(bench).n_vocab)
    table = np.fromfile(reference, np.float16).reshape(40, -1)
    assert [-float(row[PROMPT[30 + i]]) for i, row in enumerate(table)] == list(written.nll)
    against = bench.adapter.score(Score(id=1, ids=tuple(PROMPT), prefill=30, step=8, against=reference), bench.job())
    assert max(against.kl) < 0.01
    assert against.stats["top1"] > 0.9
    other = bench.adapter.score(
        Score(id=1, ids=(99, *PROMPT[1:30], *PROMPT[30:]), prefill=30, against=reference), bench.job()
    )
    assert max(other.kl) > max(against.kl)


def test_scored_tokens_are_named_where_asked(bench: Bench) -> None:
    ids = tuple(PROMPT)
    order = Score(id=1, ids=ids, prefill=40, pieces=True)
    found = bench.adapter.score(order, bench.job())
    assert found.pieces == tuple(model(bench).piece(i).decode("utf-8", "replace") for i in ids[40:])
    assert len(found.pieces) == len(found.nll)
    assert bench.adapter.score(Score(id=1, ids=ids, prefill=40), bench.job()).pieces == ()
