"""A hub on this machine that speaks the hub's protocol and misbehaves as it is told to, by data.

    with HubServer({"org/name": Repo({"model.gguf": data})}) as hub:
        hub.misbehave(Fault("cut", at=1000), Fault("stall", at=2000))
        hub.url

Faults are used up one after the other by the requests for files (or, kind "api", for the API).
"""

from __future__ import annotations

import hashlib
import json
import re
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol, Self
from urllib.parse import parse_qs, unquote, urlsplit

LFS_BYTES = 10_000  # larger files have a published SHA-256, smaller ones git's
STEP = 1 << 16


class Content(Protocol):
    """What a file holds."""

    size: int

    def read(self, start: int, count: int) -> bytes: ...


@dataclass(frozen=True)
class Bytes:
    """In memory."""

    data: bytes

    @property
    def size(self) -> int:  # type: ignore[override]
        return len(self.data)

    def read(self, start: int, count: int) -> bytes:
        return self.data[start : start + count]


@dataclass(frozen=True)
class Pattern:
    """Any number of bytes that need no memory: `head`, then a block again and again, each time with its number in it."""

    size: int
    head: bytes = b""
    block: bytes = field(default=bytes(range(256)) * 256, repr=False)

    def read(self, start: int, count: int) -> bytes:
        end, found = min(self.size, start + count), bytearray()
        while start + len(found) < end:
            at = start + len(found)
            if at < len(self.head):
                found += self.head[at:end]
                continue
            number, inside = divmod(at - len(self.head), len(self.block))
            found += (number.to_bytes(8, "little") + self.block[8:])[inside : inside + end - at]
        return bytes(found)


@dataclass
class Repo:
    """files: name → bytes or Content. commit: its one revision. sha256: digests that need not be computed again."""

    files: Mapping[str, bytes | Content]
    commit: str = "0123456789abcdef0123456789abcdef01234567"
    gated: bool = False
    private: bool = False
    tags: tuple[str, ...] = ()
    licence: str = "apache-2.0"
    pipeline: str = "text-generation"
    downloads: int = 10
    likes: int = 1
    config: dict[str, Any] = field(default_factory=dict)
    dtypes: dict[str, int] = field(default_factory=dict)
    sha256: dict[str, str] = field(default_factory=dict)
    sizes: dict[str, Any] = field(default_factory=dict)  # said in place of the real ones
    lfs_bytes: int = LFS_BYTES

    def content(self, name: str) -> Content | None:
        found = self.files.get(name)
        return Bytes(found) if isinstance(found, bytes) else found

    def digest(self, name: str) -> str:
        if name not in self.sha256:
            content, sha = self.content(name), hashlib.sha256()
            assert content is not None
            for at in range(0, content.size, 1 << 20):
                sha.update(content.read(at, 1 << 20))
            self.sha256[name] = sha.hexdigest()
        return self.sha256[name]


@dataclass(frozen=True)
class Fault:
    """kind: cut, stall, mute, flip, ignore_range, etag, length, wrong_range, status, html, loop, redirect, api, garbage, none.

    at: byte of the file (an etag with one is a cut as well). value: a length, ETag, status or address. path: only for files whose name contains it.
    """

    kind: str
    at: int = 0
    value: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    path: str = ""
    seconds: float = 60.0


@dataclass(frozen=True)
class Asked:
    """One request."""

    path: str
    headers: dict[str, str]
    status: int


