"""The queue against the misbehaving server: what ends in the library is right, everything else is refused or kept."""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.errors import TandemError
from app.library import Library
from app.library.hub import Downloads
from app.library.hub.record import Download, Record, Records
from app.paths import Paths
from tests.app.library import builders, layouts
from tests.app.library.hub.setting import FILE, NAME, QUICK, folder_repo, noise, only, opened, parts
from tests.hub_server import Fault, HubServer, Repo

LIMIT_S = 60.0


@pytest.fixture
def server(tiny_gguf: Path, tmp_path: Path) -> Iterator[HubServer]:
    repos = {NAME: Repo({FILE: tiny_gguf.read_bytes()}), "org/folder": folder_repo(tmp_path)}
    with HubServer(repos) as hub:
        yield hub


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + LIMIT_S
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.005)


def nothing_but_state(home: Path) -> bool:
    return {p.name for p in (home / "downloads").rglob("*") if p.is_file()} <= {"state.json"}


def test_a_gguf_ends_in_the_library(server: HubServer, home: Path, tiny_gguf: Path) -> None:
    with opened(home, server) as (library, hub, downloads):
        heard = threading.Event()
        downloads.listen(heard.set)
        done = downloads.wait(downloads.start(only(hub)), LIMIT_S)
        assert (done.state, done.message, done.done_bytes) == ("done", "", done.bytes)
        assert heard.is_set()
        (variant,) = library.variants()
        assert (variant.ref, variant.format, variant.licence) == (done.ref, "gguf", "apache-2.0")
        assert (variant.origin.kind, variant.origin.repo, variant.origin.revision) == (
            "hub",
            NAME,
            server.repos[NAME].commit,
        )
        assert Path(variant.path).read_bytes() == tiny_gguf.read_bytes()
        assert variant.files[0].sha256 == builders.digest(tiny_gguf.read_bytes())
        assert variant.ours
        assert Path(variant.path).is_relative_to(home / "models")
        assert nothing_but_state(home)
        downloads.clear(done.id)
        assert downloads.all() == ()
        assert list((home / "downloads").iterdir()) == []


def test_a_folder_ends_in_the_library(server: HubServer, home: Path) -> None:
    server.misbehave(Fault("cut", at=10), Fault("flip", at=3), Fault("status", value=503))
    with opened(home, server) as (library, hub, downloads):
        done = downloads.wait(downloads.start(only(hub, "org/folder")), LIMIT_S)
        assert done.state == "done", done
        variant = library.get(done.ref)
        assert (variant.id, variant.variant, variant.format) == ("folder", "bf16", "safetensors")
        assert variant.title == "folder"
        assert {Path(f.path).name for f in variant.files} >= {"config.json", "model.safetensors", "tokenizer.json"}
        for file in variant.files:
            name = Path(file.path).name
            assert Path(file.path).read_bytes() == server.repos["org/folder"].files[name]


def test_twice_is_once(server: HubServer, home: Path) -> None:
    """What is in the library already is not fetched again, however it came there."""
    with opened(home, server) as (library, hub, downloads):
        first = downloads.wait(downloads.start(only(hub)), LIMIT_S)
        asked = len(server.files_asked())
        second = downloads.wait(downloads.start(only(hub)), LIMIT_S)
        assert (second.state, second.ref) == ("done", first.ref)
        assert len(server.files_asked()) == asked
        assert len(library.variants()) == 1


def test_pause_keeps_and_resume_goes_on(server: HubServer, home: Path) -> None:
    server.repos[NAME].digest(FILE)
    server.misbehave(Fault("stall", at=60_000))
    patient = type(QUICK)(stall_s=60.0)
    with opened(home, server, patience=patient) as (_, hub, downloads):
        key = downloads.start(only(hub))
        until(lambda: downloads.get(key).done_bytes == 60_000)
        assert downloads.get(key).state == "running"
        downloads.pause(key)
        seen = downloads.wait(key, LIMIT_S)
        assert (seen.state, seen.done_bytes, seen.rate) == ("paused", 60_000, None)
        assert downloads.start(only(hub)) == key
        assert downloads.wait(key, LIMIT_S).state == "done"
        assert [a.headers.get("range") for a in server.files_asked() if "cdn" in a.path] == [None, "bytes=60000-"]


