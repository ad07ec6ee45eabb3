"""The client against a server that behaves, and against all the ways in which one does not."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engines.errors import Cancelled, EngineError
from engines.protocol import Address
from engines.servers import errors
from engines.servers.client import Client
from tests.stand_in_server import StandIn, self_signed, stand_in

PATH = "/v1/chat/completions"
KEY = "sk-very-secret"
BODY: dict[str, Any] = {
    "model": "stand-in", "messages": [{"role": "user", "content": "one two three four five"}], "stream": True, "max_tokens": 8,
    "stream_options": {"include_usage": True}, "return_token_ids": True,
}  # fmt: skip
Make = Callable[..., Client]


@pytest.fixture
def server() -> Iterator[StandIn]:
    with stand_in(key=KEY) as made:
        yield made


@pytest.fixture
def client() -> Iterator[Make]:
    made: list[Client] = []

    def make(url: str, timeout_s: float = 20.0, **more: Any) -> Client:
        made.append(Client(Address(url=url, model="stand-in", **({"key": KEY} | more)), timeout_s=timeout_s))
        return made[-1]

    yield make
    for one in made:
        one.close()


def never() -> bool:
    return False


def talk(client: Client, body: dict[str, Any] = BODY, stop: Callable[[], bool] = never) -> list[Any]:
    exchange = client.stream(PATH, body, stop)
    try:
        return list(exchange)
    finally:
        exchange.close()


def failure(act: Callable[[], object]) -> EngineError:
    with pytest.raises(EngineError) as caught:
        act()
    said = f"{caught.value.message} {caught.value.hint} {getattr(caught.value, 'body', '')}"
    assert KEY not in said, "a key is in no error"
    assert caught.value.message.endswith(".")
    return caught.value


def test_it_streams_and_uses_its_connection_again(server: StandIn, client: Make) -> None:
    one = client(server.url)
    first, second = one.stream(PATH, BODY, never), None
    chunks = list(first)
    first.close()
    second = one.stream(PATH, BODY, never)
    again = list(second)
    second.close()
    assert [c.ids for c in chunks if c.n] == [c.ids for c in again if c.n]
    assert sum(c.n for c in chunks) == 8
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.n_out == 8
    assert first.sent_ns <= first.headers_ns <= chunks[0].at_ns <= chunks[-1].at_ns
    assert first.connect_s > 0
    assert second.connect_s == 0.0
    assert server.asked[0].headers["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("fault", ["", "crlf", "split", "no_done", "long_line"])
def test_what_the_wire_does_changes_nothing(fault: str, server: StandIn, client: Make) -> None:
    server.fault = fault
    chunks = talk(client(server.url))
    assert sum(c.n for c in chunks) == 8
    assert "".join(c.text for c in chunks).count(" ") >= 4


def test_an_answer_that_is_not_streamed_is_one_chunk(server: StandIn, client: Make) -> None:
    server.fault = "whole"
    (only,) = talk(client(server.url))
    assert only.text
    assert only.usage.n_out == 8


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        ("http500", "server_error", "500"),
        ("http500", "server_error", "the engine is dead"),
        ("html", "not_a_server", "web page"),
        ("html_stream", "not_a_server", "web page"),
        ("redirect", "not_a_server", "elsewhere.example"),
        ("garbage", "not_a_server", "HTTP"),
        ("close", "cut_off", "without an answer"),
        ("cut", "cut_off", "after 3 tokens"),
        ("half_chunk", "cut_off", "after 3 tokens"),
        ("error_event", "server_error", "ran out of memory"),
        ("bad_json", "bad_stream", "nonsense"),
        ("endless_line", "too_long_line", "16 MiB"),
        ("echo_key", "server_error", "no such project"),
    ],
)
def test_a_fault_is_said_in_words(fault: str, code: str, words: str, server: StandIn, client: Make) -> None:
    server.fault = fault
    error = failure(lambda: talk(client(server.url)))
    assert error.code == code
    assert words in error.message
    server.fault = ""
    assert sum(c.n for c in talk(client(server.url))) == 8, "the server is well again, and so are we"


@pytest.mark.parametrize(
    ("status", "after", "words"),
    [
        (429, {"retry-after": "7"}, "Wait 7 s"),
        (429, {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, "Wait a little"),
        (503, {}, "Wait a little"),
        (400, {}, "Change what it names"),
        (500, {}, "own log"),
    ],
)
def test_a_server_that_is_only_busy_is_to_be_waited_for(status: int, after: dict[str, str], words: str) -> None:
    error = errors.answered(status, after, b"", Address(url="http://127.0.0.1:1/v1"), "/v1/models")
    assert words in error.hint


def test_no_model_of_that_name(server: StandIn, client: Make) -> None:
    assert failure(lambda: talk(client(server.url), BODY | {"model": "x"})).code == "unknown_model"


@pytest.mark.parametrize(("key", "words"), [("", "wants a key"), (KEY + "x", "refuses the key")])
def test_a_key_that_is_missing_or_wrong(key: str, words: str, server: StandIn, client: Make) -> None:
    error = failure(lambda: talk(client(server.url, key=key)))
    assert error.code == "bad_key"
    assert words in error.message
    assert error.hint


def test_nobody_is_there(client: Make) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    error = failure(lambda: client(f"http://127.0.0.1:{port}/v1").json("/v1/models"))
    assert error.code == "no_server"
    assert str(port) in error.message


def test_a_name_without_a_host(client: Make) -> None:
    assert failure(lambda: client("http://no-such-host.invalid/v1").json("/v1/models")).code == "no_server"


@pytest.mark.parametrize("fault", ["hang", "hang_midstream"])
def test_a_silent_server_is_given_up(fault: str, server: StandIn, client: Make) -> None:
    server.fault = fault
    error = failure(lambda: talk(client(server.url, timeout_s=0.2)))
    assert error.code == "server_silent"
    assert ("after 3 tokens" in error.message) == (fault == "hang_midstream")


def test_a_whole_answer_has_a_limit(server: StandIn, client: Make) -> None:
    server.fault = "hang"
    assert failure(lambda: client(server.url).get("/v1/models", timeout_s=0.2)).code == "server_silent"


@pytest.mark.parametrize("fault", ["hang", "hang_midstream"])
def test_a_stop_ends_it_while_the_server_is_silent(fault: str, server: StandIn, client: Make) -> None:
    server.fault = fault
    one = client(server.url)
    stop, outcome, seen = threading.Event(), [], threading.Event()

    def watch() -> bool:
        seen.set()
        return stop.is_set()

    def work() -> None:
        try:
            outcome.append(talk(one, BODY, watch))
        except Cancelled:
            outcome.append("cancelled")

    thread = threading.Thread(target=work)
    thread.start()
    assert seen.wait(20)
    stop.set()
    thread.join(20)
    assert outcome == ["cancelled"]


def test_a_stop_is_seen_while_connecting(client: Make) -> None:
    """A host that drops every packet: the connection never comes to be."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:  # the queue is full: the next one waits
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        until = time.monotonic() + 0.2
        with pytest.raises(Cancelled):
            client(f"http://127.0.0.1:{port}/v1").stream(PATH, BODY, lambda: time.monotonic() > until)
        for one in waiting:
            one.close()


