"""What a candidate is, from its headers alone, remembered as long as its files stay the same."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from app.errors import TandemError
from app.library.checksum import write_atomic
from app.library.facts import Facts, plain
from app.library.finder import Candidate
from app.library.inspection import skim
from app.library.refusal import Reason, refused
from app.library.seen import stamp
from engines.protocol import ModelShape


class Known(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """What was read of a candidate. stamp: of the files then. code: "" or why it cannot be used."""

    stamp: str
    format: str = ""
    task: str = ""
    title: str = ""
    licence: str = ""
    precision: str = ""
    mix: dict[str, int] = {}
    bits_per_weight: float | None = None
    shape: ModelShape | None = None
    notes: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    code: str = ""
    reason: str = ""
    hint: str = ""


class _Kept(msgspec.Struct, frozen=True):
    version: int
    known: dict[str, Known]


VERSION = 1  # raise it when what is read of a file changes


class Recogniser:
    """Reads each file once; `save` keeps what was asked for since `__init__`, and what lies below `gone`."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._old = self._read()
        self._now: dict[str, Known] = {}
        self.n_read = 0

    def known(self, candidate: Candidate) -> Known:
        """What it is, from the last scan if nothing changed, else from its headers."""
        mark = stamp(candidate.files)
        found = self._old.get(candidate.path)
        if found is None or found.stamp != mark:
            found = _read(candidate, mark)
            self.n_read += 1
        self._now[candidate.path] = found
        return found

    def save(self, gone: Iterable[str]) -> None:
        """Write what is known. gone: folders that are not there now, whose files are still remembered."""
        roots = tuple(f"{root}{os.sep}" for root in gone)
        kept = {p: k for p, k in self._old.items() if roots and p.startswith(roots)}
        now = {**kept, **self._now}
        if now != self._old:
            with contextlib.suppress(OSError):  # the next scan reads again, no more
                write_atomic(self._file, msgspec.json.encode(_Kept(VERSION, now)))

    def _read(self) -> dict[str, Known]:
        try:
            kept = msgspec.json.decode(self._file.read_bytes(), type=_Kept)
        except (OSError, msgspec.MsgspecError, ValueError, RecursionError):
            return {}
        return kept.known if kept.version == VERSION else {}


def _read(candidate: Candidate, mark: str) -> Known:
    path = Path(candidate.path)
    try:
        return _from_facts(skim(path), mark)
    except TandemError as error:
        found = error
    except OSError as error:
        found = refused(Reason.MISSING, path, f"it cannot be read ({error.strerror or error})")
    except Exception as error:  # noqa: BLE001 - a stranger's file must not end the scan
        found = refused(Reason.DAMAGED, path, f"it cannot be read ({type(error).__name__})")
    message = plain(found.message, 400)
    why = message.partition(" is refused: ")[2] or message
    return Known(
        stamp=mark, code=found.code.removeprefix("refused_"), reason=why[:1].upper() + why[1:], hint=found.hint
    )


def _from_facts(facts: Facts, mark: str) -> Known:
    return Known(
        stamp=mark, format=facts.format, task=facts.task, title=facts.title, licence=facts.licence, precision=facts.precision,
        mix=facts.mix, bits_per_weight=facts.bits_per_weight, shape=facts.shape, notes=facts.notes, files=facts.files,
    )  # fmt: skip
