"""Walks the folders of one place and says what in them could be a model, and what could be one but is broken.

Nothing is opened here but the first bytes of .bin files: what a candidate is, `recognise` says.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from app.library.ct2_folder import is_ct2
from app.library.refusal import HINTS, Reason
from app.library.seen import Look, Seen, below, can_be_kept, look, shown

MAX_DEPTH = 16
MAX_ENTRIES = 200_000
PASS_BY = frozenset(
    {
        "node_modules",
        "__pycache__",
        "site-packages",
        "venv",
        "env",
        "custom_nodes",
        "$RECYCLE.BIN",
        "System Volume Information",
    }
)
SYSTEM = ("/proc", "/sys", "/dev")  # no disk lies there
MODEL_ENDINGS = (".gguf", ".safetensors", ".onnx", ".ckpt", ".pt", ".pth", ".bin")
PICKLES = (".ckpt", ".pt", ".pth", ".pkl")
UNFINISHED = (".part", ".partial", ".incomplete", ".downloading", ".crdownload", ".download", ".aria2", ".tmp")
PIPELINE, CONFIG = "model_index.json", "config.json"
WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
OLD_WEIGHTS = re.compile(r"^(pytorch_model|tf_model|flax_model|model)([-.].*)?\.(bin|h5|msgpack)$")
PART = re.compile(r"^(.+)-(\d{5})-of-(\d{5})\.(gguf|safetensors)$")
BIG = 1 << 20  # a smaller .bin is no model


@dataclass(frozen=True, slots=True)
class Candidate:
    """What could be a model. path: a file or a folder; files: what belongs to it. name: for its id, "" for the path's.

    outside: a link of it leads out of where it may. origin_repo, revision: on the hub.
    """

    path: str
    files: tuple[Seen, ...]
    name: str = ""
    title: str = ""
    licence: str = ""
    notes: tuple[str, ...] = ()
    sums: dict[str, str] = field(default_factory=dict)
    repo: str = ""
    revision: str = ""

    @property
    def bytes(self) -> int:
        return sum(s.bytes for s in self.files)

    @property
    def ident(self) -> tuple[int, int]:
        """Of its largest file: what tells two ways to the same model."""
        return max(self.files, key=lambda s: s.bytes).ident


@dataclass(frozen=True, slots=True)
class Trouble:
    """What looks like a model and is none, with the reason."""

    path: str
    bytes: int
    code: str
    reason: str
    hint: str = ""
    ident: tuple[int, int] = (0, 0)


Item = Candidate | Trouble


@dataclass(frozen=True, slots=True)
class Where:
    """The repository that a folder belongs to, and the folder out of which its links may not lead ("" anywhere)."""

    repo: str = ""
    revision: str = ""
    name: str = ""
    inside: str = ""


def trouble(path: str, size: int, reason: Reason, why: str, hint: str = "", ident: tuple[int, int] = (0, 0)) -> Trouble:
    """One line of the list of what cannot be used."""
    return Trouble(
        shown(path), size, reason.value, f"{why[:1].upper()}{why[1:]}.", hint or HINTS.get(reason, ""), ident
    )


class Finder:
    """One walk. skip: folders that are never entered (real paths). tick: called once a folder, may raise to stop."""

    def __init__(self, skip: Iterable[str] = (), tick: Callable[[int], None] = lambda _: None) -> None:
        self.items: list[Item] = []
        self._skip = {*(os.path.realpath(p) for p in skip), *SYSTEM}
        self._been: set[tuple[int, int]] = set()
        self._tick = tick
        self._entries = 0
        self._root = ""

    def walk(self, root: str, layouts: Iterable[Callable[[Finder, str, Look], bool]] = ()) -> None:
        """Look at everything below `root`. layouts: tried on each folder first; one that knows it returns True."""
        self._root = os.path.realpath(root)
        self._visit(root, Where(), MAX_DEPTH, tuple(layouts))

    def folder(self, path: str, where: Where) -> None:
        """Look at a folder of a layout, such as a snapshot, and below it."""
        self._visit(path, where, MAX_DEPTH // 2, ())

    def _visit(
        self, path: str, where: Where, depth: int, layouts: tuple[Callable[[Finder, str, Look], bool], ...]
    ) -> None:
        if not self._enter(path):
            return
        try:
            here = look(path)
        except OSError as error:
            reason = Reason.DENIED if isinstance(error, PermissionError) else Reason.MISSING
            self.items.append(trouble(path, 0, reason, f"it cannot be read ({error.strerror or error})"))
            return
        self._entries += len(here.files) + len(here.folders)
        self._tick(self._entries)
        if any(layout(self, path, here) for layout in layouts):
            return
        if here.cut or self._entries > MAX_ENTRIES:
            self.items.append(
                trouble(path, 0, Reason.OVERSIZED, "there are too many files to look at", "Name a smaller folder.")
            )
            return
        if self._files(path, here, where):
            return
        for name in here.folders:
            if name.startswith(".") or name in PASS_BY:
                continue
            if not depth:
                self.items.append(
                    trouble(
                        path,
                        0,
                        Reason.OVERSIZED,
                        "its folders lie too deep in each other to look at",
                        "Name a deeper folder.",
                    )
                )
                return
            self._visit(os.path.join(path, name), where, depth - 1, layouts)

    def _enter(self, path: str) -> bool:
        """False for a folder that was seen already (links make loops), or that cannot be named."""
        try:
            found = os.stat(path)
        except OSError as error:
            self.items.append(trouble(path, 0, Reason.MISSING, f"it cannot be read ({error.strerror or error})"))
            return False
        ident = (found.st_dev, found.st_ino)
        if ident in self._been or self._skipped(path):
            return False
        self._been.add(ident)
        if can_be_kept(path):
            return True
        self.items.append(trouble(path, 0, Reason.NAME, "its name is no valid text"))
        return False

    def _skipped(self, path: str) -> bool:
        """Of the system or of our own; or a link to a folder that holds the place itself, such as the whole disk."""
        real = os.path.realpath(path)
        if real != self._root and self._root.startswith(f"{real.rstrip(os.sep)}{os.sep}"):
            return True
        return any(real == skip or real.startswith(skip + os.sep) for skip in self._skip)

    def _files(self, path: str, here: Look, where: Where) -> bool:
        """Take what lies here. True if the folder as a whole is one model."""
        for name in here.broken:
            if name.lower().endswith(MODEL_ENDINGS):
                target = os.path.join(path, name)
                self.items.append(trouble(target, 0, Reason.MISSING, "it is a link to a file that is not there"))
        if self._whole(path, here, where):
            for name, seen in here.files.items():
                if name.lower().endswith(".gguf"):
                    self._one(seen, where)
            return True
        rest = dict(here.files)
        self._in_parts(path, rest, where)
        for seen in sorted(rest.values()):
            self._one(seen, where)
        return False

    def _whole(self, path: str, here: Look, where: Where) -> bool:
        names = here.files
        if PIPELINE in names:
            return self._take_folder(path, where)
        if "model.bin" in names and is_ct2(Path(names["model.bin"].path)):
            return self._take_folder(path, where)
        if CONFIG not in names:
            return False
        if any(name in names for name in WEIGHTS):
            return self._take_folder(path, where)
        old = [seen for name, seen in names.items() if OLD_WEIGHTS.match(name)]
        if old and not any(name.endswith((".safetensors", ".gguf")) for name in names):
            self._pickle(path, sum(s.bytes for s in old), f"its weights ({old[0].name}) are a pickle", old[0].ident)
            return True
        return False

    def _take_folder(self, path: str, where: Where) -> bool:
        files = tuple(below(path))
        if not self._may(files, path, where):
            return True
        sums = {s.path: s.sha256 for s in files if s.link and where.inside and s.sha256}
        self.items.append(
            Candidate(
                path,
                files,
                where.name,
                where.repo.rpartition("/")[2],
                sums=sums,
                repo=where.repo,
                revision=where.revision,
            )
        )
        return True

    def _in_parts(self, path: str, rest: dict[str, Seen], where: Where) -> None:
        """Take files that are parts of one out of `rest`, each set as one line."""
        sets: dict[tuple[str, str, str], list[tuple[int, Seen]]] = {}
        for name, seen in rest.items():
            found = PART.match(name)
            if found and int(found[3]) > 1:
                sets.setdefault((found[1], found[3], found[4]), []).append((int(found[2]), seen))
        for (_, count, ending), parts in sets.items():
            for _, seen in parts:
                del rest[seen.name]
            self._set(int(count), ending, sorted(parts))

    def _set(self, count: int, ending: str, parts: list[tuple[int, Seen]]) -> None:
        first, size = parts[0][1], sum(s.bytes for _, s in parts)
        have = {number for number, _ in parts}
        lost = next((n for n in range(1, min(count, 100_000) + 1) if n not in have), None)
        if lost is not None:
            self.items.append(
                trouble(first.path, size, Reason.SHARDS, f"part {lost:,} of {count:,} is missing", ident=first.ident)
            )
        elif ending == "gguf":
            why = f"it lies in {count:,} parts, and llama.cpp is given whole files here"
            self.items.append(trouble(first.path, size, Reason.SPLIT, why, ident=first.ident))
        else:
            why = "these weights have no config.json beside them"
            self.items.append(trouble(first.path, size, Reason.UNKNOWN, why, ident=first.ident))

    def _one(self, seen: Seen, where: Where) -> None:
        name = seen.name.lower()
        if name.startswith("."):
            return
        stem, ending = os.path.splitext(name)
        if ending in UNFINISHED and (stem.endswith(MODEL_ENDINGS) or "-partial" in name):
            self.items.append(trouble(seen.path, seen.bytes, Reason.INCOMPLETE, "its download is not finished"))
        elif ending in (".gguf", ".safetensors", ".onnx"):
            if not can_be_kept(seen.path):
                self.items.append(
                    trouble(seen.path, seen.bytes, Reason.NAME, "its name is no valid text", ident=seen.ident)
                )
            elif self._may((seen,), seen.path, where):
                self._take_file(seen, where)
        elif ending in PICKLES:
            self._pickle(seen.path, seen.bytes, "it is a pickle, which can run a stranger's program", seen.ident)
        elif ending == ".bin" and seen.bytes >= BIG:
            self._bin(seen)

    def _take_file(self, seen: Seen, where: Where) -> None:
        files, sums = [seen], {seen.path: seen.sha256} if seen.link and seen.sha256 and where.inside else {}
        beside = f"{seen.path}.json"
        if seen.name.lower().endswith(".onnx") and os.path.isfile(beside):
            found = os.stat(beside)
            files.append(
                Seen(f"{seen.name}.json", beside, found.st_size, found.st_mtime_ns, (found.st_dev, found.st_ino))
            )
        self.items.append(Candidate(seen.path, tuple(files), sums=sums, repo=where.repo, revision=where.revision))

    def _may(self, files: Iterable[Seen], path: str, where: Where) -> bool:
        """False, with a line in the list, if a link leads out of the cache."""
        for seen in files:
            if where.inside and seen.link and not seen.real.startswith(where.inside + os.sep):
                why = f"{seen.name} is a link that leads out of the cache"
                self.items.append(trouble(path, 0, Reason.OUTSIDE, why, ident=seen.ident))
                return False
        return True

    def _pickle(self, path: str, size: int, why: str, ident: tuple[int, int]) -> None:
        hint = ""
        if os.path.basename(os.path.dirname(path)) == "whisper":
            hint = "Get the faster-whisper form of it (CTranslate2), for example Systran/faster-whisper-small."
        self.items.append(trouble(path, size, Reason.PICKLE, why, hint, ident))

    def _bin(self, seen: Seen) -> None:
        try:
            with open(seen.path, "rb") as file:
                head = file.read(4)
        except OSError:
            return
        if head in (b"lmgg", b"fmgg", b"tjgg", b"algg"):
            why = "it is in an old form of ggml (whisper.cpp and early llama.cpp), which no engine here loads"
            self.items.append(trouble(seen.path, seen.bytes, Reason.UNSUPPORTED, why, "Get it as .gguf.", seen.ident))
        elif head[:2] == b"PK" or (head[:1] == b"\x80" and head[1:2] <= b"\x06"):
            self._pickle(seen.path, seen.bytes, "it is a pickle, which can run a stranger's program", seen.ident)
