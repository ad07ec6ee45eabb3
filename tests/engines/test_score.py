"""Scores against a direct computation in numpy, on the same rounded values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from engines.errors import Cancelled, EngineError
from engines.job import Job
from engines.protocol import Score, Scored
from engines.score import Scorer, check, first_scored, kl, log_softmax

N_VOCAB = 97
IDS = tuple(int(i) for i in np.random.default_rng(3).integers(0, N_VOCAB, 24))


class Silent:
    """An outbox that is never used here."""

    def push(self, event: Any, job: Job | None = None) -> None:
        raise AssertionError(event)

    def text(self, job: Job, delta: str) -> None:
        raise AssertionError(delta)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(1, Silent(), tmp_path)


def logits(seed: int, width: int = N_VOCAB) -> npt.NDArray[np.float32]:
    return np.random.default_rng(seed).normal(0, 4, (len(IDS), width)).astype(np.float32)


def score(order: Score, job: Job, table: npt.NDArray[Any]) -> Scored:
    scorer = Scorer(order, N_VOCAB, job)
    for position in range(first_scored(order), len(IDS)):
        scorer.add(position, table[position])
    return scorer.result()


def direct(table: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Natural log-probabilities of the scored positions, in float64, rounded to fp16."""
    wide = table[11:-1].astype(np.float64)
    rows = wide - wide.max(axis=1, keepdims=True)
    rows = rows - np.log(np.exp(rows).sum(axis=1, keepdims=True))
    return rows.astype(np.float16).astype(np.float64)


def order(**more: Any) -> Score:
    return Score(id=1, ids=IDS, prefill=12, **more)


def test_log_softmax_is_rounded_to_fp16() -> None:
    row = log_softmax(np.array([1.0, 2.0, 3.0], dtype=np.float32))
    assert row.dtype == np.float16
    assert row.tolist() == np.log(np.exp([1, 2, 3]) / np.exp([1, 2, 3]).sum()).astype(np.float16).tolist()
    assert log_softmax(np.array([1e30, 0.0]))[0] == 0


@pytest.mark.parametrize("bad", [[np.nan, 1.0], [np.inf, 1.0], [-np.inf, -np.inf]])
def test_unusable_logits_are_refused(bad: list[float]) -> None:
    with pytest.raises(EngineError) as caught:
        log_softmax(np.array(bad))
    assert caught.value.code == "bad_logits"


def test_the_divergence_of_a_row_from_itself_is_nothing() -> None:
    row = log_softmax(logits(1)[0])
    assert kl(row, row) == 0.0


def test_a_banned_token_adds_nothing() -> None:
    row, other = log_softmax(np.array([0.0, 0.0, -np.inf])), log_softmax(np.array([0.0, 1.0, 2.0]))
    by_hand = sum(np.exp(float(p)) * (float(p) - float(q)) for p, q in zip(row[:2], other[:2], strict=True))
    assert kl(row, other) == pytest.approx(by_hand, rel=1e-12)
    assert kl(other, row) > 1000  # what the reference expects and the other forbids


def test_the_same_lane_agrees_with_itself(job: Job, tmp_path: Path) -> None:
    path = str(tmp_path / "reference.fp16")
    table = logits(1)
    reference = score(order(write=path), job, table)
    assert reference.written is not None
    assert (reference.written.shape, reference.written.bytes) == ((12, N_VOCAB), 12 * N_VOCAB * 2)
    again = score(order(against=path), job, table)
    assert again.kl == (0.0,) * 12
    assert again.top1 == (True,) * 12
    assert again.nll == reference.nll
    assert again.stats["kl_mean"] == 0
    assert again.stats["top1"] == 1


def test_figures_are_those_of_a_direct_computation(job: Job, tmp_path: Path) -> None:
    path = str(tmp_path / "reference.fp16")
    a, b = logits(1), logits(1) + logits(2) * np.float32(0.2)
    score(order(write=path), job, a)
    found = score(order(against=path), job, b)

    p, q = direct(a), direct(b)
    divergence = (np.exp(p) * (p - q)).sum(axis=1)
    nll = -q[np.arange(12), list(IDS[12:])]
    assert np.fromfile(path, dtype=np.float16).reshape(12, N_VOCAB).astype(np.float64).tolist() == p.tolist()
    assert found.nll == pytest.approx(nll.tolist(), abs=1e-12)
    assert found.kl == pytest.approx(divergence.tolist(), abs=1e-12)
    assert list(found.top1) == (p.argmax(axis=1) == q.argmax(axis=1)).tolist()
    assert found.stats["n"] == 12
    assert found.stats["kl_mean"] == pytest.approx(divergence.mean())
    assert found.stats["kl_max"] == pytest.approx(divergence.max())
    assert found.stats["kl_p99"] == pytest.approx(divergence.max())
    assert found.stats["perplexity"] == pytest.approx(np.exp(nll.mean()))
    assert 0 < found.stats["top1"] <= 1


def test_padding_columns_are_left_out(job: Job) -> None:
    """Some models pad their output layer beyond the vocabulary."""
    padded = np.concatenate([logits(1), np.full((len(IDS), 7), 50.0, np.float32)], axis=1)
    assert score(order(), job, padded).nll == score(order(), job, logits(1)).nll


@pytest.mark.parametrize("other", [{"prefill": 11}, {"ids": IDS[:-1]}])
def test_a_reference_of_another_text_is_refused(job: Job, tmp_path: Path, other: dict[str, Any]) -> None:
    path = str(tmp_path / "reference.fp16")
    score(order(write=path), job, logits(1))
    changed = Score(**({"id": 1, "ids": IDS, "prefill": 12, "against": path} | other))
    with pytest.raises(EngineError) as caught:
        Scorer(changed, N_VOCAB, job)
    assert caught.value.code == "not_comparable"


def test_a_reference_of_another_vocabulary_is_refused(job: Job, tmp_path: Path) -> None:
    path = str(tmp_path / "reference.fp16")
    score(order(write=path), job, logits(1))
    with pytest.raises(EngineError, match="another vocabulary"):
        Scorer(order(against=path), N_VOCAB + 1, job)


@pytest.mark.parametrize("bad", [{"step": 0}, {"step": 33}, {"prefill": 0}, {"prefill": len(IDS)}, {"ids": ()}])
def test_an_order_that_would_not_measure_the_path_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(EngineError) as caught:
        check(Score(**({"id": 1, "ids": IDS, "prefill": 12} | bad)))
    assert caught.value.code == "bad_score"


def test_a_score_can_be_cancelled(job: Job) -> None:
    scorer = Scorer(order(), N_VOCAB, job)
    job.cancel()
    with pytest.raises(Cancelled):
        scorer.add(11, logits(1)[11])


@pytest.mark.parametrize("position", [10, 12])
def test_an_engine_that_scores_out_of_turn_is_found_out(job: Job, position: int) -> None:
    with pytest.raises(EngineError, match="out of turn"):
        Scorer(order(), N_VOCAB, job).add(position, logits(1)[position])
