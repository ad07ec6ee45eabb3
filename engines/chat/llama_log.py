"""What llama.cpp really did, read from its log: the library returns only yes or no.

The lines are those of llama.cpp 0.5 (llama-cpp-python 0.3.36); a figure whose line is missing is left out.
"""

from __future__ import annotations

import ctypes
import os
import re
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

DEBUG, WARN, ERROR, CONTINUED = 1, 3, 4, 5  # enum ggml_log_level
KEPT = 600
MIB = 1024 * 1024

_BUFFER = re.compile(r"(\S+)\s+(model|KV|RS|compute|output)\s+buffer size =\s*([\d.]+) MiB")
_KV = re.compile(r"K \((\w+)\):.*V \((\w+)\):")
_FLASH = re.compile(r"flash_attn\s+= (\w+)")
_OFFLOADED = re.compile(r"offloaded (\d+)/(\d+) layers to GPU")
_PREFIX = re.compile(r"^(\w+: )?(error loading model: )*")
_PART = {"model": "weights", "KV": "kv", "RS": "kv", "compute": "compute", "output": "other"}
_INSTALLED: list[Any] = []  # the library keeps a bare pointer, also after the adapter is gone
_GENERAL = ("failed to initialize the context", "failed to load model", "error loading model: error loading model")


class Log:
    """Holds the last lines; `on_line` hears each as it comes. Errors go to stderr too."""

    def __init__(self) -> None:
        self.lines: deque[tuple[int, str]] = deque(maxlen=KEPT)
        self.on_line: Callable[[str], None] | None = None
        self._part, self._level = b"", DEBUG

    def install(self) -> None:
        """Take over the library's log."""
        from llama_cpp import llama_cpp as api

        callback = api.llama_log_callback(self._take)
        _INSTALLED.append(callback)
        api.llama_log_set(callback, ctypes.c_void_p(0))

    def clear(self) -> None:
        self.lines.clear()

    def texts(self) -> list[str]:
        return [text for _, text in self.lines]

    def reason(self, fallback: str) -> str:
        """The first error that says why; the library's last words only repeat that it failed."""
        errors = [_PREFIX.sub("", text) for level, text in self.lines if level >= WARN]
        telling = [e for e in errors if not e.startswith(_GENERAL)]
        failing = [text for text in telling if _says_failure(text)]
        return (failing or telling[-1:] or errors or [fallback])[0]

    def _take(self, level: int, text: bytes, data: Any) -> None:
        """One call of the library: a line, or a piece of one (a continuation has no level of its own)."""
        if level == DEBUG:
            self._part, self._level = b"", DEBUG
            return
        if level != CONTINUED:
            self._level = level
        if self._level == DEBUG:
            return
        self._part += text
        if self._part.endswith(b"\n"):
            self._line(self._part)
            self._part = b""

    def _line(self, text: bytes) -> None:
        line = text.decode("utf-8", "replace").rstrip()
        self.lines.append((self._level, line))
        if self._level >= ERROR:
            os.write(2, text)
        if self.on_line is not None:
            self.on_line(line)


def _says_failure(text: str) -> bool:
    words = text.lower()
    return any(
        w in words
        for w in ("fail", "error", "require", "cannot", "invalid", "unsupported", "unknown", "must", "missing")
    )


def buffers(lines: Iterable[str]) -> dict[str, int]:
    """Bytes by part (weights, kv, compute, other), all devices together."""
    parts: dict[str, int] = {}
    for line in lines:
        if found := _BUFFER.search(line):
            part = _PART[found[2]]
            parts[part] = parts.get(part, 0) + round(float(found[3]) * MIB)
    return parts


def devices(lines: Iterable[str]) -> set[str]:
    """Names of the GPU devices that hold weights, like CUDA0."""
    found = (_BUFFER.search(line) for line in lines)
    names = {m[1] for m in found if m and m[2] == "model"}
    return {name for name in names if not name.startswith("CPU") and not name.endswith("_Host")}


def kv_types(lines: Iterable[str]) -> tuple[str, str] | None:
    """(K, V) types of the cache as it was made; sliding-window models have two alike."""
    return next(((m[1], m[2]) for m in map(_KV.search, lines) if m), None)


def flash_attention(lines: Iterable[str]) -> str | None:
    """ "on" or "off", as the context was made."""
    words = [m[1] for m in map(_FLASH.search, lines) if m]
    return {"enabled": "on", "disabled": "off"}.get(words[-1]) if words else None


def offloaded(lines: Iterable[str]) -> int:
    """Layers that really are on a GPU."""
    return max((int(m[1]) for m in map(_OFFLOADED.search, lines) if m), default=0)


def mlock_refused(lines: Iterable[str]) -> str:
    """Why memory was not locked, or ""."""
    return next((_PREFIX.sub("", line) for line in lines if "mlock" in line and "fail" in line.lower()), "")
