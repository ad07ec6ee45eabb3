"""The parent's side of a worker: start it, send requests, collect events, notice its end or its silence.

Threads hold a queue and a plain callable, never a window's object. A worker has ended when the system says
so, not when a pipe ends; its whole group is ended after it.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import queue
import shutil
import sys
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from engines import children
from engines.errors import EngineError
from engines.inbox import Inbox
from engines.protocol import (
    PROTOCOL_VERSION,
    Beat,
    Cancel,
    Command,
    Ended,
    Event,
    Failed,
    Hello,
    Responsive,
    Stop,
    Unresponsive,
)  # fmt: skip
from engines.wire import Frames, decode_event, encode

STDERR_LINES = 200
READ_BYTES = 1 << 18
WATCH_S = 0.25
CPU_MOVES_S = 0.05  # below this nothing works: beats alone cost some


@dataclass(frozen=True, slots=True)
class Runtime:
    """The Python an engine runs in: data, so that it can be listed, installed and repaired."""

    id: str
    python: str
    code_root: str
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def command(self) -> list[str]:
        boot = Path(self.code_root) / "engines" / "boot.py"
        return [self.python, "-I", "-X", "utf8", str(boot)]


def checkout() -> Runtime:
    """The runtime of a source checkout: the Python that runs the program. Never for a frozen program."""
    if getattr(sys, "frozen", False):
        raise EngineError(
            "no_runtime", "A packaged Tandem has no engine of its own.", "Install a runtime under Settings."
        )
    return Runtime("checkout", sys.executable, str(Path(__file__).resolve().parents[1]))


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds after which a worker counts as unresponsive: no beat at all, or nothing moving in a phase."""

    no_beat_s: float = 10.0
    still_s: float = 60.0
    still_loading_s: float = 120.0


