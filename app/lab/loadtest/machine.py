"""Which processes belong to a server on this machine: their work is no disturbance of its own test."""

from __future__ import annotations

import contextlib
import re

import psutil

from app.lab import listeners
from app.lab.session import ModelSession
from app.library import Variant
from app.library.variant import SERVED

DEVICE = re.compile(r"^(cpu|cuda|rocm|hip|xpu|mps|metal|vulkan|gpu)")


def is_here(variant: Variant) -> bool:
    """Does the model run on this machine?"""
    return variant.format != SERVED or listeners.is_here(variant.path)


def lease_device(variant: Variant, device: str) -> str:
    """The device whose lease the test takes; "" for a server elsewhere. A local server that does not say: the processor."""
    if not is_here(variant):
        return ""
    return device if DEVICE.match(device.lower()) else "cpu"


def pids(session: ModelSession, variant: Variant) -> list[int]:
    """The worker, the server if it is here, and all that they started."""
    found = [session.pid] if session.pid is not None else []
    for pid in list(found):
        with contextlib.suppress(psutil.Error):
            found += [child.pid for child in psutil.Process(pid).children(recursive=True)]
    return list(dict.fromkeys([*found, *listeners.server_pids(variant)]))
