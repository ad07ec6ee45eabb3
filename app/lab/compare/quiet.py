"""What else the machine did during a run (METRICS "Comparing" 5): other programs' work, throttling, swap, battery."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil

from app.lab.compare.result import Disturbance
from engines import hardware

FOREIGN_LIMIT = 0.10  # share of the cores that others may use
TRIES = 3
THROTTLE_FILES = "devices/system/cpu/cpu*/thermal_throttle/core_throttle_count"


class Watching(Protocol):
    """Watches one run at a time."""

    def begin(self, pids: Iterable[int]) -> None: ...
    def end(self) -> Disturbance: ...


@dataclass(frozen=True, slots=True)
class Reading:
    """Counters at one moment: CPU seconds of all, of ours by process, throttle events, bytes swapped."""

    at: float
    busy_s: float
    ours_s: dict[int, float]
    throttles: int
    swapped: int


class MachineWatch:
    """Reads the system's own counters before and after a run. Our own processes are the program and its workers."""

    def __init__(self) -> None:
        self._cores = hardware.usable_cores()
        self._before: Reading | None = None

    def begin(self, pids: Iterable[int]) -> None:
        """A run begins; `pids` are its workers."""
        self._before = read(pids)

    def end(self) -> Disturbance:
        """It is over: what happened since `begin`."""
        before = self._before
        if before is None:
            return Disturbance()
        after = read(before.ours_s)
        foreign = foreign_share(before, after, self._cores)
        throttled = after.throttles > before.throttles
        swapped = max(0, after.swapped - before.swapped)
        return Disturbance(
            foreign_cpu=foreign, throttled=throttled, swapped_bytes=swapped, mhz=mhz(), on_battery=on_battery(),
            verdict=verdict(foreign, throttled, swapped),
        )  # fmt: skip


def verdict(foreign: float | None, throttled: bool, swapped: int) -> str:
    """Why the run does not count, or ""."""
    if foreign is not None and foreign > FOREIGN_LIMIT:
        return f"other programs used {foreign:.0%} of the processor".replace("%", " %")
    if throttled:
        return "the processor was throttled (heat or power)"
    return f"{swapped / 1e6:,.0f} MB were swapped" if swapped else ""


def foreign_share(before: Reading, after: Reading, cores: int) -> float | None:
    """The share (0–1) of the usable cores' time that others used between two readings; None where none passed."""
    wall = after.at - before.at
    if wall <= 0:
        return None
    ours = sum(max(0.0, seconds - before.ours_s.get(pid, 0.0)) for pid, seconds in after.ours_s.items())
    return max(0.0, after.busy_s - before.busy_s - ours) / (wall * cores)


def read(pids: Iterable[int]) -> Reading:
    """All counters now. Processes that are gone count nothing."""
    ours = {pid: cpu_seconds(pid) for pid in {os.getpid(), *pids}}
    swap = 0
    with contextlib.suppress(OSError, RuntimeError):
        now = psutil.swap_memory()
        swap = int(now.sin + now.sout)
    return Reading(time.monotonic(), busy_seconds(), ours, throttle_events(), swap)


def busy_seconds() -> float:
    """CPU seconds that were not idle, all cores together; what a hypervisor took away (steal) counts as others' work."""
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    twice = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)  # Linux counts them in user and nice too
    return float(sum(times) - idle - twice)


def cpu_seconds(pid: int) -> float:
    """CPU seconds of a process so far; 0 if it is gone."""
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)


def throttle_events() -> int:
    """How often the processor was throttled since it started; 0 where the system does not say."""
    total = 0
    for path in Path("/sys").glob(THROTTLE_FILES):
        with contextlib.suppress(OSError, ValueError):
            total += int(path.read_text())
    return total


def mhz() -> float | None:
    """The processor's clock now."""
    try:
        found = psutil.cpu_freq()
    except (OSError, NotImplementedError, RuntimeError):
        return None
    return float(found.current) if found is not None and found.current else None


def on_battery() -> bool | None:
    """True on battery, None where there is none to be seen."""
    find = getattr(psutil, "sensors_battery", None)
    battery = find() if find is not None else None
    return None if battery is None or battery.power_plugged is None else not battery.power_plugged
