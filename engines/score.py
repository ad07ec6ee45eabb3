"""Teacher-forced scores: log-probabilities, KL, top-1 (METRICS, Comparing 6).

Both sides round their log-probabilities to fp16 the same way and sum in float64, so that an independent
check on the same rounded values gives the same figures. Imported only where a score is made: it needs numpy.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
import numpy.typing as npt

from engines.errors import EngineError
from engines.metrics import percentile
from engines.protocol import Blob, Score, Scored


class Watch(Protocol):
    """The part of `engines.job.Job` that a long score needs."""

    def check(self) -> None: ...
    def tick(self) -> None: ...


Row = npt.NDArray[np.float16]


def log_softmax(logits: npt.NDArray[Any]) -> Row:
    """(n_vocab,) logits → (n_vocab,) natural log-probabilities, computed in float64, rounded to fp16."""
    wide = np.asarray(logits, dtype=np.float64)
    top = wide.max()
    if not np.isfinite(top):
        raise EngineError(
            "bad_logits", "The model gave no usable numbers (NaN or infinite logits).", "Try another dtype."
        )
    wide = wide - top
    with np.errstate(over="ignore"):
        row: Row = (wide - np.log(np.exp(wide).sum())).astype(np.float16)
    return row


def kl(reference: Row, other: Row) -> float:
    """KL(reference ‖ other) in nats over fp16 log-probabilities, summed in float64."""
    p, q = reference.astype(np.float64), other.astype(np.float64)
    with np.errstate(invalid="ignore"):
        terms = np.where(np.isneginf(p), 0.0, np.exp(p) * (p - np.maximum(q, -65504.0)))
    return float(terms.sum())


class Scorer:
    """Takes the logits of one position after another; position i holds the prediction of ids[i + 1]."""

    def __init__(self, order: Score, n_vocab: int, job: Watch, piece: Callable[[int], str] = str) -> None:
        """piece: a token's text, asked for where the order wants them."""
        check(order)
        self._order, self._n_vocab, self._job, self._piece = order, n_vocab, job, piece
        self._start = time.perf_counter()
        self._nll: list[float] = []
        self._kl: list[float] = []
        self._top1: list[bool] = []
        self._out: IO[bytes] | None = open(order.write, "wb") if order.write else None  # noqa: SIM115
        self._reference = self._open_reference()

    def add(self, position: int, logits: npt.NDArray[Any]) -> None:
        """Logits (n_vocab,) after ids[position]; the last id has nothing to predict and is passed over."""
        if position + 1 >= len(self._order.ids):
            return
        if position != first_scored(self._order) + len(self._nll):
            raise EngineError("bad_score", f"The engine scored position {position} out of turn.", "This is a bug.")
        self._job.check()
        self._job.tick()
        row = log_softmax(np.asarray(logits)[: self._n_vocab])
        if self._out is not None:
            self._out.write(row.tobytes())
        if self._reference is not None:
            reference = self._reference[len(self._nll)]
            self._kl.append(kl(reference, row))
            self._top1.append(bool(reference.argmax() == row.argmax()))
        self._nll.append(-float(row[self._order.ids[position + 1]]))

    def result(self) -> Scored:
        """Statistics over all positions added."""
        written = None
        if self._out is not None and self._order.write:
            self._out.close()
            size = Path(self._order.write).stat().st_size
            written = Blob(self._order.write, (len(self._nll), self._n_vocab), "float16", size)
        return Scored(
            id=self._order.id, nll=tuple(self._nll), kl=tuple(self._kl), top1=tuple(self._top1),
            stats=self._stats(), written=written, pieces=self._pieces(),
        )  # fmt: skip

    def _pieces(self) -> tuple[str, ...]:
        start = first_scored(self._order) + 1
        return tuple(self._piece(token) for token in self._order.ids[start:]) if self._order.pieces else ()

    def _stats(self) -> dict[str, float]:
        stats = {"n": float(len(self._nll)), "seconds": time.perf_counter() - self._start}
        if self._nll:
            stats["nll_mean"] = statistics.fmean(self._nll)
            stats["perplexity"] = float(np.exp(stats["nll_mean"]))
        if self._kl:
            stats |= {"kl_mean": statistics.fmean(self._kl), "kl_max": max(self._kl)}
            stats["kl_p99"] = percentile(self._kl, 99) or 0.0
            stats["top1"] = statistics.fmean(self._top1)
        return stats

    def _open_reference(self) -> npt.NDArray[np.float16] | None:
        if not self._order.against:
            return None
        flat = np.memmap(self._order.against, dtype=np.float16, mode="r")
        rows, rest = divmod(flat.size, self._n_vocab)
        if rest or rows != len(self._order.ids) - first_scored(self._order) - 1:
            raise EngineError("not_comparable", "The reference was made with another vocabulary, text or start.",
                              "Score both lanes on the same token ids; models with different tokenizers cannot be compared so.")  # fmt: skip
        table: npt.NDArray[np.float16] = flat.reshape(rows, self._n_vocab)
        return table


def first_scored(order: Score) -> int:
    """The first position whose prediction is scored: the last one of the prefill."""
    return max(order.prefill - 1, 0)


def check(order: Score) -> None:
    """Raises EngineError `bad_score` for an order that would not measure the path under test."""
    if not 1 <= order.step <= 32:
        raise EngineError("bad_score", f"Steps of {order.step} tokens bypass the path under test.", "Use 1 to 32.")
    if not 1 <= order.prefill < len(order.ids):
        raise EngineError(
            "bad_score", "There is nothing to score after the prefill.", "Prefill fewer tokens than the text has."
        )
