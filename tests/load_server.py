"""A server under load for tests: it counts who is at work, holds answers until a test lets them go, and fails when told to."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Http(ThreadingHTTPServer):
    request_queue_size = 256  # connections that may wait: the default of 5 refuses a crowd
    daemon_threads = True


@dataclass
class LoadServer:
    """hold: every answer waits for a `let` before its first token. failing: HTTP 500 for each. refuse: a field that it does not
    know. begun_when_ended[i]: how many had begun when answer i ended. Requests for a single token do not count."""

    hold: bool = False
    failing: bool = False
    refuse: str = ""
    tokens: int | None = None
    bodies: list[dict[str, Any]] = field(default_factory=list)
    running: int = 0
    most: int = 0
    begun: int = 0
    ended: int = 0
    begun_when_ended: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.changed = threading.Condition()
        self.tickets = 0
        self.closing = False
        self._http = Http(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def let(self, n: int = 1) -> None:
        """Let so many held answers go on."""
        with self.changed:
            self.tickets += n
            self.changed.notify_all()

    def wait(self, condition: Callable[[], bool]) -> None:
        """Until it holds; fails after 20 s."""
        with self.changed:
            assert self.changed.wait_for(condition, 20)

    def close(self) -> None:
        with self.changed:
            self.closing = True
            self.changed.notify_all()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    # --- of the handlers ----------------------------------------------------------------------

    def enter(self, body: dict[str, Any]) -> None:
        with self.changed:
            self.bodies.append(body)
            self.begun += 1
            self.running += 1
            self.most = max(self.most, self.running)
            self.changed.notify_all()
            if self.hold:
                self.changed.wait_for(lambda: self.tickets > 0 or self.closing)
                self.tickets -= 1

    def leave(self) -> None:
        with self.changed:
            self.running -= 1
            self.ended += 1
            self.begun_when_ended.append(self.begun)
            self.changed.notify_all()


@contextlib.contextmanager
def load_server(**fields: Any) -> Iterator[LoadServer]:
    server = LoadServer(**fields)
    try:
        yield server
    finally:
        server.close()


def _handler(server: LoadServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # as real servers do: else each answer begins 40 ms late

        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            known = {"data": [{"id": "m", "object": "model", "owned_by": "somebody", "max_model_len": 4096}]}
            self._send(200, known) if self.path == "/v1/models" else self._send(404, {"error": {"message": "no"}})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if not self.path.endswith("/completions"):
                self._send(404, {"error": {"message": "no"}})
                return
            if server.refuse in body:
                self._send(400, {"error": {"message": f"unknown field {server.refuse}"}})
                return
            if body.get("max_tokens") == 1:  # an engine tries a server out with one token when it connects
                self._stream(body)
                return
            server.enter(body)
            try:
                if server.failing:
                    self._send(500, {"error": {"message": "out of luck"}})
                else:
                    self._stream(body)
            except OSError:
                pass
            finally:
                server.leave()

        def _stream(self, body: dict[str, Any]) -> None:
            n = server.tokens or int(body["max_tokens"])
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for i in range(n):
                finish = "length" if i == n - 1 else None
                self._event({"choices": [{"index": 0, "delta": {"content": f"w{i} "}, "finish_reason": finish}]})
            n_in = len(str(body.get("messages") or body.get("prompt")).split())
            self._event({"choices": [], "usage": {"prompt_tokens": n_in, "completion_tokens": n}})
            self._chunk(b"data: [DONE]\n\n")
            self._chunk(b"")

        def _event(self, value: dict[str, Any]) -> None:
            self._chunk(b"data: " + json.dumps(value).encode() + b"\n\n")

        def _chunk(self, data: bytes) -> None:
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            self.wfile.flush()

        def _send(self, status: int, value: Any) -> None:
            data = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    return Handler
