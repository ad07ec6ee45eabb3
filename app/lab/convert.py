"""Making a variant as a step of its own: planned by the library, done by an engine's worker, adopted by the library."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from app.errors import TandemError
from app.lab.launch import Launcher
from app.library import ConversionPlan, Variant
from engines import client
from engines.protocol import Convert, Converted, Ended, Event, Failed, Progress
from engines.spec import EngineSpec


class Conversion:
    """One conversion under way. `poll` until `variant` or `error` is set; `cancel` leaves nothing behind."""

    def __init__(
        self, launcher: Launcher, spec: EngineSpec, plan: ConversionPlan, notify: Callable[[], None] = lambda: None
    ) -> None:
        self._launcher, self.plan, self.spec = launcher, plan, spec
        self.variant: Variant | None = None
        self.error: TandemError | None = None
        self.fraction: float | None = None
        self.message = ""
        self.seconds: float | None = None
        self._target = launcher.library.begin_conversion(plan)
        self._worker = launcher.worker(notify)
        self._id = client.Session.next_id()
        files = launcher.library.files(plan.source)
        self._held = ExitStack()
        self._held.enter_context(launcher.library.in_use(plan.source))
        self._worker.send(
            Convert(id=self._id, engine=spec.id, files=files, variant=plan.precision, target=str(self._target))
        )

    @property
    def done(self) -> bool:
        return self.variant is not None or self.error is not None

    def poll(self) -> None:
        self._follow(self._worker.drain())

    def wait(self, timeout_s: float) -> None:
        self._follow(self._worker.wait(timeout_s))

    def cancel(self) -> None:
        self._stop(TandemError("cancelled", "The conversion was cancelled.", "Nothing was kept."))

    def _follow(self, events: list[Event]) -> None:
        for event in events:
            if self.done:
                return
            match event:
                case Progress():
                    self.fraction, self.message = event.fraction, event.message
                case Converted():
                    self._adopt(event)
                case Failed():
                    self._stop(TandemError(event.code, event.message, event.hint))
                case Ended():
                    self._stop(
                        TandemError("engine_ended", f"The engine ended while converting: {event.words}.", "Try again.")
                    )
                case _:
                    pass

    def _adopt(self, event: Converted) -> None:
        self._worker.close()
        self._held.close()
        try:
            self.variant = self._launcher.library.adopt(self.plan, self._target, event.notes)
            self.seconds = event.seconds
        except TandemError as error:
            self.error = error
            self._launcher.library.discard(self._target)

    def _stop(self, error: TandemError) -> None:
        self._worker.force()
        self._worker.close()
        self._held.close()
        self.error = error
        self._launcher.library.discard(self._target)


def convert(
    launcher: Launcher,
    spec: EngineSpec,
    plan: ConversionPlan,
    progress: Callable[[float | None, str], None],
    cancelled: Callable[[], bool] = lambda: False,
) -> tuple[Variant, float]:
    """Convert and wait. Returns the new variant and the seconds it took. Raises TandemError."""
    if plan.there:
        return launcher.library.get(plan.ref), 0.0
    work = Conversion(launcher, spec, plan)
    while not work.done:
        work.wait(0.2)
        progress(work.fraction, work.message)
        if cancelled():
            work.cancel()
    if work.variant is None:
        raise work.error or TandemError("engine_error", "The conversion ended without a result.", "Try again.")
    return work.variant, work.seconds or 0.0
