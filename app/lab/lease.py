"""Who may run on a device: exclusive for a measured run, shared for all others, in every process."""

from __future__ import annotations

from app.errors import TandemError
from app.locks import FileLock
from app.paths import Paths


def device_lease(paths: Paths, device: str, *, exclusive: bool, timeout_s: float = 0.0) -> FileLock:
    """The lease of a device ("cpu", "cuda:0" …), not yet taken. The CPU is one device."""
    name = device.replace(":", "-")
    return FileLock(paths.lock / f"device-{name}", shared=not exclusive, timeout_s=timeout_s)


def take(lease: FileLock) -> None:
    """Take it. Raises TandemError `device_busy`."""
    try:
        lease.acquire()
    except TandemError as error:
        raise TandemError(
            "device_busy",
            "Another Tandem is measuring on this device, and a second run would spoil its figures.",
            "Wait until the measurement is done, or stop it there.",
        ) from error
