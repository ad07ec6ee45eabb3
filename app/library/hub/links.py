"""Addresses that a person pastes: a page or file of the hub, or a model file elsewhere. Keys in them are never shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import SplitResult, unquote, urlsplit

from app.errors import TandemError
from app.library.hub import names
from app.library.hub.listing import HubFile, Offer
from app.library.hub.wire import host_of, may_carry_token

HUBS = frozenset({"huggingface.co", "www.huggingface.co", "hf.co"})
FORMATS = {".gguf": ("gguf", "chat"), ".safetensors": ("checkpoint", "image")}
UNPUBLISHED = "Nobody publishes a checksum of it: Tandem keeps its own."


@dataclass(frozen=True, slots=True)
class Link:
    """file: "" for the repository itself."""

    repo: str
    revision: str = "main"
    file: str = ""


def linked(url: str, endpoint: str) -> Link | None:
    """What an address of the hub means; None for one of another place. Raises TandemError `bad_url`, `bad_name`."""
    parts = _split(url)
    ours = urlsplit(endpoint)
    if parts.netloc.lower() != ours.netloc.lower() and not {(parts.hostname or ""), (ours.hostname or "")} <= HUBS:
        return None
    words = [unquote(word) for word in parts.path.removeprefix(ours.path.rstrip("/")).split("/") if word]
    if len(words) < 2 or words[0] in ("datasets", "spaces", "api", "docs"):
        raise TandemError(
            "bad_url", "That page of the hub is no model.", "Paste the address of a model's page or file."
        )
    repo = names.checked_repo("/".join(words[:2]))
    if len(words) < 4 or words[2] not in ("resolve", "blob", "tree"):
        return Link(repo)
    return Link(repo, names.checked_revision(words[3]), "/".join(words[4:]))


def direct_offer(url: str, size_of: Callable[[str], int]) -> Offer:
    """A model file at an address elsewhere. size_of: its name → bytes, -1 unknown. Raises TandemError `bad_url` …"""
    parts = _split(url)
    name = unquote(parts.path.rpartition("/")[2])
    why = names.why_bad_path(name)
    if why or "/" in name:
        raise TandemError("bad_name", f"“{names.shown(name)}” is refused: {why or 'its name leaves the folder'}.",
                          "Use an address that ends in the file's name.")  # fmt: skip
    path = PurePosixPath(name)
    if path.suffix.lower() not in FORMATS:
        raise TandemError("bad_url", f"{names.shown(name)} is no model file that can be fetched alone.",
                          "Use the address of a .gguf or .safetensors file.")  # fmt: skip
    if not may_carry_token(url):
        raise TandemError("bad_url", "A file without a checksum is fetched by https only.", "Use the https address.")
    kind, task = FORMATS[path.suffix.lower()]
    size = size_of(name)
    file = HubFile(name, size)
    return Offer(repo=host_of(url), revision="", name=path.stem, format=kind, task=task, files=(file,), bytes=max(0, size),
                 title=path.stem, load=name, url=url.strip())  # fmt: skip


def has_key(url: str) -> bool:
    """True if an address may carry a secret: it has a query."""
    return bool(urlsplit(url).query)


def _split(url: str) -> SplitResult:
    url = url.strip()
    try:
        parts = urlsplit(url)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    if not fine or any(c.isspace() or not c.isprintable() for c in url) or len(url) > 8_000:
        raise TandemError("bad_url", "That is no address of a file.", "Write it like https://host/name.gguf.")
    if parts.username or parts.password:
        raise TandemError(
            "bad_url", "The address carries a name and a password.", "Use one without, or download it yourself."
        )
    return parts
