"""Stands between a worker and the server it started, so that nothing of the server outlives the worker (Linux).

A server's helpers may leave the worker's process group (a session of their own) or lose their parent, and then no
group and no tree names them any more. The keeper adopts them: it is their subreaper. The server itself is in the
worker's group and ends with it at once; the keeper is not, and ends what is left.

`boot.py engines.servers.keeper GROUP COMMAND…` (the worker's group), with a pipe as stdin: a byte on it asks politely (TERM, then KILL), its end
alone means that the worker is gone. Its exit code is the server's; 128 + n stands for signal n.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time

import psutil

from engines import children

GRACE_S = 2.0
LOOK_S = 1.0
NOT_FOUND = 127


def main() -> None:
    """Start the server and stay until it and all it started are gone."""
    children.adopt_orphans()
    group, command = int(sys.argv[2]), sys.argv[3:]
    try:
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, process_group=group)
    except (OSError, subprocess.SubprocessError) as error:  # no such command, or the worker's group is gone already
        print(f"{command[0]}: {error}", file=sys.stderr)
        sys.exit(NOT_FOUND)
    signal.signal(
        signal.SIGTERM, signal.SIG_IGN
    )  # who asks the whole tree to end does not mean its keeper; not inherited by the server
    polite = _wait(server)
    _sweep(server, GRACE_S if polite else 0.0)
    code = server.returncode if server.returncode is not None else -signal.SIGKILL
    os._exit(code if code >= 0 else 128 - code)


def _wait(server: subprocess.Popen[bytes]) -> bool:
    """Until the server ends or the worker says so; True where it is to be asked politely."""
    watched = [0]
    with contextlib.suppress(OSError, AttributeError):
        watched.append(os.pidfd_open(server.pid))
    while server.poll() is None:
        if 0 in select.select(watched, [], [], LOOK_S)[0]:
            return bool(os.read(0, 1))
        _reap(server)
    return True


def _reap(server: subprocess.Popen[bytes]) -> None:
    """Clear away adopted processes that have ended; the server's own end is `poll`'s to see."""
    with contextlib.suppress(ChildProcessError):
        while found := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if found.si_pid == server.pid:
                return
            os.waitpid(found.si_pid, os.WNOHANG)


def _sweep(server: subprocess.Popen[bytes], grace_s: float) -> None:
    """End everything below this process, also what appears meanwhile."""
    if grace_s and server.poll() is None:
        server.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(grace_s)
    end = time.monotonic() + 10.0
    while (left := children.descendants(os.getpid())) and time.monotonic() < end:
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.kill()
        time.sleep(0.01)
        server.poll()
        _reap(server)
    server.poll()


if __name__ == "__main__":
    main()
