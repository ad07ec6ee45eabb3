"""The hub: searching, what a repository offers, the token, and a model's shape before its download.

Nothing is imported and nobody is asked before the first question. The endpoint is HF_ENDPOINT, or the hub's own.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote

from app.errors import TandemError
from app.library.facts import plain
from app.library.hub import api, failures, names
from app.library.hub.grouping import PIPELINES, Facts, offers_of
from app.library.hub.heads import Head, head_of
from app.library.hub.links import direct_offer, linked
from app.library.hub.listing import HubFile, HubListing, HubModel, Offer
from app.library.hub.reading import read_range, size_of
from app.library.hub.transfer import Patience
from app.library.hub.wire import Wire, host_of, may_carry_token
from app.library.secrets import Secrets
from app.paths import Paths
from engines.protocol import ModelShape

ENDPOINT = "https://huggingface.co"
TOKEN = "hub:token"  # noqa: S105 - its name in the keyring
VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
SORTS = {
    "downloads": "downloads", "likes": "likes", "updated": "last_modified", "last_modified": "last_modified",
    "trending": "trending_score", "trending_score": "trending_score", "created": "created_at", "created_at": "created_at",
}  # fmt: skip
EXPANDED = ["downloads", "likes", "lastModified", "gated", "tags", "pipeline_tag"]
FORMATS = {
    "gguf": "gguf",
    "safetensors": "safetensors",
    "diffusers": "diffusers",
    "ctranslate2": "ctranslate2",
    "piper": "piper",
}
MAX_FILES = 50_000
T = TypeVar("T")
MAX_BYTES = 1 << 46  # 64 TiB: more than any file of the hub has


class Hub:
    """Safe to use from several threads; every question blocks and raises TandemError."""

    def __init__(
        self, paths: Paths, secrets: Secrets, endpoint: str | None = None, patience: Patience | None = None
    ) -> None:
        self.paths, self._secrets = paths, secrets
        self.endpoint = (endpoint or os.environ.get("HF_ENDPOINT") or ENDPOINT).rstrip("/")
        self.patience = patience or Patience()

    # --- the token ----------------------------------------------------------------------------

    def token(self) -> str:
        """HF_TOKEN if it is set, else the kept one, else ""."""
        given = next((value for name in VARIABLES if (value := os.environ.get(name, "").strip())), "")
        return given or self._secrets.get(TOKEN)

    def set_token(self, text: str) -> bool:
        """Keep a token. True: in the system's keyring; False: for this session only. Raises TandemError `bad_token`."""
        text = text.strip()
        if not re.fullmatch(r"[\x21-\x7e]{4,400}", text):
            raise TandemError("bad_token", "That is no token.", failures.TOKEN_HINT)
        return self._secrets.set(TOKEN, text)

    def forget_token(self) -> None:
        """Delete the kept one."""
        self._secrets.forget(TOKEN)

    # --- what there is ------------------------------------------------------------------------

    def search(self, query: str, task: str = "", sort: str = "downloads", limit: int = 30) -> tuple[HubModel, ...]:
        """Models whose names fit. task: one of ours, or "". Raises TandemError `network`, `bad_input` …"""
        if sort not in SORTS:
            raise TandemError("bad_input", f"“{sort[:40]}” is no order.", f"There are: {', '.join(SORTS)}.")
        pipeline = next((word for word, ours in PIPELINES.items() if ours == task), None)
        if task and pipeline is None:
            raise TandemError(
                "bad_input", f"“{task[:40]}” is no task.", f"There are: {', '.join(sorted({*PIPELINES.values()}))}."
            )

        def question(hub: Any) -> list[HubModel | None]:
            found = hub.list_models(
                search=query.strip()[:200] or None,
                pipeline_tag=pipeline,
                sort=SORTS[sort],
                limit=limit,
                expand=EXPANDED,
            )
            return [_line(info) for _, info in zip(range(limit), found, strict=False)]

        return tuple(line for line in self._ask("the search", question) if line is not None)

    def offers(self, repo: str, revision: str = "main") -> HubListing:
        """A repository's files and variants. Raises TandemError `bad_name`, `not_found`, `gated`, `network` …"""
        repo, revision = names.checked_repo(repo), names.checked_revision(revision)
        return self._ask(
            repo,
            lambda hub: _listing(
                repo, hub.model_info(repo, revision=revision, files_metadata=True, timeout=api.TIMEOUT_S)
            ),
        )

    def find(self, text: str) -> Offer:
        """The offer that "ORG/NAME[:VARIANT]" means. Raises TandemError `which_variant`, `unknown_variant` …"""
        repo, _, wanted = text.strip().removeprefix("hf:").partition(":")
        return chosen(self.offers(repo), wanted)

    def offer_of_url(self, url: str) -> Offer:
        """The offer that an address means: of the hub with its digest, elsewhere without. Raises TandemError `bad_url` …"""
        link = linked(url, self.endpoint)
        if link is None:
            wire = self.wire()
            try:
                return direct_offer(url, lambda file: size_of(wire, url, file))
            finally:
                wire.close()
        listing = self.offers(link.repo, link.revision)
        if not link.file:
            return chosen(listing, "")
        found = next((o for o in listing.offers if any(f.path == link.file for f in o.files)), None)
        if found is None:
            raise TandemError(
                "not_found", f"{names.shown(link.file)} is no model file of {link.repo}.", "Choose one on its page."
            )
        return found

    # --- before a download --------------------------------------------------------------------

    def head_of(self, offer: Offer) -> Head | None:
        """Shape and types of the tensors from the first bytes of its files; None where the format does not say.

        Raises TandemError `refused_…`, `network` …
        """
        wire = self.wire()
        try:
            return head_of(
                offer, lambda file, start, count: read_range(wire, self.address(offer, file), file, start, count)
            )
        finally:
            wire.close()

    def shape_of(self, offer: Offer) -> ModelShape | None:
        """As `head_of`, the shape alone."""
        head = self.head_of(offer)
        return head.shape if head else None

    def address(self, offer: Offer, file: HubFile) -> str:
        """Where a file of the offer is fetched."""
        if offer.url:
            return offer.url
        return f"{self.endpoint}/{offer.repo}/resolve/{offer.revision}/{quote(file.path)}"

    def wire(self, patience: Patience | None = None) -> Wire:
        """Connections for one download or question; close them."""
        patience = patience or self.patience
        self._check_endpoint()
        return Wire(self.endpoint, self.token(), patience.stall_s, patience.connect_s)

    def _ask(self, what: str, question: Callable[[Any], T]) -> T:
        self._check_endpoint()
        token = self.token() if may_carry_token(self.endpoint) else ""
        return api.ask(self.endpoint, token, what, question)

    def _check_endpoint(self) -> None:
        if not re.fullmatch(r"https?://(\[[0-9a-fA-F:]+\]|[^\s/@:\[\]]+)(:\d{1,5})?(/[^\s?#]*)?", self.endpoint):
            raise TandemError("bad_url", "The hub's address is none.", "Check HF_ENDPOINT.")

    @property
    def host(self) -> str:
        return host_of(self.endpoint)


