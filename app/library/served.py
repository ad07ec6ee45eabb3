"""The models of servers as variants: ids that are unique and stay, titles that tell, whatever a server calls them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Protocol

from app.library.facts import plain, slug
from app.library.variant import SERVED, Lineage, Origin, Variant

PREFIX, WORD = 19, 60  # letters of the server's id and of the model's name in the variant's id
_REPO = re.compile(r"models--(?:.+--)?(.+)")
_HASH = re.compile(r"[0-9a-f]{7,64}")
_ENDING = re.compile(r"\.(gguf|safetensors)$", re.IGNORECASE)
_SAYS_NOTHING = frozenset(
    {"", ".", "..", "model", "models", "main", "master", "latest", "final", "checkpoint", "weights", "merged", "snapshots", "hub",
     "blobs", "hf", "output", "out", "data"}
)  # fmt: skip


class Host(Protocol):
    """What is needed of a `Server`."""

    @property
    def id(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def models(self) -> tuple[str, ...]: ...


def served_variants(servers: Sequence[Host]) -> list[Variant]:
    """Every model of every server, in their order; no two have one id."""
    taken: dict[str, int] = {}
    return [_variant(server, model, taken) for server in servers for model in dict.fromkeys(server.models)]


def telling_name(model: str) -> str:
    """The part of a server's name of a model that tells it: "Qwen3-8B" of ".../models--Qwen--Qwen3-8B/snapshots/9f2c…"."""
    parts = [_ENDING.sub("", p) for p in re.split(r"[/\\]+", plain(model).strip("/\\ "))]
    repo = next((found[1] for p in reversed(parts) if (found := _REPO.fullmatch(p))), "")
    if repo:
        return repo
    telling = (p for p in reversed(parts) if p.lower() not in _SAYS_NOTHING and not _HASH.fullmatch(p))
    return next(telling, parts[-1]) or "model"


def _variant(server: Host, model: str, taken: dict[str, int]) -> Variant:
    name = telling_name(model)
    return Variant(
        id=_id(f"{_prefix(server.id)}.{slug(name)[:WORD]}".rstrip("-._"), taken), variant="served", task="chat",
        title=name if _is_path(model) else plain(model), format=SERVED, licence="", bytes=0, bits_per_weight=None,
        lineage=Lineage("original", "", f"served by {server.title}"), mix={}, path=server.url, files=(),
        origin=Origin("server", server=server.id), served=model,
    )  # fmt: skip


def _prefix(server: str) -> str:
    """The server's id; of a long one its beginning and a mark, as two may begin alike."""
    if len(server) <= PREFIX:
        return server
    mark = hashlib.sha256(server.encode()).hexdigest()[:6]
    return f"{server[: PREFIX - 7].rstrip('-._')}-{mark}"


def _id(wanted: str, taken: dict[str, int]) -> str:
    """taken: id → the last number that was tried for it."""
    name = wanted
    while name in taken:
        taken[wanted] += 1
        name = f"{wanted[:74].rstrip('-._')}-{taken[wanted]}"
    taken[name] = 1
    return name


def _is_path(model: str) -> bool:
    return bool(re.match(r"[/\\~.]|[A-Za-z]:[/\\]", model)) or "/snapshots/" in model
