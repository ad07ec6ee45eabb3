"""Answers of the transformers adapter on a tiny random model: the cache, the clock, stop, cancel, probabilities."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engines.errors import EngineError
from engines.knobs import Value
from engines.protocol import ChatRequest, FinishReason, Message, Score
from tests.engines.chat.transformers_kit import PROMPT, Engine, Out

COPY = PROMPT * 3


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = Engine(tmp_path_factory.mktemp("plain"))
    yield engine
    engine.adapter.close()


@pytest.fixture
def make(tmp_path: Path) -> Iterator[object]:
    made: list[Engine] = []

    def build(**knobs: Value) -> Engine:
        made.append(Engine(tmp_path, **knobs))
        return made[-1]

    yield build
    for engine in made:
        engine.adapter.close()


def library_alone(engine: Engine, ids: tuple[int, ...], n: int) -> list[int]:
    """What `generate` says without any of ours."""
    import torch

    block = torch.tensor([ids])
    made = engine.adapter._model.generate(
        block, attention_mask=torch.ones_like(block), max_new_tokens=n, do_sample=False, pad_token_id=0
    )
    return made[0, len(ids) :].tolist()


def test_the_answer_is_the_librarys_own(plain: Engine) -> None:
    assert list(plain.run(fresh=True).ids) == library_alone(plain, PROMPT, 16)


def test_every_token_is_stamped_once_and_counted(plain: Engine) -> None:
    done = plain.run(fresh=True, max_tokens=20)
    assert done.reason is FinishReason.LENGTH
    assert len(done.ids) == sum(done.counts) == done.metrics["n_out"] == 20
    assert list(done.times_ns) == sorted(done.times_ns)
    assert len(done.times_ns) == 20
    assert done.metrics["prefill_s"] is not None
    assert done.metrics["prefill_s"] <= done.metrics["ttft_s"]


def test_same_prompt_again_is_cached_but_for_one_token(plain: Engine) -> None:
    first = plain.run(fresh=True)
    again = plain.run()
    assert (again.ids, again.metrics["n_cached"]) == (first.ids, len(PROMPT) - 1)


def test_next_turn_computes_only_what_is_new(plain: Engine) -> None:
    first = plain.run(fresh=True)
    longer = (*PROMPT, *first.ids, 50, 51, 52)
    turn = plain.run(longer)
    assert turn.metrics["n_cached"] == len(PROMPT) + len(first.ids) - 1
    assert turn.ids == plain.run(longer, fresh=True).ids


def test_a_changed_prefix_is_computed_anew_from_the_change(plain: Engine) -> None:
    plain.run(fresh=True)
    changed = (*PROMPT[:20], 99, *PROMPT[21:])
    turn = plain.run(changed)
    assert turn.metrics["n_cached"] == 20
    assert turn.ids == plain.run(changed, fresh=True).ids


def test_clear_cache_forgets(plain: Engine) -> None:
    plain.run()
    assert plain.run(fresh=True).metrics["n_cached"] == 0


def test_what_was_read_is_forgotten_where_it_is_not_to_be_kept(plain: Engine) -> None:
    plain.run(fresh=True)
    kept, forgotten = (plain.run(cache_prompt=keep) for keep in (True, False))
    assert (kept.metrics["n_cached"], forgotten.metrics["n_cached"]) == (len(PROMPT) - 1, 0)
    assert kept.ids == forgotten.ids


def test_it_says_how_much_text_stood_there_after_each_step(plain: Engine) -> None:
    done = plain.run(fresh=True)
    assert len(done.shown) == len(done.times_ns) == len(done.counts)
    assert list(done.shown) == sorted(done.shown)
    assert done.shown[-1] == len(done.text) > 0
    assert len(done.offsets) == len(done.ids)
    assert list(done.offsets) == sorted(done.offsets)
    assert all(shown >= offset for shown, offset in zip(done.shown, done.offsets, strict=True))
    assert plain.adapter.run(ChatRequest(ids=PROMPT, discard_text=True), plain.job()).shown == ()


def test_scored_tokens_are_named_where_asked(plain: Engine) -> None:
    ids = tuple(plain.adapter.tokenize("a few words, and é", ()))
    found = plain.adapter.score(Score(id=1, ids=ids, prefill=4, pieces=True), plain.job())
    assert len(found.pieces) == len(found.nll) == len(ids) - 4
    assert "".join(found.pieces[:-2]) == "w words, and "
    assert plain.adapter.score(Score(id=1, ids=ids, prefill=4), plain.job()).pieces == ()


def test_a_quantized_cache_is_seen_by_scores_that_go_through_it_step_by_step(
    make: object, plain: Engine, tmp_path: Path
) -> None:
    """One big prefill computes with exact keys and values: only what is fed in steps meets the quantized ones."""
    ids, path = tuple(int(i) for i in np.random.default_rng(5).integers(3, 259, 160)), str(tmp_path / "reference.f16")
    small: dict[str, Value] = {"cache_implementation": "quantized", "cache_backend": "hqq", "cache_nbits": "4"}
    four_bits = make(**small, residual_length=8, q_group_size="32")  # type: ignore[operator]
    written = plain.adapter.score(Score(id=1, ids=ids, prefill=80, step=1, write=path), plain.job())
    itself = plain.adapter.score(Score(id=2, ids=ids, prefill=80, step=1, against=path), plain.job())
    found = four_bits.adapter.score(Score(id=3, ids=ids, prefill=80, step=1, against=path), four_bits.job())
    assert set(itself.kl) == {0.0}
    assert (itself.nll, itself.stats["top1"]) == (written.nll, 1)
    assert found.kl[0] == 0  # after the prefill: it has not looked into the cache yet
    assert found.stats["kl_mean"] > 0.001
    assert min(found.kl[1:]) > 0


def test_chunked_prefill_gives_the_same_answer_and_moves(make: object, plain: Engine) -> None:
    engine, out = make(prefill_chunk_size=16), Out()  # type: ignore[operator]
    done = engine.run(fresh=True, job=engine.job(out))
    assert done.ids == plain.run(fresh=True).ids
    assert out.fractions() == [16 / 40, 32 / 40]


@pytest.mark.parametrize(
    "knobs",
    [
        {"cache_implementation": "static", "n_ctx": 128},
        {"prompt_lookup_num_tokens": 5},
    ],
    ids=lambda k: next(iter(k)),
)
def test_lossless_settings_give_the_plain_answer(make: object, plain: Engine, knobs: dict[str, Value]) -> None:
    engine = make(**knobs)  # type: ignore[operator]
    first = engine.run()
    again = engine.run()
    assert first.ids == again.ids == plain.run(fresh=True).ids
    assert again.metrics["n_cached"] == len(PROMPT) - 1


def test_attention_in_another_order_gives_the_same_answer_in_full_precision(make: object) -> None:
    """In bf16 the two round differently, and a near tie may go the other way."""
    plain, eager = (make(dtype="fp32", attn_implementation=kind) for kind in ("sdpa", "eager"))  # type: ignore[operator]
    assert plain.run().ids == eager.run().ids == eager.run().ids


@pytest.mark.parametrize("backend", ["fp8", "hqq"])
def test_a_quantized_cache_is_reused_only_for_a_pure_continuation(make: object, backend: str) -> None:
    engine = make(cache_implementation="quantized", cache_backend=backend, residual_length=4)  # type: ignore[operator]
    first = engine.run()
    assert engine.run().metrics["n_cached"] == 0, "it cannot take a token back"
    assert engine.run().ids == first.ids
    longer = (*PROMPT, *first.ids, 50, 51)
    assert engine.run(longer).metrics["n_cached"] == len(PROMPT) + len(first.ids) - 1


def test_prompt_lookup_counts_guesses_and_keeps_its_cache_right(make: object, plain: Engine) -> None:
    """The library hands the first verify step the whole prompt, cached or not; the cache must not hold it twice."""
    engine = make(prompt_lookup_num_tokens=5)  # type: ignore[operator]
    first = engine.run(COPY, max_tokens=24)
    assert first.metrics["drafted"]
    assert sum(first.counts) == 24
    assert first.metrics["accept_rate"] == (24 - len(first.counts)) / first.metrics["drafted"]
    longer = (*COPY, *first.ids, 5, 6, 7, 8)
    turn = engine.run(longer, max_tokens=24)
    assert turn.ids == plain.run(longer, fresh=True, max_tokens=24).ids
    assert engine.adapter._cache.length() == len(longer) + 24 - 1


def test_prompt_lookup_accepts_what_repeats(make: object, plain: Engine) -> None:
    """The plain answer is put into the prompt: every guess is then right."""
    answer = plain.run(fresh=True, max_tokens=24).ids
    engine = make(prompt_lookup_num_tokens=4)  # type: ignore[operator]
    loop = engine.adapter._model
    done = engine.run((*answer, *answer), max_tokens=8)
    assert loop is engine.adapter._model
    assert "prepare_inputs_for_generation" not in vars(loop), "the wrapper must be gone"
    assert done.ids == plain.run((*answer, *answer), fresh=True, max_tokens=8).ids


def test_a_seed_repeats_and_is_told(plain: Engine) -> None:
    asked: dict[str, Value] = {"temperature": 1.5, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "max_tokens": 12}
    one, two = plain.run(seed=7, **asked), plain.run(seed=7, **asked)
    assert one.ids == two.ids != plain.run(seed=8, **asked).ids
    drawn = plain.run(**asked)
    assert plain.run(**(asked | {"seed": drawn.effective["seed"]})).ids == drawn.ids


def test_repeat_penalty_acts(plain: Engine) -> None:
    assert plain.run(fresh=True, repeat_penalty=2.0).ids != plain.run(fresh=True).ids


def test_end_of_answer_stops_unless_ignored(plain: Engine) -> None:
    base = plain.run(fresh=True)
    plain.adapter._ends, before = (base.ids[5],), plain.adapter._ends
    try:
        done = plain.run(ignore_eos=False)
        assert (done.reason, done.ids, done.metrics["n_shown"]) == (FinishReason.STOP, base.ids[:6], 5)
        assert len(plain.run(ignore_eos=True).ids) == 16
    finally:
        plain.adapter._ends = before


def test_a_stop_text_ends_at_once_and_is_cut(plain: Engine) -> None:
    base = plain.run(fresh=True, max_tokens=16)
    stop = base.text[2:4]  # plain letters of a text that is mostly noise
    out = Out()
    done = plain.run(job=plain.job(out), stop=[stop])
    assert done.reason is FinishReason.STOP
    assert done.text == out.shown == base.text[: base.text.index(stop)]
    assert len(done.ids) < 16
    assert plain.run().ids == base.ids, "the cache is still right"


def test_logprobs_are_of_the_raw_logits(plain: Engine, make: object) -> None:
    import torch

    done = plain.run(fresh=True, logprobs=3, repeat_penalty=1.5, max_tokens=6)
    with torch.no_grad():
        logits = plain.adapter._model(torch.tensor([[*PROMPT, *done.ids]])).logits[0]
    logs = torch.log_softmax(logits.float(), -1)
    wanted = [float(logs[len(PROMPT) - 1 + i, token]) for i, token in enumerate(done.ids)]
    assert done.logprobs == pytest.approx(wanted, abs=1e-4)
    assert [len(top) for top in done.top_logprobs] == [3] * 6
    drafting = make(prompt_lookup_num_tokens=5)  # type: ignore[operator]
    assert drafting.run(COPY, logprobs=1).logprobs == pytest.approx(plain.run(COPY, logprobs=1).logprobs, abs=1e-4)


def test_cancel_while_decoding_keeps_what_was_made(plain: Engine) -> None:
    out = Out()
    job = plain.job(out)
    out.on_text = lambda job: job.cancel() if len(job.clock.counts) >= 5 else None
    done = plain.run(fresh=True, job=job, max_tokens=200)
    assert done.reason is FinishReason.CANCELLED
    assert 5 <= len(done.ids) <= 8
    assert done.text == out.shown
    assert plain.run().ids == plain.run(fresh=True).ids


def test_cancel_inside_prefill_is_heard_within_a_layer(plain: Engine) -> None:
    job = plain.job()
    layers = list(plain.adapter._model.model.layers)
    handle = layers[0].register_forward_pre_hook(lambda module, inputs: job.cancel())
    try:
        done = plain.run(fresh=True, job=job)
    finally:
        handle.remove()
    assert (done.reason, done.ids, done.metrics["n_cached"]) == (FinishReason.CANCELLED, (), 0)
    assert plain.run().metrics["n_cached"] == 0, "a cache left in the middle of a forward is not used"


def test_text_is_muted_when_only_measuring(plain: Engine) -> None:
    out = Out()
    request = ChatRequest(ids=PROMPT, knobs={"max_tokens": 4, "ignore_eos": True}, discard_text=True)
    assert plain.adapter.run(request, plain.job(out)).metrics["n_out"] == 4
    assert out.shown == ""


def test_a_prompt_larger_than_the_context_is_refused(make: object) -> None:
    engine = make(n_ctx=64)  # type: ignore[operator]
    with pytest.raises(EngineError) as caught:
        engine.run(tuple(range(3, 80)))
    assert caught.value.code == "context_full"
    assert len(engine.run(PROMPT, max_tokens=500).ids) == 64 - len(PROMPT)


def test_an_unknown_knob_is_refused(plain: Engine) -> None:
    with pytest.raises(EngineError) as caught:
        plain.run(no_such_knob=1)
    assert caught.value.code == "unknown_knob"


def test_conversation_and_tokenize_agree(make: object) -> None:
    engine, messages = make(), (Message("user", "Hi"),)  # type: ignore[operator]
    done = engine.adapter.run(ChatRequest(messages=messages, knobs={"max_tokens": 2}), engine.job())
    assert tuple(engine.adapter.tokenize("", messages)) == done.prompt_ids
    backend = engine.adapter._tokens.backend
    text = backend.decode(list(done.prompt_ids), skip_special_tokens=False)
    assert text == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    assert "".join(engine.adapter.pieces(done.prompt_ids)) == text
