"""Steps are numbered and timed, logs stay short, and an interrupt ends all that was started."""

import io
import os
import sys

import psutil
import pytest

from tandem_setup.progress import Progress, clock, run_logged, size


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59.4, "59 s"), (59.9, "1:00"), (80, "1:20"), (3725, "62:05")]
)
def test_clock(seconds, text):
    assert clock(seconds) == text


def test_size_is_in_decimal_units():
    assert size(98_362_432) == "98 MB"
    assert size(1_700_000_000) == "1.7 GB"


def test_a_log_gets_a_line_every_fifteen_seconds_and_the_result():
    out, now = io.StringIO(), Clock()
    progress = Progress(out, 7, now)
    progress.begin("llama-cpp-python")
    for second in range(1, 41):
        now.now = float(second)
        progress.tick("compiling")
    progress.note("72 MB on disk")
    now.now = 80.0
    progress.done()
    assert out.getvalue().splitlines() == [
        "1/7 llama-cpp-python …",
        "1/7 llama-cpp-python (compiling) … 15 s",
        "1/7 llama-cpp-python (compiling) … 30 s",
        "1/7 llama-cpp-python: done in 1:20, 72 MB on disk",
    ]


def test_a_note_belongs_to_its_step_only():
    out = io.StringIO()
    progress = Progress(out, 2, Clock())
    progress.begin("a")
    progress.note("72 MB")
    progress.done()
    progress.begin("b")
    progress.done()
    progress.ready("c")
    assert out.getvalue().splitlines()[-2:] == ["2/2 b: done in 0 s", "3/2 c: ready"]


def test_a_terminal_gets_one_line_that_is_rewritten():
    out, now = Terminal(), Clock()
    progress = Progress(out, 2, now)
    progress.begin("core")
    for tenth in range(1, 21):
        now.now = tenth / 10
        progress.tick("")
    progress.done()
    assert out.getvalue().count("\n") == 1
    assert out.getvalue().count("\r") == 1 + 4 + 1


def test_a_narrow_terminal_still_shows_the_clock(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    out, now = Terminal(), Clock()
    progress = Progress(out, 8, now)
    progress.begin("llama-cpp-python: compiles C++ once, 4–6 minutes on 2 cores")
    now.now = 80.0
    progress.tick("compiling llama-cpp-python")
    line = out.getvalue().split("\r")[-1].removesuffix("\x1b[K")
    assert line.startswith("1/8 llama-cpp-python")
    assert line.endswith(" … 1:20")
    assert len(line) == 39


def test_output_goes_to_the_log_and_the_exit_code_comes_back(tmp_path):
    progress = Progress(io.StringIO(), 1)
    log = tmp_path / "logs" / "x.log"
    code = run_logged([sys.executable, "-c", "print('hello'); raise SystemExit(3)"], log, os.environ, progress)
    assert code == 3
    assert log.read_text().strip() == "hello"


@pytest.mark.skipif(os.name != "posix", reason="process groups are POSIX")
def test_an_interrupt_ends_the_command_and_its_children(tmp_path):
    child = "import time; time.sleep(60)"
    parent = (
        f"import subprocess, sys, os; c = subprocess.Popen([sys.executable, '-c', {child!r}]);"
        "print('pids', os.getpid(), c.pid, flush=True); c.wait()"
    )
    seen: list[int] = []

    def interrupt_once_both_run(lines: list[str]) -> str:
        if lines and lines[-1].startswith("pids"):
            seen.extend(map(int, lines[-1].split()[1:]))
            raise KeyboardInterrupt
        return ""

    progress = Progress(io.StringIO(), 1)
    with pytest.raises(KeyboardInterrupt):
        run_logged([sys.executable, "-c", parent], tmp_path / "x.log", os.environ, progress, interrupt_once_both_run)
    assert len(seen) == 2
    _gone, alive = psutil.wait_procs([psutil.Process(p) for p in seen if psutil.pid_exists(p)], timeout=5)
    assert not [p for p in alive if p.status() != psutil.STATUS_ZOMBIE]
