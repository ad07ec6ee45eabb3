"""`tandem models search`, `get hf:…` and `add URL` as a script sees them, against the local hub."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.cli.test_cli import ROOT, reply, tandem
from tests.app.library.hub.setting import FILE, NAME
from tests.hub_server import Fault, HubServer, Repo


@pytest.fixture
def server(tiny_gguf: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    data = tiny_gguf.read_bytes()
    repos = {
        NAME: Repo({FILE: data, "../evil.gguf": data}, tags=("gguf",)),
        "org/gated": Repo({"a-Q4_0.gguf": data}, gated=True),
    }
    with HubServer(repos) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield hub


def test_search_and_the_variants_of_one(server: HubServer) -> None:
    found = reply("models", "search", "tiny")["models"]
    assert [(m["repo"], m["formats"], m["gated"]) for m in found] == [(NAME, ["gguf"], False)]
    listing = reply("models", "search", f"hf:{NAME}")
    (variant,) = listing["variants"]
    assert (variant["name"], variant["format"], variant["why_not"]) == ("Q8_0", "gguf", None)
    assert variant["fits"]["llama-cpp"] == "fits"
    assert listing["refused"] == ["../evil.gguf: its name leaves the folder"]
    words = tandem("models", "search", f"hf:{NAME}").stdout
    assert "Q8_0" in words
    assert f"tandem models get hf:{NAME}:VARIANT" in words
    assert NAME in tandem("models", "search", "tiny").stdout


def test_get_downloads_and_shows_it(server: HubServer, home: Path) -> None:
    server.misbehave(Fault("cut", at=60_000))
    got = reply("models", "get", f"hf:{NAME}:Q8_0")
    assert got["files"][0]["sha256"] == server.repos[NAME].digest(FILE)
    assert Path(got["files"][0]["path"]).is_relative_to(home / "models")
    assert [m["id"] for m in reply("models", "list")["models"]] == [got["id"]]


def test_refusals_have_codes(server: HubServer) -> None:
    assert reply("models", "get", "hf:org/gated", code=2)["error"]["code"] == "gated"
    assert reply("models", "get", f"hf:{NAME}:q2_k", code=2)["error"]["code"] == "unknown_variant"
    assert reply("models", "get", "hf:../x", code=2)["error"]["code"] == "bad_name"
    secret = tandem("models", "add", "https://me:secret@127.0.0.1:9/a.gguf?key=secret", "--json")
    assert json.loads(secret.stdout)["error"]["code"] == "bad_url"
    away = tandem("models", "add", "https://127.0.0.1:9/a.gguf?key=secret", "--json")
    assert (away.returncode, json.loads(away.stdout)["error"]["code"]) == (5, "network")
    assert "secret" not in secret.stdout + secret.stderr + away.stdout + away.stderr


def test_an_address_of_the_hub_is_taken_with_its_digest(server: HubServer) -> None:
    got = reply("models", "add", f"{server.url}/{NAME}/blob/main/{FILE}")
    assert got["files"][0]["sha256"] == server.repos[NAME].digest(FILE)


def test_an_interrupt_pauses_and_the_next_command_goes_on(server: HubServer) -> None:
    whole = len(server.repos[NAME].files[FILE])  # type: ignore[arg-type]
    server.misbehave(Fault("none"), Fault("stall", at=60_000))  # the first request is for the header
    argv = [sys.executable, "-m", "app", "models", "get", f"hf:{NAME}", "--json"]
    with subprocess.Popen(
        argv, cwd=ROOT, env=dict(os.environ), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        end = time.monotonic() + 60
        while server.sent_bytes < whole + 60_000 and time.monotonic() < end:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 4
    assert "are kept" in json.loads(out)["error"]["message"]
    reply("models", "get", f"hf:{NAME}")
    assert server.files_asked()[-1].headers["range"].startswith("bytes=")
