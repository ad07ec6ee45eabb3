"""OpenAI-compatible servers that a person named: where they are, what they serve, and their models as variants.

TANDEM_HOME/servers.json holds everything but the keys, which are in the keyring (`app.library.secrets`).
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
import urllib.parse
from collections.abc import Iterator, Sequence

import msgspec

from app.errors import TandemError
from app.library.checksum import write_atomic
from app.library.facts import slug
from app.library.secrets import Secrets
from app.library.served import served_variants
from app.library.variant import Variant
from app.locks import FileLock
from app.paths import Paths
from engines.protocol import Address

KEY_VARIABLE = "TANDEM_SERVER_KEY"
_GOOD = re.compile(r"[^\s\x00-\x1f\x7f-\x9f]{1,2000}")
_KEY = re.compile(r"[\x21-\x7e][\x20-\x7e]{0,8191}")
LOCAL = re.compile(r"^(localhost|127\.\d+\.\d+\.\d+|::1)$")


class Preset(msgspec.Struct, frozen=True):
    """A kind of server: what it is called and where it listens unless told otherwise."""

    kind: str
    title: str
    url: str


PRESETS = (
    Preset("vllm", "vLLM", "http://127.0.0.1:8000/v1"),
    Preset("sglang", "SGLang", "http://127.0.0.1:30000/v1"),
    Preset("tensorrt-llm", "TensorRT-LLM", "http://127.0.0.1:8000/v1"),
    Preset("dynamo", "Dynamo frontend", "http://127.0.0.1:8000/v1"),
    Preset("llama-server", "llama-server", "http://127.0.0.1:8080/v1"),
    Preset("ollama", "Ollama", "http://127.0.0.1:11434/v1"),
    Preset("lm-studio", "LM Studio", "http://127.0.0.1:1234/v1"),
    Preset("", "Another server", "http://127.0.0.1:8000/v1"),
)


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """One server. kind: of PRESETS, "" unknown. models: what it served when it was asked last. asked: when (Unix), 0 never.

    ca_file, verify: as in `Address`. key: True if a key belongs to it.
    """

    id: str
    title: str
    url: str
    kind: str = ""
    models: tuple[str, ...] = ()
    asked: float = 0.0
    ca_file: str = ""
    verify: bool = True
    key: bool = False


class Servers:
    """Safe to use from several threads, and beside other processes; the file is the truth, read again when it has changed."""

    def __init__(self, paths: Paths, secrets: Secrets) -> None:
        self._path, self._secrets, self._paths = paths.home / "servers.json", secrets, paths
        self._guard = threading.RLock()
        self._seen: tuple[int, int, int] = (0, 0, 0)
        self._servers: tuple[Server, ...] = ()
        self._variants: tuple[tuple[Server, ...], list[Variant]] = ((), [])

    def all(self) -> tuple[Server, ...]:
        """Every server, in the order in which they were added."""
        with self._guard:
            self._read()
            return self._servers

    def get(self, id: str) -> Server:
        """Raises TandemError `unknown_server`."""
        found = next((s for s in self.all() if s.id == id), None)
        if found is None:
            known = ", ".join(s.id for s in self.all()) or "none yet"
            raise TandemError("unknown_server", f"There is no server “{id[:80]}”.", f"Servers: {known}.")
        return found

    def add(
        self, url: str, title: str = "", kind: str = "", key: str = "", ca_file: str = "", verify: bool = True
    ) -> Server:
        """Remember a server; one at the same address is changed instead. Raises TandemError `bad_url`, `bad_key`, `disk`."""
        url, key = base_url(url), checked_key(key)
        host = urllib.parse.urlsplit(url).netloc
        with self._changing():
            old = next((s for s in self.all() if s.url == url), None)
            made = Server(
                id=old.id if old else self._free(slug(title or host)), title=title or (old.title if old else host), url=url,
                kind=kind or (old.kind if old else ""), models=old.models if old else (), asked=old.asked if old else 0.0,
                ca_file=ca_file, verify=verify, key=bool(key) or (old.key if old else False),
            )  # fmt: skip
            self._put(made)
        if key:
            self._secrets.set(_name(made.id), key)
        return made

    def put(self, server: Server) -> None:
        """Write a server that is new, or has changed. Raises TandemError `disk`, `locked`."""
        with self._changing():
            self._put(server)

    def remove(self, id: str) -> None:
        """Forget a server and its key. Raises TandemError `unknown_server`."""
        with self._changing():
            self.get(id)
            self._write([s for s in self.all() if s.id != id])
        self._secrets.forget(_name(id))

    def key(self, server: Server) -> str:
        """Its key: TANDEM_SERVER_KEY if that is set, else the kept one, else ""."""
        return os.environ.get(KEY_VARIABLE, "").strip() or (self._secrets.get(_name(server.id)) if server.key else "")

    def address(self, server: Server, model: str = "") -> Address:
        """Where a model is served, with the key. Raises TandemError `bad_key`."""
        return Address(
            url=server.url, model=model, key=checked_key(self.key(server)), kind=server.kind, ca_file=server.ca_file, verify=server.verify
        )  # fmt: skip

    def variants(self) -> list[Variant]:
        """Every model that was seen on a server, as a variant that the engine `openai-server` loads."""
        with self._guard:
            servers = self.all()
            if servers is not self._variants[0]:
                self._variants = (servers, served_variants(servers))
            return list(self._variants[1])

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        """Alone among threads and processes, from reading the file to writing it."""
        with self._guard, FileLock(self._paths.lock / "servers.lock"):
            yield

    def _put(self, server: Server) -> None:
        others = self.all()
        known = any(s.id == server.id for s in others)
        self._write([server if s.id == server.id else s for s in others] + ([] if known else [server]))

    def _free(self, wanted: str) -> str:
        taken = {s.id for s in self.all()}
        return next(n for n in (wanted, *(f"{wanted[:70]}-{i}" for i in range(2, 1000))) if n not in taken)

    def _read(self) -> None:
        try:
            stat = self._path.stat()
        except OSError:
            self._seen, self._servers = (0, 0, 0), ()
            return
        seen = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        if seen == self._seen:
            return
        with contextlib.suppress(OSError):
            try:
                found = msgspec.json.decode(self._path.read_bytes(), type=tuple[Server, ...])
            except (msgspec.MsgspecError, ValueError, RecursionError):
                self._put_aside()
                found = ()
            self._seen, self._servers = seen, found

    def _put_aside(self) -> None:
        """A file that cannot be read is kept under another name: nothing that a person made is lost."""
        with contextlib.suppress(OSError):
            self._path.replace(self._path.with_suffix(".damaged.json"))

    def _write(self, servers: Sequence[Server]) -> None:
        try:
            write_atomic(self._path, msgspec.json.format(msgspec.json.encode(tuple(servers))))
        except OSError as error:
            words = f"The list of servers cannot be written: {error.strerror or error}."
            raise TandemError("disk", words, "Make room, or see that Tandem's folder can be written.") from error
        self._seen = (0, 0, 0)
        self._read()


def base_url(text: str) -> str:
    """The address in one form: scheme, host, port, path up to "/v1". Raises TandemError `bad_url`.

    A key in the address is refused: it would end in logs and in lists.
    """
    text = text.strip()
    parts = _split(text)
    if parts.username or parts.password or parts.query or parts.fragment:
        raise TandemError(
            "bad_url", "The address carries a key or a question, which would be shown in lists and logs.",
            "Give the address alone; the key has its own field (headless: TANDEM_SERVER_KEY).",
        )  # fmt: skip
    if parts.scheme not in ("http", "https") or not parts.hostname or not _GOOD.fullmatch(text):
        raise TandemError("bad_url", "That is no address of a server.", "Write it like http://127.0.0.1:8000/v1.")
    path = parts.path.rstrip("/")
    for ending in ("/chat/completions", "/completions", "/models"):
        path = path.removesuffix(ending)
    return urllib.parse.urlunsplit((parts.scheme, parts.netloc.lower(), path or "/v1", "", ""))


def _split(text: str) -> urllib.parse.SplitResult:
    """Raises TandemError `bad_url`."""
    what = "That is no address of a server."
    try:
        parts = urllib.parse.urlsplit(text if "://" in text else f"http://{text}")
        what = "The address has an impossible port."
        _ = parts.port
    except ValueError:
        raise TandemError("bad_url", what, "Write it like http://127.0.0.1:8000/v1.") from None
    return parts


def checked_key(text: str) -> str:
    """A key as a header can carry it. Raises TandemError `bad_key`, which does not tell it."""
    key = text.strip()
    if key and not _KEY.fullmatch(key):
        raise TandemError(
            "bad_key",
            "The key holds characters that no key has, such as a line break.",
            "Copy it again, the key alone.",
        )
    return key


def _name(server: str) -> str:
    return f"server:{server}"
