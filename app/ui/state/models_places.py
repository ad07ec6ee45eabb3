"""Where models lie, and what was found that cannot be used, as the lines of lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.library import Variant
from app.ui.language import tr
from app.ui.state import words
from app.ui.state.models_rows import ADDED, SERVERS, TANDEM, place_of

if TYPE_CHECKING:
    from app.library.places import Place
    from app.library.scan import Scan


@dataclass(frozen=True, slots=True)
class PlaceLine:
    """One line of the list. id: "" for everything. named: a person named it, so it may be taken off the list.

    present: False while the folder is not there. place: the library's id of it, "" where it is no place of the scan.
    """

    id: str
    title: str
    models: int
    bytes: int
    present: bool = True
    named: bool = False
    unusable: int = 0
    path: str = ""
    place: str = ""

    @property
    def detail(self) -> str:
        """ "5 models · 23.1 GB", or that it is not there now."""
        if not self.present:
            return tr("not there now")
        said = [counted(self.models)]
        if self.bytes:
            said.append(words.size(self.bytes))
        return " · ".join(said)


@dataclass(frozen=True, slots=True)
class Unusable:
    """Something that was found and cannot be used. where: the place's name; reason and hint: sentences."""

    path: str
    where: str
    bytes: int
    reason: str
    hint: str

    @property
    def name(self) -> str:
        """What it is called: in the hub's cache with its repository, in Ollama's as Ollama says it, else the file's own."""
        return _told(Path(self.path)) or self.path


def _told(path: Path) -> str:
    parts = path.parts
    repo = next((part for part in parts if part.startswith("models--")), "")
    if repo:
        inside = "" if path.name == repo or path.parent.name == "snapshots" else path.name
        return " · ".join(part for part in (repo.removeprefix("models--").replace("--", "/"), inside) if part)
    if "manifests" in parts and len(rest := parts[parts.index("manifests") + 2 :]) > 1:
        return f"{'/'.join(rest[:-1]).removeprefix('library/')}:{rest[-1]}"
    return path.name


def counted(models: int) -> str:
    """ "1 model", "23 models"."""
    return tr("1 model") if models == 1 else tr("{n} models", n=f"{models:,}")


def titles(places: Sequence[Place]) -> dict[str, str]:
    """What each place is called, by the ids of `place_of`."""
    own = {TANDEM: tr("Tandem’s own"), ADDED: tr("Added by you"), SERVERS: tr("On servers")}
    return own | {f"place:{place.id}": place.title for place in places}


def place_lines(variants: Sequence[Variant], places: Sequence[Place], scan: Scan | None) -> list[PlaceLine]:
    """Everything, what is ours, what was added, each place of the scan, servers. Empty ones of ours are left out."""
    here: dict[str, list[Variant]] = {}
    for variant in variants:
        here.setdefault(place_of(variant), []).append(variant)
    names = titles(places)
    lines = [_line("", tr("Everything"), variants)]
    lines += [_line(key, names[key], here[key]) for key in (TANDEM, ADDED) if key in here]
    lines += [_scanned(place, here.get(f"place:{place.id}", []), scan) for place in _shown(places, scan)]
    lines += [_line(SERVERS, names[SERVERS], here[SERVERS])] if SERVERS in here else []
    return lines


def unusable(scan: Scan | None, problems: Sequence[str], variants: Sequence[Variant], names: Mapping[str, str]) -> list[Unusable]:  # fmt: skip
    """What the scan found and cannot use, then the library's own that are broken. problems: of unreadable entries."""
    found = [
        Unusable(f.path, names.get(f"place:{f.place}", f.place), f.bytes, f.reason, f.hint)
        for f in (scan.found if scan is not None else ())
        if f.variant is None
    ]
    lost = [
        Unusable(v.path, names.get(place_of(v), ""), v.bytes, v.problem, _lost_hint(v)) for v in variants if v.problem
    ]
    broken = [
        Unusable(text.partition(" ")[0], names[TANDEM], 0, text, tr("Remove it and add it again.")) for text in problems
    ]
    return [*found, *lost, *broken]


def _lost_hint(variant: Variant) -> str:
    if variant.outside:
        return tr("Put it back, or connect its drive, and look again.")
    return tr("Remove it, and get it again.")


def _shown(places: Sequence[Place], scan: Scan | None) -> list[Place]:
    """A program's folder only where it is there, or was; a person's own always."""
    present = {s.place.id for s in scan.places if s.present or s.models} if scan is not None else set()
    return [place for place in places if place.named or place.id in present]


def _line(key: str, title: str, variants: Sequence[Variant]) -> PlaceLine:
    return PlaceLine(key, title, len({v.id for v in variants}), _bytes(variants))


def _scanned(place: Place, variants: Sequence[Variant], scan: Scan | None) -> PlaceLine:
    summary = next((s for s in scan.places if s.place.id == place.id), None) if scan is not None else None
    present = summary.present if summary is not None else Path(place.path).is_dir()
    unusable_here = summary.unusable if summary is not None else 0
    return PlaceLine(
        f"place:{place.id}", place.title, len({v.id for v in variants}), _bytes(variants), present, place.named,
        unusable_here, str(place.path), place.id,
    )  # fmt: skip


def _bytes(variants: Sequence[Variant]) -> int:
    """Files that two variants share count once."""
    files = {file.path: file.bytes for v in variants for file in v.files}
    return sum(files.values()) or sum(v.bytes for v in variants)