class HubServer:
    """tokens: those that are accepted. cdn: large files are redirected to another name of this machine, as the hub does."""

    def __init__(self, repos: Mapping[str, Repo], tokens: tuple[str, ...] = ("hf_good",), cdn: bool = True) -> None:
        self.repos, self.tokens, self.cdn = dict(repos), tokens, cdn
        self.faults: list[Fault] = []
        self.asked: list[Asked] = []
        self.sent_bytes = 0
        self.etags: dict[str, str] = {}
        self.ending = threading.Event()
        self.guard = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="hub-server", daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        self._thread.start()
        return self

    def stop(self) -> None:
        self.ending.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def misbehave(self, *faults: Fault) -> None:
        with self.guard:
            self.faults += faults

    def files_asked(self) -> list[Asked]:
        with self.guard:
            return [a for a in self.asked if "/api/" not in a.path]

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], hub: HubServer) -> None:
        super().__init__(address, _Handler)
        self.hub = hub

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        hub, url = self.server.hub, urlsplit(self.path)
        path = unquote(url.path)
        if path.startswith("/api/models"):
            self._api(path.removeprefix("/api/models").strip("/"), parse_qs(url.query))
        elif path.startswith("/cdn/"):
            repo, _, name = path.removeprefix("/cdn/").partition("//")
            self._file(hub.repos[repo], repo, name, self._fault(name))
        elif found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self._resolve(found[1], found[2], found[3])
        else:
            self._refuse(404, "EntryNotFound")

    # --- the API ------------------------------------------------------------------------------

    def _api(self, rest: str, query: dict[str, list[str]]) -> None:
        fault = self._fault("api", "api")
        if fault is not None and fault.kind == "api" and fault.value == "mute":
            self._note(0)
            self.server.hub.ending.wait(fault.seconds)
            self.close_connection = True
        elif fault is not None and fault.kind == "api":
            self._say(int(fault.value or 500), b"{}", fault.headers)
        elif fault is not None and fault.kind == "garbage":
            self._say(200, fault.value or b"<html>log in</html>", fault.headers)
        elif not rest:
            self._search(query)
        else:
            self._info(rest)

    def _search(self, query: dict[str, list[str]]) -> None:
        hub = self.server.hub
        words = query.get("search", [""])[0].lower()
        found = [
            self._line(name, repo) for name, repo in hub.repos.items() if words in name.lower() and not repo.private
        ]
        wanted = query.get("pipeline_tag", [None])[0]
        found = [line for line in found if wanted in (None, line["pipeline_tag"])]
        key = query.get("sort", ["downloads"])[0]
        found.sort(key=lambda line: line.get(key) or 0, reverse=True)
        self._say(200, json.dumps(found[: int(query.get("limit", ["30"])[0])]).encode())

    def _line(self, name: str, repo: Repo) -> dict[str, Any]:
        return {
            "id": name, "modelId": name, "downloads": repo.downloads, "likes": repo.likes, "private": repo.private,
            "gated": "manual" if repo.gated else False, "lastModified": "2025-03-01T10:00:00.000Z", "pipeline_tag": repo.pipeline,
            "tags": [*repo.tags, f"license:{repo.licence}"],
        }  # fmt: skip

    def _info(self, rest: str) -> None:
        name, _, revision = rest.partition("/revision/")
        repo = self.server.hub.repos.get(name)
        if repo is None or (repo.private and not self._known()):
            self._refuse(401 if not self._known() else 404, "RepoNotFound")
        elif self._bad_token():
            self._say(401, b"{}", {"X-Error-Message": "Invalid credentials in Authorization header"})
        elif revision not in ("", "main", repo.commit):
            self._refuse(404, "RevisionNotFound")
        else:
            line = self._line(name, repo) | {
                "sha": repo.commit,
                "config": repo.config,
                "cardData": {"license": repo.licence},
            }
            if repo.dtypes:
                line["safetensors"] = {"parameters": repo.dtypes, "total": sum(repo.dtypes.values())}
            line["siblings"] = [self._sibling(repo, file) for file in repo.files]
            self._say(200, json.dumps(line).encode())

    def _sibling(self, repo: Repo, name: str) -> dict[str, Any]:
        content = repo.content(name)
        assert content is not None
        said: dict[str, Any] = {"rfilename": name, "size": repo.sizes.get(name, content.size), "blobId": _blob(content)}
        if content.size >= repo.lfs_bytes:
            said["lfs"] = {"size": repo.sizes.get(name, content.size), "sha256": repo.digest(name), "pointerSize": 134}
            said["blobId"] = "f" * 40
        return said

    # --- files --------------------------------------------------------------------------------

    def _resolve(self, name: str, revision: str, file: str) -> None:
        hub = self.server.hub
        repo = hub.repos.get(name)
        if self._bad_token():
            self._say(401, b"{}", {"X-Error-Message": "Invalid credentials in Authorization header"})
        elif repo is None or (repo.private and not self._known()):
            self._refuse(404 if self._known() else 401, "RepoNotFound")
        elif repo.gated and not self._known():
            self._refuse(403, "GatedRepo")
        elif revision not in ("main", repo.commit):
            self._refuse(404, "RevisionNotFound")
        elif file not in repo.files:
            self._refuse(404, "EntryNotFound")
        elif hub.cdn and repo.content(file).size >= repo.lfs_bytes:  # type: ignore[union-attr]
            where = f"http://localhost:{hub.port}/cdn/{name}//{file}?Signature=secret-signature"
            self._say(
                302, b"", {"Location": where, "X-Repo-Commit": repo.commit, "X-Linked-Etag": f'"{repo.digest(file)}"'}
            )
        else:
            self._file(repo, name, file, self._fault(file))

    def _file(self, repo: Repo, repo_name: str, name: str, fault: Fault | None) -> None:
        kind = fault.kind if fault else "none"
        if kind == "status":
            assert fault is not None
            self._say(int(fault.value), b"no", fault.headers)
        elif kind == "html":
            self._say(200, b"<!doctype html><title>Log in</title>", {"Content-Type": "text/html"})
        elif kind == "mute":
            assert fault is not None
            self._note(0)
            self.server.hub.ending.wait(fault.seconds)
            self.close_connection = True
        elif kind in ("loop", "redirect"):
            assert fault is not None
            self.server.hub.misbehave(*([fault] if kind == "loop" else []))
            self._say(302, b"", {"Location": self.path if kind == "loop" else str(fault.value)})
        else:
            self._send_file(repo, f"{repo_name}/{name}", name, fault or Fault("none"))

    def _send_file(self, repo: Repo, key: str, name: str, fault: Fault) -> None:
        hub, content = self.server.hub, repo.content(name)
        assert content is not None
        if fault.kind == "etag":
            hub.etags[key] = str(fault.value)
        etag = hub.etags.get(key) or f'"{repo.digest(name)[:32]}"'
        start, end, status = self._range(content.size, etag, fault)
        if status == 416:
            self._say(416, b"", {"Content-Range": f"bytes */{content.size}"})
            return
        length = int(fault.value) if fault.kind == "length" else end - start
        headers = {
            "ETag": etag,
            "Accept-Ranges": "bytes",
            "Content-Length": str(length),
            "Content-Type": "application/octet-stream",
        }
        if status == 206:
            shift = 1 if fault.kind == "wrong_range" else 0
            headers["Content-Range"] = f"bytes {start + shift}-{end - 1}/{content.size}"
        self._begin(status, headers)
        self._pour(content, start, end, fault)

    def _range(self, size: int, etag: str, fault: Fault) -> tuple[int, int, int]:
        """(from, to, status)."""
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        matches = self.headers.get("If-Range") in (None, etag)
        if asked is None or not matches or fault.kind == "ignore_range":
            return 0, size, 200
        start, end = int(asked[1]), min(size, int(asked[2] or size - 1) + 1)
        return (start, end, 206) if start < size else (0, 0, 416)

    def _pour(self, content: Content, start: int, end: int, fault: Fault) -> None:
        short = fault.kind in ("cut", "stall") or (fault.kind == "etag" and fault.at > 0)
        until = min(end, max(start, fault.at)) if short else end
        for at in range(start, until, STEP):
            data = bytearray(content.read(at, min(STEP, until - at)))
            if fault.kind == "flip" and at <= fault.at < at + len(data):
                data[fault.at - at] ^= 1
            self.wfile.write(data)
            with self.server.hub.guard:
                self.server.hub.sent_bytes += len(data)
        if fault.kind == "stall":
            self.server.hub.ending.wait(fault.seconds)
        if short or fault.kind == "length":
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    # --- small things -------------------------------------------------------------------------

    def _fault(self, name: str, kind: str = "") -> Fault | None:
        """The next one for this file; faults of the API are for the API."""
        hub = self.server.hub
        with hub.guard:
            for fault in hub.faults:
                for_api = fault.kind in ("api", "garbage")
                if for_api == (kind == "api") and fault.path in name:
                    hub.faults.remove(fault)
                    return fault
        return None

    def _known(self) -> bool:
        return self.headers.get("Authorization", "").removeprefix("Bearer ") in self.server.hub.tokens

    def _bad_token(self) -> bool:
        return "Authorization" in self.headers and not self._known()

    def _refuse(self, status: int, code: str) -> None:
        self._say(status, b'{"error": "no"}', {"X-Error-Code": code})

    def _say(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        kind = {} if headers and "Content-Type" in headers else {"Content-Type": "application/json"}
        self._begin(status, {"Content-Length": str(len(body)), **kind, **(headers or {})})
        self.wfile.write(body)

    def _begin(self, status: int, headers: Mapping[str, str]) -> None:
        self._note(status)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _note(self, status: int) -> None:
        hub = self.server.hub
        with hub.guard:
            hub.asked.append(Asked(self.path, {k.lower(): v for k, v in self.headers.items()}, status))


def _blob(content: Content) -> str:
    sha = hashlib.sha1(b"blob %d\0" % content.size, usedforsecurity=False)
    for data in _steps(content):
        sha.update(data)
    return sha.hexdigest()


def _steps(content: Content) -> Iterator[bytes]:
    for at in range(0, content.size, 1 << 20):
        yield content.read(at, 1 << 20)
