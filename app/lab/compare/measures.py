"""What a task measures, as data: resources/measures/<task>.toml. A new task brings a file and edits nothing here."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

import msgspec

from app.errors import TandemError
from app.paths import Paths


class Measure(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row of the table. key: as in METRICS.md. better: "higher", "lower" or "" (no good side).

    kind: "speed" (faster, slower), "size" (more, less) or "count" (shown, never judged). form: how the number is written:
    rate, seconds, bytes, number, share. more, less: how a sentence says that it is so many per cent higher or lower,
    with "{x}" for the share; times: that it is much higher, with "{x}" for the factor. shown: "table" always, "some"
    only where it differs between lanes or steps ask for it.
    """

    key: str
    title: str
    unit: str = ""
    better: str = ""
    kind: str = "count"
    form: str = "number"
    more: str = ""
    less: str = ""
    times: str = ""
    shown: str = "table"


class Measures(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """length_knob, fixed: how a speed run is held to a fixed length. decide: the metrics that end the measuring.

    speculates: knobs that, where set, forbid a forced length. score: quality through `Score` makes sense.
    """

    task: str
    decide: tuple[str, ...]
    length_knob: str = ""
    fixed: dict[str, bool | int | float | str] = {}
    speculates: tuple[str, ...] = ()
    score: bool = False
    metric: tuple[Measure, ...] = ()

    def get(self, key: str) -> Measure:
        """A row's description; an unknown key is a plain number."""
        return next((m for m in self.metric if m.key == key), Measure(key=key, title=key.replace("_", " ")))


@cache
def measures(task: str, resources: Path = Paths.resources) -> Measures:
    """The measures of a task. Raises TandemError `no_measures` where there are none."""
    path = resources / "measures" / f"{task}.toml"
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Measures)
    except FileNotFoundError as error:
        raise TandemError("no_measures", f"Nothing says how “{task}” is measured.", "Compare chat for now.") from error
