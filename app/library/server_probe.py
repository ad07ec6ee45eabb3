"""Asks a server what it is and what it serves, over HTTP, before any engine is loaded.

One question matters (`GET /v1/models`); the others only tell what kind of server it is, and a server that does not know
them is none the worse. Nothing is followed to another address: a key belongs to the server that it was given for.
"""

from __future__ import annotations

import contextlib
import importlib
import ssl
import time
from collections.abc import Callable
from typing import Any

import msgspec

from app.errors import TandemError
from app.library.facts import plain
from app.library.servers import KEY_VARIABLE, Server, Servers
from engines.protocol import Address

CONNECT_S, READ_S, WHOLE_S = 3.0, 5.0, 10.0
MOST_BYTES = 8_000_000
MOST_MODELS = 2_000

OWNERS = {
    "vllm": "vllm", "sglang": "sglang", "llamacpp": "llama-server", "library": "ollama", "organization_owner": "lm-studio",
    "tensorrt_llm": "tensorrt-llm", "tensorrt-llm": "tensorrt-llm", "nvidia": "dynamo", "dynamo": "dynamo",
}  # fmt: skip
"""What servers write into `owned_by` of their own models → the kind."""


class Offered(msgspec.Struct, frozen=True):
    """One model of a server. n_ctx: the longest context it says, None where it does not."""

    id: str
    n_ctx: int | None = None


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """What a server said. version: its own word, "" where it has none. seconds: how long /v1/models took."""

    server: Server
    models: tuple[Offered, ...]
    version: str = ""
    seconds: float = 0.0

    @property
    def n_ctx(self) -> int | None:
        """The longest context of its models."""
        return max((m.n_ctx for m in self.models if m.n_ctx is not None), default=None)


class Reply(msgspec.Struct, frozen=True):
    """status, headers (lower case) and body of one answer."""

    status: int
    headers: dict[str, str]
    body: bytes


def ask(servers: Servers, server: Server) -> Probe:
    """Ask, remember what was learnt (`Servers.put`), and tell it. Blocks for up to 30 s.

    Raises TandemError `no_server`, `server_silent`, `not_a_server`, `server_error`, `bad_key`, `bad_certificate`, `disk`.
    """
    address = servers.address(server)
    with _Asker(address) as asker:
        began = time.monotonic()
        models = _models(asker.get(f"{address.url}/models"), address)
        seconds = time.monotonic() - began
        kind, version, models = _recognised(asker, server, models)
    known = next((s for s in servers.all() if s.id == server.id), None)  # it may have been renamed or removed meanwhile
    kept = msgspec.structs.replace(
        known or server, kind=kind or server.kind, models=tuple(model.id for model, _ in models), asked=time.time()
    )
    if known is not None and known.url == server.url:
        servers.put(kept)
    return Probe(server=kept, models=tuple(model for model, _ in models), version=version, seconds=seconds)


class _Asker:
    """One connection pool for the questions of one `ask`."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._http: Any = importlib.import_module("urllib3")
        if not address.verify:  # the person has been told, and said so
            self._http.disable_warnings(self._http.exceptions.InsecureRequestWarning)
        self._root = address.url.removesuffix("/v1")
        self._pool: Any = self._http.PoolManager(ssl_context=_context(address))

    def __enter__(self) -> _Asker:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.clear()

    def get(self, url: str) -> Reply:
        """Raises TandemError `no_server`, `server_silent`, `bad_certificate`, `not_a_server`."""
        headers = {"Accept": "application/json", "User-Agent": "tandem"}
        if self._address.key:
            headers["Authorization"] = f"Bearer {self._address.key}"
        timeout = self._http.Timeout(connect=CONNECT_S, read=READ_S)
        errors: Any = self._http.exceptions
        try:
            reply = self._pool.request(
                "GET", url, headers=headers, timeout=timeout, retries=False, redirect=False, preload_content=False
            )
            try:
                return Reply(reply.status, {k.lower(): v for k, v in reply.headers.items()}, _body(reply))
            finally:
                reply.close()
        except (errors.HTTPError, OSError, ValueError) as error:
            raise _failure(self._address, errors, error) from None

    def look(self, path: str) -> dict[str, Any]:
        """A JSON object at `path` of the server's root; {} where there is none."""
        with contextlib.suppress(TandemError, msgspec.MsgspecError, ValueError, RecursionError):
            reply = self.get(f"{self._root}{path}")
            if reply.status == 200:
                found = msgspec.json.decode(reply.body)
                return found if isinstance(found, dict) else {}
        return {}


