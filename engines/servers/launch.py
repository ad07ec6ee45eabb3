"""A server as a child: started on this machine alone with a key of its own, watched until it answers, ended with all
that it started. Its output goes to the worker's own (the session's log), without the key.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from engines import children, hardware
from engines.errors import Cancelled, EngineError
from engines.job import Job
from engines.protocol import Memory
from engines.servers import server_log

HOST = "127.0.0.1"
LOOK_S = 0.1  # between two looks at a server that is starting
ASK_S = 2.0  # how long its answer to "are you ready" may take
CLOSE_S = 6.0
KEPT_LINES = 400
LINE_CHARS = 8000  # one line of vLLM's lists all its settings
TREE_S = 5.0  # so long a list of its processes is good for a figure
SAMPLE_S = 1.0
MASK = "***"
OURS = ("PYTHONPATH", "PYTHONHOME", "PYTHONUTF8", "VIRTUAL_ENV", "TANDEM_RUN_DIR", "TORCHINDUCTOR_COMPILE_THREADS",
        "TOKENIZERS_PARALLELISM")  # fmt: skip
QUIET = {
    "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1",
    "VLLM_NO_USAGE_STATS": "1", "VLLM_DO_NOT_TRACK": "1", "PYTHONUNBUFFERED": "1",
}  # fmt: skip
LOCAL = {"VLLM_HOST_IP": HOST, "VLLM_LOOPBACK_IP": HOST}  # its processes talk to one another on this machine alone


@dataclass(frozen=True, slots=True)
class Order:
    """One start. argv[0] is the program's path. said: of its environment, what the shown command names; key: of this session
    alone, hidden in a repr. model: the name that it serves the model under. knobs: flag → the knob that it stands for."""

    title: str
    argv: tuple[str, ...]
    port: int
    model: str
    key: str = field(repr=False)
    said: Mapping[str, str] = field(default_factory=dict, repr=False)
    knobs: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def shown(self) -> tuple[str, ...]:
        """The command line as a person could type it; the key is masked."""
        named = [f"{name}={value}" for name, value in self.said.items()]
        whole = (["env", *named] if named else []) + list(self.argv)
        return tuple(part.replace(self.key, MASK) for part in whole)

    def environment(self) -> dict[str, str]:
        """Of the child: its own environment wins, nothing of ours is in it."""
        base = {name: value for name, value in os.environ.items() if name not in OURS}
        folder = str(Path(self.argv[0]).parent)
        base["PATH"] = os.pathsep.join(part for part in (folder, base.get("PATH", "")) if part)
        return base | QUIET | LOCAL | dict(self.said)


def free_port() -> int:
    """A port of this machine's own address that nobody has just now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def new_key() -> str:
    return secrets.token_urlsafe(32)


