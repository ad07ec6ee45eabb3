"""The machine as a process may use it: affinity and a container's limits count, not the sticker."""

from __future__ import annotations

import os

import psutil
import pytest

from engines import hardware

GIB = 1 << 30


@pytest.fixture
def container(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The container's files, by name; absent ones read as ''."""
    files: dict[str, str] = {}
    monkeypatch.setattr(hardware, "_cgroup", lambda name: files.get(name, ""))
    return files


@pytest.fixture(autouse=True)
def _sixteen_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(16)), raising=False)


@pytest.mark.parametrize(
    ("quota", "cores"),
    [("", 16), ("max 100000\n", 16), ("200000 100000\n", 2), ("150000 100000", 2), ("50000 100000", 1), ("9900000 100000", 16), ("odd", 16)],
)  # fmt: skip
def test_cores_are_those_of_the_quota(container: dict[str, str], quota: str, cores: int) -> None:
    container["cpu.max"] = quota
    assert hardware.usable_cores() == cores


@pytest.mark.parametrize(("limit", "bytes"), [("max\n", None), ("", None), ("1073741824\n", GIB), (str(1 << 62), None)])
def test_memory_is_what_the_container_allows(container: dict[str, str], limit: str, bytes: int | None) -> None:
    container["memory.max"] = limit
    total = psutil.virtual_memory().total
    assert hardware.memory_limit() == (total if bytes is None else min(bytes, total))


def test_free_memory_leaves_out_what_the_kernel_takes_back(container: dict[str, str]) -> None:
    container |= {"memory.max": str(GIB), "memory.current": str(GIB - 1000)}
    assert hardware.free_memory() == 1000
    container["memory.stat"] = "anon 5\ninactive_file 200\nactive_file 30\nfile 999\n"
    assert hardware.free_memory() == 1230


def test_free_memory_is_never_negative(container: dict[str, str]) -> None:
    container |= {"memory.max": "1000", "memory.current": "5000"}
    assert hardware.free_memory() == 0


def test_this_machine_can_be_described() -> None:
    hardware.machine.cache_clear()
    found = hardware.machine()
    hardware.machine.cache_clear()
    assert found.cpu
    assert found.cores >= 1
    assert found.memory_bytes > GIB // 4
    assert set(found.flags) == set(hardware.cpu_flags())


def test_a_sample_is_a_share_of_the_usable_cores() -> None:
    sampler = hardware.Sampler()
    sum(i * i for i in range(200_000))
    sample = sampler.sample()
    assert sample["cores"] == hardware.usable_cores()
    assert 0 < sample["cpu_percent"] <= 100


def test_no_driver_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "gpus", lambda: ())
    assert hardware.gpu_sample() == {}
    assert hardware.gpu_process_bytes(os.getpid()) is None