def chosen(listing: HubListing, wanted: str) -> Offer:
    """The variant of that name; without one the only one, else Q4_K_M. Raises TandemError."""
    known = ", ".join(o.name for o in listing.offers)
    if wanted:
        found = [o for o in listing.offers if wanted.lower() in (o.name.lower(), o.name.lower().replace(" ", "-"))]
        if not found:
            raise TandemError(
                "unknown_variant", f"{listing.repo} has no variant “{names.shown(wanted)}”.", f"There are: {known}."
            )
        return found[0]
    usable = [o for o in listing.offers if not o.why_not]
    if not usable:
        raise TandemError("not_usable", f"{listing.repo}: {listing.offers[0].why_not}", "Choose another repository.")
    usual = [o for o in usable if o.name == "Q4_K_M"]
    if len(usable) > 1 and not usual:
        raise TandemError("which_variant", f"{listing.repo} has several variants.", f"Name one: {known}.")
    return (usual or usable)[0]


def _line(info: Any) -> HubModel | None:
    """None for a model whose name would not be accepted."""
    try:
        repo = names.checked_repo(str(info.id))
    except TandemError:
        return None
    tags = _tags(info)
    return HubModel(
        repo=repo, title=repo.rpartition("/")[2], downloads=_count(info.downloads), likes=_count(info.likes),
        updated=f"{info.last_modified:%Y-%m-%d}" if info.last_modified else "", licence=_licence(info, tags),
        gated=bool(info.gated), formats=tuple(ours for tag, ours in FORMATS.items() if tag in tags),
        task=PIPELINES.get(str(info.pipeline_tag), ""),
    )  # fmt: skip


