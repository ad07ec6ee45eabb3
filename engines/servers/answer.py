"""One streamed answer, taken in chunk by chunk: its text, its tokens as far as the server tells, and when each came."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from engines.chat.finish import ANSWER, THINK
from engines.protocol import FinishReason
from engines.servers.chunks import Chunk, Usage

REASONS = {"length": FinishReason.LENGTH, "max_tokens": FinishReason.LENGTH}


class Answer:
    """Feed it chunks; `take` gives back the text to show. Times are `perf_counter_ns`.

    A thought that the server keeps apart becomes text between <think> and </think>, as models write it themselves.
    """

    def __init__(self) -> None:
        self.times_ns: list[int] = []
        self.counts: list[int] = []
        self.ids: list[int] = []
        self.offsets: list[int] = []  # of each token counted, how much text was out once it was in
        self.prompt_ids: tuple[int, ...] = ()
        self.logprobs: list[float] = []
        self.top: list[dict[str, float]] = []
        self.usage: Usage | None = None
        self.timings: dict[str, float] = {}
        self.finish = ""
        self.text = ""
        self.n_shown = 0
        self.end_ns = 0
        self.tool = False
        self._thinking = False
        self._parts: list[str] = []
        self._length = 0
        self._guessed = False

    def take(self, chunk: Chunk, stamp: Callable[[int, int], None] = lambda n, at: None) -> str:
        """New text; `stamp(n, at_ns)` is called before, where tokens came."""
        self.end_ns = chunk.at_ns
        self._keep(chunk)
        delta = self._shown(chunk)
        if chunk.n:
            self.times_ns.append(chunk.at_ns)
            self.counts.append(chunk.n)
            stamp(chunk.n, chunk.at_ns)
        self._length += len(delta)
        self._parts.append(delta)
        self.offsets += [self._length] * chunk.n
        if chunk.text or chunk.thought:
            self.n_shown += chunk.n
        return delta

    def close(self) -> None:
        """No more will come: join the text."""
        self.text = "".join(self._parts)

    @property
    def reason(self) -> FinishReason:
        return REASONS.get(self.finish, FinishReason.STOP)

    @property
    def n_in(self) -> int | None:
        """Tokens of the prompt, by its ids, the server's usage or its timings."""
        if self.prompt_ids:
            return len(self.prompt_ids)
        if self.usage is not None and self.usage.n_in:
            return self.usage.n_in
        read = self.timings.get("prompt_n")
        return None if read is None else int(read + self.timings.get("cache_n", 0))

    @property
    def n_cached(self) -> int | None:
        found = self.usage.n_cached if self.usage is not None else None
        if found is None and "cache_n" in self.timings:
            found = int(self.timings["cache_n"])
        return None if found is not None and found > (self.n_in or 0) else found

    @property
    def n_out(self) -> int | None:
        """Tokens made: by their ids, the server's usage, or its counts; None where it says nothing of them that can be."""
        if self.ids:
            return len(self.ids)
        said, came = self._said(), sum(self.counts)
        if said >= came and said:
            return said
        return None if self._guessed else came

    def speculation(self) -> tuple[int, int] | None:
        """(tokens drafted, tokens accepted) by llama-server's timings; None where it drafted nothing, or it is another server."""
        drafted = int(self.timings.get("draft_n", 0))
        return (drafted, int(self.timings.get("draft_n_accepted", 0))) if drafted else None

    def notes(self) -> list[str]:
        """What the counts do not agree on."""
        found = []
        said, came = self._said(), len(self.ids) or sum(self.counts)
        if said and (said < came or self.ids) and said != came:
            which = "the number of tokens is not known" if self.n_out is None else "those count"
            found.append(f"the server's usage says {_tokens(said)}, and {came:,} came: {which}")
        elif said and said != came:
            found.append(f"{len(self.counts):,} pieces came for {said:,} tokens (by the server's usage)")
        elif self.n_out is None and self.counts:
            found.append(f"this server does not say how many tokens it made: {len(self.counts):,} pieces came")
        if len(self.counts) == 1 and self.counts[0] > 1:
            found.append("the answer came in one piece: its first token is no sooner known than its last")
        if self.tool:
            found.append("the model asked for a tool, which it was not given")
        return found

    def decode_rate(self) -> float | None:
        """(n_out − k₁) / (t_last − t_1), tokens a second; None below two steps, or where nobody knows n_out."""
        n = self.n_out
        if n is None or len(self.times_ns) < 2 or self.times_ns[-1] == self.times_ns[0]:
            return None
        return (n - self.counts[0]) * 1e9 / (self.times_ns[-1] - self.times_ns[0])

    def gaps(self) -> list[float]:
        """Seconds between one step and the next."""
        return [(b - a) / 1e9 for a, b in pairwise(self.times_ns)]

    def server_figures(self) -> dict[str, float]:
        """What llama-server says of this request, in seconds."""
        t = self.timings
        found = {}
        if "prompt_ms" in t:
            found["server_prefill_s"] = found["server_ttft_s"] = t["prompt_ms"] / 1e3
        if "predicted_ms" in t:
            found["server_decode_s"] = t["predicted_ms"] / 1e3
        return found

    def _said(self) -> int:
        """Tokens made as the usage says; 0 where it says nothing."""
        return self.usage.n_out if self.usage is not None else 0

    def _keep(self, chunk: Chunk) -> None:
        self.ids += chunk.ids
        self.prompt_ids = self.prompt_ids or chunk.prompt_ids
        self.logprobs += chunk.logprobs
        self.top += chunk.top
        self.usage = chunk.usage or self.usage
        self.timings = chunk.timings or self.timings
        self.finish = chunk.finish or self.finish
        self.tool = self.tool or chunk.tool
        self._guessed = self._guessed or bool(chunk.n and not chunk.ids and not chunk.logprobs and chunk.total is None)

    def _shown(self, chunk: Chunk) -> str:
        delta = ""
        if chunk.thought:
            delta = chunk.thought if self._thinking else THINK + chunk.thought
            self._thinking = True
        if chunk.text:
            delta += ANSWER + chunk.text if self._thinking else chunk.text
            self._thinking = False
        return delta


def _tokens(n: int) -> str:
    return f"{n:,} token{'s' * (n != 1)}"
