"""The run knobs of every engine whose model is on a server: those of chat, and what only a server has."""

from __future__ import annotations

from typing import Any

from engines.chat.knobs import CHAT_KNOBS
from engines.knobs import Effect, Kind, Knob, Scope, Value


def _run(name: str, title: str, kind: Kind, default: Value, help: str, concept: str, **more: Any) -> Knob:
    return Knob(name=name, title=title, kind=kind, scope=Scope.RUN, default=default, help=help, concept=concept, **more)


CONCURRENCY = _run("concurrency", "At once", Kind.INT, 1,
    "So many copies of the request are sent at the same moment, and the figures count all of them; the first one's text is shown.",
    "concurrency", minimum=1, maximum=64, essential=True, unit="requests")  # fmt: skip
FREQUENCY_PENALTY = _run("frequency_penalty", "Frequency penalty", Kind.FLOAT, 0.0,
    "Makes tokens less likely the more often they were used; 0 leaves them alone.", "frequency_penalty",
    minimum=-2.0, maximum=2.0, effect=Effect.OUTPUT)  # fmt: skip
PRESENCE_PENALTY = _run("presence_penalty", "Presence penalty", Kind.FLOAT, 0.0,
    "Makes tokens less likely once they were used; 0 leaves them alone.", "presence_penalty",
    minimum=-2.0, maximum=2.0, effect=Effect.OUTPUT)  # fmt: skip
SCHEMA = _run("schema", "JSON schema", Kind.JSON, None,
    "The answer must be JSON of this schema.", "schema", nullable=True, null_label="none", effect=Effect.OUTPUT)  # fmt: skip
EXTRA_BODY = _run("extra_body", "Further fields", Kind.JSON, None,
    'Fields that this server alone knows, as a JSON object: {"min_tokens": 8}. They win over the settings above.',
    "extra_body", nullable=True, null_label="none", effect=Effect.OUTPUT, advanced=True)  # fmt: skip

SERVER_KNOBS = (*CHAT_KNOBS, FREQUENCY_PENALTY, PRESENCE_PENALTY, SCHEMA, CONCURRENCY, EXTRA_BODY)
