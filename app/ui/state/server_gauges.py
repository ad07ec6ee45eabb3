"""What a server says of itself each second: the last two minutes of each figure, from `Beat.sample`."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from app.ui.language import tr
from app.ui.state import words

POINTS = 120  # beats come each second: two minutes
PATIENCE = 5  # so many beats without a figure: this server has none to give


@dataclass(frozen=True, slots=True)
class Gauge:
    """key: of `Beat.sample`, and of the glossary. share: 0–1, shown in per cent."""

    key: str
    title: str
    share: bool = False


def gauges() -> tuple[Gauge, ...]:
    """The figures in their order, in the language of now."""
    return (
        Gauge("server_running", tr("Running")),
        Gauge("server_waiting", tr("Waiting")),
        Gauge("server_kv_use", tr("KV cache in use"), share=True),
        Gauge("server_prefix_hit_rate", tr("Prefix cache hits"), share=True),
        Gauge("server_accept_rate", tr("Draft tokens accepted"), share=True),
    )


KEYS = ("server_running", "server_waiting", "server_kv_use", "server_prefix_hit_rate", "server_accept_rate")  # fmt: skip


class Gauges:
    """The last two minutes; a figure that a server cannot say is None, never 0."""

    def __init__(self) -> None:
        self.beats = 0
        self.history: dict[str, deque[float | None]] = {key: deque(maxlen=POINTS) for key in KEYS}

    def take(self, sample: Mapping[str, float]) -> None:
        """One beat."""
        self.beats += 1
        for key, values in self.history.items():
            values.append(sample.get(key))

    def now(self, key: str) -> float | None:
        """The newest value, None where the last beat had none."""
        values = self.history[key]
        return values[-1] if values else None

    @property
    def known(self) -> bool:
        """True once any figure came."""
        return any(value is not None for values in self.history.values() for value in values)

    @property
    def silent(self) -> bool:
        """True once it is clear that this server gives no figures."""
        return self.beats >= PATIENCE and not self.known


def shown(gauge: Gauge, value: float | None) -> tuple[str, str]:
    """(figure, unit) as people read it."""
    if value is None:
        return words.NONE, ""
    if gauge.share:
        return words.number(100 * value, 1 if 0 < value < 0.0995 else 0), "%"
    return words.number(value), ""


def silence(kind: str) -> str:
    """Why a server of this kind gives no figures, and what helps."""
    hints = {
        "llama-server": tr("Start llama-server with --metrics to see them."),
        "sglang": tr("Start SGLang with --enable-metrics to see them."),
        "tensorrt-llm": tr("Start trtllm-serve with return_perf_metrics on, in its extra options, to see them."),
        "ollama": tr("Ollama has none to give; its speed stands beside each answer in Chat."),
        "lm-studio": tr("LM Studio has none to give; its speed stands beside each answer in Chat."),
    }
    said = tr("This server has no /metrics, so its own figures stay at “–”.")
    return f"{said} {hints.get(kind, tr('Its speed as seen from here stands beside each answer in Chat.'))}"
