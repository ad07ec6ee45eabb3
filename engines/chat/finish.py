"""The end of a chat run, built the same way for every chat engine."""

from __future__ import annotations

import bisect
import re
import time
from collections.abc import Sequence
from itertools import accumulate

from engines import metrics
from engines.job import Job
from engines.knobs import Settings
from engines.metrics import Clock
from engines.protocol import Finished, FinishReason

THINK, ANSWER = "<think>", "</think>"
FENCE = re.compile(r"^ {0,3}(?:```|~~~)", re.MULTILINE)
QUOTES = ("`", '"', "'", "“", "‘")


def finish(
    job: Job,
    reason: FinishReason,
    text: str,
    prompt_ids: Sequence[int],
    ids: Sequence[int],
    n_cached: int | None,
    n_shown: int,
    *,
    n_in: int | None = 0,
    n_out: int | None = 0,
    offsets: Sequence[int] = (),
    drafted: int = 0,
    accepted: int = 0,
    logprobs: Sequence[float] = (),
    top_logprobs: Sequence[dict[str, float]] = (),
    effective: Settings | None = None,
) -> Finished:
    """`Finished` with every figure of METRICS "Chat". ids: all sampled, with EOS and trimmed stop ids;
    n_shown: those whose text is in `text`; offsets: as in `Finished`. The clock ends here. n_in, n_out: of a server
    that counts tokens and gives no ids; None where it does not say.

    Of a model that thinks aloud, `ttfa_s` is the time to the first token of its answer (`first_answer_s`)."""
    clock = job.clock
    clock.t_end = clock.t_end or time.perf_counter_ns()
    n_in, n_out = len(prompt_ids) or n_in, len(ids) or n_out
    counts = metrics.ChatCounts(n_in, n_cached, n_out, n_shown, len(text), drafted, accepted)
    notes = [*job.notes, *(["throttled"] if job.throttled else [])]
    return Finished(
        id=job.id,
        reason=reason,
        text=text,
        metrics=metrics.chat(clock, counts) | {"ttfa_s": first_answer_s(text, offsets, clock)},
        times_ns=tuple(t - clock.t_submit for t in clock.steps_ns),
        counts=tuple(clock.counts),
        shown=tuple(job.shown) if job.n_chars else (),
        offsets=tuple(offsets),
        prompt_ids=tuple(prompt_ids),
        ids=tuple(ids),
        logprobs=tuple(logprobs),
        top_logprobs=tuple(top_logprobs),
        effective=effective or {},
        notes=tuple(notes),
    )


def first_answer_s(text: str, offsets: Sequence[int], clock: Clock) -> float | None:
    """Seconds from `t_submit` to the step that gave out the first visible character after `</think>`.

    None where nothing was thought aloud, the thought has no end, or nothing follows it. A text that has the closing tag
    alone counts too: some templates write `<think>` into the prompt.
    """
    start = answer_start(text)
    token = len(offsets) if start is None else bisect.bisect_right(offsets, start)
    if start is None or not offsets:
        return None
    # the last token's text may have been held back until the end: it is given out by none of them
    step = bisect.bisect_right(list(accumulate(clock.counts)), min(token, len(offsets) - 1))
    return clock.seconds(clock.steps_ns[step]) if step < len(clock.steps_ns) else None


def answer_start(text: str) -> int | None:
    """Where the answer's first visible character stands, in a text that thought aloud first; None without one.

    A closing tag alone that stands in quotes or in a block of code is what the text is about.
    """
    end = text.find(ANSWER)
    if end < 0 or not (text.lstrip().startswith(THINK) or _closes(text[:end])):
        return None
    start = end + len(ANSWER)
    start += len(text[start:]) - len(text[start:].lstrip())
    return start if start < len(text) else None


def _closes(said: str) -> bool:
    """Whether a closing tag after `said` ends a thought that the template opened."""
    return THINK not in said and not said.endswith(QUOTES) and len(FENCE.findall(said)) % 2 == 0