def _context(address: Address) -> ssl.SSLContext:
    """The system's certificates and the person's own. Raises TandemError `bad_certificate` for a file that is none."""
    context = ssl.create_default_context()
    if not address.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif address.ca_file:
        try:
            context.load_verify_locations(cafile=address.ca_file)
        except (OSError, ValueError) as error:
            why = error.strerror or str(error) if isinstance(error, OSError) else str(error)
            raise TandemError(
                "bad_certificate", f"The certificate file {address.ca_file} cannot be used: {why}.",
                "Choose a PEM file: text that begins with -----BEGIN CERTIFICATE-----.",
            ) from None  # fmt: skip
    return context


def _body(reply: Any) -> bytes:
    """The whole body. Raises TandemError: a server may send without end, or a byte now and then."""
    end, parts, size = time.monotonic() + WHOLE_S, [], 0
    while piece := reply.read1(65536):
        parts.append(piece)
        size += len(piece)
        if size > MOST_BYTES:
            raise TandemError("not_a_server", "The answer has no end.", "Check the address: this is no list of models.")
        if time.monotonic() > end:
            raise TandemError(
                "server_silent", f"The server sent for {WHOLE_S:.0f} s and did not come to an end.", "Ask again later."
            )
    return b"".join(parts)


def _failure(address: Address, errors: Any, error: Exception) -> TandemError:
    """What went wrong below HTTP, in words."""
    text = str(error)
    if isinstance(error, errors.SSLError | ssl.SSLError):
        return _certificate(text)
    if isinstance(error, errors.NameResolutionError):  # this and the next before the timeout, of which they are kinds
        return TandemError("no_server", f"There is no machine of the name in {address.url}.", "Check the address.")
    if isinstance(error, errors.NewConnectionError):
        words = f"Nothing answers at {address.url}."
        return TandemError("no_server", words, "Start the server, or correct the address and the port.")
    if isinstance(error, errors.ConnectTimeoutError):
        words = f"{address.url} did not take the connection within {CONNECT_S:.0f} s."
        return TandemError("no_server", words, "Check the address, the network and the firewall.")
    if isinstance(error, errors.ReadTimeoutError | TimeoutError):
        return TandemError(
            "server_silent", f"{address.url} took the connection and said nothing for {READ_S:.0f} s.",
            "It may be loading a model still: ask again in a while.",
        )  # fmt: skip
    if isinstance(error, errors.LocationParseError | ValueError):
        return TandemError("bad_url", f"{address.url} is no address.", "Write it like http://127.0.0.1:8000/v1.")
    words = f"What answers at {address.url} does not speak HTTP as a server should, or hung up."
    return TandemError("not_a_server", words, "Check the port, and http or https.")


def _certificate(text: str) -> TandemError:
    if "WRONG_VERSION_NUMBER" in text or "record layer" in text or "UNKNOWN_PROTOCOL" in text:
        words = "The server does not speak https at this port."
        return TandemError("not_a_server", words, "Write the address with http://, or take the port for https.")
    known = (why for mark, why in _CERTIFICATES if mark in text.lower())
    why = next(known, "it is not trusted by this computer")
    return TandemError(
        "bad_certificate", f"The server's certificate cannot be trusted: {why}.",
        "Trust its certificate file (--ca-file), or do not check the certificate of this one server (--no-verify).",
    )  # fmt: skip


_CERTIFICATES = (
    ("self-signed", "it is signed by nobody but itself"),
    ("self signed", "it is signed by nobody but itself"),
    ("hostname mismatch", "it is made out to another name"),
    ("doesn't match", "it is made out to another name"),
    ("expired", "it has expired"),
    ("unable to get local issuer", "this computer does not know who signed it"),
)


def _models(reply: Reply, address: Address) -> list[tuple[Offered, str]]:
    """(model, owned_by) of each. Raises TandemError."""
    if reply.status in (401, 403):
        words = "does not take this key" if address.key else "asks for a key"
        hint = (
            f"Give its key: in the window under Edit; headless: `tandem servers add URL --ask-key`, or {KEY_VARIABLE}."
        )
        raise TandemError("bad_key", f"The server {words} (HTTP {reply.status}).", hint)
    if reply.status >= 500:
        words = f"The server answers with an error of its own (HTTP {reply.status})."
        raise TandemError("server_error", words, "Look into the server's log; it may be starting still.")
    if 300 <= reply.status < 400:
        words = "The address sends on to another one, which is not followed: a key could end there."
        raise TandemError("not_a_server", words, f"Give the final address: {plain(reply.headers.get('location', ''))}")
    if reply.status != 200:
        words = f"Something answers, but it has no list of models (HTTP {reply.status} at {address.url}/models)."
        raise TandemError("not_a_server", words, "Check the path: most servers have it under /v1.")
    return _listed(reply, address)


