"""A chat without a window: load, run once or several times, give back CLI.md's `run`."""

from __future__ import annotations

import shlex
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from app.errors import TandemError
from app.lab.convert import convert
from app.lab.describe import Descriptions, refused
from app.lab.launch import Launcher
from app.lab.session import ModelSession, SessionState
from app.library import Variant
from app.store import RunRecord
from engines import registry
from engines.knobs import Scope, Settings
from engines.protocol import ChatRequest, Event, Message, Progress, Text
from engines.spec import EngineSpec

COUNT_KEYS = frozenset({"n_in", "n_cached", "n_out", "n_shown", "drafted", "accepted"})


@dataclass(frozen=True, slots=True)
class Watcher:
    """What the caller wants to hear while it goes on. cancelled: asked often."""

    text: Callable[[str], None] = lambda text: None
    progress: Callable[[str], None] = lambda message: None
    cancelled: Callable[[], bool] = lambda: False


@dataclass(slots=True)
class ChatOrder:
    """What `tandem run chat` was asked. knobs: of both scopes, as parsed."""

    prompt: str
    model: str
    spec: EngineSpec
    knobs: Settings = field(default_factory=dict)
    system: str = ""
    repeat: int = 1


class HeadlessChat:
    """One order, start to end. `session` is open only inside `run`."""

    def __init__(self, launcher: Launcher, descriptions: Descriptions, order: ChatOrder, watcher: Watcher) -> None:
        self._launcher, self._order, self._watcher = launcher, order, watcher
        self._descriptions = descriptions
        self._session = ModelSession(launcher)
        self._stopping = False
        self._text = ""  # of the run under way: what came is kept if the rest does not

    def run(self) -> dict[str, Any]:
        """CLI.md's `run` shape. Raises TandemError; a cancelled run is a result, not an error."""
        self._refuse_what_cannot_be()
        variant = self._variant()
        records: list[RunRecord] = []
        try:
            self._load(variant)
            request = self._request()
            for _ in range(self._order.repeat):
                records.append(self._one(request))
                if records[-1].reason == "cancelled":
                    break
        finally:
            self._session.close()
        return shape(records)

    def _refuse_what_cannot_be(self) -> None:
        """What `Describe` found, if it was asked before: clearer than the library's own failure."""
        known = self._descriptions.get(self._order.spec)
        if known is None:
            return
        if refused(self._order.spec, known, self._order.knobs):
            raise TandemError(
                "engine_unavailable",
                f"{self._order.spec.title} cannot run here: {known.reason}",
                "See `tandem engines`.",
            )
        for name, value in self._order.knobs.items():
            state = known.knobs.get(name)
            reason = "" if state is None else state.off or state.values_off.get(str(value), "")
            if reason:
                raise TandemError("knob_off", f"{name}={value} cannot be used here: {reason}", "See `tandem engines`.")

    def _variant(self) -> Variant:
        """The variant to load, made first where the engine has none."""
        library, spec = self._launcher.library, self._order.spec
        try:
            return library.get(self._order.model, spec)
        except TandemError as error:
            plan = library.conversion_for(self._order.model, spec) if error.code == "no_variant" else None
            if plan is None:
                raise
        megabytes = plan.bytes / 1e6
        self._watcher.progress(
            f"making {plan.variant} of {self._order.model} once for {spec.title}, about {megabytes:,.0f} MB"
        )
        maker = registry.spec(plan.engine)
        variant, seconds = convert(self._launcher, maker, plan, self._convert_progress, self._watcher.cancelled)
        self._session.convert_s = seconds
        return variant

    def _convert_progress(self, fraction: float | None, message: str) -> None:
        share = "" if fraction is None else f" {fraction:.0%}"
        self._watcher.progress(f"converting{share} {message}".rstrip())

    def _load(self, variant: Variant) -> None:
        load = {k.name for k in self._order.spec.load}
        self._session.load(variant, self._order.spec, {n: v for n, v in self._order.knobs.items() if n in load})
        while self._session.state is not SessionState.READY:
            for event in self._step():
                if isinstance(event, Progress):
                    share = "" if event.fraction is None else f" {event.fraction:.0%}"
                    self._watcher.progress(f"loading: {event.phase}{share} {event.message}".rstrip())
            if self._session.state is SessionState.EMPTY:
                raise TandemError("cancelled", "Loading was cancelled.")
            self._raise_failure()
        if self._session.loaded is not None and self._session.loaded.command:
            self._watcher.progress(f"started: {shlex.join(self._session.loaded.command)}")

    def _request(self) -> ChatRequest:
        run = {k.name for k in self._order.spec.run if k.scope is Scope.RUN}
        messages = [Message("system", self._order.system)] if self._order.system else []
        messages.append(Message("user", self._order.prompt))
        knobs = {n: v for n, v in self._order.knobs.items() if n in run}
        return ChatRequest(messages=tuple(messages), knobs=knobs, clear_cache=True)

    def _one(self, request: ChatRequest) -> RunRecord:
        run_id = self._session.run(request)
        self._text = ""
        while (record := self._session.finished(run_id)) is None:
            for event in self._step():
                if isinstance(event, Text):
                    self._text += event.text
                    self._watcher.text(event.text)
            if self._session.failure is not None:
                self._raise_failure(run=True)
        return record

    def _step(self) -> list[Event]:
        if self._watcher.cancelled() and not self._stopping:
            self._stopping = True
            self._session.stop()
        if self._stopping and self._session.can_force:
            self._session.force()
        if self._session.state is SessionState.UNRESPONSIVE:
            self._session.close()
            raise TandemError(
                "unresponsive",
                "The engine does not respond any more and was ended.",
                "Run it again; see `tandem doctor`.",
            )
        return self._session.wait(0.1)

    def _raise_failure(self, run: bool = False) -> None:
        failure = self._session.failure
        if failure is not None and (run or self._session.state is SessionState.FAILED):
            error = TandemError(failure.code, failure.message, failure.hint)
            error.text = self._text
            raise error


def shape(records: list[RunRecord]) -> dict[str, Any]:
    """CLI.md's `run`: the only run, or per metric the median of runs 2…N."""
    last = records[-1]
    later = [r.metrics for r in records[1:]]
    metrics = last.metrics if not later else {key: median(key, [m.get(key) for m in later]) for key in last.metrics}
    return {
        "task": last.task, "model": last.model, "variant": last.variant, "engine": last.engine, "reason": last.reason,
        "text": last.text, "output": None, "segments": None, "knobs": last.knobs, "metrics": metrics, "memory": last.memory,
        "runs": [run for record in records for run in record.runs],
        "notes": list(dict.fromkeys(note for record in records for note in record.notes)),
    }  # fmt: skip


def median(key: str, values: list[Any]) -> float | int | None:
    known = [v for v in values if v is not None]
    if not known:
        return None
    middle = statistics.median(known)
    return int(middle) if key in COUNT_KEYS else middle


def as_json(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2)
