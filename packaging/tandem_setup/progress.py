"""Numbered steps with a running clock: one live line on a terminal, a line every 15 s in a log."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from tandem_setup import piplog

LOG_PERIOD_S = 15.0
TERMINAL_PERIOD_S = 0.5
LOOK_S = 0.1


def clock(seconds: float) -> str:
    """`7 s` below a minute, then `1:20`."""
    return f"{seconds:.0f} s" if seconds < 59.5 else f"{round(seconds) // 60}:{round(seconds) % 60:02d}"


def size(count: int) -> str:
    """Bytes in decimal units, as downloads and disks are sold: `98 MB`, `1.7 GB`."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


class Progress:
    """Says which step of how many runs, for how long, and what it is doing now."""

    def __init__(self, out: TextIO, total: int, now: Callable[[], float] = time.monotonic) -> None:
        self._out = out
        self._total = total
        self._now = now
        self._live = out.isatty()
        self._began = now()
        self._step_began = self._began
        self._last = self._began
        self._number = 0
        self._title = ""
        self._note = ""

    @property
    def elapsed_s(self) -> float:
        return self._now() - self._began

    def begin(self, title: str) -> None:
        self._number += 1
        self._title, self._note = title, ""
        self._step_began = self._last = self._now()
        self._show(self._head(), " …")

    def note(self, text: str) -> None:
        """What the line of this step's end says beside its time."""
        self._note = text

    def done(self) -> None:
        took = clock(self._now() - self._step_began)
        self._end(f"{self._head()}: done in {took}{', ' + self._note if self._note else ''}")

    def ready(self, title: str) -> None:
        """A step that has nothing to do."""
        self._number += 1
        self._title = title
        self._end(f"{self._head()}: ready")

    def failed(self, why: str, hint: str) -> None:
        """A step that is left out: the reason, and what to do about it."""
        advice = f"\nWhat to do: {hint}" if hint else ""
        self._end(f"{self._head()}: failed after {clock(self._now() - self._step_began)}\n{why}{advice}")
        self._end("Going on without it.")

    def say(self, text: str) -> None:
        self._end(text)

    def tick(self, words: str) -> None:
        """Called often; writes at most every 0.5 s on a terminal, every 15 s in a log."""
        now = self._now()
        if now - self._last < (TERMINAL_PERIOD_S if self._live else LOG_PERIOD_S):
            return
        self._last = now
        doing = f" ({words})" if words else ""
        self._show(self._head() + doing, f" … {clock(now - self._step_began)}")

    def _head(self) -> str:
        return f"{self._number}/{self._total} {self._title}"

    def _show(self, text: str, clock_part: str) -> None:
        if self._live:
            room = shutil.get_terminal_size().columns - 1 - len(clock_part)
            self._out.write(f"\r{text[: max(0, room)]}{clock_part}\x1b[K")
        else:
            self._out.write(f"{text}{clock_part}\n")
        self._out.flush()

    def _end(self, text: str) -> None:
        self._out.write(f"\r\x1b[K{text}\n" if self._live else f"{text}\n")
        self._out.flush()


def run_logged(
    command: Sequence[str],
    log: Path,
    environment: Mapping[str, str],
    progress: Progress,
    doing: Callable[[list[str]], str] = piplog.doing,
) -> int:
    """Runs `command` with its output in `log`, the clock ticking meanwhile; returns its exit code.

    doing: what the command is at, in a few words, from the newest lines of its output.

    The command gets a process group of its own: an interrupt ends pip together with the compilers it started.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            start_new_session=os.name == "posix",
        )
        with _ended_with_us(child):
            while True:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    return child.wait(LOOK_S)
                progress.tick(doing(_recent(log)))


@contextlib.contextmanager
def _ended_with_us(child: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        _end(child)
        raise


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is not None:
        return
    if os.name != "posix":
        child.kill()
    else:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(10)
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _recent(log: Path, count: int = 4096) -> list[str]:
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - count))
        return stream.read().decode("utf-8", "replace").splitlines()