def test_cancel_deletes_what_came(server: HubServer, home: Path) -> None:
    server.misbehave(Fault("stall", at=60_000))
    with opened(home, server, patience=type(QUICK)(stall_s=60.0)) as (library, hub, downloads):
        key = downloads.start(only(hub))
        until(lambda: downloads.get(key).done_bytes == 60_000)
        with pytest.raises(TandemError, match="being downloaded"):
            downloads.clear(key)
        downloads.cancel(key)
        assert downloads.wait(key, LIMIT_S).state == "cancelled"
        assert nothing_but_state(home)
        assert library.variants() == []
        downloads.retry(key)
        assert downloads.wait(key, LIMIT_S).state == "done"


def test_a_paused_one_can_be_cancelled(server: HubServer, home: Path) -> None:
    server.misbehave(Fault("stall", at=60_000))
    with opened(home, server, patience=type(QUICK)(stall_s=60.0)) as (_, hub, downloads):
        key = downloads.start(only(hub))
        until(lambda: downloads.get(key).done_bytes == 60_000)
        downloads.pause(key)
        downloads.wait(key, LIMIT_S)
        downloads.cancel(key)
        assert downloads.get(key).state == "cancelled"
        assert nothing_but_state(home)


def test_only_so_many_at_once(server: HubServer, home: Path) -> None:
    for n in range(5):
        server.repos[f"org/m{n}"] = Repo({"m.gguf": noise(50_000, n)})
        server.misbehave(Fault("stall", at=20_000))
    with opened(home, server, patience=type(QUICK)(stall_s=60.0)) as (_, hub, downloads):
        keys = [downloads.start(only(hub, f"org/m{n}")) for n in range(5)]
        until(lambda: sum(d.done_bytes == 20_000 for d in downloads.all()) == 3)
        assert [d.state for d in downloads.all()].count("queued") == 2
        downloads.cancel(keys[0])
        until(lambda: sum(d.done_bytes == 20_000 for d in downloads.all()) == 3)
        downloads.cancel(keys[4])
        assert downloads.wait(keys[4], LIMIT_S).state == "cancelled"


def test_a_lost_server_fails_and_a_retry_goes_on(server: HubServer, home: Path) -> None:
    server.misbehave(*[Fault("cut", at=50_000)] * 20)
    with opened(home, server) as (library, hub, downloads):
        key = downloads.start(only(hub))
        failed = downloads.wait(key, LIMIT_S)
        assert (failed.state, failed.code, failed.done_bytes) == ("failed", "network", 50_000)
        assert failed.hint
        assert library.variants() == []
        server.faults.clear()
        downloads.retry(key)
        assert downloads.wait(key, LIMIT_S).state == "done"


def test_a_wrong_file_is_refused_and_nothing_of_it_stays(server: HubServer, home: Path) -> None:
    server.misbehave(*[Fault("flip", at=100)] * 4)
    with opened(home, server) as (library, hub, downloads):
        failed = downloads.wait(downloads.start(only(hub)), LIMIT_S)
        assert (failed.state, failed.code) == ("failed", "bad_checksum")
        assert library.variants() == []
        assert nothing_but_state(home)


def test_a_model_that_brings_code_is_refused_and_deleted(server: HubServer, home: Path, tmp_path: Path) -> None:
    folder = builders.model_folder(tmp_path / "evil", auto_map={"AutoModel": "x.Y"})
    server.repos["org/evil"] = Repo({p.name: p.read_bytes() for p in folder.iterdir()})
    with opened(home, server) as (library, hub, downloads):
        failed = downloads.wait(downloads.start(only(hub, "org/evil")), LIMIT_S)
        assert (failed.state, failed.code) == ("failed", "refused_code")
        assert library.variants() == []
        assert nothing_but_state(home)


