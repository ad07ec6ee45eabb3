"""What a person pastes into the search: a repository's name, a page of the hub, or the address of a file elsewhere."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

HUB_HOSTS = frozenset({"huggingface.co", "www.huggingface.co", "hf.co"})
NAMED_ALIKE = ("datasets", "spaces", "papers", "collections", "docs", "blog", "api", "models")

_PART = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_-])?"
_REPO = re.compile(rf"({_PART})/({_PART})(?::([A-Za-z0-9._-]{{1,64}}))?")


@dataclass(frozen=True, slots=True)
class Address:
    """repo: "org/name", or "" where `url` is the address of a file elsewhere.

    wanted: the file or variant that the address points to, or "".
    """

    repo: str = ""
    revision: str = "main"
    wanted: str = ""
    url: str = ""

    @property
    def shown(self) -> str:
        """The address for a person: no user, no key, no query."""
        return self.repo or shown(self.url)


def read(text: str, hosts: Collection[str] = HUB_HOSTS) -> Address | None:
    """The address in `text`, or None for words to search for. hosts: where the hub answers."""
    text = text.strip()
    if " " in text:
        return None
    found = _REPO.fullmatch(text)
    if found and found[1].lower() not in hosts and found[1] not in NAMED_ALIKE:
        return Address(f"{found[1]}/{found[2]}", wanted=found[3] or "")
    parts = _split(text, hosts)
    if parts is None:
        return None
    if (parts.netloc.rpartition("@")[2]).lower() in hosts:
        return _on_hub(parts.path)
    return Address(url=text) if parts.path.strip("/") else None


def hosts(endpoint: str) -> frozenset[str]:
    """Where a page of the hub may lie, with the endpoint in use."""
    return HUB_HOSTS | {urlsplit(endpoint).netloc.lower()}


def shown(url: str) -> str:
    """Host and path of `url`: without user, key and query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.netloc.rpartition('@')[2]}{unquote(parts.path)}"


def _split(text: str, hosts: Collection[str]) -> SplitResult | None:
    """The parts of an http address, also of one of the hub's that was typed without its beginning."""
    if text.partition("/")[0].lower() in hosts:
        text = f"https://{text}"
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    return parts if parts.scheme in ("http", "https") and parts.netloc else None


def _on_hub(path: str) -> Address | None:
    """org/name[/tree|blob|resolve/revision[/file]]; None for what is no model."""
    parts = [unquote(part) for part in path.split("/") if part]
    if len(parts) < 2 or parts[0] in NAMED_ALIKE:
        return None
    found = _REPO.fullmatch(f"{parts[0]}/{parts[1]}")
    if found is None:
        return None
    repo, tag = f"{found[1]}/{found[2]}", found[3] or ""
    if len(parts) > 3 and parts[2] in ("tree", "blob", "resolve"):
        return Address(repo, parts[3], "/".join(parts[4:]))
    return Address(repo, wanted=tag)
