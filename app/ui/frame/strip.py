"""The telemetry strip, fed from a page's state."""

from __future__ import annotations

from PySide6.QtGui import QResizeEvent

from app.glossary import Glossary
from app.ui.state import words
from app.ui.state.figures import Strip
from app.ui.state.model import ModelState
from app.ui.theme import Theme
from app.ui.widgets.telemetry import Figure, MemoryParts, TelemetryStrip
from engines import hardware

ROOMY = 900  # below this width there is no sparkline


class ChatStrip(TelemetryStrip):
    """Decode, first token, prefill, tokens, context, memory, device."""

    def __init__(self, theme: Theme, glossary: Glossary, state: ModelState) -> None:
        super().__init__(theme, glossary)
        self._state = state
        self._last: Strip | None = None
        self._cores = hardware.usable_cores()
        self._memory = hardware.memory_limit()
        state.figures_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the newest figures; the widget draws them at most five times a second."""
        now = self._state.strip
        before, self._last = self._last, now
        ghosts = now.ghosts
        self.set_rate("decode", now.decode, "tok/s", words.rate(ghosts["decode"]) if "decode" in ghosts else "")
        self.set_rate_ghost(ghosts.get("decode"))
        if before is not None and now.n_out != before.n_out:
            self._push(now, before)
        self.set_figures(figures(now))
        self.set_context(now.context_used, now.context_total)
        self.set_memory(self._parts(now))
        self._device(now)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """In a narrow window the sparkline gives way first, so that no figure is cut."""
        super().resizeEvent(event)
        self.sparkline.setVisible(self.width() >= self._theme.px(ROOMY))

    def _push(self, now: Strip, before: Strip) -> None:
        if not now.n_out:
            self.push_rate(None)  # a gap between two runs
        elif now.decode is not None and now.n_out > (before.n_out or 0):
            self.push_rate(now.decode)

    def _parts(self, now: Strip) -> MemoryParts | None:
        memory = now.memory
        if memory.model_bytes is None:
            return None
        known = {key: memory.parts.get(key, 0) for key in ("weights", "kv", "compute", "other")}
        if not any(known.values()):
            known["weights"] = memory.model_bytes
        used = f"{now.rss / 1e9:.1f} of {words.size(self._memory)}" if now.rss else f"of {words.size(self._memory)}"
        return MemoryParts(**known, total=self._memory, label=f"{words.size(memory.model_bytes)} model · {used}")

    def _device(self, now: Strip) -> None:
        if now.gpu_percent is not None and now.memory.device != "cpu":
            power = f" · {now.power_w:,.0f} W" if now.power_w is not None else ""
            self.set_device("GPU", f"{now.gpu_percent:.0f}", f"%{power}")
        else:
            value = words.NONE if now.cpu_percent is None else f"{now.cpu_percent:.0f}"
            self.set_device("CPU", value, f"% of {self._cores} cores")


def figures(now: Strip) -> list[Figure]:
    """First token, prefill and tokens, with what they were under the settings before."""
    first, unit = words.duration(now.first_token_s)
    ghosts = now.ghosts
    of = f"of {now.max_tokens:,}" if now.max_tokens and now.n_out is not None else ""
    return [
        Figure(
            "ttft_s",
            "first token",
            first,
            unit,
            words.spoken(ghosts.get("first_token")) if "first_token" in ghosts else "",
        ),
        Figure(
            "prefill_tok_s",
            "prefill",
            words.rate(now.prefill),
            "tok/s",
            words.rate(ghosts.get("prefill")) if "prefill" in ghosts else "",
        ),
        Figure("n_out", "tokens", words.number(now.n_out), of),
    ]
