"""An engine that is a server of our own making: found, started, talked to like any other, ended with the session."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

import msgspec.structs

from engines.errors import EngineError
from engines.job import Job
from engines.knobs import AUTO, Knob, KnobState, Settings, Value, flags
from engines.protocol import Address, ChatRequest, Described, Finished, Loaded, LoadTest, ModelFiles
from engines.servers import launch, program_knobs, programs
from engines.servers.adapter import ServerAdapter
from engines.servers.launch import HOST, Order, Server

KEY_IN_LINE = "The key of this session stands in the command line of {title}, which has no other way to take one."
GONE_S = {"cut_off": 3.0, "no_server": 3.0, "server_error": 1.0}
"""Failure of a request → how long its server's own end is waited for: what it started ends after it, one by one."""


class LaunchedServer(ServerAdapter):
    """What each program adds: its arguments, its environment, and how its log names the settings it uses."""

    engine: ClassVar[str]
    program: ClassVar[str]
    knobs: ClassVar[tuple[Knob, ...]]
    key_variable: ClassVar[str] = ""  # by which it reads its key; "" where only the command line can say it
    own_names: ClassVar[dict[str, str]] = {}  # knob → pattern whose group 1 is its value in the log

    def __init__(self) -> None:
        super().__init__()
        self._server: Server | None = None
        self._found = Path()
        self._knobs: Settings = {}
        self._device = "cpu"

    # --- verbs --------------------------------------------------------------------------------

    def run(self, request: ChatRequest, job: Job) -> Finished:
        """As any server's, with the memory of its processes."""
        return self._measured(super().run(request, job))

    def load_test(self, order: LoadTest, job: Job) -> Finished:
        return self._measured(super().load_test(order, job))

    def close(self) -> None:
        """End the server and all that it started."""
        super().close()
        server, self._server = self._server, None
        if server is not None:
            server.close()

    def describe(self, job: Job) -> Described:
        """Quick: nothing is started but, where nothing else says it, the command's own --version and --help."""
        job.progress(None, f"looking for {programs.PROGRAMS[self.program].title}")
        path = programs.find(self.program)
        if path is None:
            return Described(
                id=job.id,
                engine=self.engine,
                version="",
                build="",
                available=False,
                reason=programs.missing(self.program),
            )
        version = programs.version_of(self.program, path)
        return Described(
            id=job.id, engine=self.engine, version=version or "unknown", build=str(path), available=True,
            knobs=self._states(path, version),
        )  # fmt: skip

    # --- starting -------------------------------------------------------------------------------

    def _address(self, files: ModelFiles, knobs: Settings, job: Job) -> Address:
        """Start the program and wait until it answers. Raises EngineError `no_program`, `load_failed`, `bad_knob`; Cancelled."""
        asked = str(knobs["executable"])
        found = programs.find(self.program, asked)
        if found is None:
            raise EngineError("no_program", programs.missing(self.program, asked), "See `tandem engines`.")
        self._found, self._knobs = found, knobs
        order = self._order(files, knobs, found)
        self._server = Server(order, job)
        self._server.wait(job)
        return Address(url=f"http://{HOST}:{order.port}/v1", model=order.model, key=order.key, kind=self.program)

    def _order(self, files: ModelFiles, knobs: Settings, path: Path) -> Order:
        port, key, title = launch.free_port(), launch.new_key(), programs.PROGRAMS[self.program].title
        said = self._environment(knobs)
        if self.key_variable:
            said = {**said, self.key_variable: key}
        argv = (
            str(path), *self._arguments(files, port, key, path), *flags(self.knobs, knobs), *program_knobs.added(knobs)
        )  # fmt: skip
        return Order(title, argv, port, files.id, key, said, knobs=_names(self.knobs))

    def _arguments(self, files: ModelFiles, port: int, key: str, path: Path) -> tuple[str, ...]:
        """What says the model, the address and the name; the knobs come after."""
        raise NotImplementedError

    def _environment(self, knobs: Settings) -> dict[str, str]:
        """Settings that the program reads from its environment."""
        return {}

    def _known(self, path: Path, *wanted: str) -> tuple[str, ...]:
        """Those of `wanted` that this version declares; none where that cannot be known."""
        known = programs.known_flags(self.program, path)
        return tuple(flag for flag in wanted if flag in known)

    # --- what the shared adapter asks ---------------------------------------------------------

    def _about(self, loaded: Loaded) -> Loaded:
        server = self._running()
        self._device = server.device()
        effective, why = self._effective(self._knobs, loaded)
        notes = [*loaded.notes, *(() if self.key_variable else (KEY_IN_LINE.format(title=server.order.title),))]
        version = programs.version_of(self.program, self._found)
        return msgspec.structs.replace(
            loaded, version=version or loaded.version, device=self._device, effective=effective, why=why,
            memory=server.memory(self._device), command=server.order.shown, notes=tuple(notes),
        )  # fmt: skip

    def _explain(self, error: EngineError) -> EngineError:
        """The error, or the true cause where the server itself is gone."""
        server = self._server
        if server is None or not server.gone(GONE_S.get(error.code, 0.0)):
            return error
        return EngineError("server_ended", f"{server.order.title} ended: {server.end_words()}.",
                           "Load the model again; the engine's own output says more.")  # fmt: skip

    # --- what it really does ----------------------------------------------------------------------

    def _effective(self, knobs: Settings, loaded: Loaded) -> tuple[Settings, dict[str, str]]:
        """Every knob as the server uses it, as far as its log says; why: where that is not what was asked."""
        effective, why = dict(knobs), {}
        for knob in self.knobs:
            told = self._told(knob, loaded)
            asked = knobs[knob.name]
            if told is not None:
                effective[knob.name] = told
                if asked not in (None, AUTO, told):
                    why[knob.name] = "the server uses another value"
            elif asked == AUTO:
                effective[knob.name] = None
        effective["executable"] = str(self._found)
        return effective, why

    def _told(self, knob: Knob, loaded: Loaded) -> Value:
        if knob.concept == "n_ctx" and loaded.n_ctx:
            return loaded.n_ctx
        pattern = self.own_names.get(knob.name, "")
        return _read(knob, self._running().find(pattern)) if pattern else None

    def _states(self, path: Path, version: str) -> dict[str, KnobState]:
        """Knobs whose flags this version does not declare."""
        known = programs.known_flags(self.program, path)
        title = programs.PROGRAMS[self.program].title
        off = f"{title} {version}".strip() + " does not know {flag}"
        return {
            k.name: KnobState(off=off.format(flag=k.flag))
            for k in self.knobs
            if known and k.flag and k.flag not in known
        }

    def _measured(self, done: Finished) -> Finished:
        return msgspec.structs.replace(done, memory=self._running().memory(self._device))

    def _running(self) -> Server:
        if self._server is None:
            raise EngineError("not_loaded", "The server is not running.", "Load the model again.")
        return self._server


def _names(knobs: Iterable[Knob]) -> dict[str, str]:
    return {flag: knob.name for knob in knobs for flag in (knob.flag, knob.flag_off) if flag}


def _read(knob: Knob, text: str) -> Value:
    """A value as a log writes it, in the knob's own words; None where it says nothing that the knob could be."""
    word = text.strip("'\"").removeprefix("torch.")
    if word in ("", "None", AUTO):
        return None
    if knob.flag_off or isinstance(knob.default, bool):
        on = word.lower() in ("true", "on", "1", "enabled", "yes")
        return on if isinstance(knob.default, bool) else ("on" if on else "off")
    if knob.values:
        return word if word in knob.values else None
    if re.fullmatch(r"-?\d+", word):
        return int(word)
    try:
        return float(word)
    except ValueError:
        return word