def _listed(reply: Reply, address: Address) -> list[tuple[Offered, str]]:
    try:
        found: Any = msgspec.json.decode(reply.body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        found = None
    data = found.get("data") if isinstance(found, dict) else None
    if isinstance(found, dict) and data is None and found.get("object") == "list":
        data = []  # Ollama without a model
    if not isinstance(data, list):
        page = reply.body.lstrip()[:1] == b"<" or "html" in reply.headers.get("content-type", "")
        words = f"{address.url} sends {'a web page' if page else 'something else'} instead of a list of models."
        raise TandemError("not_a_server", words, "Check the port and the path; most servers have it under /v1.")
    models = [_offered(one) for one in data[:MOST_MODELS] if isinstance(one, dict) and isinstance(one.get("id"), str)]
    return [(model, owner) for model, owner in models if model.id]


def _offered(one: dict[str, Any]) -> tuple[Offered, str]:
    meta = one.get("meta") if isinstance(one.get("meta"), dict) else {}
    n_ctx = next((n for n in (_count(one.get("max_model_len")), _count((meta or {}).get("n_ctx_train"))) if n), None)
    return Offered(str(one["id"])[:500], n_ctx), str(one.get("owned_by", ""))


def _count(value: Any) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 40
    return value if whole else None


# --- which server it is -----------------------------------------------------------------------

Models = list[tuple[Offered, str]]


def _recognised(asker: _Asker, server: Server, models: Models) -> tuple[str, str, Models]:
    """(kind, version, models with what else was learnt). What the server itself says wins over what was chosen."""
    owners = [OWNERS[owner.lower()] for _, owner in models if owner.lower() in OWNERS]
    kind = owners[0] if owners else ""
    for name, look in _LOOKS.items():
        if kind in ("", name):
            said = look(asker)
            if said is not None:
                version, contexts = said
                filled = [(_with_context(model, contexts), owner) for model, owner in models]
                return kind or name, version, filled
    return kind or server.kind, _version(asker.look("/version")), models


def _with_context(model: Offered, contexts: dict[str, int]) -> Offered:
    n_ctx = contexts.get(model.id, contexts.get("", model.n_ctx or 0))
    return Offered(model.id, n_ctx or model.n_ctx)


Said = tuple[str, dict[str, int]] | None
"""(version, model → context; "" for all of them), or None: it is not that server."""


def _llama_server(asker: _Asker) -> Said:
    props = asker.look("/props")
    settings = props.get("default_generation_settings")
    if not isinstance(settings, dict):
        return None
    n_ctx = _count(settings.get("n_ctx"))
    return str(props.get("build_info", ""))[:80], {"": n_ctx} if n_ctx else {}


def _ollama(asker: _Asker) -> Said:
    if "models" not in asker.look("/api/tags"):
        return None
    return _version(asker.look("/api/version")), {}


def _lm_studio(asker: _Asker) -> Said:
    data = asker.look("/api/v0/models").get("data")
    own = [
        one for one in (data if isinstance(data, list) else []) if isinstance(one, dict) and "max_context_length" in one
    ]
    if not own:
        return None
    contexts = {
        str(one.get("id")): _count(one.get("loaded_context_length")) or _count(one["max_context_length"]) for one in own
    }
    return "", {model: n for model, n in contexts.items() if n}


def _sglang(asker: _Asker) -> Said:
    info = asker.look("/get_server_info") or asker.look("/server_info")
    if "version" not in info or "model_path" not in info:
        return None
    n_ctx = _count(info.get("context_length"))
    return _version(info), {"": n_ctx} if n_ctx else {}


_LOOKS: dict[str, Callable[[_Asker], Said]] = {
    "llama-server": _llama_server, "ollama": _ollama, "lm-studio": _lm_studio, "sglang": _sglang
}  # fmt: skip


def _version(said: dict[str, Any]) -> str:
    found = said.get("version", "")
    return found[:80] if isinstance(found, str) else ""
