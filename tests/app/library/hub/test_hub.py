"""Searching and listing through the real library, against the local hub; and what the hub may not do."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.errors import TandemError
from app.library import Secrets
from app.library.gguf_model import inspect_gguf
from app.library.hf_folder import inspect_folder
from app.library.hub import Hub, api
from app.paths import Paths
from tests.app.library import builders
from tests.app.library.hub.setting import FILE, NAME, QUICK, Keyring, folder_repo, noise, only
from tests.hub_server import Fault, HubServer, Repo


@pytest.fixture
def server(tiny_gguf: Path, tmp_path: Path) -> Iterator[HubServer]:
    repos = {
        NAME: Repo({FILE: tiny_gguf.read_bytes(), "README.md": b"hello"}, tags=("gguf",), downloads=5),
        "org/folder": folder_repo(tmp_path, tags=("safetensors",), downloads=50),
        "org/gated": Repo({"a.gguf": b"x"}, gated=True, downloads=1),
        "org/secret": Repo({"a.gguf": b"x"}, private=True),
        "org/ears": Repo({"a.bin": b"x"}, pipeline="automatic-speech-recognition"),
    }
    with HubServer(repos) as hub:
        yield hub


@pytest.fixture
def hub(server: HubServer, home: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    return Hub(Paths(home), Secrets(Keyring()), server.url, QUICK)


def test_a_search(hub: Hub) -> None:
    found = hub.search("org")
    assert [m.repo for m in found] == ["org/folder", "org/ears", NAME, "org/gated"]
    assert found[2].formats == ("gguf",)
    assert (found[2].licence, found[2].updated, found[3].gated, found[1].task) == (
        "apache-2.0",
        "2025-03-01",
        True,
        "transcribe",
    )
    assert [m.repo for m in hub.search("", task="transcribe")] == ["org/ears"]
    assert len(hub.search("org", limit=2)) == 2
    assert hub.search("nowhere") == ()
    for bad in ({"sort": "size"}, {"task": "cook"}):
        with pytest.raises(TandemError):
            hub.search("", **bad)  # type: ignore[arg-type]


def test_a_listing(hub: Hub, server: HubServer) -> None:
    listing = hub.offers(NAME)
    assert listing.revision == server.repos[NAME].commit
    (offer,) = listing.offers
    assert (offer.name, offer.revision, offer.licence) == ("Q8_0", listing.revision, "apache-2.0")
    assert offer.files[0].sha256 == builders.digest(server.repos[NAME].files[FILE])  # type: ignore[arg-type]
    assert offer.bytes == len(server.repos[NAME].files[FILE])  # type: ignore[arg-type]
    assert only(hub, "org/folder").name == "bf16 safetensors"
    assert all(f.published for f in only(hub, "org/folder").files)


def test_names_that_leave_the_folder_are_refused_one_by_one(hub: Hub, server: HubServer) -> None:
    evil = {
        "../evil.gguf": b"x",
        "/abs.gguf": b"x",
        "a\\b.gguf": b"x",
        "Same.gguf": b"x",
        "same.gguf": b"x",
        "good.gguf": b"x",
    }
    server.repos["org/evil"] = Repo(evil, sizes={"good.gguf": 10})
    listing = hub.offers("org/evil")
    assert [f.path for f in listing.files] == ["good.gguf"]
    assert [f.path for o in listing.offers for f in o.files] == ["good.gguf"]
    assert len(listing.refused) == 5
    assert any(line.startswith("../evil.gguf: ") for line in listing.refused)


@pytest.mark.parametrize("size", [-1, 1 << 60, None])
def test_absurd_sizes_are_refused(hub: Hub, server: HubServer, size: int | None) -> None:
    server.repos["org/huge"] = Repo({"a.gguf": b"x"}, sizes={"a.gguf": size})
    assert hub.offers("org/huge").offers[0].why_not


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault("api", value=500), "network"), (Fault("api", value=503), "network"), (Fault("api", value=429, headers={"Retry-After": "60"}), "rate_limited"),
        (Fault("garbage"), "not_a_hub"), (Fault("garbage", value=b"[1, 2]"), "not_a_hub"), (Fault("garbage", value=b'{"id": "x"}'), "not_a_hub"),
        (Fault("garbage", value=b'{"id": "org/tiny-GGUF", "sha": "../../x", "siblings": []}'), "not_a_hub"),
        (Fault("garbage", value=b"[" * 100_000), "not_a_hub"),
        (Fault("api", value=403), "gated"), (Fault("api", value=418), "hub_refused"),
    ],
)  # fmt: skip
def test_what_the_hub_answers_instead(hub: Hub, server: HubServer, fault: Fault, code: str) -> None:
    """Each failure has its own error, at the first try."""
    for question in (lambda: hub.offers(NAME), lambda: hub.search("org")):
        if fault.value in (b'{"id": "x"}',) or (isinstance(fault.value, bytes) and b"sha" in fault.value):
            question = lambda: hub.offers(NAME)  # noqa: E731
        server.asked.clear()
        server.misbehave(fault)
        with pytest.raises(TandemError) as found:
            question()
        assert found.value.code == code
        assert found.value.hint
        assert len(server.asked) == 1


def test_repositories_that_are_not_given(hub: Hub) -> None:
    for name, code in (("org/nowhere", "no_token"), ("org/secret", "no_token")):
        with pytest.raises(TandemError) as found:
            hub.offers(name)
        assert found.value.code == code
    hub.set_token("hf_good")
    assert hub.offers("org/secret").offers
    with pytest.raises(TandemError) as found:
        hub.offers("org/nowhere")
    assert found.value.code == "not_found"
    with pytest.raises(TandemError) as found:
        hub.offers(NAME, "no-such-branch")
    assert found.value.code == "not_found"
    with pytest.raises(TandemError) as found:
        hub.offers("../../etc")
    assert found.value.code == "bad_name"


@pytest.mark.parametrize("question", ["search", "offers"])
def test_a_hub_that_hangs_is_given_up(
    hub: Hub, server: HubServer, monkeypatch: pytest.MonkeyPatch, question: str
) -> None:
    monkeypatch.setattr(api, "TIMEOUT_S", 0.2)
    server.misbehave(Fault("api", value="mute"))
    with pytest.raises(TandemError, match="does not answer") as found:
        getattr(hub, question)(NAME)
    assert found.value.code == "network"


def test_nobody_there(home: Path) -> None:
    with pytest.raises(TandemError) as found:
        Hub(Paths(home), Secrets(Keyring()), "http://127.0.0.1:9").search("x")
    assert found.value.code == "network"
    with pytest.raises(TandemError) as found:
        Hub(Paths(home), Secrets(Keyring()), "not an address").search("x")
    assert found.value.code == "bad_url"


def test_the_token_is_kept_and_never_shown(
    hub: Hub, server: HubServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    assert hub.set_token(" hf_good \n")
    assert hub.token() == "hf_good"
    hub.offers(NAME)
    assert server.asked[-1].headers["authorization"] == "Bearer hf_good"
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    assert hub.token() == "hf_wrong"
    with pytest.raises(TandemError) as found:
        hub.offers(NAME)
    assert found.value.code == "bad_token"
    assert "hf_" not in found.value.message + found.value.hint.replace("HF_TOKEN", "")
    monkeypatch.delenv("HF_TOKEN")
    hub.forget_token()
    assert hub.token() == ""
    for bad in ("", "two words", "x", "a\nb", "ü" * 10):
        with pytest.raises(TandemError):
            hub.set_token(bad)
    assert "hf_good" not in caplog.text
    assert "hf_wrong" not in caplog.text


def test_without_a_keyring_it_is_kept_for_the_session(
    server: HubServer, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    secrets = Secrets()
    secrets._looked = True
    hub = Hub(Paths(home), secrets, server.url)
    assert hub.set_token("hf_good") is False
    assert hub.token() == "hf_good"
    assert Hub(Paths(home), Secrets(Keyring()), server.url).token() == ""


def test_which_variant_is_meant(hub: Hub, server: HubServer) -> None:
    server.repos["org/many"] = Repo({"m-Q4_K_M.gguf": b"x", "m-Q8_0.gguf": b"x"})
    server.repos["org/two"] = Repo({"m-Q4_0.gguf": b"x", "m-Q8_0.gguf": b"x"})
    assert hub.find("hf:org/many:q8_0").name == "Q8_0"
    assert hub.find("hf:org/many").name == "Q4_K_M"
    for text, code in (("org/two", "which_variant"), ("org/many:q5_0", "unknown_variant"), ("org/ears", "not_usable")):
        with pytest.raises(TandemError) as found:
            hub.find(text)
        assert found.value.code == code


def test_the_shape_is_known_before_the_download(hub: Hub, server: HubServer, tiny_gguf: Path, tmp_path: Path) -> None:
    assert hub.shape_of(only(hub)) == inspect_gguf(tiny_gguf).shape
    head = hub.head_of(only(hub, "org/folder"))
    assert head is not None
    assert head.shape == inspect_folder(tmp_path / "model").shape
    assert head.mix == inspect_folder(tmp_path / "model").mix
    assert all("range" in a.headers for a in server.files_asked())


def test_a_header_larger_than_one_read(hub: Hub, server: HubServer) -> None:
    words = [*builders.BYTE_TOKENS, *(f"word-{n:07d}-{'x' * 30}" for n in range(60_000))]
    kinds = builders.numbers("tokenizer.ggml.token_type", builders.I32, [6] * 256 + [1] * 60_000)
    tokens = builders.strings("tokenizer.ggml.tokens", words)
    data = builders.gguf(builders.settings(tokens=tokens, token_type=kinds))
    server.repos["org/wordy"] = Repo({"m.gguf": data})
    shape = hub.shape_of(only(hub, "org/wordy"))
    assert shape is not None
    assert shape.n_vocab == 60_256
    assert [a.headers["range"] for a in server.files_asked()][-1].startswith("bytes=1048576-")


def test_a_header_that_is_damaged_is_refused(hub: Hub, server: HubServer) -> None:
    server.repos["org/bad"] = Repo({"m.gguf": b"GGUF\x03\0\0\0" + noise(50_000)})
    with pytest.raises(TandemError, match="is refused"):
        hub.shape_of(only(hub, "org/bad"))


def test_addresses(hub: Hub, server: HubServer) -> None:
    commit = server.repos[NAME].commit
    for way in (
        f"/{NAME}/resolve/main/{FILE}?download=true",
        f"/{NAME}/blob/{commit}/{FILE}",
        f"/{NAME}",
        f"/{NAME}/tree/main",
    ):
        offer = hub.offer_of_url(server.url + way)
        assert (offer.repo, offer.name, offer.url) == (NAME, "Q8_0", "")
        assert offer.files[0].sha256
    for bad in (
        "x", "ftp://a/b.gguf", "https://", f"{server.url}/datasets/a/b", f"{server.url}/api/models", "https://u:secret@host/x.gguf",
        "http://example.org/x.gguf", "https://example.org/x.exe", "https://example.org/..%2Fx.gguf", "https://example.org/",
    ):  # fmt: skip
        with pytest.raises(TandemError) as found:
            hub.offer_of_url(bad)
        assert found.value.code in ("bad_url", "bad_name")
        assert "secret" not in found.value.message
