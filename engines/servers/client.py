"""A small client of OpenAI-compatible servers: every byte stamped as it arrives, every failure in words, no key in any of them."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import msgspec
import msgspec.structs
from urllib3.connection import HTTPConnection

from engines.errors import Cancelled, EngineError
from engines.protocol import Address
from engines.servers import errors
from engines.servers.chunks import Chunk, parse
from engines.servers.connection import Pool, Stop, Watch, hurry
from engines.servers.sse import Events

MAX_BODY = 64 << 20
READ = 1 << 16
FAREWELL_S = 0.25  # how long the end of a stream's last bytes are waited for, after its last event


class Answer(msgspec.Struct, frozen=True):
    """A whole answer. headers: names in small letters."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Its JSON, or None where it is none."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None


class _Response(Protocol):
    status: int

    def read1(self, amt: int | None = None) -> bytes: ...
    def close(self) -> None: ...


class Client:
    """Requests to one address, from any number of threads.

    root: scheme, host, port and the path before "/v1". base: the same with it. Paths begin with "/": those with "/v1/" go
    below `base`, the others below `root`. All failures are EngineError (see `engines.servers.errors`).
    """

    def __init__(self, address: Address, *, timeout_s: float = 600.0, pool: int = 8) -> None:
        """timeout_s: how long a server may be silent in the middle of an answer. Raises EngineError `bad_url`, `bad_key`, `bad_certificate`."""
        errors.check(address)
        self.address, self.timeout_s = address, timeout_s
        self.base = address.url.rstrip("/")
        self.root = self.base.removesuffix("/v1")
        self._prefix = "/".join(["", *self.root.split("://", 1)[-1].split("/")[1:]])
        self._base_path = self._prefix + self.base[len(self.root) :]
        self._pool = Pool(address, pool)
        self._watch = Watch()

    def get(self, path: str, timeout_s: float = 5.0, stop: Stop = lambda: False) -> Answer:
        """A whole answer, whatever its status. Raises EngineError where none came within `timeout_s`; Cancelled."""
        return self._whole("GET", path, None, timeout_s, stop)

    def post(self, path: str, body: dict[str, Any], timeout_s: float = 60.0, stop: Stop = lambda: False) -> Answer:
        """As `get`, with a JSON body."""
        return self._whole("POST", path, body, timeout_s, stop)

    def json(
        self, path: str, body: dict[str, Any] | None = None, timeout_s: float = 10.0, stop: Stop = lambda: False
    ) -> Any:
        """The JSON of a successful answer. Raises EngineError for every other one."""
        found = self.get(path, timeout_s, stop) if body is None else self.post(path, body, timeout_s, stop)
        if found.status >= 300:
            raise errors.answered(found.status, found.headers, found.body, self.address, path)
        data = found.json()
        if data is None:
            raise errors.no_json(self.address, path, found.body, found.headers.get("content-type", ""))
        return data

    def stream(self, path: str, body: dict[str, Any], cancelled: Callable[[], bool]) -> Exchange:
        """Send a request and wait for its answer's head. `cancelled` is asked every 30 ms, by another thread.

        Raises EngineError; Cancelled.
        """
        sent = self._send("POST", path, body, self.timeout_s, cancelled, None)
        if sent.response.status >= 300:
            with self._ends(sent):
                data = self._body(sent)
            raise errors.answered(sent.response.status, sent.headers, data, self.address, path)
        return Exchange(self, sent, path, cancelled)

    def close(self) -> None:
        """End every request under way and every idle connection."""
        self._watch.close()
        self._pool.close()

    # --- one request ------------------------------------------------------------------------

    def _whole(self, method: str, path: str, body: dict[str, Any] | None, timeout_s: float, stop: Stop) -> Answer:
        until = time.monotonic() + timeout_s
        sent = self._send(method, path, body, timeout_s, stop, timeout_s)
        with self._ends(sent):
            data = self._body(sent)
            if stop():
                raise Cancelled
            if time.monotonic() >= until:  # the watch ended it: what came may not be all
                raise TimeoutError
            return Answer(sent.response.status, sent.headers, data)

    def _send(
        self, method: str, path: str, body: dict[str, Any] | None, timeout_s: float, stop: Stop, total_s: float | None
    ) -> Sent:
        """The request out and the answer's head in; the connection is watched from here on, until `_release`."""
        data = None if body is None else msgspec.json.encode(body)
        connection = self._pool.idle()
        if connection is not None:
            with contextlib.suppress(_Stale):
                return self._exchange(connection, method, path, data, timeout_s, stop, total_s, 0.0, reused=True)
        start = time.perf_counter_ns()
        connection = self._pool.connect(stop)
        took = (time.perf_counter_ns() - start) / 1e9
        return self._exchange(connection, method, path, data, timeout_s, stop, total_s, took, reused=False)

    def _exchange(
        self, connection: HTTPConnection, method: str, path: str, data: bytes | None, timeout_s: float, stop: Stop,
        total_s: float | None, connect_s: float, reused: bool,
    ) -> Sent:  # fmt: skip
        connection.timeout = timeout_s
        sock: socket.socket = connection.sock
        sock.settimeout(timeout_s)
        self._watch.add(sock, stop, total_s)
        start_ns = time.perf_counter_ns()
        try:
            connection.request(
                method,
                self._path(path),
                body=data,
                headers=self._headers(data),
                preload_content=False,
                decode_content=True,
            )
            sent_ns = time.perf_counter_ns()
            hurry(sock)
            response: Any = connection.getresponse()
        except Exception as error:
            self._watch.drop(sock)
            connection.close()
            if stop():
                raise Cancelled from error
            late = total_s is not None and (time.perf_counter_ns() - start_ns) / 1e9 >= total_s
            if reused and not late and not isinstance(error, TimeoutError):
                raise _Stale from error
            raise errors.talking(TimeoutError() if late else error, self.address, timeout_s) from error
        headers = {k.lower(): v for k, v in response.headers.items()}
        return Sent(connection, sock, response, headers, connect_s, sent_ns, time.perf_counter_ns(), stop, timeout_s)

    def _body(self, sent: Sent) -> bytes:
        data = bytearray()
        while piece := sent.read():
            data += piece
            if len(data) > MAX_BODY:
                raise EngineError(
                    "bad_stream", f"The server's answer is larger than {MAX_BODY >> 20} MiB.", "Check the address."
                )
        return bytes(data)

    @contextlib.contextmanager
    def _ends(self, sent: Sent) -> Iterator[None]:
        """Give the connection back whole, or end it where the reading failed."""
        keep = False
        try:
            yield
            keep = True
        except (EngineError, Cancelled):
            raise
        except Exception as error:
            if sent.stop():
                raise Cancelled from error
            raise errors.talking(error, self.address, sent.timeout_s) from error
        finally:
            self._release(sent, keep)

    def _release(self, sent: Sent, keep: bool) -> None:
        self._watch.drop(sent.sock)
        if keep and sent.keep_alive:
            self._pool.put_back(sent.connection)
        else:
            sent.response.close()
            sent.connection.close()

    def _path(self, path: str) -> str:
        return self._base_path + path.removeprefix("/v1") if path.startswith("/v1/") else self._prefix + path

    def _headers(self, data: bytes | None) -> dict[str, str]:
        headers = {
            "Accept-Encoding": "identity",
            "Accept": "text/event-stream, application/json, */*",
            "User-Agent": "Tandem",
        }
        if self.address.key:
            headers["Authorization"] = f"Bearer {self.address.key}"
        if data is not None:
            headers["Content-Type"] = "application/json"
        return headers


