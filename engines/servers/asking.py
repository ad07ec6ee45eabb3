"""Sending one request to a server that may refuse parts of it: what it refuses is left out, said, and not sent again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from engines.errors import EngineError
from engines.knobs import Settings, Value
from engines.protocol import Address, ChatRequest
from engines.servers.client import Client, Exchange
from engines.servers.dialects import Facts
from engines.servers.errors import HttpError
from engines.servers.requests import body, clears, is_too_long, left_out, repaired
from engines.servers.tokenizing import Tokenizing

REPAIRS = 8


class Asked(msgspec.Struct, frozen=True):
    """A request as it is sent. effective: the knobs that are not as they were asked for. notes: why."""

    path: str
    body: dict[str, Any]
    effective: dict[str, Value] = {}
    notes: tuple[str, ...] = ()


class Asker:
    """One server's requests; it remembers the fields that this server refuses."""

    def __init__(self, client: Client, address: Address, facts: Facts, tokenizing: Tokenizing) -> None:
        self._client, self._address, self._facts, self._tokenizing = client, address, facts, tokenizing
        self._refused: dict[str, str] = {}  # field → note

    def prepare(self, request: ChatRequest, knobs: Settings) -> Asked:
        """What to send. Clears a cache that is cleared by a request of its own. Raises EngineError."""
        dialect = self._facts.dialect
        path, made = body(dialect, self._address, request, knobs)
        missing = left_out(dialect, knobs)
        notes = [f"not sent, {dialect.title} does not know them: {', '.join(missing)}"] if missing else []
        if clears(request, knobs) and not self._clear():
            notes.append("this server's prefix cache could not be cleared")
        effective: dict[str, Value] = dict.fromkeys(missing)
        asked = Asked(path, made, effective, tuple(notes))
        for field, note in self._refused.items():
            asked = self._without(asked, field, note) if field in made else asked
        return asked

    def send(self, asked: Asked, stop: Callable[[], bool]) -> tuple[Asked, Exchange]:
        """The request as the server took it, and its answer. Raises EngineError; Cancelled."""
        shortened = False
        for _ in range(REPAIRS):
            try:
                return asked, self._client.stream(asked.path, asked.body, stop)
            except HttpError as error:
                if is_too_long(error) and not shortened:
                    asked, shortened = self._shortened(asked, error), True
                    continue
                fixed = repaired(asked.body, error)
                if fixed is None:
                    raise
                asked = self._fixed(asked, *fixed)
        raise EngineError("server_error", "The server refuses one field after the other.", "Look at its log.")

    def _fixed(self, asked: Asked, made: dict[str, Any], note: str) -> Asked:
        gone = next(iter(asked.body.keys() - made.keys()), "")
        if note:
            self._refused[gone] = note
            return self._without(asked, gone, note)
        return msgspec.structs.replace(asked, body=made)

    def _without(self, asked: Asked, field: str, note: str) -> Asked:
        knob = next((k for k, f in self._facts.dialect.knobs.items() if f == field), None)
        return Asked(
            asked.path,
            {k: v for k, v in asked.body.items() if k != field},
            asked.effective | ({knob: None} if knob else {}),
            (*asked.notes, note),
        )

    def _shortened(self, asked: Asked, error: HttpError) -> Asked:
        """The same with as many tokens as still fit. Raises EngineError `context_full` where none do, or nobody can count."""
        n_ctx, limit = self._facts.n_ctx, asked.body.get("max_tokens")
        n_in = self._count(asked.body)
        if n_in is None or not n_ctx or limit is None or n_in >= n_ctx:
            raise EngineError(
                "context_full", f"The conversation and its answer do not fit the server's context: {error.message}",
                "Ask for fewer tokens, shorten the conversation, or serve the model with a larger context.",
            ) from error  # fmt: skip
        room = n_ctx - n_in
        if room >= limit:
            raise error
        note = f"max_tokens is {room:,} (asked: {limit:,}): the server's context holds {n_ctx:,} tokens"
        return Asked(
            asked.path, asked.body | {"max_tokens": room}, asked.effective | {"max_tokens": room}, (*asked.notes, note)
        )

    def _count(self, made: dict[str, Any]) -> int | None:
        """Tokens of the prompt, by the server's own tokenizer."""
        prompt = made.get("prompt")
        if isinstance(prompt, list):
            return len(prompt)
        try:
            return len(self._tokenizing.raw(prompt if isinstance(prompt, str) else "", made.get("messages")))
        except EngineError:
            return None

    def _clear(self) -> bool:
        """True if the prefix cache is, or by the request's own fields will be, out of the way."""
        if self._facts.dialect.clear != "flush":
            return bool(self._facts.dialect.clear)
        try:
            return self._client.post("/flush_cache", {}, 10.0).status == 200
        except EngineError:
            return False
