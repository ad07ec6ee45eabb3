"""From a request of ours to the JSON of a server, and what to change when it refuses a field: never in silence."""

from __future__ import annotations

import base64
import json
import re
import uuid
from pathlib import Path
from typing import Any

from engines.errors import EngineError
from engines.knobs import Settings, Value
from engines.protocol import Address, ChatRequest, Message, Planned
from engines.servers.dialects import Dialect
from engines.servers.errors import HttpError

NEUTRAL: dict[str, Value] = {
    "top_k": 0, "min_p": 0.0, "repeat_penalty": 1.0, "ignore_eos": False, "logprobs": 0, "frequency_penalty": 0.0,
    "presence_penalty": 0.0,
}  # fmt: skip
"""Values that change nothing: they are sent only where leaving them out would mean something else."""
KEPT = frozenset({"model", "messages", "prompt", "stream"})
UNKNOWN = re.compile(
    r"unknown|unrecogni[sz]ed|unsupported|not supported|extra (inputs|fields)|unexpected|not permitted|not allowed|"
    r"invalid (argument|parameter|field)|does not support|is not a valid",
    re.IGNORECASE,
)
TOO_LONG = re.compile(
    r"context (length|window|size)|max_model_len|maximum (context|model)|exceed\w* .*(context|length)|too long",
    re.IGNORECASE,
)


def body(
    dialect: Dialect, address: Address, request: ChatRequest | Planned, knobs: Settings
) -> tuple[str, dict[str, Any]]:
    """(path, JSON body) of a streamed request. Knobs that the dialect does not know are left out (`left_out`).

    Raises EngineError `empty_prompt`, `bad_knob` (extra_body).
    """
    limit = {"max_tokens": request.max_tokens} if isinstance(request, Planned) else {}
    path, made = _asked(request)
    made = {"model": address.model, **made, "stream": True, "stream_options": {"include_usage": True, **dialect.each}}
    settings = dict(knobs) | limit
    for name, field in dialect.knobs.items():
        if name in settings:
            made |= _field(name, field, settings[name], chat="messages" in made)
    made |= dialect.extra
    made |= _cache(dialect, request, settings)
    return path, made | extra_body(settings)


def left_out(dialect: Dialect, knobs: Settings) -> list[str]:
    """Knobs that would change the answer and that the server does not know: they are not sent."""
    return [n for n, neutral in NEUTRAL.items() if n in knobs and n not in dialect.knobs and knobs[n] != neutral]


def extra_body(knobs: Settings) -> dict[str, Any]:
    """The person's own fields. Raises EngineError `bad_knob` for what is no JSON object."""
    text = str(knobs.get("extra_body") or "{}")
    try:
        found = json.loads(text)
    except ValueError as error:
        raise EngineError("bad_knob", f"extra_body is no JSON: {error}.", 'Write it like {"min_tokens": 8}.') from error
    if not isinstance(found, dict) or KEPT & set(found):
        raise EngineError("bad_knob", "extra_body must be an object without model, messages, prompt and stream.",
                          'Write it like {"min_tokens": 8}.')  # fmt: skip
    return found


def clears(request: ChatRequest | Planned, knobs: Settings) -> bool:
    """True if the request must not find anything in the prefix cache."""
    return bool(getattr(request, "clear_cache", False)) or knobs.get("cache_prompt") is False


def repaired(sent: dict[str, Any], error: HttpError) -> tuple[dict[str, Any], str] | None:
    """The body without (or with another name for) the field that the server refuses, and a note; None where it names none."""
    if error.status not in (400, 422):
        return None
    if "max_completion_tokens" in error.body and "max_tokens" in sent:  # OpenAI's newer models
        changed = {k: v for k, v in sent.items() if k != "max_tokens"}
        return changed | {"max_completion_tokens": sent["max_tokens"]}, ""
    if not UNKNOWN.search(error.body):
        return None
    named = [k for k in sent if k not in KEPT and re.search(rf"\b{re.escape(k)}\b", error.body)]
    if not named:
        return None
    field = max(named, key=len)
    return {k: v for k, v in sent.items() if k != field}, f"{field} was left out: this server refuses it"


def is_too_long(error: EngineError) -> bool:
    """True if the server says that prompt and answer do not fit its context."""
    return isinstance(error, HttpError) and error.status in (400, 413, 422) and bool(TOO_LONG.search(error.body))


def _asked(request: ChatRequest | Planned) -> tuple[str, dict[str, Any]]:
    if request.ids is not None:
        if not request.ids:
            raise _empty()
        return "/v1/completions", {"prompt": list(request.ids)}
    if request.prompt is not None:
        if not request.prompt:
            raise _empty()
        return "/v1/completions", {"prompt": request.prompt}
    if not request.messages:
        raise _empty()
    return "/v1/chat/completions", {"messages": messages(request.messages)}


def messages(conversation: tuple[Message, ...]) -> list[dict[str, Any]]:
    """Messages as the API wants them; images travel inside, before the text."""
    return [{"role": m.role, "content": _content(m)} for m in conversation]


def _content(message: Message) -> str | list[dict[str, Any]]:
    if not message.images:
        return message.content
    parts: list[dict[str, Any]] = []
    for path in message.images:
        data = base64.b64encode(Path(path).read_bytes()).decode()
        parts.append({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}})
    return [*parts, {"type": "text", "text": message.content}]


def _field(name: str, field: str, value: Value, chat: bool) -> dict[str, Any]:
    if name == "logprobs":
        if not value:
            return {}
        return {"logprobs": True, "top_logprobs": value} if chat else {"logprobs": value}
    if name == "schema":
        return {field: _format(str(value))} if value else {}
    if value is None or value == [] or (name == "ignore_eos" and value is False):
        return {}
    if name in ("frequency_penalty", "presence_penalty") and not value:
        return {}
    return {field: value}


def _format(schema: str) -> dict[str, Any]:
    try:
        return {"type": "json_schema", "json_schema": {"name": "answer", "schema": json.loads(schema)}}
    except ValueError as error:
        raise EngineError("bad_schema", f"The schema is no JSON: {error}.", "Correct it, or clear it.") from error


def _cache(dialect: Dialect, request: ChatRequest | Planned, knobs: Settings) -> dict[str, Any]:
    if dialect.clear == "off":
        return {"cache_prompt": not clears(request, knobs)}
    return {"cache_salt": uuid.uuid4().hex} if dialect.clear == "salt" and clears(request, knobs) else {}


def _empty() -> EngineError:
    return EngineError("empty_prompt", "The message is empty.", "Write something first.")
