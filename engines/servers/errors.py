"""What can go wrong between here and a server, as errors that a person can act on; a key is in none of them."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import urllib.parse

import msgspec

from engines.errors import EngineError
from engines.protocol import Address
from engines.servers.chunks import error_text

KEY = re.compile(r"[!-~]*\Z")
HTML = ("<!doctype", "<html")


class HttpError(EngineError):
    """The server answered with a status of 300 or more. body: its text, keys masked."""

    def __init__(self, code: str, message: str, hint: str, status: int, body: str) -> None:
        super().__init__(code, message, hint)
        self.status = status
        self.body = body


def check(address: Address) -> None:
    """Raises EngineError `bad_url`, `bad_key`: what would end in a log, or cannot be sent."""
    parts = urllib.parse.urlsplit(address.url)
    if parts.username or parts.password or parts.query or parts.scheme not in ("http", "https") or not parts.hostname:
        raise EngineError("bad_url", "The server's address is not one, or it carries a key.",
                          "Write it like http://127.0.0.1:8000/v1; the key has its own field.")  # fmt: skip
    if not KEY.match(address.key):
        raise EngineError("bad_key", "The key has a character that no key has: a space, a line's end, or one beyond ASCII.",
                          "Copy it again, without anything around it.")  # fmt: skip


def masked(text: str, key: str) -> str:
    """`text` without the key, which some servers repeat in their errors."""
    return text.replace(key, "…") if key else text


def connecting(error: BaseException, address: Address, timeout_s: float) -> EngineError:
    """No connection could be made."""
    root = _root_cause(error)
    if isinstance(root, ssl.SSLCertVerificationError):
        return _certificate(root, address)
    if isinstance(root, ssl.SSLError):
        return EngineError("no_server", f"{address.url} does not speak TLS ({_words(root)}).",
                           "If the server has no certificate, write http:// instead of https://.")  # fmt: skip
    if isinstance(root, socket.gaierror) or "resolve" in type(error).__name__.lower():
        return EngineError(
            "no_server", f"There is no host of the name in {address.url}.", "Check the address for typing errors."
        )
    if isinstance(root, TimeoutError) or "Timeout" in type(error).__name__:
        return EngineError("no_server", f"{address.url} did not accept a connection within {timeout_s:g} s.",
                           "Check the address, and whether a firewall is between.")  # fmt: skip
    return EngineError("no_server", f"No server answers at {address.url} ({_words(root)}).",
                       "Start the server, or check the address and the port.")  # fmt: skip


def talking(error: BaseException, address: Address, timeout_s: float) -> EngineError:
    """The connection was there, and no answer came of it."""
    root = _root_cause(error)
    if isinstance(root, TimeoutError):
        return EngineError("server_silent", f"The server at {address.url} sent nothing for {timeout_s:g} s.",
                           "It may be busy or stuck: look at its log, or raise the time limit.")  # fmt: skip
    if isinstance(root, http.client.RemoteDisconnected | ConnectionError | BrokenPipeError | ssl.SSLError):
        return EngineError("cut_off", f"The server at {address.url} closed the connection without an answer.",
                           "It may have ended: look at its log. If it wants TLS, write https://.")  # fmt: skip
    if isinstance(root, http.client.HTTPException):
        return EngineError(
            "not_a_server", f"What answers at {address.url} does not speak HTTP.", "Check the address and the port."
        )
    return EngineError(
        "cut_off", f"The connection to {address.url} broke ({_words(root)}).", "Look at the server's log."
    )


def cut_off(what: str) -> EngineError:
    """The stream ended before the answer did; `what` says how far it came ("34 tokens")."""
    return EngineError("cut_off", f"The server closed the connection after {what}, before the answer was whole.",
                       "It may have ended or run out of memory: look at its log.")  # fmt: skip


def answered(status: int, headers: dict[str, str], body: bytes, address: Address, path: str) -> HttpError:
    """An answer that is no success."""
    text = masked(body[:100_000].decode("utf-8", "replace"), address.key)
    said = _said(text)
    if status in (401, 403):
        message = (
            f"The server at {address.url} refuses the key."
            if address.key
            else f"The server at {address.url} wants a key."
        )
        return HttpError(
            "bad_key", message, "Give the server's key in its settings (headless: TANDEM_SERVER_KEY).", status, text
        )
    if 300 <= status < 400:
        where = masked(headers.get("location", "another address"), address.key)
        return HttpError("not_a_server", f"{address.url} leads on to {where}; a key is not sent after a change of address.",
                         "Use the address that it leads to.", status, text)  # fmt: skip
    if status == 404 and "model" in said.lower():
        return HttpError(
            "unknown_model", f"The server has no such model: {said}.", "Choose one that the server lists.", status, text
        )
    if status in (404, 405):
        return HttpError("not_a_server", f"{address.url} has no {path} (HTTP {status}).",
                         "The address of an OpenAI-compatible server usually ends in /v1.", status, text)  # fmt: skip
    return HttpError(
        "server_error", f"The server answered HTTP {status}: {said or 'without a word'}.", _advice(status, headers), status, text
    )  # fmt: skip


def _advice(status: int, headers: dict[str, str]) -> str:
    """What to do after a refusal: wait where the server is only busy."""
    if status in (429, 503):
        after = headers.get("retry-after", "")
        wait = f"Wait {after} s and ask again" if after.isdigit() else "Wait a little and ask again"
        return f"{wait}: it takes no more requests now."
    return "Change what it names." if status < 500 else "The server's own log says more."


def no_json(address: Address, path: str, body: bytes, kind: str) -> EngineError:
    """A success that is not what an OpenAI-compatible server sends."""
    page = "a web page" if is_html(body, kind) else "something that is no JSON"
    return EngineError("not_a_server", f"{address.url} answered {path} with {page}.",
                       "Check the address and the port: another program may be listening there.")  # fmt: skip


def is_html(body: bytes, kind: str) -> bool:
    return "html" in kind or body[:200].lstrip().lower().startswith(tuple(h.encode() for h in HTML))


def _certificate(error: ssl.SSLCertVerificationError, address: Address) -> EngineError:
    reason = error.verify_message or _words(error)
    return EngineError(
        "bad_certificate", f"The certificate of {address.url} is not trusted: {reason}.",
        "Give the file of the authority that signed it (ca_file), or, for a server that you know, switch the check off.",
    )  # fmt: skip


def _said(text: str) -> str:
    """The server's own words out of an answer's body."""
    if is_html(text.encode(), ""):
        return "a web page"
    try:
        return error_text(msgspec.json.decode(text))
    except (msgspec.MsgspecError, UnicodeEncodeError):
        return " ".join(text.split())[:300].rstrip(".")


def _root_cause(error: BaseException) -> BaseException:
    """The system's own error below those of the libraries."""
    seen = 0
    while seen < 8:
        inner = error.__cause__ or (
            error.args[-1] if error.args and isinstance(error.args[-1], BaseException) else None
        )
        inner = inner or getattr(error, "reason", None)
        if not isinstance(inner, BaseException):
            break
        error, seen = inner, seen + 1
    return error


def _words(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())[:200].rstrip(".")
