"""The library `huggingface_hub`, asked so that nothing waits for ever and every failure has its own error.

Its own client waits without a limit and repeats what failed for half a minute; ours does neither.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from app.errors import TandemError
from app.library.hub import failures
from app.library.hub.wire import host_of

TIMEOUT_S = 20.0
ANSWER_BYTES = 64 << 20
T = TypeVar("T")

_guard = threading.Lock()
_prepared = False


class _RefusedError(Exception):
    """The hub answered with an error."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(str(status))
        self.status, self.code = status, code


class _UnreachedError(Exception):
    """It could not be asked."""


def ask(endpoint: str, token: str, what: str, question: Callable[[Any], T]) -> T:
    """The answer of HfApi to `question`. what: a repository or "the search", for errors. Raises TandemError."""
    library, host = _library(), host_of(endpoint)
    try:
        return question(library.HfApi(endpoint=endpoint, token=token or False, library_name="tandem"))
    except _RefusedError as error:
        raise failures.of_status(error.status, error.code, what, host, bool(token)) from None
    except _UnreachedError as error:
        raise failures.unreachable(host, str(error)) from None
    except ConnectionError:  # OfflineModeIsEnabled
        raise TandemError(
            "network", "HF_HUB_OFFLINE is set: the hub is not asked.", "Unset it, then try again."
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise failures.garbage(host) from None


def _library() -> Any:
    """Imported at the first question, and given our client once."""
    global _prepared
    try:
        library: Any = importlib.import_module("huggingface_hub")
        http: Any = importlib.import_module("httpx2")
        inner: Any = importlib.import_module("huggingface_hub.utils._http")
    except ImportError:
        raise TandemError(
            "no_hub",
            "The package huggingface_hub is not installed.",
            "Run the set-up again, or pip install huggingface_hub.",
        ) from None
    with _guard:
        if not _prepared:
            library.set_client_factory(lambda: _client(http, inner.hf_request_event_hook))
            _prepared = True
    return library


def _client(http: Any, hook: Any) -> Any:
    class Client(http.Client):  # type: ignore[misc]
        """Ends a question at the first failure, in errors that the library does not repeat."""

        def send(self, request: Any, **more: Any) -> Any:
            request.extensions = {
                **request.extensions,
                "timeout": http.Timeout(TIMEOUT_S).as_dict(),
            }  # the library's: none
            try:
                answer = super().send(request, **more)
            except http.TimeoutException:
                raise _UnreachedError("it does not answer") from None
            except http.TooManyRedirects:
                raise _UnreachedError("it points in circles") from None
            except http.TransportError as error:
                raise _UnreachedError(_why(error)) from None
            if answer.status_code >= 400:
                raise _RefusedError(answer.status_code, answer.headers.get("x-error-code", ""))
            if len(answer.content) > ANSWER_BYTES:
                raise ValueError
            return answer

    return Client(event_hooks={"request": [hook]}, follow_redirects=True, timeout=TIMEOUT_S)


def _why(error: Exception) -> str:
    text = str(error).lower()
    if "name or service" in text or "getaddrinfo" in text or "nodename" in text or "resolution" in text:
        return "its name is not known"
    if "certificate" in text or "ssl" in text:
        return "its certificate cannot be trusted"
    return "it cannot be connected to" if "connect" in type(error).__name__.lower() else "the connection broke"
