"""One file against a server that misbehaves: it ends right, or is refused, and what is kept is a true beginning."""

from __future__ import annotations

import email.utils
import errno
import hashlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.errors import TandemError
from app.library.hub.transfer import Patience, Transfer, Wanted, retry_after
from app.library.hub.wire import BrokenError, StoppedError, Wire
from tests.app.library.hub.setting import QUICK, noise, roomy
from tests.hub_server import Fault, HubServer, Repo

SIZE = 700_000
DATA = noise(SIZE)
FILE = "weights.gguf"


@pytest.fixture
def server() -> Iterator[HubServer]:
    with HubServer({"org/m": Repo({FILE: DATA, "small.json": b'{"a": 1}'})}) as hub:
        yield hub


class Fetch:
    """One transfer and what it told."""

    def __init__(self, server: HubServer, folder: Path, token: str = "", name: str = FILE, **more: Any) -> None:
        self.told: list[tuple[int, str]] = []
        self.wire = Wire(server.url, token, QUICK.stall_s, QUICK.connect_s)
        self.part = folder / "0.part"
        repo = server.repos["org/m"]
        disk = more.pop("disk", roomy)
        patience = more.pop("patience", QUICK)
        wanted = {"url": f"{server.url}/org/m/resolve/{repo.commit}/{name}", "name": name, "bytes": SIZE} | more
        wanted = {"sha256": hashlib.sha256(DATA).hexdigest()} | wanted if name == FILE else wanted
        self.transfer = Transfer(self.wire, Wanted(**wanted), self.part, self.tell, patience, disk)

    def tell(self, done: int, words: str) -> None:
        self.told.append((done, words))

    def run(self) -> str:
        try:
            return self.transfer.run()
        finally:
            self.wire.close()

    def right(self) -> bool:
        return self.run() == hashlib.sha256(DATA).hexdigest() and self.part.read_bytes() == DATA


def ranges(server: HubServer) -> list[str]:
    return [a.headers.get("range", "") for a in server.files_asked() if a.path.startswith("/cdn")]


def test_a_quiet_server(server: HubServer, tmp_path: Path) -> None:
    assert Fetch(server, tmp_path).right()
    assert ranges(server) == [""]
    assert not (tmp_path / "0.json").exists()


def test_twenty_cuts_are_resumed_where_they_were(server: HubServer, tmp_path: Path) -> None:
    places = [30_000 * n for n in range(1, 21)]
    server.misbehave(*(Fault("cut", at=at) for at in places))
    assert Fetch(server, tmp_path).right()
    assert ranges(server) == ["", *(f"bytes={at}-" for at in places)]


def test_cuts_without_a_new_byte_end_it_and_keep_what_came(server: HubServer, tmp_path: Path) -> None:
    server.misbehave(*[Fault("cut", at=50_000)] * 10)
    with pytest.raises(TandemError) as found:
        Fetch(server, tmp_path).run()
    assert found.value.code == "network"
    assert (tmp_path / "0.part").read_bytes() == DATA[:50_000]
    server.faults.clear()
    assert Fetch(server, tmp_path).right()
    assert ranges(server)[-1] == "bytes=50000-"


def test_a_stall_is_noticed_and_the_rest_asked_for(server: HubServer, tmp_path: Path) -> None:
    server.misbehave(Fault("stall", at=100_000))
    assert Fetch(server, tmp_path).right()
    assert ranges(server) == ["", "bytes=100000-"]


def test_a_server_that_ignores_the_range_is_taken_from_the_beginning(server: HubServer, tmp_path: Path) -> None:
    server.misbehave(Fault("cut", at=100_000), Fault("ignore_range"))
    assert Fetch(server, tmp_path).right()


def test_a_range_other_than_asked_is_not_written(server: HubServer, tmp_path: Path) -> None:
    server.misbehave(Fault("cut", at=100_000), Fault("wrong_range"))
    assert Fetch(server, tmp_path).right()


def test_a_changed_etag_begins_it_anew_once_and_then_the_digest_decides(server: HubServer, tmp_path: Path) -> None:
    server.misbehave(Fault("cut", at=100_000), Fault("etag", value='"other"'), Fault("none"))
    server.misbehave(Fault("cut", at=200_000))
    assert Fetch(server, tmp_path).right()
    assert any("If-Range".lower() in a.headers for a in server.files_asked())


