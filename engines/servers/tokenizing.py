"""A server's own tokenizer, where it lets others use it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from engines.errors import EngineError
from engines.protocol import Message
from engines.servers.client import Client
from engines.servers.dialects import Dialect
from engines.servers.errors import HttpError
from engines.servers.requests import messages as as_json

LIMIT_S = 3.0  # the worker's reader thread waits here: a server that hangs must not hold a person's stop back for long
AT_ONCE = 8


class Tokenizing:
    """tokenize and pieces of one served model. Raises EngineError `not_supported` where the server has no way."""

    def __init__(self, client: Client, dialect: Dialect, model: str) -> None:
        self._client, self._dialect, self._model = client, dialect, model
        self._pieces: dict[int, str] = {}

    def tokenize(self, text: str, messages: tuple[Message, ...] = ()) -> list[int]:
        """Ids as the server reads them. Raises EngineError."""
        return self.raw(text, as_json(messages) if messages else None)

    def raw(self, text: str, messages: list[dict[str, Any]] | None) -> list[int]:
        """The same for messages in the API's own form."""
        match self._dialect.tokenize:
            case "vllm":
                asked: dict[str, Any] = (
                    {"messages": messages} if messages else {"prompt": text, "add_special_tokens": True}
                )
                return _ids(self._post("/tokenize", {"model": self._model, **asked}), "tokens")
            case "llama-server":
                if messages:
                    text = str(_field(self._post("/apply-template", {"messages": messages}), "prompt", str))
                return _ids(
                    self._post("/tokenize", {"content": text, "add_special": True, "parse_special": True}), "tokens"
                )
        raise self._cannot()

    def pieces(self, ids: Sequence[int]) -> tuple[str, ...]:
        """The text of each id. Each new one is a request; they are remembered. Raises EngineError `bad_ids`."""
        if not self._dialect.tokenize:
            raise self._cannot()
        new = sorted(set(ids) - self._pieces.keys())
        if new:
            pool = ThreadPoolExecutor(AT_ONCE, "tandem-pieces")
            try:
                self._pieces.update(zip(new, pool.map(self._piece, new), strict=True))
            finally:
                pool.shutdown(cancel_futures=True)  # after one failure the others are not asked for
        return tuple(self._pieces[token] for token in ids)

    def _piece(self, token: int) -> str:
        asked: dict[str, Any] = {"tokens": [token]}
        vllm = self._dialect.tokenize == "vllm"
        try:
            found = self._post("/detokenize", asked | ({"model": self._model} if vllm else {}))
        except HttpError as error:
            raise EngineError(
                "bad_ids", f"Token id {token} is not one of this model's.", "Tokenize with this model."
            ) from error
        return str(_field(found, "prompt" if vllm else "content", str))

    def _post(self, path: str, asked: dict[str, Any]) -> Any:
        return self._client.json(path, asked, LIMIT_S)

    def _cannot(self) -> EngineError:
        return EngineError("not_supported", f"{self._dialect.title} does not give its tokenizer to others.",
                           "Ask a vLLM or a llama-server, or load the model here.")  # fmt: skip


def _field(found: Any, name: str, kind: type) -> Any:
    value = found.get(name) if isinstance(found, dict) else None
    if not isinstance(value, kind):
        raise EngineError(
            "bad_stream", f"The server's tokenizer answered without “{name}”.", "Its version may be too old."
        )
    return value


def _ids(found: Any, name: str) -> list[int]:
    rows = _field(found, name, list)
    if not all(isinstance(r, int) for r in rows):
        raise EngineError("bad_stream", "The server's tokenizer answered with something that is no token id.", "")
    return list(rows)
