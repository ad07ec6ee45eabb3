"""The end of a chat run, built the same way for every chat engine."""

from __future__ import annotations

import time
from collections.abc import Sequence

from engines import metrics
from engines.job import Job
from engines.knobs import Settings
from engines.protocol import Finished, FinishReason


def finish(
    job: Job,
    reason: FinishReason,
    text: str,
    prompt_ids: Sequence[int],
    ids: Sequence[int],
    n_cached: int,
    n_shown: int,
    *,
    drafted: int = 0,
    accepted: int = 0,
    logprobs: Sequence[float] = (),
    top_logprobs: Sequence[dict[str, float]] = (),
    effective: Settings | None = None,
) -> Finished:
    """`Finished` with every figure of METRICS "Chat". ids: all sampled, with EOS and trimmed stop ids;
    n_shown: those whose text is in `text`. The clock ends here."""
    clock = job.clock
    clock.t_end = time.perf_counter_ns()
    counts = metrics.ChatCounts(len(prompt_ids), n_cached, len(ids), n_shown, len(text), drafted, accepted)
    notes = [*job.notes, *(["throttled"] if job.throttled else [])]
    return Finished(
        id=job.id,
        reason=reason,
        text=text,
        metrics=metrics.chat(clock, counts),
        times_ns=tuple(t - clock.t_submit for t in clock.steps_ns),
        counts=tuple(clock.counts),
        shown=tuple(job.shown) if job.n_chars else (),
        prompt_ids=tuple(prompt_ids),
        ids=tuple(ids),
        logprobs=tuple(logprobs),
        top_logprobs=tuple(top_logprobs),
        effective=effective or {},
        notes=tuple(notes),
    )
