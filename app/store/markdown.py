"""A conversation as Markdown that a person reads and Tandem reads again, word for word.

Comments, which no reader shows, stand around each text. They bear a mark that occurs in none of the texts, so a text
may hold anything: headings, code, even a whole exported conversation.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re

import msgspec

from app.store.carried import Carried, CarriedConversation, Figures, conversations_in, role_of
from app.store.records import Json

_HEAD = re.compile(r"\s*<!-- tandem ([0-9a-f]{8}) conversation (\{.*\}) -->\r?\n")
_SECTION = re.compile(
    r"^#{1,6}[ \t]+\**(you|user|human|assistant|ai|bot|model|chatgpt|system(?: prompt)?)\**[ \t]*:?[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
_TITLE = re.compile(r"^#[ \t]+(.+?)[ \t]*$", re.MULTILINE)
_UNITS = ("bytes", "kB", "MB", "GB")


def write(conversation: CarriedConversation) -> str:
    """The messages as they are given: those of one branch."""
    mark = _mark(conversation)
    title = " ".join(conversation.title.split())
    head = {name: getattr(conversation, name) for name in ("title", "model", "engine", "knobs", "created")}
    parts = [f"{_comment(mark, 'conversation', head)}\n# {title or 'Conversation'}\n"]
    if conversation.system:
        parts.append(_section(mark, "System prompt", {"role": "system"}, conversation.system, ""))
    for message in conversation.messages:
        parts.append(_section(mark, _name(message, conversation), _values(message), message.content, _small(message)))
    return "\n".join(parts)


def read(text: str) -> CarriedConversation | None:
    """One that `write` wrote, or by its headings one that did not come from here; None: it is no conversation."""
    text = text.removeprefix("\ufeff")
    head = _HEAD.match(text)
    if head is None:
        return _by_headings(text)
    if head[0].endswith("\r\n"):  # an editor changed the ends of all lines
        text = text.replace("\r\n", "\n")
    values = _json(head[2])
    items = _marked(text, head[1])
    values["title"] = _heading(text, str(values.get("title", "")))
    return next(iter(conversations_in({**values, "format": "tandem", "messages": items})), None)


def _section(mark: str, name: str, values: Json, text: str, small: str) -> str:
    """`exact` is for texts with line ends that a file may not keep."""
    shown = _plain_ends(text)
    values = values if shown == text else values | {"exact": text}
    body = f"## {name}\n{_comment(mark, 'text', values)}\n{shown}\n<!-- tandem {mark} end -->\n"
    return f"{body}{small}" if small else body


def _marked(text: str, mark: str) -> list[Json]:
    pattern = rf"<!-- tandem {mark} text (\{{.*\}}) -->\n((?s:.*?))\n<!-- tandem {mark} end -->"
    return [_item(_json(found[1]), found[2]) for found in re.finditer(pattern, text)]


def _item(values: Json, body: str) -> Json:
    exact = values.pop("exact", None)
    unchanged = isinstance(exact, str) and _plain_ends(exact) == body
    return {**values, "content": exact if unchanged else body}


def _heading(text: str, exact: str) -> str:
    """The title, also where a person changed the heading by hand."""
    found = _TITLE.search(text)
    return exact if found is None or found[1] == (" ".join(exact.split()) or "Conversation") else found[1]


def _by_headings(text: str) -> CarriedConversation | None:
    places = list(_SECTION.finditer(text))
    ends = [place.start() for place in places[1:]] + [len(text)]
    items = [
        {"role": role_of(place[1].split()[0]), "content": text[place.end() : end].strip("\r\n ")}
        for place, end in zip(places, ends, strict=False)
    ]
    title = _TITLE.search(text[: places[0].start()]) if places else None
    found = conversations_in({"title": title[1] if title else "", "messages": items})
    return found[0] if found else None


def _mark(conversation: CarriedConversation) -> str:
    everything = msgspec.json.encode(conversation).decode()
    marks = (hashlib.sha256(f"{number} {everything}".encode()).hexdigest()[:8] for number in itertools.count())
    return next(mark for mark in marks if mark not in everything)


def _comment(mark: str, word: str, values: Json) -> str:
    """ ">" is written so that no value can end the comment."""
    return f"<!-- tandem {mark} {word} {msgspec.json.encode(values).decode().replace('>', _GREATER)} -->"


_GREATER = "\\u003e"


def _json(text: str) -> Json:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _plain_ends(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _name(message: Carried, conversation: CarriedConversation) -> str:
    if message.role == "user":
        return "You"
    model = message.figures.model if message.figures else ""
    return " ".join((model or conversation.model or message.role.capitalize()).split())


def _values(message: Carried) -> Json:
    """What is not in the text itself; the branch gives the order, so ids and parents are left out."""
    values: Json = msgspec.to_builtins(message)
    left = {"id", "parent", "content", "shown"}
    return {key: value for key, value in values.items() if key not in left and value not in (None, "", [], 0.0, "done")}


def _small(message: Carried) -> str:
    lines = [f"\n*File: {' '.join(file.name.split())} ({size(file.bytes)})*\n" for file in message.files]
    figures = _figures(message.figures) if message.figures else ""
    return "".join([*lines, f"\n<sub>{figures}</sub>\n" if figures else ""])


def _figures(figures: Figures) -> str:
    """The line under an answer."""
    form = {
        "ttft_s": "first token {:.2f} s",
        "decode_tok_s": "{:,.1f} tok/s",
        "n_in": "{:,.0f} tokens read",
        "n_out": "{:,.0f} tokens written",
    }
    given = {key: figures.metrics.get(key) for key in form}
    parts = [form[key].format(value) for key, value in given.items() if isinstance(value, int | float)]
    return " · ".join([*parts, *(["stopped at max tokens"] if figures.reason == "length" else [])])


def size(bytes: int) -> str:
    """ "1.5 kB": powers of 1,000, as the rest of the program writes sizes."""
    number, unit = float(bytes), 0
    while number >= 1000 and unit < len(_UNITS) - 1:
        number, unit = number / 1000, unit + 1
    return f"{number:,.0f} bytes" if unit == 0 else f"{number:,.1f} {_UNITS[unit]}"
