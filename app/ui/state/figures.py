"""The telemetry strip's figures of a chat run: kept while it streams, and put into words at its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from app.ui.state import words
from engines.protocol import Beat, Finished, Loaded, Memory

Stats = Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Strip:
    """Everything the strip draws. None is "–". ghosts: the figures under the settings before these."""

    decode: float | None = None
    first_token_s: float | None = None
    prefill: float | None = None
    n_out: int | None = None
    max_tokens: int | None = None
    context_used: int | None = None
    context_total: int | None = None
    memory: Memory = field(default_factory=Memory)
    cpu_percent: float | None = None
    gpu_percent: float | None = None
    power_w: float | None = None
    rss: int | None = None
    ghosts: dict[str, float] = field(default_factory=dict)


def loaded(strip: Strip, event: Loaded) -> Strip:
    """After a load: its memory and context; the figures so far become ghosts."""
    ghosts = _known(strip) or strip.ghosts
    return Strip(memory=event.memory, context_total=event.n_ctx or None, ghosts=ghosts, rss=strip.rss)


def started(strip: Strip, max_tokens: int | None) -> Strip:
    """A run begins: its figures are not known yet."""
    return replace(strip, decode=None, first_token_s=None, prefill=None, n_out=0, max_tokens=max_tokens)


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
    parts: list[str] = []
    if not short and metrics.get("ttft_s") is not None:
        parts.append(f"first token {words.spoken(metrics['ttft_s'])}")
    n_in, cached = metrics.get("n_in"), metrics.get("n_cached")
    if n_in is not None:
        parts.append(f"newly read {words.number(n_in - (cached or 0))}, re-used {words.number(cached or 0)} tokens")
    if not short and metrics.get("decode_tok_s") is not None:
        parts.append(f"{words.rate(metrics['decode_tok_s'])} tok/s")
    if short and metrics.get("e2e_s") is not None:
        parts.append(f"{words.spoken(metrics['e2e_s'])} in all")
    if reason == "length":
        parts.append("stopped at max tokens")
    return " · ".join(parts)


def _known(strip: Strip) -> dict[str, float]:
    found = {"decode": strip.decode, "first_token": strip.first_token_s, "prefill": strip.prefill}
    return {key: value for key, value in found.items() if value is not None}
