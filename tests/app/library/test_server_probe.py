"""What is learnt of a server, and what is said of an address that is none: against a stand-in over real sockets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from app.errors import TandemError
from app.library import server_probe
from app.library.secrets import Secrets
from app.library.server_probe import ask
from app.library.servers import Server, Servers
from app.paths import Paths
from tests.stand_in_server import self_signed, stand_in

KEY = "sk-very-secret-48151623"


@pytest.fixture
def servers(home: Path, monkeypatch: pytest.MonkeyPatch) -> Servers:
    monkeypatch.delenv("TANDEM_SERVER_KEY", raising=False)
    return Servers(Paths(home), Secrets(_NoRing()))


class _NoRing:
    def get_password(self, service: str, name: str) -> str | None:
        raise RuntimeError("locked")

    set_password = delete_password = get_password  # type: ignore[assignment]


@contextmanager
def answering(status: int, body: bytes, kind: str = "application/json", **headers: str) -> Iterator[str]:
    """A server that says this to every question."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def refused(servers: Servers, url: str, **more: object) -> TandemError:
    server = servers.add(url, **more)  # type: ignore[arg-type]
    with pytest.raises(TandemError) as caught:
        ask(servers, server)
    assert servers.get(server.id).models == ()
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize("kind", ["vllm", "llama-server", "sglang", "ollama", "dynamo", "tensorrt-llm", "lm-studio"])
def test_kind_and_models_are_learnt_and_kept(servers: Servers, kind: str):
    with stand_in(kind=kind, models=("org/one", "two")) as there:
        found = ask(servers, servers.add(there.url))
        assert there.asked[0].path == "/v1/models"
    assert found.server.kind == kind
    assert [m.id for m in found.models] == ["org/one", "two"]
    kept = servers.get(found.server.id)
    assert kept == found.server
    assert kept.asked > 0
    assert {v.served for v in servers.variants()} == {"org/one", "two"}


def test_context_and_version_are_read(servers: Servers):
    with stand_in(kind="vllm", n_ctx=2048) as there:
        found = ask(servers, servers.add(there.url))
    assert found.n_ctx == 2048
    assert found.version


def test_the_kind_that_was_chosen_stays_where_the_server_says_nothing(servers: Servers):
    with answering(200, b'{"object":"list","data":[{"id":"m","owned_by":"me"}]}') as url:
        assert ask(servers, servers.add(url, kind="tensorrt-llm")).server.kind == "tensorrt-llm"


def test_the_key_goes_to_the_server_and_nowhere_else(servers: Servers, home: Path):
    with stand_in(key=KEY) as there:
        error = refused(servers, there.url)
        assert error.code == "bad_key"
        assert "asks for a key" in error.message
        server = servers.add(there.url, key=KEY)
        found = ask(servers, server)
        assert there.asked[-1].headers["Authorization"] == f"Bearer {KEY}"
        wrong = servers.add(there.url, key="other")
        with pytest.raises(TandemError) as caught:
            ask(servers, wrong)
    assert "does not take this key" in caught.value.message
    assert KEY not in repr(found) + (home / "servers.json").read_text() + str(caught.value) + repr(error)


def test_a_key_is_not_sent_on_to_another_address(servers: Servers):
    with stand_in() as other, answering(307, b"", Location=f"{other.url}/models") as url:
        error = refused(servers, url, key=KEY)
        assert other.asked == []
    assert error.code == "not_a_server"


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (200, b"<!doctype html><title>Router</title>", "text/html", "not_a_server"),
        (200, b'{"data": 3}', "application/json", "not_a_server"),
        (200, b'{"data": [{"id"', "application/json", "not_a_server"),
        (200, b"\xff\xfe", "application/json", "not_a_server"),
        (404, b"{}", "application/json", "not_a_server"),
        (500, b"boom", "text/plain", "server_error"),
        (503, b'{"error": {"message": "Loading model"}}', "application/json", "server_error"),
    ],
)
def test_what_is_no_model_server_is_told(servers: Servers, status: int, body: bytes, kind: str, code: str):
    with answering(status, body, kind) as url:
        assert refused(servers, url).code == code


def test_a_port_where_nobody_listens(servers: Servers):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        assert refused(servers, f"http://127.0.0.1:{port}").code == "no_server"


def test_a_server_that_says_nothing(servers: Servers, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(server_probe, "READ_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        error = refused(servers, f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert error.code == "server_silent"


def test_an_answer_without_end_is_left(servers: Servers, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(server_probe, "MOST_BYTES", 1000)
    with answering(200, b" " * 300_000) as url:
        assert refused(servers, url).code == "not_a_server"


def test_a_certificate_of_its_own(servers: Servers, tmp_path: Path):
    pem = self_signed(tmp_path)
    with stand_in(certificate=pem) as there:
        error = refused(servers, there.url)
        assert error.code == "bad_certificate"
        assert "nobody but itself" in error.message
        assert ask(servers, servers.add(there.url, ca_file=str(tmp_path / "cert.pem"))).models
        assert ask(servers, servers.add(there.url, verify=False)).models
        assert refused_file(servers, there.url, tmp_path / "none.pem").code == "bad_certificate"


def refused_file(servers: Servers, url: str, path: Path) -> TandemError:
    with pytest.raises(TandemError) as caught:
        ask(servers, servers.add(url, ca_file=str(path)))
    return caught.value


def test_https_at_a_port_of_http(servers: Servers):
    with stand_in() as there:
        assert refused(servers, there.url.replace("http://", "https://")).code == "not_a_server"


def test_a_server_removed_meanwhile_stays_removed(servers: Servers):
    with stand_in() as there:
        server = servers.add(there.url)
        servers.remove(server.id)
        ask(servers, server)
    assert servers.all() == ()


def test_broken_entries_of_a_list_are_left_out(servers: Servers):
    body = b'{"data": [{"id": ""}, {"id": 5}, "x", null, {"id": "good", "max_model_len": true, "meta": [1]}]}'
    with answering(200, body) as url:
        found = ask(servers, servers.add(url))
    assert [(m.id, m.n_ctx) for m in found.models] == [("good", None)]


def test_asking_needs_no_entry_of_its_own(servers: Servers):
    with stand_in() as there:
        found = ask(servers, Server(id="loose", title="Loose", url=there.url))
    assert found.models
    assert servers.all() == ()


def test_a_full_disk_is_told(servers: Servers, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with stand_in() as there:
        server = servers.add(there.url)
        monkeypatch.setattr("app.library.servers.write_atomic", full)
        with pytest.raises(TandemError) as caught:
            ask(servers, server)
    assert caught.value.code == "disk"