def test_what_is_no_model_is_refused(server: HubServer, home: Path) -> None:
    server.repos["org/noise"] = Repo({"m.gguf": noise(20_000)})
    with opened(home, server) as (library, hub, downloads):
        failed = downloads.wait(downloads.start(only(hub, "org/noise")), LIMIT_S)
        assert (failed.state, failed.code) == ("failed", "refused_damaged")
        server.repos["org/pickle"] = Repo({"pytorch_model.bin": b"x" * (2 << 20)})
        with pytest.raises(TandemError, match="pickle"):
            downloads.start(only(hub, "org/pickle"))
        assert library.variants() == []


def test_a_full_disk_pauses_and_a_resume_goes_on(server: HubServer, home: Path) -> None:
    free = [1000]
    with opened(home, server, disk=lambda _: (free[0], 10**12)) as (_, hub, downloads):
        key = downloads.start(only(hub))
        seen = downloads.wait(key, LIMIT_S)
        assert (seen.state, seen.code) == ("paused", "disk_full")
        assert "MB are free" in seen.message
        assert server.files_asked() == []
        free[0] = 10**12
        downloads.resume(key)
        assert downloads.wait(key, LIMIT_S).state == "done"


def test_a_last_state_that_cannot_be_written_is_told_all_the_same(
    server: HubServer, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is so full that not even the state fits: nobody waits for ever, and it can be resumed."""
    write = Records.write

    def full(records: Records, record: Record) -> None:
        if record.state == "failed":
            raise TandemError("disk_full", "full")
        write(records, record)

    server.misbehave(*[Fault("cut", at=50_000)] * 20)
    with opened(home, server) as (_, hub, downloads):
        with monkeypatch.context() as broken:
            broken.setattr(Records, "write", full)
            key = downloads.start(only(hub))
            assert downloads.wait(key, LIMIT_S).state == "failed"
        assert [d.state for d in downloads.all()] == ["failed"]
        server.faults.clear()
        downloads.retry(key)
        assert downloads.wait(key, LIMIT_S).state == "done"


def test_pausing_and_resuming_at_once_goes_on(server: HubServer, home: Path) -> None:
    server.misbehave(*[Fault("cut", at=at) for at in range(10_000, 60_000, 2_000)])
    with opened(home, server) as (_, hub, downloads):
        key = downloads.start(only(hub))
        for _ in range(20):
            downloads.pause(key)
            downloads.resume(key)
        assert downloads.wait(key, LIMIT_S).state == "done"


def test_a_library_that_cannot_be_written(server: HubServer, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(home, server) as (library, hub, downloads):
        import app.library.taking_in as taking

        def fails(*_: object) -> None:
            raise OSError(errno.EACCES, "Permission denied")

        with monkeypatch.context() as broken:
            broken.setattr(taking.shutil, "move", fails)
            key = downloads.start(only(hub))
            failed = downloads.wait(key, LIMIT_S)
        assert (failed.state, failed.code) == ("failed", "disk")
        assert library.variants() == []
        asked = len(server.files_asked())
        downloads.retry(key)
        assert downloads.wait(key, LIMIT_S).state == "done"
        assert len(server.files_asked()) == asked


def test_closing_is_quick_and_the_next_program_goes_on(server: HubServer, home: Path) -> None:
    server.misbehave(Fault("stall", at=60_000))
    _, hub, downloads = parts(home, server, patience=type(QUICK)(stall_s=60.0))
    key = downloads.start(only(hub))
    until(lambda: downloads.get(key).done_bytes == 60_000)
    downloads.close()
    with opened(home, server) as (_, _, second):
        assert second.get(key).state == "running"
        assert second.get(key).elsewhere
        second.wake()
        assert second.wait(key, LIMIT_S).state == "done"
    assert [a.headers.get("range") for a in server.files_asked() if "cdn" in a.path] == [None, "bytes=60000-"]


def test_a_paused_one_stays_paused_over_a_restart(server: HubServer, home: Path) -> None:
    server.misbehave(Fault("stall", at=60_000))
    with opened(home, server, patience=type(QUICK)(stall_s=60.0)) as (_, hub, downloads):
        key = downloads.start(only(hub))
        until(lambda: downloads.get(key).done_bytes == 60_000)
        downloads.pause(key)
        downloads.wait(key, LIMIT_S)
    with opened(home, server) as (_, _, second):
        second.wake()
        assert second.get(key).state == "paused"


def test_two_programs_on_one_home(server: HubServer, home: Path) -> None:
    """One carries it, the other shows it; when the first is gone, the second takes it up."""
    server.misbehave(Fault("stall", at=60_000))
    _, hub, first = parts(home, server, patience=type(QUICK)(stall_s=60.0))
    with opened(home, server, watch_s=0.02) as (_, _, second):
        heard = threading.Event()
        key = first.start(only(hub))
        second.listen(heard.set)
        until(lambda: first.get(key).done_bytes == 60_000)
        until(lambda: second.get(key).state == "running")
        assert second.get(key).elsewhere
        for command in (second.pause, second.cancel, second.clear):
            with pytest.raises(TandemError) as found:
                command(key)
            assert found.value.code == "in_use"
        first.close()
        assert second.wait(key, LIMIT_S).state == "done"
        assert heard.is_set()


CHILD = """
import sys, time
from pathlib import Path
from tests.app.library.hub.setting import QUICK, parts
home, url, repo = sys.argv[1:]
class Server: pass
server = Server(); server.url = url
library, hub, downloads = parts(Path(home), server, patience=type(QUICK)(stall_s=60.0))
key = downloads.start(hub.find(repo))
print(key, flush=True)
while True:
    print(downloads.get(key).done_bytes, downloads.get(key).state, flush=True)
    time.sleep(0.01)
"""


def test_killed_twice_it_goes_on_and_ends_right(server: HubServer, home: Path) -> None:
    """kill -9 in the middle: the lock goes with its process, what came is read again, the rest is asked for."""
    whole = len(server.repos[NAME].files[FILE])  # type: ignore[arg-type]
    keys = []
    for at in (whole // 3, whole // 2):
        server.misbehave(Fault("stall", at=at))
        argv = [sys.executable, "-c", CHILD, str(home), server.url, NAME]
        child = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).resolve().parents[4])
        assert child.stdout is not None
        keys.append(child.stdout.readline().strip())
        while child.stdout.readline().split()[0] != str(at):
            assert child.poll() is None
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
    assert keys[0] == keys[1]
    with opened(home, server) as (library, _, downloads):
        downloads.wake()
        assert downloads.wait(keys[0], LIMIT_S).state == "done"
        assert Path(library.variants()[0].path).read_bytes() == server.repos[NAME].files[FILE]
    asked = [a.headers.get("range") for a in server.files_asked() if "cdn" in a.path]
    assert asked == [None, f"bytes={whole // 3}-", f"bytes={whole // 2}-"]


def test_killed_between_the_library_and_the_last_word(
    server: HubServer, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is in the library, the state still says it is being checked: it is found there, not fetched again."""
    with opened(home, server) as (_, hub, downloads):
        with monkeypatch.context() as killed:
            killed.setattr(Downloads, "_done", lambda *_: (_ for _ in ()).throw(TandemError("killed", "x")))
            key = downloads.start(only(hub, "org/folder"))
            downloads.wait(key, LIMIT_S)
        asked = len(server.files_asked())
        downloads.retry(key)
        done = downloads.wait(key, LIMIT_S)
        assert (done.state, len(server.files_asked())) == ("done", asked)


def test_a_file_from_elsewhere_keeps_its_key_secret(
    server: HubServer, home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"{server.url.replace('127.0.0.1', 'localhost')}/cdn/{NAME}//{FILE}?token=very-secret"
    caplog.set_level(logging.DEBUG)
    with opened(home, server) as (library, hub, downloads):
        hub.endpoint = "http://127.0.0.1:9"
        offer = downloads.offer_of_url(url)
        assert (offer.repo, offer.name, offer.bytes) == ("localhost", "tiny-Q8_0", len(server.repos[NAME].files[FILE]))  # type: ignore[arg-type]
        assert "very-secret" not in repr(offer)
        server.misbehave(Fault("cut", at=60_000))
        done = downloads.wait(downloads.start(offer), LIMIT_S)
        assert done.state == "done", done
        assert "no published checksum" in done.note
        assert library.get(done.ref).files[0].sha256 == builders.digest(server.repos[NAME].files[FILE])  # type: ignore[arg-type]
        written = b"".join(p.read_bytes() for p in home.rglob("*.json"))
        assert b"very-secret" not in written
        assert "very-secret" not in caplog.text + repr(downloads.all())
        assert library.secrets.get(f"download:{done.id}") == ""


def test_a_key_that_was_lost_is_said(server: HubServer, home: Path) -> None:
    url = f"{server.url.replace('127.0.0.1', 'localhost')}/cdn/{NAME}//{FILE}?token=very-secret"
    with opened(home, server) as (library, hub, downloads):
        hub.endpoint = "http://127.0.0.1:9"
        offer = downloads.offer_of_url(url)
        server.misbehave(*[Fault("cut", at=60_000)] * 9)
        key = downloads.start(offer)
        assert downloads.wait(key, LIMIT_S).state == "failed"
        library.secrets.forget(f"download:{key}")
        downloads.retry(key)
        assert downloads.wait(key, LIMIT_S).code == "no_address"


def test_a_state_that_is_damaged_harms_nobody(server: HubServer, home: Path) -> None:
    with opened(home, server) as (_, hub, downloads):
        key = downloads.start(only(hub))
        downloads.wait(key, LIMIT_S)
        state = home / "downloads" / key / "state.json"
        state.write_text("{")
        assert downloads.all() == ()
        for bad in ("../../etc", "", "x", key + "/..", "00000000000-0000000z"):
            with pytest.raises(TandemError) as found:
                downloads.get(bad)
            assert found.value.code == "unknown_download"


def test_a_state_with_an_evil_name_writes_nothing_outside(server: HubServer, home: Path) -> None:
    with opened(home, server) as (library, hub, downloads):
        server.misbehave(*[Fault("cut", at=60_000)] * 9)
        key = downloads.start(only(hub))
        assert downloads.wait(key, LIMIT_S).state == "failed"
        state = home / "downloads" / key / "state.json"
        record = json.loads(state.read_text())
        record["offer"]["files"] = [["../../../evil.gguf", *record["offer"]["files"][0][1:]] if isinstance(f, list) else f | {"path": "../../../evil.gguf"}
                                    for f in record["offer"]["files"]]  # fmt: skip
        state.write_text(json.dumps(record))
        server.faults.clear()
        downloads.retry(key)
        assert downloads.wait(key, LIMIT_S).code == "bad_name"
        assert not list(home.parent.rglob("evil.gguf"))
        assert library.variants() == []


def test_rates_are_of_the_last_seconds() -> None:
    from app.library.hub.pace import Pace

    now = [0.0]
    pace = Pace(lambda: now[0])
    for second in range(20):
        now[0] = float(second)
        pace.saw(second * 1000 if second < 10 else 9000 + (second - 9) * 5000)
    assert pace.rate == pytest.approx(5000, rel=0.01)
    pace.saw(0)
    assert pace.rate is None


def test_values(home: Path) -> None:
    assert Download(id="a", repo="r", name="n", state="queued", bytes=1, done_bytes=0).rate is None
    assert Library(Paths(home)).variants() == []


@pytest.mark.parametrize("right", [True, False])
def test_a_copy_in_another_programs_cache_is_checked_before_it_counts(
    server: HubServer, home: Path, tiny_gguf: Path, tmp_path: Path, right: bool
) -> None:
    """The cache's name for a file is the digest that it ought to have, not the one that it has."""
    cache = tmp_path / "hub"
    snapshot = layouts.hub(cache, "org/tiny-GGUF", {FILE: tiny_gguf.read_bytes()})
    with opened(home, server) as (library, hub, downloads):
        library.add_place(cache)
        library.scan()
        if not right:
            blob = (snapshot / FILE).resolve()
            data = bytearray(blob.read_bytes())
            data[-1] ^= 1
            blob.write_bytes(data)
            library.scan()
        done = downloads.wait(downloads.start(only(hub)), LIMIT_S)
        assert done.state == "done"
        variant = library.get(done.ref)
        assert (variant.origin.kind, bool(server.files_asked())) == (("place", False) if right else ("hub", True))
        assert hashlib.sha256(Path(variant.path).read_bytes()).hexdigest() == variant.files[0].sha256
