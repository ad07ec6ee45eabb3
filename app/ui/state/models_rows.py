"""The lines of the Models page as values: what each variant shows, and which of them a search, filters and a sort leave."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from app.library import SERVED, Variant
from app.ui.language import tr
from app.ui.state import picks, words
from app.ui.state.models_assess import Assessment

TANDEM, ADDED, SERVERS = "tandem", "added", "servers"
"""Where models lie that lie in no other program's folder: ids beside those of places, which are "place:…"."""

Key = Callable[["Row", Mapping[str, Assessment]], float | str | None]


@dataclass(frozen=True, slots=True)
class Row:
    """One variant. place: the id of where it lies; where: that in words. newest: when its newest file was written, ns."""

    variant: Variant
    place: str
    where: str
    precision: str
    hay: str
    newest: int

    @property
    def ref(self) -> str:
        """The library's name of it."""
        return self.variant.ref

    @property
    def params(self) -> int | None:
        """The number of weights, where the header says it."""
        shape = self.variant.shape
        return None if shape is None else shape.n_params


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person wants to see; "" and False leave nothing out. sort: a key of `SORTS`."""

    query: str = ""
    task: str = ""
    format: str = ""
    place: str = ""
    fits: bool = False
    loads: bool = False
    sort: str = "name"
    descending: bool = False

    @property
    def narrowed(self) -> bool:
        """True if something is left out."""
        return bool(self.query.strip() or self.task or self.format or self.place or self.fits or self.loads)


def task_words(task: str) -> str:
    """What a model is for, as people say it."""
    known = {
        "chat": tr("Chat"), "transcribe": tr("Transcribe"), "speak": tr("Speak"), "image": tr("Images"),
        "video": tr("Video"), "embed": tr("Embed"),
    }  # fmt: skip
    return known.get(task, task.capitalize())


def format_words(name: str) -> str:
    """A file format as people write it."""
    known = {"gguf": "GGUF", "ctranslate2": "CTranslate2", "piper": "Piper", "diffusers": "Diffusers", "onnx": "ONNX",
             "checkpoint": tr("checkpoint"), SERVED: tr("server")}  # fmt: skip
    return known.get(name, name)


def params_words(count: int | None) -> str:
    """ "135 M", "7.2 B"; "–" where nobody says it."""
    if not count:
        return words.NONE
    if count >= 1e9:
        return f"{count / 1e9:,.1f} B"
    if count >= 1e6:
        return f"{count / 1e6:,.0f} M"
    return f"{count / 1e3:,.0f} k" if count >= 1e4 else f"{count:,}"


def bits_words(bits: float | None) -> str:
    """ "5.74", or "–"."""
    return words.number(bits, 2)


def lineage_words(variant: Variant) -> str:
    """ "original", or what it was made from."""
    lineage = variant.lineage
    if lineage.kind == "original":
        return tr("on a server") if variant.format == SERVED else tr("original")
    return lineage.text or tr("made from {source}", source=lineage.source)


def place_of(variant: Variant) -> str:
    """The id of where it lies."""
    if variant.format == SERVED:
        return SERVERS
    if variant.origin.kind == "place":
        return f"place:{variant.origin.place}"
    return ADDED if variant.outside else TANDEM


def rows_of(variants: Sequence[Variant], titles: Mapping[str, str]) -> list[Row]:
    """One a variant. titles: what each place is called, by `place_of`'s ids."""
    return [_row(variant, titles) for variant in variants]


def _row(variant: Variant, titles: Mapping[str, str]) -> Row:
    place = place_of(variant)
    where, precision = titles.get(place, place.removeprefix("place:")), picks.label(variant)
    shape = variant.shape
    said = (variant.title, variant.id, precision, variant.format, variant.task, task_words(variant.task),
            shape.architecture if shape is not None else "", variant.licence, where, variant.origin.repo, variant.path)  # fmt: skip
    newest = max((file.mtime_ns for file in variant.files), default=0)
    return Row(variant, place, where, precision, "\n".join(said).lower(), newest)


# --- which of them, and in which order ------------------------------------------------------


def _architecture(row: Row, _seen: Mapping[str, Assessment]) -> str | None:
    return row.variant.shape.architecture.lower() if row.variant.shape is not None else None


def _need(row: Row, seen: Mapping[str, Assessment]) -> float | None:
    found = seen.get(row.ref)
    return found.total_bytes if found is not None else None


SORTS: dict[str, Key] = {
    "name": lambda row, _: row.variant.title.lower(),
    "precision": lambda row, _: row.precision.lower(),
    "task": lambda row, _: row.variant.task,
    "architecture": _architecture,
    "params": lambda row, _: row.params,
    "bits": lambda row, _: row.variant.bits_per_weight,
    "size": lambda row, _: row.variant.bytes or None,
    "fit": _need,
    "licence": lambda row, _: row.variant.licence.lower() or None,
    "lineage": lambda row, _: lineage_words(row.variant),
    "where": lambda row, _: row.where.lower(),
    "loads": lambda row, seen: seen[row.ref].loads_words if row.ref in seen else None,
    "added": lambda row, _: row.newest or None,
}
"""What can be sorted by. None stands last, whichever way it is sorted."""

GREAT_FIRST = ("params", "size", "bits", "added")
"""Sorts that a person wants from the greatest down."""


def select(rows: Sequence[Row], wanted: Wanted, seen: Mapping[str, Assessment]) -> list[Row]:
    """Those that pass, a model's variants together; a model stands where its first variant would."""
    asked = wanted.query.lower().split()
    found = [row for row in rows if _passes(row, wanted, asked, seen)]
    key = SORTS.get(wanted.sort, SORTS["name"])
    ranked = _ranked(found, key, wanted.descending, seen)
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in ranked:
        groups.setdefault((row.variant.id, row.place if row.variant.format == SERVED else ""), []).append(row)
    return [row for group in groups.values() for row in group]


def _ranked(rows: list[Row], key: Key, descending: bool, seen: Mapping[str, Assessment]) -> list[Row]:
    keyed = [(key(row, seen), row) for row in sorted(rows, key=_natural)]
    known = sorted((pair for pair in keyed if pair[0] is not None), key=lambda pair: pair[0], reverse=descending)  # type: ignore[arg-type, return-value]
    return [row for _, row in known] + [row for value, row in keyed if value is None]


def _natural(row: Row) -> tuple[str, str, bool, int]:
    """Where two are alike: by name, originals first, larger first."""
    variant = row.variant
    return variant.title.lower(), variant.id, variant.lineage.kind != "original", -variant.bytes


def _passes(row: Row, wanted: Wanted, asked: Sequence[str], seen: Mapping[str, Assessment]) -> bool:
    variant = row.variant
    if (wanted.task and variant.task != wanted.task) or (wanted.format and variant.format != wanted.format):
        return False
    if wanted.place and row.place != wanted.place:
        return False
    assessed = seen.get(row.ref)
    if wanted.fits and (assessed is None or assessed.verdict not in ("fits", "tight")):
        return False
    if wanted.loads and (assessed is None or not assessed.loads):
        return False
    return all(word in row.hay for word in asked)
