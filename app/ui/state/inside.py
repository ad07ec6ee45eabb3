"""What a stored run says of the inside of the model: its tokens, its time line, what of the prompt was re-used.

Pure: everything is read from a `RunRecord`. Probabilities are natural logarithms, times seconds after the request.
"""

from __future__ import annotations

import bisect
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from app.store.records import RunRecord
from app.ui.language import tr
from app.ui.state import words
from app.ui.state.transcript import Row

MOST_STALLS = 12
STALL_S = 0.05
STALL_TIMES = 4.0
THOUGHT_ENDS = "</think>"
QUEUE, TEMPLATE, PREFILL, SAMPLE, DECODE, NETWORK, ANSWER = (
    "queue", "template", "prefill", "sample", "decode", "network", "server",
)  # fmt: skip
BEFORE_FIRST = ((QUEUE, "queue_s"), (TEMPLATE, "prepare_s"), (PREFILL, "prefill_s"), (SAMPLE, "first_sample_s"))
OF_A_SERVER = ((NETWORK, "network_s"), (QUEUE, "server_queue_s"), (PREFILL, "server_prefill_s"))


@dataclass(frozen=True, slots=True)
class Token:
    """text: what this token added to the answer, "" for a part of a character or an end token.

    logprob: None where none was kept. top: (text, log-probability) of the likeliest, itself included, likeliest first.
    accepted: it was guessed ahead, and the model agreed.
    """

    text: str
    logprob: float | None = None
    top: tuple[tuple[str, float], ...] = ()
    accepted: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """One stretch of a run. name: queue, template, prefill, sample (the first one) or decode."""

    name: str
    start_s: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Stall:
    """A wait between two steps. at_s: when it ended."""

    at_s: float
    gap_s: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """parts in order; stalls: the longest of those that stand out, in order; gaps: every wait between two steps."""

    parts: tuple[Part, ...] = ()
    stalls: tuple[Stall, ...] = ()
    total_s: float = 0.0
    gaps: tuple[Stall, ...] = ()


@dataclass(frozen=True, slots=True)
class Reuse:
    """new, cached: prompt tokens read anew and taken from the cache. pieces: the texts of all of them, () if unknown."""

    new: int
    cached: int
    pieces: tuple[str, ...] = ()


# --- tokens -------------------------------------------------------------------------------------


def tokens_of(record: RunRecord) -> tuple[Token, ...]:
    """The answer's tokens in order; () where the record does not say which text each one gave (`no_tokens` says why)."""
    n, offsets = len(_list(record, "ids")), _list(record, "offsets")
    if not n or len(offsets) != n:
        return ()
    texts = _texts(record.text, offsets, record.reason)
    logprobs, tops = _list(record, "logprobs"), _list(record, "top_logprobs")
    accepted = accepted_of(record)
    return tuple(
        Token(
            text,
            float(logprobs[i]) if i < len(logprobs) else None,
            _top(tops[i]) if i < len(tops) else (),
            i in accepted,
        )
        for i, text in enumerate(texts)
    )


def no_tokens(record: RunRecord) -> str:
    """Why `tokens_of` gives none; "" where it gives some."""
    n = len(_list(record, "ids"))
    if not n:
        return tr("This answer has no tokens.")
    if len(_list(record, "offsets")) != n:
        return tr("This answer was made before Tandem kept which text each token gave. Ask again to see its tokens.")
    return ""


def accepted_of(record: RunRecord) -> frozenset[int]:
    """Indices of the tokens that were guessed ahead and right: all but the last of each step, where guesses were made."""
    if not record.metrics.get("drafted"):
        return frozenset()
    found: set[int] = set()
    start = 0
    for count in _list(record, "counts"):
        found.update(range(start, start + int(count) - 1))
        start += int(count)
    return frozenset(found)


def probability(token: Token) -> float | None:
    """0 to 1, None where none was kept."""
    return None if token.logprob is None else share_of(token.logprob)


