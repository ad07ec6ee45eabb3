"""What this machine is and how busy it is: cores, memory, GPUs. Reads only; never changes a setting."""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import psutil


class Gpu(msgspec.Struct, frozen=True):
    index: int
    name: str
    total_bytes: int
    driver: str


class Machine(msgspec.Struct, frozen=True):
    """cores: those this process may use (affinity and container limit); memory in bytes."""

    system: str
    cpu: str
    cores: int
    cores_total: int
    flags: tuple[str, ...]
    memory_bytes: int
    gpus: tuple[Gpu, ...]


@functools.cache
def machine() -> Machine:
    """This machine; asked once."""
    return Machine(
        system=f"{platform.system()} {platform.release()}",
        cpu=cpu_name(),
        cores=usable_cores(),
        cores_total=os.cpu_count() or 1,
        flags=cpu_flags(),
        memory_bytes=memory_limit(),
        gpus=gpus(),
    )


def usable_cores() -> int:
    """Cores this process may use: its affinity, and a container's quota, rounded up."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _cgroup("cpu.max").split()
    if len(quota) == 2 and quota[0] != "max":
        cores = min(cores, max(1, -(-int(quota[0]) // int(quota[1]))))
    return cores


def memory_limit() -> int:
    """Bytes of memory this process could ever have: the machine's, or a container's limit."""
    total = psutil.virtual_memory().total
    limit = _cgroup("memory.max").strip()
    return min(total, int(limit)) if limit.isdigit() else int(total)


def free_memory() -> int:
    """Bytes that can be had now without swapping, within a container's limit."""
    available = int(psutil.virtual_memory().available)
    limit, used = _cgroup("memory.max").strip(), _cgroup("memory.current").strip()
    if limit.isdigit() and used.isdigit():
        available = min(available, max(0, int(limit) - int(used) + _droppable_cache()))
    return available


def _droppable_cache() -> int:
    """Bytes of a container's `memory.current` that are file pages, which the kernel takes back by itself."""
    stat = dict(line.split(" ", 1) for line in _cgroup("memory.stat").splitlines() if " " in line)
    return sum(int(stat.get(name, "0")) for name in ("inactive_file", "active_file"))


@functools.cache
def cpu_flags() -> tuple[str, ...]:
    """The CPU's instruction sets that matter here, as Linux names them; () where they cannot be read."""
    wanted = (
        "avx2",
        "f16c",
        "avx512f",
        "avx512_vnni",
        "avx512_bf16",
        "amx_bf16",
        "amx_int8",
        "avx_vnni",
        "bf16",
        "asimd",
        "i8mm",
        "sve",
    )
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(("flags", "Features")):
                have = set(line.split(":", 1)[1].split())
                return tuple(f for f in wanted if f in have)
    return ()


def bf16_flags() -> tuple[str, ...]:
    """By which instructions the CPU computes in bf16 itself; () where bf16 prefill is several times slower than fp32."""
    return tuple(f for f in cpu_flags() if f in ("avx512_bf16", "amx_bf16", "bf16"))  # "bf16" is Arm's name


def cpu_name() -> str:
    """The processor's name for people."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


@functools.cache
def gpus() -> tuple[Gpu, ...]:
    """NVIDIA GPUs through NVML; () without a driver."""
    pynvml = _nvml()
    if pynvml is None:
        return ()
    driver = _text(pynvml.nvmlSystemGetDriverVersion())
    found = []
    for index in range(pynvml.nvmlDeviceGetCount()):
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        total = int(pynvml.nvmlDeviceGetMemoryInfo(handle).total)
        found.append(Gpu(index, _text(pynvml.nvmlDeviceGetName(handle)), total, driver))
    return tuple(found)


def gpu_process_bytes(pid: int) -> int | None:
    """GPU memory that NVML books to a process, all GPUs together; None where it cannot be had."""
    total, seen, pynvml = 0, False, _nvml()
    for gpu in gpus():
        with contextlib.suppress(Exception):
            handle = pynvml.nvmlDeviceGetHandleByIndex(gpu.index)
            for process in pynvml.nvmlDeviceGetComputeRunningProcesses(handle):
                if process.pid == pid and process.usedGpuMemory:
                    total, seen = total + int(process.usedGpuMemory), True
    return total if seen else None


def gpu_sample() -> dict[str, float]:
    """gpu_percent, gpu_used_bytes, power_w of the first GPU; {} without one."""
    if not gpus():
        return {}
    sample: dict[str, float] = {}
    pynvml = _nvml()
    with contextlib.suppress(Exception):
        handle = pynvml.nvmlDeviceGetHandleByIndex(0)
        sample["gpu_percent"] = float(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu)
        sample["gpu_used_bytes"] = float(pynvml.nvmlDeviceGetMemoryInfo(handle).used)
        sample["power_w"] = pynvml.nvmlDeviceGetPowerUsage(handle) / 1000
    return sample


class Sampler:
    """Figures of this process between one call and the next, for the beats."""

    def __init__(self) -> None:
        self._cores = usable_cores()
        self._wall, self._cpu = time.monotonic(), time.process_time()

    def sample(self) -> dict[str, float]:
        """cpu_percent: this process's share of the cores it may use (0–100); cores; GPU figures."""
        wall, cpu = time.monotonic(), time.process_time()
        span = max(wall - self._wall, 1e-6)
        share = 100 * (cpu - self._cpu) / span / self._cores
        self._wall, self._cpu = wall, cpu
        return {"cpu_percent": min(share, 100.0), "cores": float(self._cores)} | gpu_sample()


@functools.cache
def _nvml() -> Any:
    """NVIDIA's library, started; None without package, driver or permission. Imported when first asked for: the
    window shows before anybody asks."""
    try:
        library = importlib.import_module("pynvml")
        library.nvmlInit()
    except Exception:  # noqa: BLE001 - whatever is wrong, there is no GPU to be had
        return None
    return library


def _cgroup(name: str) -> str:
    if sys.platform != "linux":
        return ""
    try:
        return Path("/sys/fs/cgroup", name).read_text()
    except OSError:
        return ""


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
