"""Everything that differs between systems about processes: starting, ending, and what their end means."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import psutil

WINDOWS: Final = sys.platform == "win32"
LINUX: Final = sys.platform == "linux"
LIFELINE = "TANDEM_LIFELINE"
OUT_OF_MEMORY_SCORE = "800"  # Linux: let the kernel end a worker before the window

KEPT_ENV = (
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "TEMP", "TMP",
    "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "CUDA_HOME", "CUDA_PATH", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES",
    "SYSTEMROOT", "WINDIR", "COMSPEC", "PATHEXT", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA",
    "NUMBER_OF_PROCESSORS", "PROCESSOR_ARCHITECTURE", "XDG_RUNTIME_DIR", "XDG_CACHE_HOME", "CC", "CXX",
    "TANDEM_VLLM", "TANDEM_LLAMA_SERVER", "TANDEM_SGLANG",
)  # fmt: skip
WORKER_ENV = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
    "DO_NOT_TRACK": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "GGML_NO_BACKTRACE": "1",
    "TORCHINDUCTOR_COMPILE_THREADS": "1",
    "PYTHONUTF8": "1",
}


def worker_env(extra: Mapping[str, str]) -> dict[str, str]:
    """The environment of a worker: what a library needs to run, no tokens, no hub."""
    kept = {name: os.environ[name] for name in KEPT_ENV if name in os.environ}
    return kept | WORKER_ENV | dict(extra)


class Child:
    """A worker process in a group of its own, seen from the program."""

    def __init__(self, argv: Sequence[str], env: Mapping[str, str]) -> None:
        options: dict[str, Any] = {"start_new_session": True}
        if WINDOWS:
            flags = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0) | getattr(subprocess, "CREATE_NO_WINDOW", 0)
            options = {"creationflags": flags}
        far, self._lifeline = os.pipe() if LINUX else (-1, -1)
        try:
            if LINUX:
                options["pass_fds"] = (far,)
                env = {**env, LIFELINE: str(far)}
            self.process = subprocess.Popen(
                list(argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                bufsize=0, close_fds=True, env=dict(env), **options,
            )  # fmt: skip
        except OSError:
            self._drop_lifeline()
            raise
        finally:
            if LINUX:
                os.close(far)
        self._ending = threading.Lock()
        self._job = _windows_job(self.process) if WINDOWS else None

    @property
    def pid(self) -> int:
        return self.process.pid

    def ended(self) -> bool:
        """True once the process has ended; it is not reaped, so that its group's number stays its own."""
        if self.process.returncode is not None:
            return True
        if WINDOWS:
            return self.process.poll() is not None
        if not hasattr(os, "waitid"):  # macOS before Python 3.13
            return _is_zombie(self.pid)
        try:
            found = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return True
        return found is not None

    def kill_group(self) -> None:
        """End the worker and everything it started, at once. Safe to call twice, and after its end."""
        if WINDOWS:
            _terminate_windows_job(self._job)
            with contextlib.suppress(OSError):
                self.process.kill()
            return
        with self._ending:  # never after the reaping: the number may be another group's by then
            if self.process.returncode is None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self.pid, signal.SIGKILL)

    def reap(self, timeout_s: float = 5.0) -> int | None:
        """Wait for the end, clear the group, and return the exit code (negative: a signal); None: it does not end."""
        if not self._ends_within(timeout_s):
            self.kill_group()
            self._ends_within(timeout_s)
        self.kill_group()  # what it started
        self._drop_lifeline()
        with self._ending:
            return self.process.poll()

    def _ends_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not self.ended():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.005)
        return True

    def _drop_lifeline(self) -> None:
        fd, self._lifeline = self._lifeline, -1
        if fd >= 0:
            os.close(fd)


def start_inside(argv: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """Start a helper in this worker's own group: it ends with the worker."""
    options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "close_fds": True} | options
    child: Any = subprocess.Popen(list(argv), **options)
    return child  # type: ignore[no-any-return]


def adopt_orphans() -> bool:
    """From now on, what this process's children leave behind becomes its own child (Linux). False: not to be had here."""
    if not LINUX:
        return False
    import ctypes  # noqa: PLC0415 - only in a server's keeper

    set_child_subreaper = 36  # PR_SET_CHILD_SUBREAPER
    return bool(ctypes.CDLL(None, use_errno=True).prctl(set_child_subreaper, 1, 0, 0, 0) == 0)


def descendants(pid: int) -> list[psutil.Process]:
    """All that a process started, and what those started, as far as it still runs."""
    try:
        return [p for p in psutil.Process(pid).children(recursive=True) if p.status() != psutil.STATUS_ZOMBIE]
    except psutil.Error:
        return []


def end_all(processes: Sequence[psutil.Process], grace_s: float = 0.0) -> None:
    """Ask processes to end, wait at most `grace_s`, end the rest at once and wait for that."""
    if grace_s > 0:
        for process in processes:
            with contextlib.suppress(psutil.Error):
                process.terminate()
        _, processes = psutil.wait_procs(processes, grace_s)
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(processes, 5.0)


