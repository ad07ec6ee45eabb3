"""Which processes of this machine answer at a server's address: their work is the lane's own, not a disturbance."""

from __future__ import annotations

import contextlib
import socket
import urllib.parse

import psutil

from app.library import SERVED, Variant
from app.library.servers import LOCAL

PORTS = {"http": 80, "https": 443}


def server_pids(variant: Variant) -> list[int]:
    """The processes that listen at a served model's address on this machine, with all they started.

    Empty for other variants, for servers elsewhere, and where the system does not say.
    """
    if variant.format != SERVED:
        return []
    parts = urllib.parse.urlsplit(variant.path)
    if not is_here(variant.path):
        return []
    return _with_children(_listening(parts.port or PORTS.get(parts.scheme, 80)))


def is_here(url: str) -> bool:
    """True if the address is one of this machine's own: the loopback, its name, or one of its cards."""
    host = urllib.parse.urlsplit(url).hostname or ""
    if LOCAL.match(host) or host == socket.gethostname().lower():
        return True
    with contextlib.suppress(OSError, RuntimeError):
        return any(host == card.address.partition("%")[0] for cards in psutil.net_if_addrs().values() for card in cards)
    return False


def _listening(port: int) -> set[int]:
    found: set[int] = set()
    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port:
                found |= {connection.pid} if connection.pid else set()
    return found


def _with_children(pids: set[int]) -> list[int]:
    """The processes and all they started: a server's front listens, its workers do the work."""
    found = set(pids)
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            found |= {child.pid for child in psutil.Process(pid).children(recursive=True)}
    return sorted(found)
