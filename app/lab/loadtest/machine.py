"""Which processes belong to a server on this machine: their work is no disturbance of its own test."""

from __future__ import annotations

import contextlib
import re
import urllib.parse

import psutil

from app.lab.session import ModelSession
from app.library import Variant
from app.library.servers import LOCAL
from app.library.variant import SERVED

DEVICE = re.compile(r"^(cpu|cuda|rocm|hip|xpu|mps|metal|vulkan|gpu)")


def is_here(variant: Variant) -> bool:
    """Does the model run on this machine?"""
    host = urllib.parse.urlsplit(variant.path).hostname or ""
    return variant.format != SERVED or bool(LOCAL.match(host))


def lease_device(variant: Variant, device: str) -> str:
    """The device whose lease the test takes; "" for a server elsewhere. A local server that does not say: the processor."""
    if not is_here(variant):
        return ""
    return device if DEVICE.match(device.lower()) else "cpu"


def pids(session: ModelSession, variant: Variant) -> list[int]:
    """The worker, the server if it is here, and all that they started."""
    found = [session.pid] if session.pid is not None else []
    if variant.format == SERVED and is_here(variant):
        found += listening(urllib.parse.urlsplit(variant.path).port or 80)
    for pid in list(found):
        with contextlib.suppress(psutil.Error):
            found += [child.pid for child in psutil.Process(pid).children(recursive=True)]
    return list(dict.fromkeys(found))


def listening(port: int) -> list[int]:
    """Processes that listen on a port, as far as this account may see them."""
    with contextlib.suppress(psutil.Error, OSError, RuntimeError):
        return [
            c.pid
            for c in psutil.net_connections(kind="tcp")
            if c.pid and c.status == psutil.CONN_LISTEN and c.laddr and c.laddr.port == port
        ]
    return []
