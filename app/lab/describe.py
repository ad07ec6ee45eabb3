"""What each engine can really do here: asked of a short-lived worker once, kept by versions, programs and device."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import os
import threading
import time
from collections.abc import Callable, Mapping

import msgspec

from app.lab.launch import Launcher
from engines import client, hardware
from engines.knobs import AUTO
from engines.protocol import PROTOCOL_VERSION, Describe, Described, Ended, Failed, Progress
from engines.servers import programs
from engines.spec import EngineSpec, Verb

LIMIT_S = 300.0


class Descriptions:
    """Described engines, kept in the home's cache folder. Thread-safe: the file is the truth."""

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher
        self._known: dict[str, Described] = {}

    def get(self, spec: EngineSpec) -> Described | None:
        """What is known without asking; None before the first time, or after an update."""
        if (off := not_installed(spec)) is not None:
            return off
        key = self._key(spec)
        if key not in self._known:
            with contextlib.suppress(OSError, msgspec.DecodeError):
                data = (self._launcher.paths.cache / f"{key}.json").read_bytes()
                self._known[key] = msgspec.json.decode(data, type=Described)
        return self._known.get(key)

    def ask(self, spec: EngineSpec, progress: Callable[[str], None] = lambda text: None) -> Described:
        """Ask the engine itself, in a worker that ends afterwards; seconds to a minute. Keeps the answer."""
        known = self.get(spec)
        if known is not None:
            return known
        if Verb.DESCRIBE not in spec.verbs:
            return Described(id=0, engine=spec.id, version="", build="", available=True)
        answer = self._ask_worker(spec, progress)
        if answer.available:
            self._keep(spec, answer)
        return answer

    def refresh(self, spec: EngineSpec, done: Callable[[Described], None]) -> None:
        """`ask` in a thread; `done` is called there."""
        threading.Thread(target=lambda: done(self.ask(spec)), name=f"describe-{spec.id}", daemon=True).start()

    def _ask_worker(self, spec: EngineSpec, progress: Callable[[str], None]) -> Described:
        worker = self._launcher.worker()
        request = client.Session.next_id()
        worker.send(Describe(id=request, engine=spec.id))
        end = time.monotonic() + LIMIT_S
        try:
            while time.monotonic() < end:
                for event in worker.wait(1.0):
                    match event:
                        case Described():
                            return event
                        case Progress(message=message) if message:
                            progress(message)
                        case Failed(message=reason):
                            return _off(spec, reason)
                        case Ended(words=words):
                            return _off(spec, f"The engine ended while it was asked: {words}.")
                        case _:
                            pass
            return _off(spec, f"The engine did not answer within {LIMIT_S:.0f} s.")
        finally:
            worker.close()

    def _keep(self, spec: EngineSpec, answer: Described) -> None:
        key = self._key(spec)
        self._known[key] = answer
        path = self._launcher.paths.cache / f"{key}.json"
        part = path.with_suffix(f".{os.getpid()}.part")
        part.write_bytes(msgspec.json.encode(answer))
        part.replace(path)

    def _key(self, spec: EngineSpec) -> str:
        machine = hardware.machine()
        facts = [PROTOCOL_VERSION, [version(d) for d in spec.distributions + spec.extras], machine.cpu, machine.flags,
                 [(g.name, g.driver) for g in machine.gpus], [msgspec.to_builtins(k) for k in spec.knobs],
                 [programs.stamp(p) for p in spec.programs]]  # fmt: skip
        digest = hashlib.sha256(msgspec.json.encode(facts)).hexdigest()[:16]
        return f"describe-{spec.id}-{digest}"


def version(distribution: str) -> str | None:
    """An installed package's version, read from its metadata: nothing is imported."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def missing_distributions(spec: EngineSpec) -> list[str]:
    return [name for name in spec.distributions if version(name) is None]


def not_installed(spec: EngineSpec) -> Described | None:
    """What is missing, packages of this runtime or a program of this machine, without asking anybody; None: nothing."""
    missing = missing_distributions(spec)
    if missing:
        return unavailable(spec, missing)
    absent = [name for name in spec.programs if programs.find(name) is None]
    return _off(spec, programs.missing(absent[0])) if absent else None


def refused(spec: EngineSpec, known: Described | None, knobs: Mapping[str, object]) -> bool:
    """True if the engine cannot run here. A program that the person names (knob `executable`) is looked for at its load."""
    return known is not None and not known.available and not (spec.programs and knobs.get("executable", AUTO) != AUTO)


def unavailable(spec: EngineSpec, missing: list[str]) -> Described:
    """An engine whose packages are not installed in this runtime."""
    names = ", ".join(missing)
    return _off(spec, f"Not installed: {names}. Run the set-up again, or install it with pip.")


def _off(spec: EngineSpec, reason: str) -> Described:
    return Described(id=0, engine=spec.id, version="", build="", available=False, reason=reason)
