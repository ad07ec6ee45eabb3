"""A small server that speaks OpenAI's API in several dialects, for tests: deterministic, standard library alone, faults as data.

What it says is made of the prompt's own words, in an order that its ids (and the seed) fix. `FAULTS` are what real servers
and wrong addresses do; `StandIn.fault` can be changed between requests.
"""

from __future__ import annotations

import contextlib
import json
import re
import ssl
import subprocess
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.stand_in_answers import Writer, page_vllm

FAULTS = (
    "hang", "hang_midstream", "html", "html_stream", "half_chunk", "http500", "cut", "wrong_usage", "long_line", "endless_line",
    "no_done", "crlf", "split", "error_event", "echo_key", "redirect", "garbage", "whole", "no_usage", "reasoning", "no_count",
    "close", "bad_json", "refuse:FIELD", "hang_requests", "fail_seeds",
)  # fmt: skip
OWNERS = {
    "vllm": "vllm", "llama-server": "llamacpp", "sglang": "sglang", "tensorrt-llm": "tensorrt_llm", "ollama": "library",
    "dynamo": "nvidia", "lm-studio": "organization_owner",
}  # fmt: skip
NATURAL = 12  # so many tokens it says unless it is told to ignore its end


@dataclass
class Asked:
    """One request that came: its body as it was sent."""

    path: str
    body: dict[str, Any]
    headers: dict[str, str]


@dataclass
class Counters:
    """What /metrics tells."""

    done: int = 0
    running: int = 0
    ttft_s: float = 0.0
    prefill_s: float = 0.0
    decode_s: float = 0.0
    read: int = 0
    cached: int = 0
    made: int = 0


@dataclass
class StandIn:
    """kind: one of OWNERS, or "" for a server that says nothing of itself. token_s, prefill_s: how slow it is."""

    kind: str = "vllm"
    key: str = ""
    models: tuple[str, ...] = ("stand-in",)
    n_ctx: int = 4096
    token_s: float = 0.001
    prefill_s: float = 0.002
    fault: str = ""
    listen: int = 0  # the port; 0: any
    certificate: Path | None = None  # PEM of key and certificate: then it speaks TLS
    asked: list[Asked] = field(default_factory=list)
    counters: Counters = field(default_factory=Counters)
    words: dict[int, str] = field(default_factory=dict)
    seen: dict[str, list[int]] = field(default_factory=dict)  # salt → ids of the last prompt

    def __post_init__(self) -> None:
        self.guard = threading.Lock()
        self.stopping = threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", self.listen), _handler(self))
        self._http.daemon_threads = True
        if self.certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate)
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._http.server_address[1])

    @property
    def url(self) -> str:
        return f"{'https' if self.certificate else 'http'}://127.0.0.1:{self.port}/v1"

    def close(self) -> None:
        self.stopping.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    # --- its tokens -------------------------------------------------------------------------

    def ids(self, text: str) -> list[int]:
        pieces = re.findall(r"\S+\s*|\s+", text)
        ids = [zlib.crc32(p.encode()) % 90_000 for p in pieces]
        self.words.update(zip(ids, pieces, strict=True))
        return ids

    def piece(self, token: int) -> str:
        return self.words.get(token, f"<{token}> ")

    @staticmethod
    def rendered(messages: list[dict[str, Any]]) -> str:
        return "".join(f"<|{m['role']}|>\n{m['content']}\n" for m in messages) + "<|assistant|>\n"

    def answer(self, prompt: list[int], body: dict[str, Any]) -> tuple[list[int], str]:
        limit = int(body.get("max_tokens") or body.get("max_completion_tokens") or 16)
        long = body.get("ignore_eos") or body.get("min_tokens")
        n = limit if long else min(limit, NATURAL)
        shift = int(body.get("seed") or 0) + 3
        said = [prompt[(i * 7 + shift) % len(prompt)] for i in range(n)]
        return said, "length" if n == limit else "stop"

    def cached(self, prompt: list[int], body: dict[str, Any]) -> int:
        """How much of a prompt was read before, under the same salt; never all of it."""
        if body.get("cache_prompt") is False:
            return 0
        with self.guard:
            before = self.seen.get(str(body.get("cache_salt", "")), [])
            self.seen[str(body.get("cache_salt", ""))] = prompt
        same = next(
            (i for i, (a, b) in enumerate(zip(before, prompt, strict=False)) if a != b), min(len(before), len(prompt))
        )
        return min(same, len(prompt) - 1)


