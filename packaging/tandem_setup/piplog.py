"""What pip is doing, and what went wrong, read from its log."""

from __future__ import annotations

import re

COMPILING = re.compile(r"^\s*(?:Building|Created) wheels? for ([\w.-]+)")
DOWNLOADING = re.compile(r"^\s*Downloading (?:\S*/)?([A-Za-z0-9_.]+?)-\d\S* \(([\d.]+ [kMG]B)\)")
FAILURES = (
    (r"No space left on device|Errno 28", "The disk is full: make room and run the same command again."),
    (
        r"CMAKE_CXX_COMPILER|CMAKE_C_COMPILER|[Cc]ould not find.{0,30}compiler|command '(?:gcc|g\+\+|cc)' failed"
        r"|Microsoft Visual C\+\+|nmake",
        "compiler",
    ),
    (
        r"name resolution|ConnectionError|ConnectTimeout|ReadTimeout|ProxyError|Network is unreachable|SSLError",
        "pip could not reach its package index: check the network or proxy, then run the same command again.",
    ),
    (
        r"No matching distribution found|Could not find a version",
        "pip's configured index does not offer this version for this Python and machine: see `pip config list`.",
    ),
    (r"Permission denied", "A file could not be written: check who owns the checkout and its .venv."),
)


def doing(lines: list[str]) -> str:
    """A few words on the newest thing that pip reports, "" where it says nothing telling."""
    for line in reversed(lines):
        if line.lstrip().startswith("Installing collected packages"):
            return "unpacking"
        match = COMPILING.match(line)
        if match:
            return f"compiling {match[1]}" if line.lstrip().startswith("Building") else ""
        match = DOWNLOADING.match(line)
        if match:
            return f"downloading {match[1]}, {match[2]}"
        if line.lstrip().startswith("Collecting"):
            return f"looking up {line.split()[1].split('=')[0].split('<')[0].split('>')[0]}"
    return ""


def advice(log: str, compiler_advice: str) -> str:
    """What to do about a failed pip, from what its log says; "" where the log shows nothing known."""
    for pattern, text in FAILURES:
        if re.search(pattern, log):
            return compiler_advice if text == "compiler" else text
    return ""


def tail(log: str, count: int = 12) -> str:
    """The last telling lines, without pip's warnings about folders that an index does not have."""
    lines = [line.rstrip() for line in log.splitlines() if line.strip() and not line.startswith("WARNING: Location")]
    return "\n".join(f"    {line[:200]}" for line in lines[-count:])
