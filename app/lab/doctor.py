"""Is this machine fit for Tandem: checks as data, for `tandem doctor` and the window."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterable

import msgspec

from app.errors import TandemError
from app.lab.describe import version
from app.lab.services import Services
from engines import hardware, registry
from engines.protocol import Described

OK, WARN, FAIL = "ok", "warn", "fail"
LOW_DISK_BYTES = 2e9
LOW_MEMORY_BYTES = 1e9


class Check(msgspec.Struct, frozen=True):
    """One finding. status: ok | warn | fail."""

    id: str
    status: str
    message: str
    hint: str = ""


def examine(services: Services, progress: Callable[[str], None] = lambda text: None) -> list[Check]:
    """All checks; asks engines that were not asked before."""
    checks = [*machine(), *folders(services), window(), *models(services)]
    for spec in registry.visible():
        progress(f"asking {spec.title}")
        checks += engine(spec.title, spec.id, services.descriptions.ask(spec, progress))
    return checks


def machine() -> Iterable[Check]:
    here = hardware.machine()
    yield Check(
        "python",
        OK if (3, 11) <= sys.version_info[:2] <= (3, 13) else WARN,
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}",
    )
    flags = f" ({', '.join(here.flags)})" if here.flags else ""
    yield Check("cpu", OK, f"{here.cpu}: {here.cores} of {here.cores_total} cores may be used{flags}")
    free = hardware.free_memory()
    status = WARN if free < LOW_MEMORY_BYTES else OK
    yield Check("memory", status, f"{free / 1e9:,.1f} GB of {here.memory_bytes / 1e9:,.1f} GB memory is free",
                "Close other programs before you load a model." if status == WARN else "")  # fmt: skip
    names = ", ".join(f"{g.name} ({g.total_bytes / 1e9:,.0f} GB, driver {g.driver})" for g in here.gpus)
    yield Check("gpu", OK, names or "No NVIDIA GPU was found; engines use the CPU.")


def folders(services: Services) -> Iterable[Check]:
    home = services.paths.home
    writable = os.access(home, os.W_OK)
    yield Check(
        "home",
        OK if writable else FAIL,
        f"Your data lies in {home}",
        "" if writable else "It cannot be written: mend its rights.",
    )
    free = shutil.disk_usage(home).free
    low = free < LOW_DISK_BYTES
    yield Check(
        "disk",
        WARN if low else OK,
        f"{free / 1e9:,.1f} GB free on its disk",
        "Models need room: free some." if low else "",
    )
    notice = services.store.notice
    yield Check(
        "store", WARN if notice or services.store.read_only else OK, notice or "The database opens and is whole."
    )


def window() -> Check:
    if importlib.util.find_spec("PySide6") is None:
        return Check(
            "window", WARN, "PySide6 is not installed: only the headless commands work.", "pip install 'tandem[window]'"
        )
    qt = version("PySide6-Essentials") or ""
    if sys.version_info < (3, 12) and tuple(int(p) for p in qt.split(".")[:2] if p.isdigit()) >= (6, 12):
        return Check(
            "window", FAIL, f"PySide6 {qt} crashes on Python older than 3.12.", "pip install 'PySide6-Essentials<6.12'"
        )
    return Check("window", OK, f"PySide6 {qt}")


def models(services: Services) -> Iterable[Check]:
    try:
        found = services.library.variants()
    except TandemError as error:
        yield Check("models", FAIL, error.message, error.hint)
        return
    hint = "" if found else "tandem models get starter"
    yield Check("models", OK if found else WARN, f"{len(found)} model variants in the library", hint)


def engine(title: str, engine_id: str, known: Described) -> Iterable[Check]:
    """An engine's state; a GPU with a CPU build is a warning with its fix."""
    if not known.available:
        yield Check(f"engine:{engine_id}", WARN, f"{title}: {known.reason}", "make run installs it again")
        return
    yield Check(f"engine:{engine_id}", OK, f"{title} {known.version}: {known.build}")
    if hardware.gpus() and not any(d != "cpu" for d in known.devices):
        yield Check(
            f"engine:{engine_id}:gpu",
            WARN,
            f"{title} was built for the CPU only, so your {hardware.gpus()[0].name} is not used.",
            GPU_FIX.get(engine_id, ""),
        )


GPU_FIX = {
    "llama-cpp": 'CMAKE_ARGS="-DGGML_CUDA=on" .venv/bin/pip install --force-reinstall --no-cache-dir --no-deps llama-cpp-python==0.3.36',
    "transformers": ".venv/bin/pip install --force-reinstall torch  (a build for your CUDA version)",
}