class _Stale(Exception):  # noqa: N818 - an outcome, not an error
    """A kept connection had been closed by the server in the meantime: a new one is made."""


class Sent:
    """A request whose answer's head has come."""

    def __init__(
        self, connection: HTTPConnection, sock: socket.socket, response: _Response, headers: dict[str, str], connect_s: float, sent_ns: int,
        headers_ns: int, stop: Stop, timeout_s: float,
    ) -> None:  # fmt: skip
        self.connection, self.sock, self.response, self.headers = connection, sock, response, headers
        self.connect_s, self.sent_ns, self.headers_ns, self.stop, self.timeout_s = (
            connect_s,
            sent_ns,
            headers_ns,
            stop,
            timeout_s,
        )
        self.keep_alive = connection.sock is not None  # http.client lets go of one that the server will close

    def read(self) -> bytes:
        """The bytes that are there, or b"" at the end. Raises what the libraries raise."""
        hurry(self.sock)
        return self.response.read1(READ)


class Exchange:
    """A streamed answer: iterate it for its chunks. Close it in any case.

    sent_ns, headers_ns: `perf_counter_ns` when the request was out and when the answer's head was in. connect_s: how long
    the connection took to make, 0.0 for one that was kept.
    """

    def __init__(self, client: Client, sent: Sent, path: str, cancelled: Stop) -> None:
        self._client, self._sent, self._path, self._cancelled = client, sent, path, cancelled
        self.connect_s, self.sent_ns, self.headers_ns = sent.connect_s, sent.sent_ns, sent.headers_ns
        self.headers = sent.headers
        self._open, self._keep, self._whole = True, False, False
        self._n = 0
        self._total: int | None = None

    def __iter__(self) -> Iterator[Chunk]:
        """Raises EngineError `cut_off`, `bad_stream`, `server_error`, `server_silent`, `too_long_line`, `not_a_server`; Cancelled."""
        kind = self.headers.get("content-type", "")
        if errors.is_html(b"", kind):
            raise errors.no_json(self._client.address, self._path, b"", kind)
        yield from self._plain() if "json" in kind else self._events()

    def close(self) -> None:
        """Give the connection back, or end it if the answer is not over. May be called twice."""
        if self._open:
            self._open = False
            self._client._release(self._sent, self._keep)

    def _events(self) -> Iterator[Chunk]:
        events = Events()
        first = True
        while piece := self._read():
            at = time.perf_counter_ns()
            if first and errors.is_html(piece, ""):
                raise errors.no_json(self._client.address, self._path, piece, "")
            first = False
            for data in events.feed(piece):
                if data.strip() == b"[DONE]":
                    self._farewell()
                    return
                yield self._chunk(data, at)
        rest = events.end()
        if rest is not None and rest.strip() != b"[DONE]" and not self._half(rest):
            yield self._chunk(rest, time.perf_counter_ns())
        if not self._whole and (rest or b"").strip() != b"[DONE]":
            raise errors.cut_off(self._so_far())

    def _plain(self) -> Iterator[Chunk]:
        """A server that does not stream: its whole answer is one chunk."""
        data = bytearray()
        while piece := self._read():
            data += piece
        self._keep = True
        yield self._chunk(bytes(data), time.perf_counter_ns())

    def _half(self, data: bytes) -> bool:
        """True for an event that the end of the stream cut."""
        try:
            msgspec.json.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return True
        return False

    def _chunk(self, data: bytes, at_ns: int) -> Chunk:
        try:
            chunk = parse(data, at_ns)
        except EngineError as error:
            raise EngineError(error.code, errors.masked(error.message, self._client.address.key), error.hint) from error
        if chunk.total is not None:
            before, self._total = self._total or 0, chunk.total
            if not chunk.ids:
                chunk = msgspec.structs.replace(chunk, n=max(0, chunk.total - before))
        self._n += chunk.n
        self._whole = self._whole or bool(chunk.finish)
        return chunk

    def _read(self) -> bytes:
        try:
            piece = self._sent.read()
        except Exception as error:
            if self._cancelled():
                raise Cancelled from error
            said = errors.talking(error, self._client.address, self._client.timeout_s)
            if said.code == "server_silent":
                after = f", after {self._so_far()}." if self._n else "."
                raise EngineError(said.code, said.message.removesuffix(".") + after, said.hint) from error
            raise errors.cut_off(self._so_far()) from error
        if not piece and self._cancelled():
            raise Cancelled
        return piece

    def _farewell(self) -> None:
        """Read the end of the answer, so that the connection can be used again; it is not waited for long."""
        with contextlib.suppress(Exception):
            self._sent.sock.settimeout(FAREWELL_S)
            self._keep = self._sent.read() == b""

    def _so_far(self) -> str:
        return f"{self._n:,} token{'s' * (self._n != 1)}" if self._n else "no token"
