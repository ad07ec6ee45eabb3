"""What the hub says, as values: a line of a search, a repository's files, and the variants that can be downloaded."""

from __future__ import annotations

import msgspec


class HubModel(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a search. updated: "2025-03-01" or "". licence: "" where nobody says. formats: of ours, by its tags."""

    repo: str
    title: str
    downloads: int = 0
    likes: int = 0
    updated: str = ""
    licence: str = ""
    gated: bool = False
    formats: tuple[str, ...] = ()
    task: str = ""


class HubFile(msgspec.Struct, frozen=True):
    """One file. sha256: as published, "" for small ones, which have `blob`, git's SHA-1 of them. bytes: -1 unknown."""

    path: str
    bytes: int
    sha256: str = ""
    blob: str = ""

    @property
    def published(self) -> bool:
        """True if there is a digest to hold it against."""
        return bool(self.sha256 or self.blob)


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """One variant that can be downloaded.

    revision: the commit, or "" for a file elsewhere. name: "Q4_K_M", "bf16 safetensors". load: what of the files is
    loaded, relative to their folder, "" for the folder. inside: the folder of the repository that is left out of the
    files' names on the disk. why_not: why Tandem cannot use it, or "". url: of a file elsewhere; it may carry a key, so
    it is in no repr, log or list.
    """

    repo: str
    revision: str
    name: str
    format: str
    task: str
    files: tuple[HubFile, ...]
    bytes: int
    why_not: str = ""
    licence: str = ""
    title: str = ""
    load: str = ""
    inside: str = ""
    url: str = ""

    def __repr__(self) -> str:
        return f"Offer(repo={self.repo!r}, revision={self.revision!r}, name={self.name!r}, format={self.format!r})"

    def place(self, file: HubFile) -> str:
        """Where a file lies in the variant's own folder."""
        return file.path.removeprefix(f"{self.inside}/") if self.inside else file.path

    def same(self, other: Offer) -> bool:
        """True if both are the same files of the same commit."""
        mine, its = ((o.repo, o.revision, o.name, o.files, o.url) for o in (self, other))
        return mine == its


class HubListing(msgspec.Struct, frozen=True, kw_only=True):
    """What a repository holds at one commit. refused: "name: why" of files whose names are not written to a disk."""

    repo: str
    revision: str
    licence: str
    gated: bool
    files: tuple[HubFile, ...]
    offers: tuple[Offer, ...]
    refused: tuple[str, ...] = ()
    task: str = ""
