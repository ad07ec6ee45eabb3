"""Scores of the test engine: a made-up distribution over a few tokens, so that quality can be tried without a model."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
import numpy.typing as npt

from engines.errors import EngineError
from engines.job import Job
from engines.protocol import Score, Scored
from engines.score import Scorer

N_VOCAB = 64


def score(order: Score, job: Job, n_ctx: int, blur: float, piece: Callable[[int], str]) -> Scored:
    """Every position's distribution follows from the ids alone, and `blur` moves it. Raises EngineError `context_full`."""
    if len(order.ids) > n_ctx:
        raise EngineError(
            "context_full", f"The text has {len(order.ids):,} tokens and the context holds {n_ctx:,}.", "Score less."
        )
    small = msgspec.structs.replace(order, ids=tuple(token % N_VOCAB for token in order.ids))
    scorer = Scorer(small, N_VOCAB, job)
    for position in range(order.prefill - 1, len(order.ids)):
        scorer.add(position, logits(order.ids[max(0, position - 1) : position + 1], blur))
    pieces = tuple(piece(token) for token in order.ids[order.prefill :]) if order.pieces else ()
    return msgspec.structs.replace(scorer.result(), pieces=pieces)


def logits(last: tuple[int, ...], blur: float) -> npt.NDArray[np.float64]:
    """(N_VOCAB,) logits after the `last` ids; a standard deviation of `blur` is added to those of blur 0."""
    exact, noise = np.random.default_rng(last).standard_normal((2, N_VOCAB))
    return 2.0 * exact + blur * noise  # type: ignore[no-any-return]