def _listing(repo: str, info: Any) -> HubListing:
    revision, siblings = str(info.sha), info.siblings or []
    if not names.COMMIT.fullmatch(revision) or len(siblings) > MAX_FILES:
        raise ValueError
    tags = _tags(info)
    task, licence = PIPELINES.get(str(info.pipeline_tag), ""), _licence(info, tags)
    files, refused = _files(siblings)
    config = info.config if isinstance(info.config, dict) else {}
    facts = Facts(
        repo=repo, revision=revision, licence=licence, task=task, pipeline=str(info.pipeline_tag or "")[:60], tags=tags, code="custom_code" in tags or "auto_map" in config,
        dtype=_dtype(info),
    )  # fmt: skip
    return HubListing(
        repo=repo, revision=revision, licence=licence, gated=bool(info.gated), files=files, offers=offers_of(facts, files),
        refused=refused, task=task,
    )  # fmt: skip


def _files(siblings: list[Any]) -> tuple[tuple[HubFile, ...], tuple[str, ...]]:
    """(files whose names and sizes may be written, "name: why" of the others)."""
    found = [_file(s) for s in siblings]
    bad = {f.path: why for f in found if (why := names.why_bad_path(f.path) or _why_bad_size(f))}
    bad |= names.collisions(f.path for f in found if f.path not in bad)
    refused = tuple(f"{names.shown(path)}: {why}" for path, why in bad.items())
    return tuple(f for f in found if f.path not in bad), refused


def _file(sibling: Any) -> HubFile:
    lfs = sibling.lfs
    size = lfs.size if lfs else sibling.size
    sha256 = str(lfs.sha256).lower() if lfs else ""
    if lfs and not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise ValueError
    blob = str(sibling.blob_id or "").lower()
    git = blob if not lfs and re.fullmatch(r"[0-9a-f]{40}", blob) else ""
    return HubFile(str(sibling.rfilename), size if isinstance(size, int) else -1, sha256, git)


def _why_bad_size(file: HubFile) -> str:
    return "" if 0 <= file.bytes <= MAX_BYTES else "its size is missing or impossible"


def _tags(info: Any) -> frozenset[str]:
    return frozenset(str(tag) for tag in (info.tags or [])[:500])


def _licence(info: Any, tags: frozenset[str]) -> str:
    said = getattr(info.card_data, "license", None)
    if isinstance(said, str) and said:
        return plain(said, 60)
    return min((plain(tag.removeprefix("license:"), 60) for tag in tags if tag.startswith("license:")), default="")


def _dtype(info: Any) -> str:
    counts = getattr(info.safetensors, "parameters", None)
    if not isinstance(counts, dict) or not counts:
        return ""
    return str(Counter(counts).most_common(1)[0][0]).lower()[:12]


def _count(value: Any) -> int:
    return value if isinstance(value, int) else 0
