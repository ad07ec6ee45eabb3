"""A conversation as a file carries it: apart from the history, with its own ids, from whichever program wrote it.

Reading is tolerant: what is not known is passed over, what is missing or of the wrong kind gets its default.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import msgspec

from app.store.records import Json

_USER = frozenset({"user", "human", "you", "me", "prompter"})
_SYSTEM = frozenset({"system", "developer"})
_KINDS = frozenset({"image", "audio", "video", "document"})
_LAST_TIME = 4_102_444_800.0  # the year 2100
_ENDS = frozenset({"done", "cancelled", "error", "interrupted"})


class CarriedFile(msgspec.Struct, frozen=True, kw_only=True):
    """text: what is in it, where it is a text that could be read."""

    name: str
    kind: str = "document"
    mime: str = ""
    bytes: int = 0
    sha256: str = ""
    text: str | None = None


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Of the run that wrote a message."""

    reason: str = ""
    model: str = ""
    variant: str = ""
    engine: str = ""
    metrics: Json = {}


class Carried(msgspec.Struct, frozen=True, kw_only=True):
    """One message. parent: the id of the one it follows, None for the first. shown: among its siblings."""

    id: str
    parent: str | None
    role: str
    content: str
    shown: bool = True
    status: str = "done"
    created: float = 0.0
    edited: float | None = None
    reasoning: str = ""
    figures: Figures | None = None
    files: tuple[CarriedFile, ...] = ()


class CarriedConversation(msgspec.Struct, frozen=True, kw_only=True):
    """messages: each after the one it follows; versions in their order. created: 0 where it is not known."""

    title: str = ""
    system: str = ""
    model: str = ""
    engine: str = ""
    knobs: Json = {}
    created: float = 0.0
    messages: tuple[Carried, ...] = ()


def role_of(name: object) -> str:
    """user, system or assistant, by the names that other programs use; anything else was not typed by a person."""
    known = str(name).strip().casefold()
    return "user" if known in _USER else "system" if known in _SYSTEM else "assistant"


# Any: what a file of another program holds; each part is looked at before it is used.
def conversations_in(value: Any) -> list[CarriedConversation]:
    """Every conversation in a JSON value: ours, a list of messages, {"messages": …}, {"conversations": …}, or lists of
    these. None of them: an empty list."""
    if isinstance(value, list):
        if any(map(_is_message, value)):
            return [_conversation({}, value)]
        return [found for each in value for found in conversations_in(each)]
    if not isinstance(value, dict):
        return []
    for key in ("messages", "conversations", "conversation"):
        inside = value.get(key)
        if isinstance(inside, list) and (any(map(_is_message, inside)) or (key == "messages" and "format" in value)):
            return [_conversation(value, inside)]
        if isinstance(inside, list | dict):
            return conversations_in(inside)
    return []


def _is_message(value: object) -> bool:
    return isinstance(value, dict) and ("role" in value or "from" in value)


def _conversation(head: Json, items: list[Any]) -> CarriedConversation:
    messages = [_message(item, number) for number, item in enumerate(items) if _is_message(item)]
    system = _text(head, "system")
    if not system and messages and messages[0].role == "system" and not _is_tree(items):
        system, messages = messages[0].content, messages[1:]
    return CarriedConversation(
        title=_text(head, "title") or _text(head, "name"), system=system, model=_text(head, "model"),
        engine=_text(head, "engine"), knobs=_object(head, "knobs"), created=_time(head, "created"),
        messages=tuple(in_order(_linked(messages, items))),
    )  # fmt: skip


def _is_tree(items: list[Any]) -> bool:
    return any(isinstance(item, dict) and "parent" in item for item in items)


def _linked(messages: list[Carried], items: list[Any]) -> list[Carried]:
    """Without parents in the file, each follows the one before it."""
    if _is_tree(items):
        return messages
    return [
        msgspec.structs.replace(message, id=f"#{number}", parent=f"#{number - 1}" if number else None)
        for number, message in enumerate(messages)
    ]


def _message(item: Json, number: int) -> Carried:
    parent = item.get("parent")
    status = _text(item, "status")
    edited = _time(item, "edited")
    content = next((item[key] for key in ("content", "value", "text") if item.get(key)), "")
    return Carried(
        id=_text(item, "id") or f"#{number}", parent=parent if isinstance(parent, str) else None,
        role=role_of(item.get("role", item.get("from"))), content=_words(content),
        shown=item.get("shown") is not False, status=status if status in _ENDS else "done",
        created=_time(item, "created"), edited=edited or None, reasoning=_text(item, "reasoning"),
        figures=_figures(item.get("figures")), files=tuple(_files(item.get("files"))),
    )  # fmt: skip


def _words(content: object) -> str:
    """A text, or the texts among the parts of a message that has several."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = (part if isinstance(part, str) else _text(part, "text") for part in parts if isinstance(part, str | dict))
    return "\n\n".join(text for text in texts if text)


def _figures(value: object) -> Figures | None:
    if not isinstance(value, dict):
        return None
    names = {name: _text(value, name) for name in ("reason", "model", "variant", "engine")}
    metrics = {key: figure for key, figure in _object(value, "metrics").items() if _is_figure(figure)}
    return Figures(**names, metrics=metrics)


def _is_figure(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value))


def _files(value: object) -> Iterator[CarriedFile]:
    for each in value if isinstance(value, list) else []:
        if isinstance(each, dict) and _text(each, "name"):
            kind, text = _text(each, "kind"), each.get("text")
            yield CarriedFile(
                name=_text(each, "name"), kind=kind if kind in _KINDS else "document", mime=_text(each, "mime"),
                bytes=max(0, int(_number(each, "bytes"))), sha256=_text(each, "sha256"),
                text=text if isinstance(text, str) else None,
            )  # fmt: skip


def in_order(messages: list[Carried]) -> Iterator[Carried]:
    """Each after its parent. Who follows a message that is not there, or itself, follows the one before it."""
    given: set[str] = set()
    last: str | None = None
    known = {message.id for message in messages}
    waiting: dict[str, list[Carried]] = {}
    for message in messages:
        if message.id in given:
            continue
        parent = message.parent
        if parent is not None and parent not in given and parent in known and parent != message.id:
            waiting.setdefault(parent, []).append(message)
            continue
        ready = [message if parent is None or parent in given else msgspec.structs.replace(message, parent=last)]
        while ready:
            last = ready[0].id
            given.add(last)
            yield ready.pop(0)
            ready += [each for each in waiting.pop(last, []) if each.id not in given]
    for message in (each for late in list(waiting.values()) for each in late):  # a ring
        if message.id not in given:
            given.add(message.id)
            yield msgspec.structs.replace(message, parent=last)
            last = message.id


def _text(item: Json, key: str) -> str:
    value = item.get(key)
    return value if isinstance(value, str) else ""


def _object(item: Json, key: str) -> Json:
    value = item.get(key)
    if not isinstance(value, dict):
        return {}
    found: Json = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    return found


def _time(item: Json, key: str) -> float:
    """0 where there is none that a calendar has."""
    value = _number(item, key)
    return value if 0 < value < _LAST_TIME else 0.0


def _number(item: Json, key: str) -> float:
    """0 where there is none that could be a time or a size."""
    value = item.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    return float(value) if abs(value) < 1e18 and math.isfinite(value) else 0.0