def test_a_certificate_that_nobody_signed(client: Make, tmp_path: Path) -> None:
    pem = self_signed(tmp_path)
    with stand_in(certificate=pem, key=KEY) as server:
        error = failure(lambda: client(server.url).json("/v1/models"))
        assert error.code == "bad_certificate"
        assert "self" in error.message
        assert "ca_file" in error.hint
        assert client(server.url, ca_file=str(tmp_path / "cert.pem")).json("/v1/models")["data"]
        assert sum(c.n for c in talk(client(server.url, verify=False))) == 8
        plain = failure(lambda: client(server.url.replace("https", "http")).json("/v1/models"))
        assert plain.code in ("cut_off", "not_a_server")
        assert server.asked, "only the two that were let in came"
    with stand_in(key=KEY) as server:
        error = failure(lambda: client(server.url.replace("http", "https")).json("/v1/models"))
        assert error.code == "no_server"
        assert "http://" in error.hint


def test_a_file_that_holds_no_certificate(client: Make, tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("hello")
    assert failure(lambda: client("https://127.0.0.1:1/v1", ca_file=str(tmp_path / "x.pem"))).code == "bad_certificate"


def test_a_path_before_v1_stays(server: StandIn, client: Make) -> None:
    one = client(server.url.replace("/v1", "/a/b/v1"))
    assert failure(lambda: one.json("/v1/models")).code == "not_a_server"
    failure(lambda: one.json("/props"))
    assert [a.path for a in server.asked] == ["/a/b/v1/models", "/a/b/props"]


def test_many_threads_at_once(server: StandIn, client: Make) -> None:
    one, found = client(server.url), []
    threads = [threading.Thread(target=lambda: found.append(sum(c.n for c in talk(one)))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert found == [8] * 8


@pytest.mark.parametrize(
    "url",
    ["http://sk-very-secret@127.0.0.1:1/v1", "http://127.0.0.1:1/v1?key=sk-very-secret", "ftp://x/v1", "http:///v1"],
)
def test_a_key_in_the_address_is_refused_and_not_shown(url: str, client: Make) -> None:
    assert failure(lambda: client(url)).code == "bad_url"


@pytest.mark.parametrize("key", [KEY + "\n", KEY + " ", "\u2026" + KEY])
def test_a_key_that_cannot_be_sent_is_refused_and_not_shown(key: str, client: Make) -> None:
    assert failure(lambda: client("http://127.0.0.1:1/v1", key=key)).code == "bad_key"
