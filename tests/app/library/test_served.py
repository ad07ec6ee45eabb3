"""Servers and their models as a library keeps them: names, two programs at once, keys that no header can carry."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from app.errors import TandemError
from app.library.facts import plain, slug
from app.library.secrets import Secrets
from app.library.served import telling_name
from app.library.server_probe import ask
from app.library.servers import KEY_VARIABLE, Servers, base_url
from app.paths import Paths
from tests.app.library.test_server_probe import answering

HASH = "9f2c" * 10


@pytest.fixture
def servers(home: Path) -> Servers:
    return Servers(Paths(home), Secrets())


def serving(servers: Servers, *models: str, title: str = "Box", url: str = "http://10.0.0.1:8000") -> Servers:
    made = servers.add(url, title)
    servers.put(msgspec.structs.replace(made, models=models, asked=1.0))
    return servers


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("org/small", "small"),
        ("llama3.2:3b", "llama3.2:3b"),
        ("/models/qwen3/model", "qwen3"),
        ("/srv/tiny-q4_0.gguf", "tiny-q4_0"),
        ("C:\\models\\tiny\\model.gguf", "tiny"),
        (f"/srv/hub/models--Qwen--Qwen3-8B/snapshots/{HASH}", "Qwen3-8B"),
        (f"/data/qwen/snapshots/{HASH}/", "qwen"),
        ("/model", "model"),
        ("/", "model"),
    ],
)
def test_a_path_gets_a_telling_name(model: str, name: str) -> None:
    assert telling_name(model) == name


def test_titles_are_one_line_and_the_servers_word_stays(servers: Servers) -> None:
    serving(servers, "/models/qwen3/model", "org/small", "a\x1b[31m\nb\u202e")
    found = servers.variants()
    assert [v.title for v in found] == ["qwen3", "org/small", "a [31m b"]
    assert [v.served for v in found] == ["/models/qwen3/model", "org/small", "a\x1b[31m\nb\u202e"]


def test_no_two_models_have_one_id(servers: Servers) -> None:
    serving(servers, "org/llama", title="my very long server name one")
    serving(servers, "org/llama", title="my very long server name two", url="http://10.0.0.2:8000")
    serving(servers, "b.c", title="a", url="http://10.0.0.3:8000")
    serving(servers, "c", title="a.b", url="http://10.0.0.4:8000")
    long = ["x" * 200 + "a", "x" * 200 + "b", "模型", "..", *(f"/models/{n % 7}/model" for n in range(14))]
    serving(servers, *long, *(f"/m{n}x/{'d' * 40}" for n in range(1200)), title="many", url="http://10.0.0.5:8000")
    found = servers.variants()
    assert len({v.ref for v in found}) == len(found) == 4 + len(set(long)) + 1200
    assert all(len(v.id) <= 80 and slug(v.id) == v.id for v in found)


def test_an_id_does_not_hang_on_other_servers(servers: Servers) -> None:
    serving(servers, "org/llama", title="my very long server name one")
    serving(servers, "org/llama", title="my very long server name two", url="http://10.0.0.2:8000")
    second = servers.variants()[1]
    servers.remove(servers.all()[0].id)
    assert [v.ref for v in servers.variants()] == [second.ref]


BOTH = """
import sys, time
from pathlib import Path
from app.library.places import NamedPlaces
from app.library.secrets import Secrets
from app.library.servers import Servers
from app.paths import Paths
home = Path(sys.argv[1])
servers, named = Servers(Paths(home), Secrets()), NamedPlaces(home / "places.json")
print("ready", flush=True)
sys.stdin.readline()
for n in range(20):
    servers.add(f"http://10.0.{sys.argv[2]}.{n}:8000")
    folder = home / f"folder-{sys.argv[2]}-{n}"
    folder.mkdir()
    named.add(folder, [])
"""


def test_two_programs_that_add_at_once_lose_nothing(home: Path) -> None:
    pipe = subprocess.PIPE
    both = [
        subprocess.Popen([sys.executable, "-c", BOTH, str(home), n], stdin=pipe, stdout=pipe, text=True) for n in "12"
    ]
    assert [p.stdout and p.stdout.readline() for p in both] == ["ready\n", "ready\n"]
    for process in both:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    for process in both:
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert len(Servers(Paths(home), Secrets()).all()) == 40
    assert len(json.loads((home / "places.json").read_text())["named"]) == 40


@pytest.mark.parametrize(
    "url", ["http://[::1", "http://\u2100.com", "http://\x1b[31m/v1", "http://x/\x1b[2J", "http://x/\x7f"]
)
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(TandemError) as caught:
        base_url(url)
    assert caught.value.code == "bad_url"


@pytest.mark.parametrize("body", [b"[" * 200_000, b'{"data":[{"id":"a","x":' + b"[" * 200_000])
def test_a_bomb_of_brackets_is_no_list(servers: Servers, body: bytes) -> None:
    with answering(200, body) as url, pytest.raises(TandemError) as caught:
        ask(servers, servers.add(url))
    assert caught.value.code == "not_a_server"


@pytest.mark.parametrize("key", ["4815\nX-Evil: 1", "\u043a\u043b\u044e\u0447 4815", "4815\x00"])
def test_a_key_that_no_header_carries(servers: Servers, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TandemError) as given:
        servers.add("http://10.0.0.1:8000", key=key)
    if "\x00" not in key:
        monkeypatch.setenv(KEY_VARIABLE, key)
        with pytest.raises(TandemError) as caught:
            ask(servers, servers.add("http://127.0.0.1:9"))
        assert caught.value.code == "bad_key"
    assert given.value.code == "bad_key"
    assert "4815" not in str(given.value) + given.value.hint


def test_a_line_break_behind_the_key_is_taken_off(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "4815\n")
    assert servers.address(servers.add("http://10.0.0.1:8000")).key == "4815"


def test_names_that_every_system_takes() -> None:
    assert [slug(n) for n in ("con", "Nul.x", "com1", "context", "falcon", "a" * 79 + ".b")] == [
        "con-model", "nul-model.x", "com1-model", "context", "falcon", "a" * 79
    ]  # fmt: skip


def test_a_strangers_text_is_one_line() -> None:
    assert plain("\x1b[2JTitle\n line\x07\u202e 2 ") == "[2JTitle line 2"
    assert len(plain("x" * 5000)) == 200


def test_a_closed_port_and_a_name_that_is_none_are_told_apart(servers: Servers) -> None:
    told = []
    for url in ("http://127.0.0.1:9", "http://nobody.invalid"):
        with pytest.raises(TandemError) as caught:
            ask(servers, servers.add(url))
        told.append(caught.value.message)
    assert told == [
        "Nothing answers at http://127.0.0.1:9/v1.",
        "There is no machine of the name in http://nobody.invalid/v1.",
    ]
