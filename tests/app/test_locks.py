"""Locks exclude one another between objects and processes, and die with their process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from app.errors import TandemError
from app.locks import FileLock

ROOT = Path(__file__).resolve().parents[2]
HOLD = """
import sys
from pathlib import Path
from app.locks import FileLock
lock = FileLock(Path(sys.argv[1]), shared=sys.argv[2] == "shared")
lock.acquire()
print("held", flush=True)
sys.stdin.read()
"""


def hold(path: Path, kind: str) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path), kind], cwd=ROOT, stdin=-1, stdout=-1, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_shared_locks_share_and_keep_an_exclusive_one_out(tmp_path):
    path = tmp_path / "item"
    with FileLock(path, shared=True), FileLock(path, shared=True):
        assert not FileLock(path).try_acquire()
    lone = FileLock(path)
    assert lone.try_acquire()
    assert lone.held
    assert not FileLock(path, shared=True).try_acquire()
    lone.release()
    assert not lone.held


def test_waiting_ends_with_an_error_in_words(tmp_path):
    path = tmp_path / "item"
    now, slept = [0.0], []

    def sleep(seconds):
        slept.append(seconds)
        now[0] += seconds

    with FileLock(path), pytest.raises(TandemError) as caught:
        FileLock(path, timeout_s=1.0, clock=lambda: now[0], sleep=sleep).acquire()
    assert caught.value.code == "locked"
    assert "item" in caught.value.message
    assert 1.0 <= sum(slept) < 1.2


def test_acquire_gets_a_lock_that_becomes_free_while_it_waits(tmp_path):
    path = tmp_path / "item"
    first = FileLock(path)
    first.acquire()
    second = FileLock(path, timeout_s=60, sleep=lambda _: first.release())
    second.acquire()
    assert second.held
    second.release()


@pytest.mark.parametrize(("kind", "another_may_share"), [("shared", True), ("exclusive", False)])
def test_another_process_holds_it_until_it_is_killed(tmp_path, kind, another_may_share):
    path = tmp_path / "item"
    other = hold(path, kind)
    try:
        share = FileLock(path, shared=True)
        assert share.try_acquire() is another_may_share
        share.release()
        assert not FileLock(path).try_acquire()
    finally:
        end(other)
    with FileLock(path, timeout_s=0) as mine:
        assert mine.held


def test_lock_files_are_the_owners_alone(tmp_path):
    path = tmp_path / "item"
    with FileLock(path):
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_folder_that_is_missing_is_told_in_words(tmp_path):
    with pytest.raises(TandemError) as caught:
        FileLock(tmp_path / "missing" / "item").acquire()
    assert caught.value.code == "no_locks"