def private_pipes() -> tuple[int, int]:
    """(read, write): the frames' descriptors under private numbers, not inherited by children.

    Descriptor 0 then is the null device and 1 goes where 2 goes, so that no library's print can touch a frame.
    """
    read_fd, write_fd = os.dup(0), os.dup(1)  # dup makes them non-inheritable
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    if WINDOWS:
        import msvcrt  # noqa: PLC0415 - exists only there

        for fd in (read_fd, write_fd):
            msvcrt.setmode(fd, os.O_BINARY)  # type: ignore[attr-defined,unused-ignore]
    return read_fd, write_fd


def hold_lifeline() -> None:
    """In a worker on Linux: the kernel itself ends this group when the program is gone.

    The reader thread sees the end of stdin too, but cannot act while a native call holds the interpreter's
    lock (an import of a large library, a hang in C). Nobody ever writes to this pipe, so its only signal is
    the close of its last writer; no thread is involved, as there is with PDEATHSIG.
    """
    number = os.environ.pop(LIFELINE, "")
    if not LINUX or not number.isdigit() or os.getpgrp() != os.getpid():
        return
    import fcntl  # noqa: PLC0415 - not on Windows

    fd = int(number)
    with contextlib.suppress(OSError):
        os.set_inheritable(fd, False)
        fcntl.fcntl(fd, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_ASYNC)


def end_own_group(code: int = 3) -> None:
    """End this worker and all it started, now: the program is gone, or wants it so. Does not return."""
    if not WINDOWS and os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(code)


def harden() -> None:
    """In a worker: no core files (they hold prompts), first in line when memory runs out, deaf to Ctrl+C."""
    with contextlib.suppress(OSError, ValueError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    if WINDOWS:
        return
    import resource  # noqa: PLC0415 - not on Windows

    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
        score.write(OUT_OF_MEMORY_SCORE)


def _is_zombie(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


_SIGNALS = {
    "SIGKILL": "it was killed (signal 9): by a person, or by the system because memory ran out",
    "SIGSEGV": "it crashed (segmentation fault)",
    "SIGABRT": "it aborted: the engine met something it could not handle",
    "SIGBUS": "it crashed (bus error): a model file may have changed or shrunk while it was mapped",
    "SIGILL": "it used an instruction that this processor lacks: the engine was built for another one",
    "SIGFPE": "it crashed (arithmetic error)",
    "SIGTERM": "it was asked to end (signal 15)",
}
_NTSTATUS = {
    0xC0000005: "it crashed (access violation)",
    0xC0000017: "memory ran out",
    0xC000001D: "it used an instruction that this processor lacks",
    0xC0000094: "it crashed (division by zero)",
    0xC00000FD: "it crashed (stack overflow)",
    0xC0000135: "a library (DLL) that it needs is missing",
    0xC0000409: "it aborted (stack check)",
}


def exit_words(code: int | None) -> str:
    """An exit code or signal in words."""
    if code is None:
        return "it did not end"
    if code & 0xFFFFFFFF in _NTSTATUS:
        return _NTSTATUS[code & 0xFFFFFFFF]
    if code < 0:
        named = {int(s): s.name for s in signal.Signals}  # real-time signals have no names
        name = named.get(-code, f"signal {-code}")
        return _SIGNALS.get(name, f"it was ended by {name}")
    return "it ended by itself" if code == 0 else f"it ended with exit code {code}"


# --- Windows: a Job Object that ends with its last handle ------------------------------------


def _windows_job(process: subprocess.Popen[bytes]) -> Any:
    """A kill-on-close Job Object holding `process`; the handle is ours alone, so it closes when we end."""
    import ctypes  # noqa: PLC0415 - only on Windows

    kernel = ctypes.windll.kernel32  # type: ignore[attr-defined,unused-ignore]

    class Limits(ctypes.Structure):  # JOBOBJECT_EXTENDED_LIMIT_INFORMATION
        _fields_ = [("times", ctypes.c_int64 * 2), ("flags", ctypes.c_uint32), ("sizes", ctypes.c_size_t * 2),
                    ("active", ctypes.c_uint32), ("affinity", ctypes.c_size_t), ("classes", ctypes.c_uint32 * 2),
                    ("io", ctypes.c_uint64 * 6), ("memory", ctypes.c_size_t * 4)]  # fmt: skip

    kernel.CreateJobObjectW.restype = ctypes.c_void_p
    job = ctypes.c_void_p(kernel.CreateJobObjectW(None, None))
    limits = Limits()
    limits.flags = 0x2000  # JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
    kernel.SetInformationJobObject(job, 9, ctypes.byref(limits), ctypes.sizeof(limits))
    kernel.AssignProcessToJobObject(job, ctypes.c_void_p(int(process._handle)))  # type: ignore[attr-defined,unused-ignore]
    return job


def _terminate_windows_job(job: Any) -> None:
    import ctypes  # noqa: PLC0415 - only on Windows

    if job is not None:
        ctypes.windll.kernel32.TerminateJobObject(job, 1)  # type: ignore[attr-defined,unused-ignore]
