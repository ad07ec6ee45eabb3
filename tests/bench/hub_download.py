"""A 1 GB download from a hub that misbehaves, killed twice: does it end right, or refuse, and never leave a wrong file?

.venv/bin/python tests/bench/hub_download.py [--megabytes 1000]

The server of tests/hub_server.py serves a GGUF file of that size. The download runs in a process of its own, which is
killed with SIGKILL twice. Twenty cuts, a stall, 429 and 503, a changed ETag, an ignored range and a flipped bit are
spread over it. Then two that cannot end right: a bit that flips every time, and a file that became another one.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from app.library import Library  # noqa: E402
from app.library.hub import Download, Downloads, Hub, Patience  # noqa: E402
from app.paths import Paths  # noqa: E402
from tests.app.library import builders  # noqa: E402
from tests.hub_server import Fault, HubServer, Pattern, Repo  # noqa: E402

NAME, FILE = "bench/large-GGUF", "large-F32.gguf"
PATIENCE = Patience(stall_s=2.0, connect_s=5.0, tries=5, backoff_s=0.05, longest_s=2.0)
PERCENT_KILLED = (36, 71)


def content(megabytes: int, number: int = 0) -> Pattern:
    """A GGUF that the library takes: its header, then so many megabytes of one tensor."""
    rows = megabytes * 1_000_000 // 128
    tensors = [("token_embd.weight", [32, 261], 0, 32 * 261 * 4), ("output.weight", [32, rows], 0, 128 * rows)]
    head = builders.gguf(tensors=tensors, data=b"")
    return Pattern(len(head) + 32 * 261 * 4 + 128 * rows, head, hashlib.sha256(bytes([number])).digest() * 2048)


def carry(home: str, url: str) -> None:
    """The process that downloads: says where it is, many times a second."""
    downloads, hub, _ = opened(home, url)
    downloads.wake()
    key = downloads.all()[0].id if downloads.all() else downloads.start(hub.find(NAME))
    while True:
        seen = downloads.wait(key, 0.02)
        print(seen.done_bytes, seen.state, flush=True)
        if seen.state not in ("queued", "running", "checking"):
            downloads.close()
            return


def opened(home: str, url: str) -> tuple[Downloads, Hub, Library]:
    paths = Paths(Path(home))
    library = Library(paths)
    hub = Hub(paths, library.secrets, url, PATIENCE)
    return Downloads(library, paths, hub), hub, library


def child(home: str, url: str, dead: Callable[[int, str], bool]) -> tuple[int, bool]:
    """Run `carry` until it ends, or kill it as soon as `dead` says so. (bytes at the end, was it killed)."""
    argv = [sys.executable, __file__, "--carry", home, url]
    done, state = 0, ""
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        for line in process.stdout:
            words = line.split()
            done, state = int(words[0]), words[1]
            if dead(done, state):
                os.kill(process.pid, signal.SIGKILL)
                return done, True
    return done, False


def faults(size: int) -> list[Fault]:
    """In the order in which the requests meet them."""

    def at(percent: float) -> int:
        return int(size * percent / 100)

    first = [Fault("cut", at=at(p)) for p in range(3, 31, 3)]  # 10 cuts
    first += [
        Fault("stall", at=at(32)),
        Fault("status", value=429, headers={"Retry-After": "1"}),
        Fault("none"),
    ]  # killed at 36 %
    second = [Fault("cut", at=at(p)) for p in (40, 45, 50)] + [Fault("status", value=503)]
    second += [Fault("etag", value='"another"', at=at(60)), Fault("stall", at=at(71))]  # begun anew, once; killed
    third = [Fault("cut", at=at(p)) for p in (74, 77, 80, 83, 86, 89, 92)]  # 20 cuts in all
    return [*first, *second, *third, Fault("flip", at=at(95)), Fault("ignore_range")]


def seen_in(home: str, url: str) -> Download:
    downloads, _, _ = opened(home, url)
    with contextlib.closing(downloads):
        return downloads.all()[0]


def right(home: str, size: int, sha256: str) -> bool:
    (variant,) = Library(Paths(Path(home))).variants()
    path, digest = Path(variant.path), hashlib.sha256()
    with path.open("rb") as file:
        while data := file.read(1 << 22):
            digest.update(data)
    return path.stat().st_size == size and digest.hexdigest() == sha256


def hostile(server: HubServer, size: int) -> None:
    """The one that ends right."""
    sha256 = server.repos[NAME].digest(FILE)
    server.misbehave(*faults(size))
    with tempfile.TemporaryDirectory(dir=ROOT / ".cache") as home:
        began, kills = time.perf_counter(), []
        for percent in PERCENT_KILLED:
            done, killed = child(
                home, server.url, lambda done, state, p=percent: state == "running" and done >= int(size * p / 100)
            )
            kills.append(done / size if killed else None)
        child(home, server.url, lambda done, state: False)
        spent, seen = time.perf_counter() - began, seen_in(home, server.url)
        asked = [a for a in server.files_asked() if a.path.startswith("/cdn")]
        print(f"state {seen.state} {seen.message}".rstrip())
        print(f"killed -9 at {', '.join('–' if k is None else f'{k:.0%}' for k in kills)}")
        print(f"faults left unused: {len(server.faults)}")
        print(
            f"{len(asked)} requests for the file, {server.sent_bytes / 1e6:,.0f} MB sent for {size / 1e6:,.0f} MB, {spent:,.1f} s"
        )
        print(f"the file in the library is the published one: {right(home, size, sha256)}")


def quiet(server: HubServer, size: int) -> None:
    """Nothing goes wrong: what the download itself costs, beside a copy with SHA-256 of the same bytes."""
    with tempfile.TemporaryDirectory(dir=ROOT / ".cache") as home:
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        child(home, server.url, lambda done, state: False)
        spent, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(
            f"quiet: {size / 1e6 / spent:,.0f} MB/s ({spent:,.1f} s, of them {cpu:,.1f} s of the CPU), peak {after.ru_maxrss / 1e3:,.0f} MB"
        )
    began, sha256 = time.perf_counter(), hashlib.sha256()
    with tempfile.TemporaryFile(dir=ROOT / ".cache") as file:
        content = server.repos[NAME].content(FILE)
        assert content is not None
        for at in range(0, size, 1 << 20):
            data = content.read(at, 1 << 20)
            sha256.update(data)
            file.write(data)
        os.fsync(file.fileno())
    print(f"written and hashed without a network: {size / 1e6 / (time.perf_counter() - began):,.0f} MB/s")


def refuses(server: HubServer, why: str) -> None:
    """The ones that cannot end right."""
    with tempfile.TemporaryDirectory(dir=ROOT / ".cache") as home:
        child(home, server.url, lambda done, state: False)
        seen, models = seen_in(home, server.url), len(Library(Paths(Path(home))).variants())
        left = sum(p.stat().st_size for p in Path(home).rglob("*") if p.is_file() and p.suffix in (".gguf", ".part"))
        print(f"{why}: state {seen.state}, {seen.code}; models in the library {models}, bytes left behind {left:,}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--carry", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.carry:
        carry(*given.carry)
        return
    (ROOT / ".cache").mkdir(exist_ok=True)
    whole = content(given.megabytes)
    with HubServer({NAME: Repo({FILE: whole})}) as server:
        quiet(server, whole.size)
        server.asked.clear()
        server.sent_bytes = 0
        hostile(server, whole.size)
        server.faults.clear()
        server.misbehave(*[Fault("flip", at=whole.size // 2)] * 9)
        refuses(server, "a bit that flips every time")
        server.faults.clear()
        server.repos[NAME].files = {FILE: content(given.megabytes, 1)}  # the published digest stays
        refuses(server, "a file that became another one")


if __name__ == "__main__":
    main()
