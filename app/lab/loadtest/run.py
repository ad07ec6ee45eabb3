"""Carries a load test out: load, then level after level on one session, kept after each of them. Blocks; no Qt."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import msgspec

from app.errors import TandemError
from app.lab.compare.quiet import MachineWatch, Watching
from app.lab.launch import Launcher
from app.lab.lease import device_lease, take
from app.lab.loadtest import figures, prompts
from app.lab.loadtest.events import LevelDone, LoadMoment, LoadWatcher
from app.lab.loadtest.knee import knee_of, sentence
from app.lab.loadtest.machine import is_here, lease_device, pids
from app.lab.loadtest.plan import LoadPlan, check
from app.lab.loadtest.result import Level, LoadResult, Served
from app.lab.loadtest.stopping import failing, hopeless
from app.lab.record import VERSION
from app.lab.session import ModelSession, SessionState
from app.library import Variant
from app.library.variant import SERVED
from app.locks import FileLock
from app.store import LoadTestRecord
from engines import protocol
from engines.knobs import Settings
from engines.protocol import Event, Failed, Finished, FinishReason, LoadTest, Progress, Stats, Tokens
from engines.spec import EngineSpec, Verb

WAIT_S = 0.1


def run_test(
    launcher: Launcher, variant: Variant, spec: EngineSpec, plan: LoadPlan, watcher: LoadWatcher | None = None, *,
    knobs: Settings | None = None, watch: Watching | None = None,
) -> LoadResult:  # fmt: skip
    """The whole test; the result is in the store too. knobs: of both scopes, as asked.

    A stop of the person's is a result ("cancelled") as soon as one level began. Raises TandemError: `wrong_engine`, `bad_plan`,
    `device_busy`, `cancelled` (before any level), and what loading raises.
    """
    if Verb.LOAD_TEST not in spec.verbs:
        raise TandemError("wrong_engine", f"{spec.title} answers one request at a time: there is no load to test.",
                          "Choose an engine that serves: see `tandem engines`.")  # fmt: skip
    check(plan)
    plan = msgspec.structs.replace(plan, salt=plan.salt or random.SystemRandom().getrandbits(31))
    room = _Room(launcher, variant, spec, plan, watcher or LoadWatcher(), dict(knobs or {}), watch or MachineWatch())
    try:
        return room.run()
    finally:
        room.close()


class _Stopped(Exception):  # noqa: N818 - an outcome
    """The person stopped it."""


class _Room:
    """One load test, from load to close."""

    def __init__(
        self, launcher: Launcher, variant: Variant, spec: EngineSpec, plan: LoadPlan, watcher: LoadWatcher, knobs: Settings,
        watch: Watching,
    ) -> None:  # fmt: skip
        self._launcher, self._variant, self._spec, self._plan = launcher, variant, spec, plan
        self._watcher, self._watch = watcher, watch
        load = {knob.name for knob in spec.load}
        self._load_knobs = {name: value for name, value in knobs.items() if name in load}
        self._run_knobs = {name: value for name, value in knobs.items() if name not in load}
        for name, value in {"ignore_eos": plan.ignore_eos, "temperature": 0.0}.items():
            if (
                spec.knob(name) is not None
            ):  # the likeliest token: sampling is no part of the load unless it is asked for
                self._run_knobs.setdefault(name, value)
        self._session = ModelSession(launcher, leased=True)
        self._lease: FileLock | None = None
        self._stopping = False
        self._began = time.monotonic()
        self._result = LoadResult(plan=plan, status="running", version=VERSION, created=time.time())

    def close(self) -> None:
        """End the worker, give the device back."""
        self._session.close()
        if self._lease is not None:
            self._lease.release()

    def run(self) -> LoadResult:
        try:
            self._load()
            made_of = self._prepare()
        except _Stopped:
            raise TandemError("cancelled", "The load test was cancelled before its first level.") from None
        try:
            for index in range(len(self._plan.levels)):
                if self._enough():
                    break
                self._level(index, made_of)
            self._end("failed" if self._result.levels and failing(self._result.levels[-1]) else "done")
        except _Stopped:
            self._end("cancelled")
        except TandemError as error:
            if not self._result.levels:
                raise
            self._note(f"Not finished: {error.message}")
            self._end("failed")
        return self._result

    # --- before the levels --------------------------------------------------------------------

    def _load(self) -> None:
        self._say("loading", f"loading {self._variant.title}")
        self._session.load(self._variant, self._spec, self._load_knobs)
        while self._session.state is not SessionState.READY:
            for event in self._step():
                if isinstance(event, Progress):
                    self._say("loading", f"{event.phase} {event.message}".strip(), fraction=event.fraction)
            if self._session.state is SessionState.EMPTY:
                raise _Stopped
            self._raise_failure()

    def _prepare(self) -> prompts.Material:
        """Facts of the server, the lease of its device, and what prompts are made of."""
        loaded = self._session.loaded
        assert loaded is not None
        served = self._variant.format == SERVED
        if device := lease_device(self._variant, loaded.device):
            lease = device_lease(self._launcher.paths, device, exclusive=True)
            take(lease)
            self._lease = lease
        plan, changed = prompts.fitted(self._plan, loaded.n_ctx)
        self._plan = plan
        self._say("preparing", "writing prompts")
        made_of = prompts.material(plan, self._count, self._launcher.paths.resources)
        self._change(
            plan=plan, lengths_by=made_of.by, notes=tuple(filter(None, (changed, *loaded.notes))),
            served=Served(
                model=self._variant.id, variant=self._variant.variant, title=self._variant.served or self._variant.title,
                engine=self._spec.id, engine_title=self._spec.title, url=self._variant.path if served else "",
                version=" ".join(part for part in (loaded.version, loaded.build) if part), device=loaded.device,
                n_ctx=loaded.n_ctx, local=is_here(self._variant), command=loaded.command,
                knobs={**loaded.effective, **self._run_knobs},
            ),
        )  # fmt: skip
        return made_of

    def _count(self, text: str) -> int | None:
        """Tokens of a text by the model's tokenizer."""
        if Verb.TOKENIZE not in self._spec.verbs:
            return None
        number = self._session.tokenize(text)
        while number:
            for event in self._step():
                match event:
                    case Tokens() if event.id == number:
                        return len(event.ids)
                    case Failed() if event.id == number:
                        return None
                    case _:
                        pass
            self._raise_failure()
        return None

    # --- a level ------------------------------------------------------------------------------

    def _level(self, index: int, made_of: prompts.Material) -> None:
        plan, load = self._plan, self._plan.levels[index]
        order = LoadTest(
            users=plan.users_at(load), requests=prompts.requests(plan, made_of, index), warmup=plan.warmup,
            seconds=plan.seconds, knobs=self._run_knobs,
        )  # fmt: skip
        self._watch.begin(pids(self._session, self._variant))
        number = self._session.run(order)
        self._say("warm-up" if plan.warmup else "level", plan.words(load), index)
        while (done := self._session.tested(number)) is None:
            for event in self._step():
                if isinstance(event, Stats) and event.id == number:
                    self._tell(index, event.stats)
            self._raise_failure(run=True)
        level = self._figures(load, done, self._watch.end().foreign_cpu)
        levels = (*self._result.levels, level)
        self._change(levels=levels, knee=knee_of(levels))
        self._save()
        self._watcher.event(LevelDone(level, self._result))
        if done.reason is FinishReason.CANCELLED or self._stopping:
            raise _Stopped

    def _figures(self, load: float, done: Finished, foreign: float | None) -> Level:
        served = _served(done)
        level = figures.level(load, served, self._plan.limits)
        server = {
            name.removeprefix("server_"): value
            for name, value in done.metrics.items()
            if name.startswith("server_") and value is not None
        }
        stopped = any(note.startswith("Stopped") for note in done.notes)
        reason = "cancelled" if done.reason is FinishReason.CANCELLED else "stopped" if stopped else "done"
        return msgspec.structs.replace(level, server=server, foreign_cpu=foreign, reason=reason, notes=done.notes)

    def _enough(self) -> bool:
        """Is there no sense, or no time, in a further level?"""
        if words := hopeless(self._result.levels):
            self._note(words)
            return True
        minutes = self._plan.minutes
        if minutes is not None and self._result.levels and time.monotonic() - self._began >= minutes * 60:
            self._note(f"Stopped after {minutes:g} minutes, as asked.")
            return True
        return False

    # --- the result ---------------------------------------------------------------------------

    def _end(self, status: str) -> None:
        self._change(status=status, seconds=time.monotonic() - self._began)
        self._save()
        self._watcher.event(LoadMoment("done", self._result.sentence, len(self._result.levels), len(self._plan.levels)))

    def _change(self, **changes: Any) -> None:
        changed = msgspec.structs.replace(self._result, **changes)
        self._result = msgspec.structs.replace(changed, sentence=sentence(changed))

    def _note(self, words: str) -> None:
        self._change(notes=(*self._result.notes, words))

    def _save(self) -> None:
        """Keep what there is; a history that cannot be written keeps nobody from a test."""
        if self._launcher.store.read_only or not self._result.levels:
            return
        record = LoadTestRecord(
            id=self._result.id, title=self._plan.title, model=self._result.served.title, engine=self._spec.id,
            url=self._result.served.url, status=self._result.status, created=self._result.created,
            result=msgspec.to_builtins(self._result),
        )  # fmt: skip
        self._change(id=self._launcher.store.add_load_test(record))

    # --- waiting ------------------------------------------------------------------------------

    def _step(self) -> list[Event]:
        if self._watcher.cancelled() and not self._stopping:
            self._stopping = True
            if self._session.state is SessionState.READY:
                raise _Stopped
            self._session.stop()
        if self._stopping and self._session.can_force:
            self._session.force()
        if self._session.state is SessionState.UNRESPONSIVE:
            self._session.close()
            raise TandemError("unresponsive", "The engine does not respond any more and was ended.",
                              "Test it again; see `tandem doctor`.")  # fmt: skip
        return self._session.wait(WAIT_S)

    def _raise_failure(self, run: bool = False) -> None:
        failure = self._session.failure
        if failure is not None and (run or self._session.state is SessionState.FAILED):
            if self._stopping:
                raise _Stopped
            raise TandemError(failure.code, failure.message, failure.hint)

    def _say(self, phase: str, words: str, index: int = -1, fraction: float | None = None) -> None:
        self._watcher.event(LoadMoment(phase, words, index + 1, len(self._plan.levels), fraction))

    def _tell(self, index: int, stats: dict[str, float]) -> None:
        total, plan = stats.get("total", 0.0), self._plan
        share = (stats.get("done", 0.0) + stats.get("failed", 0.0)) / total if total else None
        if plan.seconds is not None:
            share = min(1.0, stats.get("elapsed_s", 0.0) / plan.seconds)
        words = plan.words(plan.levels[index])
        self._watcher.event(LoadMoment("level", words, index + 1, len(plan.levels), share, stats))


def _served(done: Finished) -> tuple[protocol.Served, ...]:
    """The requests of a finished test, out of the worker's file."""
    if done.detail is None:
        return ()
    return msgspec.msgpack.decode(Path(done.detail.path).read_bytes(), type=tuple[protocol.Served, ...])