class Session:
    """One worker process. Thread-safe; nothing here blocks for long except `wait` and `close`."""

    _numbers = itertools.count(1)

    def __init__(
        self,
        runtime: Runtime,
        run_root: Path,
        notify: Callable[[], None] = lambda: None,
        patience: Patience | None = None,
    ) -> None:
        self.workdir = run_root / f"{os.getpid()}-{uuid.uuid4().hex[:12]}"
        self.workdir.mkdir(parents=True, mode=0o700)
        self.hello: Hello | None = None
        self.beat: Beat | None = None
        self._patience = patience or Patience()
        self._inbox = Inbox(notify)
        self._outgoing: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._stderr: deque[str] = deque(maxlen=STDERR_LINES)
        self._pipe_ended = threading.Event()
        self._expected = False
        self._verdict = ""  # why we ended it ourselves
        self._torn = False  # its last message was cut off
        self._ended = threading.Event()
        env = children.worker_env({**runtime.env, "TANDEM_RUN_DIR": str(self.workdir)})
        try:
            self._child = children.Child(runtime.command, env)
        except OSError as error:
            shutil.rmtree(self.workdir, ignore_errors=True)
            raise EngineError(
                "no_runtime", f"The engine's Python cannot be started: {error}.", "Repair this runtime."
            ) from error
        self._watcher = Watch(self._patience)
        self._threads = [
            threading.Thread(target=target, name=f"tandem-{name}-{self.pid}", daemon=True)
            for name, target in (
                ("read", self._read),
                ("stderr", self._drain),
                ("send", self._send),
                ("watch", self._watch),
            )
        ]
        for thread in self._threads:
            thread.start()

    # --- what a person of the session may do -------------------------------------------------

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def alive(self) -> bool:
        return not self._ended.is_set()

    @property
    def stderr(self) -> tuple[str, ...]:
        """The last lines of the worker's own output; they may hold prompt text."""
        return tuple(self._stderr)

    @classmethod
    def next_id(cls) -> int:
        """A request id, unique in this process."""
        return next(cls._numbers)

    def send(self, command: Command) -> None:
        """Queue a request; never blocks, also when the worker does not read."""
        self._outgoing.put(encode(command))

    def cancel(self, request: int) -> None:
        self.send(Cancel(id=request))

    def force(self) -> None:
        """The last rung of the ladder: end the worker and all it started, now."""
        self._expected = True
        self._child.kill_group()

    def drain(self) -> list[Event]:
        """All events since the last call, adjacent texts of one request merged. Never blocks."""
        return self._inbox.drain()

    def wait(self, timeout_s: float) -> list[Event]:
        """Like `drain`, but waits until there is something or the time is over."""
        return self._inbox.wait(timeout_s)

    def close(self, timeout_s: float = 3.0) -> None:
        """End the worker, wait for its end, join all threads, remove its folder."""
        self._expected = True
        with contextlib.suppress(EngineError):
            self.send(Stop())
        self._outgoing.put(None)  # closes stdin: the death pipe
        self._inbox.open_wide()
        if not self._ended.wait(timeout_s):
            self._child.kill_group()
            self._ended.wait(timeout_s)
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(timeout_s)
        shutil.rmtree(self.workdir, ignore_errors=True)

    # --- threads ------------------------------------------------------------------------------

    def _send(self) -> None:
        pipe = self._child.process.stdin
        if pipe is None:
            return
        while (frame := self._outgoing.get()) is not None:
            view = memoryview(frame)
            try:
                while view:
                    view = view[pipe.write(view) :]
            except (OSError, ValueError):
                break
        with contextlib.suppress(OSError):
            pipe.close()

    def _read(self) -> None:
        pipe = self._child.process.stdout
        frames = Frames()
        try:
            while pipe is not None and (data := os.read(pipe.fileno(), READ_BYTES)):
                for body in frames.feed(data):
                    self._take(decode_event(body), len(body))
            self._torn = frames.rest > 0
        except EngineError as error:
            self._verdict = "it was ended, because it sent something that it should not"
            self._child.kill_group()
            self._inbox.post(Failed(id=None, code=error.code, message=error.message, hint=error.hint, fatal=True))
        except (OSError, ValueError):
            pass
        finally:
            self._pipe_ended.set()

    def _take(self, event: Event, size: int) -> None:
        match event:
            case Hello():
                self.hello = event
                if event.protocol != PROTOCOL_VERSION:
                    raise EngineError("wrong_protocol", f"The engine speaks protocol {event.protocol}, this program {PROTOCOL_VERSION}.", "Repair this runtime.")  # fmt: skip
            case Beat():
                self.beat = event
            case Ended() | Unresponsive() | Responsive():
                raise EngineError("bad_frame", f"The engine sent “{type(event).__name__}”, which is not its to say.", "Repair this runtime.")  # fmt: skip
            case _:
                pass
        if self._watcher.saw(event):
            self._inbox.post(Responsive())
        self._inbox.put(event, size)

    def _drain(self) -> None:
        pipe = self._child.process.stderr
        if pipe is None:
            return
        rest = b""
        with contextlib.suppress(OSError, ValueError):
            while data := os.read(pipe.fileno(), READ_BYTES):
                *lines, rest = (rest + data).split(b"\n")
                self._stderr.extend(line.decode("utf-8", "replace")[:2000] for line in lines[-STDERR_LINES:])
                rest = rest[-4000:]
        if rest:
            self._stderr.append(rest.decode("utf-8", "replace")[:2000])

    def _watch(self) -> None:
        """Look at the worker's life four times a second, at once when its pipe ends."""
        while not self._child.ended():
            if self._pipe_ended.wait(WATCH_S):
                break
            seconds = self._watcher.silent_for(self._inbox.blocked)
            if seconds is not None:
                self._inbox.post(Unresponsive(seconds=seconds, phase=self.beat.phase if self.beat else "starting"))
        code = self._child.reap(2.0)
        self._finish(code)

    def _finish(self, code: int | None) -> None:
        reader, drain = self._threads[0], self._threads[1]
        self._inbox.open_wide()
        reader.join(5.0)  # what is still in the pipe
        drain.join(1.0)
        self._outgoing.put(None)
        for pipe in (self._child.process.stdout, self._child.process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        words = "it was closed" if self._expected else self._verdict or children.exit_words(code)
        if self._torn and code == 0:
            words = "it ended in the middle of a message"
            self._inbox.post(Failed(id=None, code="bad_frame", message=f"The engine failed: {words}.", fatal=True))
        ended = Ended(code=code, words=words, expected=self._expected, stderr=self.stderr[-50:])
        try:
            self._inbox.post(ended)
        finally:
            self._ended.set()


class Watch:
    """Decides when a worker is silent. A sleeping machine is no silence: only this process's own waking counts."""

    def __init__(self, patience: Patience, clock: Callable[[], float] = time.monotonic) -> None:
        self._patience, self._clock = patience, clock
        now = clock()
        self._beat_at = self._moved_at = self._looked_at = now
        self._last: tuple[int, float] = (-1, -1.0)
        self._loading = True
        self._told = False

    def saw(self, event: Event) -> bool:
        """Note a sign of life; True when it ends a silence that was told."""
        now = self._clock()
        self._beat_at = now
        if isinstance(event, Beat):
            moved = event.counter != self._last[0] or event.cpu_s - self._last[1] > CPU_MOVES_S
            if moved or event.phase == "idle":
                self._moved_at = now
                self._last = (event.counter, event.cpu_s)
            self._loading = event.phase in ("import", "read", "prime", "compile", "convert")
            still = not moved and event.phase != "idle"
        else:
            self._moved_at, still = now, False
        if self._told and not still:
            self._told = False
            return True
        return False

    def silent_for(self, blocked: bool) -> float | None:
        """Seconds of silence, once, when patience is over; None otherwise. blocked: we ourselves stopped reading."""
        now = self._clock()
        slept = now - self._looked_at > 5.0
        self._looked_at = now
        if slept or blocked:
            self._beat_at = self._moved_at = now
        still_limit = self._patience.still_loading_s if self._loading else self._patience.still_s
        quiet, still = now - self._beat_at, now - self._moved_at
        if self._told or (quiet < self._patience.no_beat_s and still < still_limit):
            return None
        self._told = True
        return max(quiet, still)


def sweep(run_root: Path) -> None:
    """Remove the folders of sessions whose program is gone."""
    if not run_root.is_dir():
        return
    for folder in run_root.iterdir():
        owner = folder.name.split("-", 1)[0]
        if owner.isdigit() and not _runs(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)


def _runs(pid: int) -> bool:
    return bool(psutil.pid_exists(pid))