def share_of(logprob: float) -> float:
    """A log-probability as 0 to 1."""
    return math.exp(min(0.0, logprob))


def surprise(token: Token) -> float:
    """0 for a certain token to 1 for one of 1 % or less; 0 where nothing is known. Even steps are even factors."""
    if token.logprob is None:
        return 0.0
    return min(1.0, max(0.0, token.logprob / math.log(0.01)))


def percent(share: float) -> str:
    """A probability in words: "71 %", "3.2 %", "< 0.1 %"."""
    value = share * 100
    if value < 0.1:
        return tr("< 0.1 %")
    return f"{value:.1f} %" if value < 9.95 else f"{value:.0f} %"


def shown(text: str) -> str:
    """A token's text as it can be named in a line: line breaks and tabs as signs, a lone space as “␣”."""
    marked = text.replace("\r", "␍").replace("\n", "↵").replace("\t", "⇥")
    return "␣" * len(marked) if marked and not marked.strip(" ") else marked


def summary(tokens: Sequence[Token], drafted: int | None = None) -> str:
    """ "62 tokens · mean probability 71 % · least likely: “ the” 3.0 % · accepted 34 of 52 drafted"."""
    n = len(tokens)
    parts = [tr("1 token") if n == 1 else tr("{n} tokens", n=words.number(n))]
    known = [(p, token) for token in tokens if (p := probability(token)) is not None]
    if known:
        parts.append(tr("mean probability {share}", share=percent(sum(p for p, _ in known) / len(known))))
        least, token = min(known, key=lambda pair: pair[0])
        parts.append(tr("least likely: “{token}” {share}", token=shown(token.text) or tr("end"), share=percent(least)))
    if drafted:
        accepted = sum(token.accepted for token in tokens)
        parts.append(tr("accepted {n} of {drafted} drafted", n=words.number(accepted), drafted=words.number(drafted)))
    return " · ".join(parts)


def _texts(text: str, offsets: Sequence[int], reason: str) -> list[str]:
    """Each token's part of `text`; what came after the last offset belongs to the last token that is not an end."""
    starts = [0, *offsets[:-1]]
    found = [text[a:b] for a, b in zip(starts, offsets, strict=True)]
    rest = text[offsets[-1] :]
    if rest:
        ended = reason == "stop" and len(found) > 1 and not found[-1]
        found[-2 if ended else -1] += rest
    return found


def _top(table: object) -> tuple[tuple[str, float], ...]:
    if not isinstance(table, Mapping):
        return ()
    return tuple(sorted(((str(text), float(value)) for text, value in table.items()), key=lambda pair: -pair[1]))


# --- time ---------------------------------------------------------------------------------------


def timeline_of(record: RunRecord) -> Timeline:
    """Queue, template, prefill, first sample and decode, each only where it is known, and the waits that stand out.

    Of a server: network and HTTP (what of the first token's time the server does not claim), then its own queue and prefill, and
    what else it took until its first token.
    """
    times = [t / 1e9 for t in _list(record, "times_ns")]
    parts = (
        _of_a_server(record.metrics) if record.metrics.get("server_ttft_s") is not None else _in_a_row(record.metrics)
    )
    if len(times) > 1:
        parts.append(Part(DECODE, times[0], times[-1] - times[0]))
    gaps = tuple(Stall(after, after - before) for before, after in pairwise(times))
    ends = [part.start_s + part.seconds for part in parts]
    total = max([float(record.metrics.get("e2e_s") or 0.0), *times[-1:], *ends])
    return Timeline(tuple(parts), stalls_of(gaps), total, gaps)


def _in_a_row(metrics: Mapping[str, float | None], keys: Sequence[tuple[str, str]] = BEFORE_FIRST) -> list[Part]:
    parts: list[Part] = []
    at = 0.0
    for name, key in keys:
        seconds = metrics.get(key)
        if seconds is not None:
            parts.append(Part(name, at, float(seconds)))
            at += float(seconds)
    return parts


