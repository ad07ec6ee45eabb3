"""Who may run on a device: exclusive for a measured run, shared for all others, in every process."""

from __future__ import annotations

import re

from app.errors import TandemError
from app.locks import FileLock
from app.paths import Paths


def device_lease(paths: Paths, device: str, *, exclusive: bool, timeout_s: float = 0.0) -> FileLock:
    """The lease of a device ("cpu", "cuda:0", "cuda0, cuda1" …), not yet taken. The CPU is one device, and so are all
    cards of a kind together: engines name them differently."""
    family = re.match(r"[a-z]+", device.lower())
    name = family[0] if family is not None else "cpu"
    return FileLock(paths.lock / f"device-{name}", shared=not exclusive, timeout_s=timeout_s)


def take(lease: FileLock) -> None:
    """Take it. Raises TandemError `device_busy`."""
    try:
        lease.acquire()
    except TandemError as error:
        if not lease.shared:
            raise TandemError(
                "device_busy",
                "Something runs on this device (a chat, or another measurement), and it would spoil the figures.",
                "Let it finish or stop it, then measure again.",
            ) from error
        raise TandemError(
            "device_busy",
            "Another Tandem is measuring on this device, and a second run would spoil its figures.",
            "Wait until the measurement is done, or stop it there.",
        ) from error