@contextlib.contextmanager
def stand_in(**fields: Any) -> Iterator[StandIn]:
    """A stand-in for the time of a test."""
    server = StandIn(**fields)
    try:
        yield server
    finally:
        server.close()


def self_signed(folder: Path) -> Path:
    """A PEM file of a key and a certificate for 127.0.0.1 that nobody signed; made by `openssl`."""
    path = folder / "self-signed.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext",
               "subjectAltName=IP:127.0.0.1", "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    path.write_text((folder / "key.pem").read_text() + (folder / "cert.pem").read_text())
    return path


def _handler(server: StandIn) -> type[BaseHTTPRequestHandler]:
    return type("Handler", (_Handler,), {"server_": server})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_: StandIn

    # --- what comes -------------------------------------------------------------------------

    def do_GET(self) -> None:
        self._route({})

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            self._route(json.loads(data or b"{}"))
        except (BrokenPipeError, ConnectionError, ssl.SSLError):
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Tests want quiet."""

    def version_string(self) -> str:
        return "llama.cpp" if self.server_.kind == "llama-server" else "stand-in"

    def _route(self, body: dict[str, Any]) -> None:
        s = self.server_
        s.asked.append(Asked(self.path, body, dict(self.headers)))
        if self._failed():
            return
        if (
            s.key
            and self.headers.get("Authorization") != f"Bearer {s.key}"
            and self.path not in ("/metrics", "/health")
        ):
            self.json({"error": {"message": f"Incorrect API key provided: {self.headers.get('Authorization')}"}}, 401)
            return
        made = {
            "/v1/chat/completions": self._chat, "/v1/completions": self._completion, "/v1/models": self._models,
            "/metrics": self._metrics, "/prometheus/metrics": self._prometheus, "/tokenize": self._tokenize,
            "/detokenize": self._detokenize, "/apply-template": self._template, "/props": self._props, "/version": self._version,
            "/health": self._health, "/flush_cache": self._flush, "/get_server_info": self._version, "/api/version": self._version,
        }.get(self.path)  # fmt: skip
        if made is None:
            self.json({"detail": "Not Found"}, 404)
        else:
            made(body)

    def _failed(self) -> bool:
        """The faults of a whole server, or of its answers' heads."""
        s, fault, asks = self.server_, self.server_.fault, self.path.endswith("completions")
        if fault == "hang" or (fault == "hang_requests" and asks):
            s.stopping.wait()
        elif fault == "html":
            self._send(200, "text/html", b"<!DOCTYPE html><html><body>It works!</body></html>")
        elif fault == "http500" and asks:
            self.json({"error": {"message": "the engine is dead", "code": 500}}, 500)
        elif fault == "redirect":
            self.send_response(307)
            self.send_header("Location", "https://elsewhere.example/v1")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif fault == "garbage":
            self.wfile.write(b"\x16\x03\x01 SSH-2.0-nothing\r\n\r\n")
            self.close_connection = True
        elif fault == "close" and asks:
            self.close_connection = True
        elif fault == "echo_key":
            self.json({"error": {"message": f"no such project: {self.headers.get('Authorization')}"}}, 400)
        else:
            return False
        return True

    # --- what it tells of itself --------------------------------------------------------------

    def _models(self, body: dict[str, Any]) -> None:
        s = self.server_
        more: dict[str, Any] = {"max_model_len": s.n_ctx} if s.kind in ("vllm", "sglang") else {}
        rows = [
            {"id": m, "object": "model", "created": 1, "owned_by": OWNERS.get(s.kind, "somebody"), **more}
            for m in s.models
        ]
        self.json({"object": "list", "data": rows})

    def _version(self, body: dict[str, Any]) -> None:
        self.json({"version": "1.2.3"})

    def _health(self, body: dict[str, Any]) -> None:
        self._send(200, "text/plain", b"")

    def _props(self, body: dict[str, Any]) -> None:
        settings = {"n_ctx": self.server_.n_ctx}
        found = {
            "default_generation_settings": settings,
            "total_slots": 4,
            "build_info": "b9999-abc",
            "modalities": {"vision": False},
        }
        self.json(found if self.server_.kind == "llama-server" else {"detail": "Not Found"}, 200)

    def _flush(self, body: dict[str, Any]) -> None:
        self.server_.seen.clear()
        self._send(200, "text/plain", b"Cache flushed.")

    def _metrics(self, body: dict[str, Any]) -> None:
        s, c = self.server_, self.server_.counters
        pages = {
            "vllm": page_vllm(c), "llama-server": f"llamacpp:requests_processing {c.running}\nllamacpp:requests_deferred 0\n",
            "sglang": f'sglang:num_running_reqs{{tp_rank="0"}} {c.running}\nsglang:num_queue_reqs 0\nsglang:token_usage 0.25\n'
            "sglang:cache_hit_rate 0.5\n",
            "dynamo": f"dynamo_frontend_inflight_requests {c.running}\ndynamo_frontend_queued_requests 0\n",
        }  # fmt: skip
        if s.kind == "tensorrt-llm":
            self.json(
                [
                    {
                        "numActiveRequests": c.running,
                        "numQueuedRequests": 0,
                        "kvCacheStats": {"usedNumBlocks": 1, "maxNumBlocks": 4},
                    }
                ]
            )
        elif s.kind in pages:
            self._send(200, "text/plain; version=0.0.4", pages[s.kind].encode())
        else:
            self.json({"detail": "Not Found"}, 404)

    def _prometheus(self, body: dict[str, Any]) -> None:
        self.json({"detail": "Not Found"}, 404)

    # --- its tokenizer ------------------------------------------------------------------------

    def _tokenize(self, body: dict[str, Any]) -> None:
        s = self.server_
        text = s.rendered(body["messages"]) if "messages" in body else body.get("prompt", body.get("content", ""))
        ids = s.ids(text)
        self.json({"tokens": ids, "count": len(ids), "max_model_len": s.n_ctx})

    def _detokenize(self, body: dict[str, Any]) -> None:
        if any(t > 90_000 for t in body["tokens"]):
            self.json({"error": {"message": "token id out of range"}}, 400)
            return
        self.json(
            {"prompt" if self.server_.kind == "vllm" else "content": "".join(map(self.server_.piece, body["tokens"]))}
        )

    def _template(self, body: dict[str, Any]) -> None:
        self.json({"prompt": self.server_.rendered(body["messages"])})

    # --- answers ------------------------------------------------------------------------------

    def _chat(self, body: dict[str, Any]) -> None:
        self._answer(body, self.server_.ids(self.server_.rendered(body["messages"])), chat=True)

    def _completion(self, body: dict[str, Any]) -> None:
        prompt = body["prompt"]
        self._answer(body, self.server_.ids(prompt) if isinstance(prompt, str) else list(prompt), chat=False)

    def _answer(self, body: dict[str, Any], prompt: list[int], chat: bool) -> None:
        s = self.server_
        if (problem := self._refusal(body, prompt)) is not None:
            self.json({"error": {"message": problem[0], "type": "BadRequestError", "code": problem[1]}}, problem[1])
            return
        writer = Writer(self, body, prompt, chat)
        with s.guard:
            s.counters.running += 1
        try:
            writer.whole() if s.fault == "whole" or not body.get("stream") else writer.stream()
        finally:
            with s.guard:
                s.counters.running -= 1

    def _refusal(self, body: dict[str, Any], prompt: list[int]) -> tuple[str, int] | None:
        s, limit = self.server_, int(body.get("max_tokens") or 1)
        if body.get("model") not in s.models:
            return f"The model `{body.get('model')}` does not exist.", 404
        if s.fault.startswith("refuse:") and (name := s.fault.partition(":")[2]) in body:
            return f"Unrecognized request argument supplied: {name}", 400
        if s.fault == "fail_seeds" and body.get("seed", 10) != 10:
            return "out of luck", 503
        if len(prompt) + limit > s.n_ctx:
            return (
                f"This model's maximum context length is {s.n_ctx} tokens, and {len(prompt)} + {limit} were asked for.",
                400,
            )
        return None

    def json(self, value: Any, status: int = 200) -> None:
        self._send(status, "application/json", json.dumps(value).encode())

    def _send(self, status: int, kind: str, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