def _of_a_server(metrics: Mapping[str, float | None]) -> list[Part]:
    parts = _in_a_row(metrics, OF_A_SERVER)
    at = sum(part.seconds for part in parts)
    rest = float(metrics.get("ttft_s") or 0.0) - at
    return [*parts, Part(ANSWER, at, rest)] if rest > 0 else parts


def stalls_of(gaps: Sequence[Stall]) -> tuple[Stall, ...]:
    """The gaps over four times the median and 50 ms, at most the 12 longest, in order."""
    if not gaps:
        return ()
    least = max(STALL_TIMES * statistics.median(g.gap_s for g in gaps), STALL_S)
    longest = sorted((g for g in gaps if g.gap_s > least), key=lambda g: -g.gap_s)[:MOST_STALLS]
    return tuple(sorted(longest, key=lambda g: g.at_s))


def thought_s(record: RunRecord) -> float | None:
    """Seconds from the first token to the one that ended the thinking; None where none ended, or it cannot be told."""
    found = record.text.find(THOUGHT_ENDS)
    times = _list(record, "times_ns")
    if found < 0 or not times:
        return None
    step = _step_at(record, found + len(THOUGHT_ENDS))
    return None if step is None or step >= len(times) else (times[step] - times[0]) / 1e9


def _step_at(record: RunRecord, characters: int) -> int | None:
    """The step after which so many characters were out: by token where that was kept, else by step."""
    offsets = _list(record, "offsets")
    if offsets and offsets[-1] >= characters:
        token = bisect.bisect_left(offsets, characters)
        return bisect.bisect_right(list(accumulate(_list(record, "counts"))), token)
    by_step = _list(record, "shown")
    if by_step and by_step[-1] >= characters:
        return bisect.bisect_left(by_step, characters)
    return None


# --- the prompt ---------------------------------------------------------------------------------


def goes_on(record: RunRecord, row: Row) -> bool:
    """True if `prefix` has something; asked often, so it goes through no list of a long conversation's tokens."""
    kept = bool(record.record.get("prompt_ids")) and bool(record.record.get("ids"))
    return kept and not row.edited and row.text.endswith(record.text)


def prefix(record: RunRecord, row: Row) -> tuple[int, ...]:
    """The ids after which the model goes on: the prompt and its answer, without what ended it and gave no text.

    () where the text is not what the model wrote (it was corrected by hand), or the ids were not kept.
    """
    if not goes_on(record, row):
        return ()
    prompt, ids = record.record["prompt_ids"], record.record["ids"]
    shown = record.metrics.get("n_shown")
    kept = ids if record.reason != "stop" else ids[: int(shown)] if shown is not None else ids[:-1]
    return tuple(int(i) for i in (*prompt, *kept))


def reuse_of(record: RunRecord, pieces: Sequence[str] = ()) -> Reuse | None:
    """How much of the prompt was re-used; None where the engine did not say. pieces: the prompt's tokens as texts."""
    n_in = record.metrics.get("n_in")
    if n_in is None:
        return None
    cached = int(record.metrics.get("n_cached") or 0)
    return Reuse(int(n_in) - cached, cached, tuple(pieces))


def reuse_words(reuse: Reuse) -> str:
    """ "Newly read 18, re-used 412; first difference at token 413", or what else there was."""
    new, cached = words.number(reuse.new), words.number(reuse.cached)
    if not reuse.cached:
        return tr("Newly read {new}, re-used none: nothing in the cache began as this prompt does", new=new)
    if reuse.new <= 1:
        return tr("Newly read {new}, re-used {cached}: the whole prompt was there; its last token is always read",
                  new=new, cached=cached)  # fmt: skip
    return tr("Newly read {new}, re-used {cached}; first difference at token {at}",
              new=new, cached=cached, at=words.number(reuse.cached + 1))  # fmt: skip


def _list(record: RunRecord, key: str) -> list[int]:
    """A list of the record, [] where an older one lacks it. Its items are what METRICS says of `key`."""
    found = record.record.get(key)
    return found if isinstance(found, list) else []