class Server:
    """A started server. `wait` until it answers, `close` at the end; both end all of it when they fail."""

    def __init__(self, order: Order, job: Job) -> None:
        self.order = order
        self.lines: deque[str] = deque(maxlen=KEPT_LINES)
        self.seen = 0  # lines and parts of lines so far
        self._news: deque[tuple[str, float | None]] = deque([("starting", None)])  # what it does, until it was told
        self._told: tuple[str, float | None] | None = None
        self._peak = 0
        self._tree: list[psutil.Process] = []
        self._tree_at = -TREE_S
        self._ended = threading.Event()
        try:
            self._process = job.child(
                _kept(order.argv), stdin=subprocess.PIPE if children.LINUX else subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                env=order.environment(), **({"process_group": 0} if children.LINUX else {}),
            )  # fmt: skip
        except OSError as error:
            raise EngineError("load_failed", f"{order.title} cannot be started: {error.strerror or error}.",
                              "Check the knob “executable”.") from error  # fmt: skip
        self._threads = [
            threading.Thread(target=t, name=n, daemon=True) for t, n in ((self._pump, "log"), (self._watch, "memory"))
        ]
        for thread in self._threads:
            thread.start()

    # --- its life -----------------------------------------------------------------------------

    def wait(self, job: Job) -> None:
        """Until it answers with its key. Raises EngineError `load_failed` with the cause, Cancelled."""
        pulse = _Pulse(self)
        try:
            while not self._answers():
                job.check()
                if self._process.poll() is not None:
                    raise self._failure()
                self._tell(job)
                if pulse.moved():
                    job.tick()
                self._ended.wait(LOOK_S)
            self._tell(job)
        except (EngineError, Cancelled):
            self.close()
            raise

    def _tell(self, job: Job) -> None:
        while self._news:
            words, share = self._news.popleft()
            job.progress(share, words)

    def gone(self, within_s: float) -> bool:
        """True if it has ended, or does so within this time."""
        try:
            self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def end_words(self) -> str:
        """How it ended, in words."""
        code = self._process.poll()
        if code is not None and code > 128 and children.LINUX:  # the keeper's way to say a signal
            code = 128 - code
        return children.exit_words(code)

    def close(self) -> None:
        """End it and all that it started, and wait for that. Safe to call twice."""
        self._ended.set()
        pipe = self._process.stdin
        if pipe is not None and not pipe.closed:
            with contextlib.suppress(OSError):
                pipe.write(b"q")
                pipe.close()
        tree = children.descendants(self._process.pid)
        if not children.LINUX:
            self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(CLOSE_S)
        children.end_all([p for p in tree if p.is_running()])
        with contextlib.suppress(OSError):
            self._process.kill()
        self._process.wait()
        for thread in self._threads:
            thread.join(1.0)

    # --- what it says and takes -----------------------------------------------------------------

    def find(self, pattern: str) -> str:
        """Group 1 of the newest line of its log with `pattern` (a regular expression), or ""."""
        return server_log.newest(pattern, tuple(self.lines))

    def cpu_s(self) -> float:
        """Processor seconds of everything it started that still runs."""
        total = 0.0
        for process in self._processes():
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                total += times.user + times.system
        return total

    def memory(self, device: str) -> Memory:
        """Resident bytes of all its processes now, and the most that was seen; on a GPU what NVML books to them."""
        self._tree_at = -TREE_S
        now = self._resident()
        self._peak = max(self._peak, now)
        on_device = self._on_gpu() if device != "cpu" else None
        return Memory(
            model_bytes=now if on_device is None else on_device,
            peak_bytes=self._peak,
            device=device,
            device_bytes=on_device,
        )

    def device(self) -> str:
        """Where it computes: by the GPU driver, else by its own word, else "cpu"."""
        if self._on_gpu() is not None:
            return "cuda:0"
        if self.find(r"device_config=(cuda|rocm)|[ (,]device='(cuda)'|offloaded ([1-9]\d*)/\d+ layers to GPU"):
            return "cuda:0"
        return "cpu"

    def _on_gpu(self) -> int | None:
        if not hardware.gpus():
            return None
        found = [hardware.gpu_process_bytes(p.pid) for p in self._processes()]
        known = [bytes_ for bytes_ in found if bytes_ is not None]
        return sum(known) if known else None

    def _resident(self) -> int:
        total = 0
        for process in self._processes():
            with contextlib.suppress(psutil.Error):
                total += process.memory_info().rss
        return total

    def _processes(self) -> list[psutil.Process]:
        """What it started; the list is looked up anew every few seconds, for that reads every process of the machine."""
        if time.monotonic() - self._tree_at >= TREE_S:
            self._tree_at = time.monotonic()
            self._tree = children.descendants(self._process.pid)
        return self._tree

    # --- threads --------------------------------------------------------------------------------

    def _watch(self) -> None:
        while not self._ended.wait(SAMPLE_S) and self._process.poll() is None:
            self._peak = max(self._peak, self._resident())

    def _pump(self) -> None:
        """Its output, line by line and without the key, to this process's own; a progress bar's parts count as lines."""
        pipe, rest = self._process.stdout, ""
        if pipe is None:
            return
        with contextlib.suppress(OSError, ValueError):
            while data := os.read(pipe.fileno(), 1 << 16):
                text = (rest + data.decode("utf-8", "replace")).replace("\r\n", "\n").replace("\r", "\n")
                *lines, rest = text.split("\n")
                self._take(lines)
                rest = rest[-4000:]
        self._take([rest] if rest else [])
        pipe.close()

    def _take(self, lines: Sequence[str]) -> None:
        for line in lines:
            clean = line.replace(self.order.key, MASK)[:LINE_CHARS]
            self.seen += 1
            if clean.strip():
                self.lines.append(clean)
            now = server_log.progress(clean)
            if now is not None and now != self._told:
                self._told = now
                self._news.append(now)
            with contextlib.suppress(OSError):
                os.write(2, f"{clean}\n".encode("utf-8", "replace"))

    # --- inside -----------------------------------------------------------------------------------

    def _answers(self) -> bool:
        """True once it is healthy, lists our model for our key, and it is itself who listens there: another program may have
        taken the port meanwhile, and some list their models for any key."""
        if self._ask("/health") is None or not self._listens():
            return False
        body = self._ask("/v1/models")
        if body is None:
            return False
        with contextlib.suppress(ValueError, TypeError, AttributeError):
            return self.order.model in {entry.get("id") for entry in json.loads(body).get("data", ())}
        return False

    def _listens(self) -> bool:
        """True if the port is one of our server's processes, or nobody may know whose it is."""
        for process in children.descendants(self._process.pid) if children.LINUX else ():
            with contextlib.suppress(psutil.Error, OSError):
                if any(
                    c.status == psutil.CONN_LISTEN and c.laddr.port == self.order.port
                    for c in process.net_connections("tcp")
                ):
                    return True
        return not children.LINUX

    def _ask(self, path: str) -> bytes | None:
        connection = http.client.HTTPConnection(HOST, self.order.port, timeout=ASK_S)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {self.order.key}"})
            answer = connection.getresponse()
            return answer.read(1 << 20) if answer.status == 200 else None
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def _failure(self) -> EngineError:
        self._threads[0].join(2.0)  # its last words
        lines = tuple(self.lines)
        return server_log.failure(self.order.title, self.end_words(), lines, self.order.knobs)


class _Pulse:
    """Whether a starting server moves: it says something, or (looked at every two seconds) computes."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._seen, self._cpu_s, self._at = -1, 0.0, 0.0

    def moved(self) -> bool:
        if self._server.seen != self._seen:
            self._seen = self._server.seen
            return True
        if time.monotonic() < self._at:
            return False
        self._at = time.monotonic() + 2.0
        before, self._cpu_s = self._cpu_s, self._server.cpu_s()
        return self._cpu_s - before > 0.05


def _kept(argv: Sequence[str]) -> list[str]:
    """The command under a keeper, where the system lets one adopt what the server leaves behind."""
    if not children.LINUX:
        return list(argv)
    boot = Path(children.__file__).with_name("boot.py")
    return [sys.executable, "-I", "-X", "utf8", str(boot), "engines.servers.keeper", str(os.getpgrp()), *argv]