def test_a_file_that_became_another_is_refused(server: HubServer, tmp_path: Path) -> None:
    server.misbehave(Fault("cut", at=100_000))
    changed = noise(SIZE, 2)
    fetch = Fetch(server, tmp_path)
    repo = server.repos["org/m"]
    repo.digest(FILE)
    repo.files = {FILE: changed}
    server.etags["org/m/" + FILE] = '"changed"'
    with pytest.raises(TandemError) as found:
        fetch.run()
    assert found.value.code == "bad_checksum"
    assert not (tmp_path / "0.part").exists()


def test_one_flipped_bit_is_fetched_again(server: HubServer, tmp_path: Path) -> None:
    server.misbehave(Fault("flip", at=123_456))
    assert Fetch(server, tmp_path).right()
    assert ranges(server) == ["", ""]


def test_a_bit_that_flips_twice_is_refused_and_deleted(server: HubServer, tmp_path: Path) -> None:
    server.misbehave(Fault("flip", at=123_456), Fault("flip", at=3))
    with pytest.raises(TandemError) as found:
        Fetch(server, tmp_path).run()
    assert found.value.code == "bad_checksum"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("length", [SIZE - 1, SIZE + 1, 10**17])
def test_a_wrong_length_is_asked_again_and_never_written(server: HubServer, tmp_path: Path, length: int) -> None:
    server.misbehave(Fault("length", value=length))
    assert Fetch(server, tmp_path).right()
    server.misbehave(*[Fault("length", value=length)] * 10)
    with pytest.raises(TandemError, match="instead of"):
        Fetch(server, tmp_path / "again").run()


def test_retry_after_is_honoured(server: HubServer, tmp_path: Path) -> None:
    server.misbehave(Fault("status", value=429, headers={"Retry-After": "7"}), Fault("status", value=503))
    fetch = Fetch(server, tmp_path)
    waits: list[float] = []
    fetch.wire.wait = waits.append  # type: ignore[method-assign]
    patience = Patience(stall_s=1, tries=3, backoff_s=0.01)
    fetch.transfer = Transfer(fetch.wire, fetch.transfer._wanted, fetch.part, fetch.tell, patience, roomy)
    assert fetch.right()
    assert waits[0] == 7.0
    assert waits[1] < 1
    assert any("asks for patience (429); again in 7 s" in words for _, words in fetch.told)


def test_retry_after_in_both_forms() -> None:
    when = email.utils.formatdate(1_000_030, usegmt=True)
    assert retry_after(when, lambda: 1_000_000.0) == 30
    assert retry_after(" 12 ") == 12
    assert retry_after(when, lambda: 2_000_000.0) == 0
    assert retry_after("soon") is None
    assert retry_after("") is None


def test_a_redirect_loop_ends(server: HubServer, tmp_path: Path) -> None:
    server.misbehave(Fault("loop"))
    with pytest.raises(TandemError) as found:
        Fetch(server, tmp_path).run()
    assert found.value.code == "bad_redirect"


def test_the_token_goes_to_the_hub_alone(server: HubServer, tmp_path: Path) -> None:
    assert Fetch(server, tmp_path, token="hf_good").right()
    first, second = server.files_asked()
    assert (first.headers["authorization"], second.headers["host"].split(":")[0]) == ("Bearer hf_good", "localhost")
    assert "authorization" not in second.headers


def test_a_token_is_not_sent_in_the_clear() -> None:
    assert not Wire("http://hub.example.org", "hf_good", 1, 1).has_token
    assert Wire("https://hub.example.org", "hf_good", 1, 1).has_token


@pytest.mark.parametrize("where", ["ftp://127.0.0.1/x", "http://", "", "http://[", "file:///etc/passwd"])
def test_redirects_to_nonsense_are_refused(server: HubServer, tmp_path: Path, where: str) -> None:
    server.misbehave(Fault("redirect", value=where))
    with pytest.raises(TandemError) as found:
        Fetch(server, tmp_path).run()
    assert found.value.code == "bad_redirect"


def test_a_web_page_in_place_of_the_file(server: HubServer, tmp_path: Path) -> None:
    server.misbehave(Fault("html"))
    assert Fetch(server, tmp_path).right()
    server.misbehave(*[Fault("html")] * 10)
    with pytest.raises(TandemError, match="web page"):
        Fetch(server, tmp_path / "again").run()


