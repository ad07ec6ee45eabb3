"""The telemetry strip, fed from a page's state."""

from __future__ import annotations

from PySide6.QtGui import QResizeEvent

from app.glossary import Glossary
from app.ui.language import tr
from app.ui.state import paint, words
from app.ui.state.figures import Strip
from app.ui.state.model import ModelState
from app.ui.theme import Theme
from app.ui.widgets.telemetry import Figure, MemoryParts, TelemetryStrip
from engines import hardware

ROOMY = 900  # below this width the figures stand closer, without a sparkline
NARROW = 600  # below this one only the first of them stands: no figure loses its unit


class ChatStrip(TelemetryStrip):
    """Decode, first token, prefill, tokens, context, memory, device."""

    def __init__(self, theme: Theme, glossary: Glossary, state: ModelState) -> None:
        super().__init__(theme, glossary)
        self._state = state
        self._last: Strip | None = None
        self._draft: int | None = None
        self._painted: tuple[float | None, float | None] = (None, None)
        self._cores = hardware.usable_cores()
        self._memory = hardware.memory_limit()
        state.figures_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the newest figures; the widget draws them at most five times a second."""
        now = self._state.strip
        before, self._last = self._last, now
        ghosts = now.ghosts
        self.set_rate(tr("decode"), now.decode, "tok/s", words.rate(ghosts["decode"]) if "decode" in ghosts else "")
        self.set_rate_ghost(ghosts.get("decode"))
        if before is not None and now.n_out != before.n_out:
            self._push(now, before)
        self._show_figures_of(now)
        self._context(now)
        self.set_memory(self._parts(now))
        self._device(now)
        self.set_diagnostics(paint.diagnostics(now.decode, *self._painted))

    def set_draft_tokens(self, n: int | None) -> None:
        """What stands in the composer, in tokens; None: nothing, or it cannot be counted."""
        self._draft = n
        self._context(self._state.strip)

    def set_painted(self, rate: float | None, lag_s: float | None) -> None:
        """What the window painted (`paint.PaintMeter`): tokens a second, and the lag of the last character."""
        self._painted = (rate, lag_s)
        self.set_diagnostics(paint.diagnostics(self._state.strip.decode, rate, lag_s))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """So that no figure is cut."""
        super().resizeEvent(event)
        self.set_tight(self.width() < self._theme.px(ROOMY))
        self._show_figures_of(self._state.strip)

    def _show_figures_of(self, now: Strip) -> None:
        found = figures(now)
        self.set_figures(found if self.width() >= self._theme.px(NARROW) else found[:1])

    def _context(self, now: Strip) -> None:
        draft = self._draft if now.draft_tokens is None else now.draft_tokens
        before = now.ghosts.get("context")
        self.set_context(now.context_used, now.context_total, draft, None if before is None else int(before))

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
        size, whole = words.size(memory.model_bytes), words.size(self._memory)
        if now.rss:
            said = tr("{size} model · {used} of {whole}", size=size, used=f"{now.rss / 1e9:.1f}", whole=whole)
        else:
            said = tr("{size} model · of {whole}", size=size, whole=whole)
        return MemoryParts(**known, total=self._memory, label=said, ghost=int(now.ghosts.get("memory", 0)))

    def _device(self, now: Strip) -> None:
        """The device's load in its own terms, and the watts; "–" where they cannot be read."""
        watts = words.number(now.power_w)
        if now.memory.device != "cpu" and now.gpu_percent is not None:
            unit = tr("% · CPU {cpu} % · {watts} W", cpu=words.number(now.cpu_percent), watts=watts)
            self.set_device(tr("GPU"), words.number(now.gpu_percent), unit)
        else:
            unit = tr("% of {n} cores · {watts} W", n=f"{self._cores:,}", watts=watts)
            self.set_device(tr("CPU"), words.number(now.cpu_percent), unit)


def figures(now: Strip) -> list[Figure]:
    """First token, prefill and tokens, with what they were under the settings before."""
    first, unit = words.duration(now.first_token_s)
    of = tr("of {n}", n=f"{now.max_tokens:,}") if now.max_tokens and now.n_out is not None else ""
    first_before = words.spoken(now.ghosts["first_token"]) if "first_token" in now.ghosts else ""
    prefill_before = words.rate(now.ghosts["prefill"]) if "prefill" in now.ghosts else ""
    return [
        Figure("ttft_s", tr("first token"), first, unit, first_before),
        Figure("prefill_tok_s", tr("prefill"), words.rate(now.prefill), "tok/s", prefill_before),
        Figure("n_out", tr("tokens"), words.number(now.n_out), of),
    ]
