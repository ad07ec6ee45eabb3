"""What the library hands out: models as variants, their files and where they came from."""

from __future__ import annotations

import msgspec

from engines.protocol import ModelShape

ORIGINAL, MADE = "original", "made"
SERVED = "server"  # the format of what lies on a server


class Lineage(msgspec.Struct, frozen=True):
    """kind: "original" (as published) or "made" (by a conversion here). source: the variant it was made from."""

    kind: str
    source: str = ""
    text: str = "as published"


class File(msgspec.Struct, frozen=True):
    """path: absolute. mtime_ns: when it was last written, as seen when it was hashed."""

    path: str
    bytes: int
    sha256: str
    mtime_ns: int = 0


class Origin(msgspec.Struct, frozen=True):
    """How a variant came here.

    kind: "starter", "added", "made", "hub", "place" (found in another program's folder) or "server"; "" in entries from
    before. place: the id of the place. repo, revision: on the hub. server: the id of the server.
    """

    kind: str = ""
    place: str = ""
    repo: str = ""
    revision: str = ""
    server: str = ""


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """One model in one format and precision.

    path: the GGUF file, or the folder. bytes: of all its files. mix: tensor type → number of tensors.
    outside: the files are a person's own, only referred to. problem: why it cannot be loaded now, or "".
    A model on a server has the format "server", its base URL as path, no files, and `served`, the server's name of it.
    """

    id: str
    variant: str
    task: str
    title: str
    format: str
    licence: str
    bytes: int
    bits_per_weight: float | None
    lineage: Lineage
    mix: dict[str, int]
    path: str
    files: tuple[File, ...]
    shape: ModelShape | None = None
    template: str | None = None
    bos: str = ""
    eos: str = ""
    notes: tuple[str, ...] = ()
    outside: bool = False
    problem: str = ""
    origin: Origin = Origin()
    served: str = ""

    @property
    def ours(self) -> bool:
        """True if Tandem made or fetched its files: these alone may be removed from the disk."""
        return not self.outside and self.format != SERVED

    @property
    def ref(self) -> str:
        return f"{self.id}:{self.variant}"

    @property
    def precision(self) -> str:
        """The variant's name without the format that tells two of one precision apart."""
        return self.variant.removesuffix(f"-{self.format}")

    @property
    def mix_text(self) -> str:
        """ "Q4_1 ×210, F32 ×61, Q8_0 ×1" """
        return ", ".join(f"{kind} ×{count:,}" for kind, count in self.mix.items())


class Removed(msgspec.Struct, frozen=True):
    """paths: what was deleted. freed_bytes: less what another name on the disk still holds (`notes` says so)."""

    removed: tuple[str, ...]
    freed_bytes: int
    notes: tuple[str, ...] = ()
