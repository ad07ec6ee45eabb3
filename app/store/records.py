"""What the store holds, as values. A change makes a new row or a new value, never a changed one."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

MessageStatus = Literal["done", "streaming", "cancelled", "error", "interrupted"]

# Any: JSON objects whose keys METRICS.md and the engines' knobs define, not this module.
Json = dict[str, Any]


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """created, updated: seconds since 1970, UTC. knobs: as the person asked for them."""

    id: str
    title: str
    created: float
    updated: float
    draft: str = ""
    model: str = ""
    engine: str = ""
    system: str = ""
    knobs: Json = {}
    deleted: bool = False
    folder_id: str | None = None
    pinned: bool = False


class Folder(msgspec.Struct, frozen=True, kw_only=True):
    """position: where it stands among the others, smallest first."""

    id: str
    title: str
    position: float
    created: float


class StoredMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One message of a conversation's tree. parent_id None: the first of its branch.

    status: `interrupted` is an answer whose program ended before the answer did; what had come is kept.
    version: its place, from 1, among the `versions` messages that follow the same one; those put away do not count.
    edited: when a person changed the text, None if nobody did.
    """

    id: str
    conversation_id: str
    parent_id: str | None
    role: str
    content: str
    status: str
    run_id: str | None
    created: float
    version: int = 1
    versions: int = 1
    reasoning: str = ""
    edited: float | None = None


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """A file that a message carries. kind: image, audio, video, document. path: where it is kept, "" if it is not."""

    id: str
    message_id: str
    kind: str
    name: str
    mime: str
    path: str
    bytes: int
    sha256: str
    created: float


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation in which a text was found. message_id None: it was found in the title alone.

    snippet: the text around what was found, each place as "\x02word\x03". updated: the conversation's.
    """

    conversation_id: str
    message_id: str | None
    title: str
    snippet: str
    updated: float


class RunHead(msgspec.Struct, frozen=True, kw_only=True):
    """A run's figures without its text and its record."""

    id: str
    reason: str
    metrics: Json
    model: str
    variant: str
    engine: str


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One finished request with its measurements: CLI.md's `run` shape; `record` is the rest of METRICS.

    experiment_id, lane (its letter), block: where it belongs to a comparison.
    """

    id: str = ""
    created: float = 0.0
    task: str
    model: str
    variant: str
    engine: str
    reason: str
    text: str = ""
    knobs: Json = {}
    metrics: Json = {}
    memory: Json = {}
    runs: list[Any] = []
    notes: list[str] = []
    record: Json = {}
    experiment_id: str | None = None
    lane: str | None = None
    block: int | None = None


class ExperimentRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One comparison: plan and result are `app.lab.compare`'s values as JSON. status: planned, running, done, cancelled,
    failed; "running" without a process that measures it is one that a crash interrupted."""

    id: str = ""
    title: str = ""
    recipe: str = ""
    status: str = "planned"
    plan: Json = {}
    result: Json = {}
    created: float = 0.0
    updated: float = 0.0


class ExperimentHead(msgspec.Struct, frozen=True, kw_only=True):
    """What a list shows of one comparison. mode: of its result, "" where there is none yet. lanes: how many it has."""

    id: str
    title: str
    recipe: str
    status: str
    mode: str
    created: float
    lanes: int


class LoadTestRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One load test. result: `app.lab.loadtest.result.LoadResult` as JSON. url: the server's, without a key. status: running,
    done, cancelled, failed; "running" without a process that tests is one that a crash interrupted."""

    id: str = ""
    title: str = ""
    model: str = ""
    engine: str = ""
    url: str = ""
    status: str = "done"
    result: Json = {}
    created: float = 0.0
    updated: float = 0.0


class LoadRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What one load took, for this machine's own estimates. None: could not be had."""

    created: float = 0.0
    engine: str
    model: str
    variant: str
    device: str = "cpu"
    knobs: Json = {}
    estimate_bytes: int | None = None
    base_bytes: int | None = None  # the formula's part of the estimate, before what was learnt
    model_bytes: int | None = None
    runtime_bytes: int | None = None
    phases: Json = {}