@pytest.mark.parametrize(("change", "token", "code"), [
    ({"gated": True}, "", "gated"), ({"private": True}, "", "no_token"), ({}, "hf_bad", "bad_token"),
])  # fmt: skip
def test_refusals_are_not_repeated(
    server: HubServer, tmp_path: Path, change: dict[str, bool], token: str, code: str
) -> None:
    for name, value in change.items():
        setattr(server.repos["org/m"], name, value)
    with pytest.raises(TandemError) as found:
        Fetch(server, tmp_path, token=token).run()
    assert found.value.code == code
    assert len(server.files_asked()) == 1
    assert "hf_bad" not in f"{found.value.message} {found.value.hint} {found.value!r}"


def test_a_small_file_is_held_against_gits_digest(server: HubServer, tmp_path: Path) -> None:
    blob = hashlib.sha1(b'blob 8\0{"a": 1}', usedforsecurity=False).hexdigest()
    Fetch(server, tmp_path, name="small.json", bytes=8, blob=blob).run()
    with pytest.raises(TandemError) as found:
        Fetch(server, tmp_path, name="small.json", bytes=8, blob="0" * 40).run()
    assert found.value.code == "bad_checksum"


def test_nobody_says_how_long_or_what(server: HubServer, tmp_path: Path) -> None:
    fetch = Fetch(server, tmp_path, bytes=-1, sha256="")
    assert fetch.right()


def test_what_is_on_the_disk_is_read_again(server: HubServer, tmp_path: Path) -> None:
    """A torn end, as a lost power leaves it, is found by the digest."""
    server.misbehave(*[Fault("cut", at=300_000)] * 10)
    with pytest.raises(TandemError):
        Fetch(server, tmp_path).run()
    server.faults.clear()
    part = tmp_path / "0.part"
    part.write_bytes(part.read_bytes()[:-4096] + bytes(4096))
    fetch = Fetch(server, tmp_path)
    assert fetch.right()
    assert (300_000, "checking what is there") in fetch.told
    assert ranges(server)[-2:] == ["bytes=300000-", ""]


def test_a_full_disk_before_and_during(server: HubServer, tmp_path: Path) -> None:
    with pytest.raises(TandemError) as found:
        Fetch(server, tmp_path, disk=lambda _: (SIZE + 1000, 10**12)).run()
    assert found.value.code == "disk_full"
    assert server.files_asked() == []

    class Full(Transfer):
        def _write(self, answer: Any) -> None:
            with self._part.open("rb+") as file:
                file.write(DATA[:1000])
            raise OSError(errno.ENOSPC, "No space left on device")

    fetch = Fetch(server, tmp_path)
    fetch.transfer = Full(fetch.wire, fetch.transfer._wanted, fetch.part, fetch.tell, QUICK, roomy)
    with pytest.raises(TandemError) as found:
        fetch.run()
    assert found.value.code == "disk_full"
    assert Fetch(server, tmp_path).right()
    assert ranges(server)[-1] == "bytes=1000-"


@pytest.mark.parametrize("where", ["body", "head"])
def test_stopping_wakes_a_waiting_thread(server: HubServer, tmp_path: Path, where: str) -> None:
    server.misbehave(Fault("stall", at=100_000) if where == "body" else Fault("mute"))
    fetch = Fetch(server, tmp_path)
    fetch.wire._timeout = fetch.wire._http.Timeout(connect=2, read=120)
    ended: list[BaseException] = []

    def run() -> None:
        try:
            fetch.run()
        except StoppedError as stop:
            ended.append(stop)

    thread = threading.Thread(target=run)
    thread.start()
    end = time.monotonic() + 20
    while not ranges(server) or (where == "body" and not fetch.told):
        assert time.monotonic() < end
    fetch.wire.stop()
    thread.join(20)
    assert len(ended) == 1
    if where == "body":
        kept = (tmp_path / "0.part").read_bytes()
        assert kept == DATA[: len(kept)]
        assert kept


def test_a_closed_port_and_a_name_that_is_none_are_told_apart() -> None:
    said = []
    for url in ("http://127.0.0.1:9/x", "http://nobody.invalid/x"):
        wire = Wire(url, "", stall_s=3, connect_s=3)
        with pytest.raises(BrokenError) as caught, wire.get(url, {}):
            pass
        wire.close()
        said.append(str(caught.value))
    assert said == ["it cannot be connected to", "its name is not known"]
