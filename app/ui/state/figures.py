"""The telemetry strip's figures of a chat run: kept while it streams, and put into words at its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from app.ui.language import tr
from app.ui.state import words
from engines.protocol import Beat, Finished, Loaded, Memory

Stats = Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Strip:
    """Everything the strip draws. None is "–". draft_tokens: what is being typed, None where it cannot be counted.
    ghosts: decode, first_token, prefill, memory (bytes) and context under the settings before these."""

    decode: float | None = None
    first_token_s: float | None = None
    prefill: float | None = None
    n_out: int | None = None
    max_tokens: int | None = None
    context_used: int | None = None
    context_total: int | None = None
    draft_tokens: int | None = None
    memory: Memory = field(default_factory=Memory)
    cpu_percent: float | None = None
    gpu_percent: float | None = None
    power_w: float | None = None
    rss: int | None = None
    ghosts: dict[str, float] = field(default_factory=dict)


def loaded(strip: Strip, event: Loaded) -> Strip:
    """After a load: its memory and context; the figures so far become ghosts."""
    return Strip(
        memory=event.memory,
        context_total=event.n_ctx or None,
        ghosts=known(strip),
        rss=strip.rss,
        draft_tokens=strip.draft_tokens,
    )


def unloaded(strip: Strip) -> Strip:
    """Nothing is loaded any more; what was measured stays as the ghosts of the next load."""
    return Strip(ghosts=known(strip))


def typing(strip: Strip, n: int | None) -> Strip:
    """So many tokens stand in the composer; None: they cannot be counted now."""
    return replace(strip, draft_tokens=n)


def started(strip: Strip, max_tokens: int | None) -> Strip:
    """A run begins: its figures are not known yet."""
    return replace(
        strip, decode=None, first_token_s=None, prefill=None, n_out=0, max_tokens=max_tokens, draft_tokens=None
    )


def live(strip: Strip, stats: Stats) -> Strip:
    """The figures so far, as the worker sent them."""
    n_out = stats.get("n_out")
    n_in = stats.get("n_in")
    used = strip.context_used
    if n_in is not None:
        used = int(n_in) + int(n_out or 0)
    return replace(
        strip,
        decode=stats.get("decode_tok_s", strip.decode),
        first_token_s=stats.get("ttft_s", strip.first_token_s),
        prefill=stats.get("prefill_tok_s", strip.prefill),
        n_out=strip.n_out if n_out is None else int(n_out),
        context_used=used,
    )


def finished(strip: Strip, event: Finished) -> Strip:
    """The run's own figures, which stand from now on."""
    m = event.metrics
    n_in, n_out = m.get("n_in"), m.get("n_out")
    memory = event.memory if event.memory.model_bytes is not None else strip.memory
    return replace(
        strip,
        decode=m.get("decode_tok_s"),
        first_token_s=m.get("ttft_s"),
        prefill=m.get("prefill_tok_s"),
        n_out=None if n_out is None else int(n_out),
        context_used=strip.context_used if n_in is None else int(n_in) + int(n_out or 0),
        memory=replace_memory(memory, strip.memory),
    )


def replace_memory(new: Memory, old: Memory) -> Memory:
    """`new`, with the parts of `old` where it says none."""
    if new.parts or not old.parts:
        return new
    return Memory(
        runtime_bytes=new.runtime_bytes, model_bytes=new.model_bytes, mapped_bytes=new.mapped_bytes,
        peak_bytes=new.peak_bytes, estimate_bytes=new.estimate_bytes, device=new.device,
        device_bytes=new.device_bytes, parts=old.parts,
    )  # fmt: skip


def beat(strip: Strip, event: Beat) -> Strip:
    """What the sampler saw in the last second."""
    sample = event.sample
    return replace(
        strip,
        cpu_percent=sample.get("cpu_percent"),
        gpu_percent=sample.get("gpu_percent"),
        power_w=sample.get("power_w"),
        rss=event.rss or None,
    )


def footer(metrics: Stats, reason: str, *, short: bool = False) -> str:
    """The line under an answer. short: without what the strip shows at the same time."""
    parts = [
        _first(metrics) if not short else "",
        _read(metrics),
        _rate(metrics) if not short else "",
        _thought(metrics),
        _whole(metrics, short),
        _accepted(metrics),
        {"length": tr("stopped at max tokens"), "cancelled": tr("stopped by you")}.get(reason, ""),
    ]
    return " · ".join(part for part in parts if part)


def _first(metrics: Stats) -> str:
    first = metrics.get("ttft_s")
    return "" if first is None else tr("first token {time}", time=words.spoken(first))


def _read(metrics: Stats) -> str:
    n_in, cached = metrics.get("n_in"), metrics.get("n_cached")
    if n_in is None:
        return ""
    if cached is None:  # a server that does not say what it re-used
        return tr("read {n} tokens", n=words.number(n_in))
    return tr("newly read {new}, re-used {cached} tokens", new=words.number(n_in - cached), cached=words.number(cached))


def _rate(metrics: Stats) -> str:
    """The decode rate with the depth at which it ended (METRICS): "142.6 tok/s at 0.6k"."""
    rate, n_in = metrics.get("decode_tok_s"), metrics.get("n_in")
    if rate is None:
        return ""
    if n_in is None:
        return tr("{rate} tok/s", rate=words.rate(rate))
    return tr("{rate} tok/s at {depth}", rate=words.rate(rate), depth=depth(n_in + (metrics.get("n_out") or 0)))


def depth(tokens: float) -> str:
    """Tokens in the context, roughly: "87", "0.6k", "12k"."""
    if tokens < 100:
        return f"{tokens:.0f}"
    return f"{tokens / 1000:.1f}k" if tokens < 9950 else f"{tokens / 1000:,.0f}k"


def _thought(metrics: Stats) -> str:
    """From the first token to the first of the answer itself; "" where the model did not think."""
    answer, first = metrics.get("ttfa_s"), metrics.get("ttft_s")
    if answer is None or first is None or answer <= first:
        return ""
    return tr("thought {time}", time=words.spoken(answer - first))


def _whole(metrics: Stats, short: bool) -> str:
    n_out, seconds = metrics.get("n_out"), metrics.get("e2e_s")
    if seconds is None:
        return ""
    if short or n_out is None:
        return tr("{time} in all", time=words.spoken(seconds))
    if n_out == 1:
        return tr("1 token in {time}", time=words.spoken(seconds))
    return tr("{n} tokens in {time}", n=words.number(n_out), time=words.spoken(seconds))


def _accepted(metrics: Stats) -> str:
    accepted, drafted = metrics.get("accepted"), metrics.get("drafted")
    if not drafted or accepted is None:
        return ""
    return tr("accepted {n} of {drafted} drafts", n=words.number(accepted), drafted=words.number(drafted))


def known(strip: Strip) -> dict[str, float]:
    """What the next settings are compared with: the last figures, or older ones where nothing ran under these."""
    ran = _had({"decode": strip.decode, "first_token": strip.first_token_s, "prefill": strip.prefill})
    held = _had({"memory": strip.memory.model_bytes, "context": strip.context_total})
    older = {key: value for key, value in strip.ghosts.items() if not ran or key in ("memory", "context")}
    return older | ran | held


def _had(found: Mapping[str, float | None]) -> dict[str, float]:
    return {key: value for key, value in found.items() if value is not None}
