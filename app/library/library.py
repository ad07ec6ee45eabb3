"""The library: every model on this machine that may be loaded, how it came here, and how to get or make more."""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from app.errors import TandemError
from app.library import conversion
from app.library.building import from_conversion, from_facts, from_starter, hashed, model_id_of
from app.library.catalogue import Starter, read_catalogue
from app.library.checksum import Cancelled, Progress, never, no_progress, stop_if, sync_file
from app.library.choice import for_engine, missing_files, named, no_variant, unknown_model
from app.library.conversion import ConversionPlan
from app.library.elsewhere import Elsewhere, Usual, here
from app.library.entries import Entries, Making
from app.library.facts import Facts
from app.library.fetch import Command, pip_command
from app.library.found import ident, problem_of, without
from app.library.inspection import inspect, model_paths
from app.library.places import Place
from app.library.removing import removable, remove
from app.library.scan import PLACE, Scan
from app.library.secrets import Secrets
from app.library.servers import Servers
from app.library.starter import need_space, place_starter, starter_root
from app.library.taking_in import take_in
from app.library.trash import Trash
from app.library.variant import ORIGINAL, SERVED, Origin, Removed, Variant
from app.locks import FileLock
from app.paths import Paths
from engines.protocol import Address, ModelFiles
from engines.spec import EngineSpec

PACK = "starter"
WAIT_S = 0.2


class Library:
    """Safe to use from several threads, and beside other processes on the same home."""

    def __init__(
        self,
        paths: Paths,
        pip: Command = pip_command,
        secrets: Secrets | None = None,
        trash: Trash | None = None,
        usual: Usual = here,
    ) -> None:
        """trash, usual: where what is removed goes, and where other programs keep models; for tests."""
        self._paths = paths
        self._pip = pip
        self._entries = Entries(paths)
        self.secrets = secrets or Secrets()
        self.servers = Servers(paths, self.secrets)
        self.trash = trash or Trash(paths.home / "trash")
        self._elsewhere = Elsewhere(paths, usual)
        self._catalogue: dict[str, Starter] | None = None
        self._making: dict[Path, Making] = {}
        self._guard = threading.Lock()

    # --- what is there ---------------------------------------------------------------------

    def variants(self, task: str | None = None) -> list[Variant]:
        """Every variant, ordered by id, originals first; `problem` says why one cannot be loaded."""
        return [v for v in self._all() if task in (None, v.task)]

    def problems(self) -> list[str]:
        """One sentence for each entry that cannot be read at all."""
        return self._entries.broken()

    def get(self, ref: str, spec: EngineSpec | None = None) -> Variant:
        """The variant "id:variant"; for "id" alone the one that `spec`'s engine loads, originals first.

        Raises TandemError `unknown_model`, `unknown_variant`, `missing_files`, `wrong_task`, or
        `no_variant`, whose hint names the conversion that would help.
        """
        candidates = named(ref, self.variants(), self._starters())
        found = for_engine(ref, candidates, spec)
        if found is not None:
            return found
        assert spec is not None
        raise no_variant(ref, candidates, spec, self._way_out(candidates[0].id, spec))

    def files(self, variant: Variant) -> ModelFiles:
        """The variant as an engine gets it. Raises TandemError `missing_files` if a file is gone or changed.

        One that was found elsewhere is checked as a whole first, once: `refused_…` with the reason.
        """
        now = self._current(variant)
        problem = problem_of(now) if now.origin.kind == PLACE and not now.problem else now.problem
        if problem:
            raise missing_files(msgspec.structs.replace(now, problem=problem))
        now = self._elsewhere.whole(now)
        return ModelFiles(
            id=now.id,
            variant=now.variant,
            format=now.format,
            path=now.path,
            files=tuple(f.path for f in now.files),
            bytes=now.bytes,
            template=now.template,
            bos=now.bos,
            eos=now.eos,
            shape=now.shape,
            server=self._address(now),
        )

    @contextlib.contextmanager
    def in_use(self, variant: Variant) -> Iterator[None]:
        """Hold the variant while its files are read, so that nobody removes them. Raises TandemError("in_use")."""
        lock = self._entries.item_lock(variant, shared=True)
        if not lock.try_acquire():
            raise TandemError("in_use", f"{variant.ref} is being removed or replaced just now.", "Try again.")
        try:
            yield
        finally:
            lock.release()

    # --- getting and removing --------------------------------------------------------------

    def starters(self) -> list[Starter]:
        """What `install` can get; `in_pack` marks the starter pack."""
        return list(self._starters().values())

    def install(self, starter_id: str, progress: Progress = no_progress, cancelled: Cancelled = never) -> list[Variant]:
        """Get one starter model, or all of the pack ("starter"). What is there already is returned as it is.

        Raises TandemError `unknown_model`, `network`, `bad_checksum`, `disk_full`, `no_pip`, `cancelled`.
        """
        catalogue = self._starters()
        if starter_id == PACK:
            return [self._install(s, progress, cancelled) for s in catalogue.values() if s.in_pack]
        if starter_id not in catalogue:
            names = ", ".join(catalogue)
            raise TandemError(
                "unknown_model", f"There is no starter model “{starter_id[:80]}”.", f"There are: {names}."
            )
        return [self._install(catalogue[starter_id], progress, cancelled)]

    def add(self, path: Path, progress: Progress = no_progress, cancelled: Cancelled = never) -> list[Variant]:
        """Take a person's own GGUF file, folder of GGUF files, or safetensors folder into the library, in place.

        Raises TandemError `refused_…` with the reason, `cancelled`.
        """
        path = Path(os.path.abspath(os.path.expanduser(path)))
        path = path.parent.resolve() / path.name if path.is_file() else path.resolve()  # a link may carry the only name
        found = [inspect(p) for p in model_paths(path)]
        return [self._add(facts, progress, cancelled) for facts in found]

    def take_in(
        self, folder: Path, path: Path, title: str, origin: Origin, sums: dict[str, str], licence: str = ""
    ) -> list[Variant]:
        """Move a folder with a model that was fetched and checked into the library: `taking_in.take_in`."""
        return take_in(self._entries, folder, path, title, origin, sums, licence, self.elsewhere())

    def remove(self, ref: str) -> Removed:
        """Take a variant ("id:variant") or a whole model ("id") out of the library.

        What Tandem made or fetched goes to the trash, a person's own files stay. Raises TandemError `unknown_model`,
        `unknown_variant`, `in_use`, `not_removed`, `not_ours` for what another program or a server has.
        """
        found = named(ref, self.variants(), self._starters())
        return remove(
            self._entries, self.trash, removable(found[:1] if ":" in ref else found, self._elsewhere.titles())
        )

    # --- models of other programs ------------------------------------------------------------

    def places(self) -> tuple[Place, ...]:
        """Where `scan` looks: other programs' folders that are there, and those that a person named."""
        return self._elsewhere.places()

    def add_place(self, path: Path) -> Place:
        """Name a folder with models; they are used where they lie. Raises TandemError `no_such_folder`, `bad_name`."""
        return self._elsewhere.add(path)

    def remove_place(self, id: str) -> None:
        """Take a place and its models off the list; nothing in it is touched. Raises TandemError `unknown_place`."""
        self._elsewhere.remove(id)

    def scan(self, progress: Progress = no_progress, cancelled: Cancelled = never) -> Scan:
        """Find the models in all places, from their headers alone. Raises TandemError `cancelled`, `disk`."""
        taken = {*self._starters(), *(v.id for v in self.servers.variants())}
        return self._elsewhere.scan(self._entries.all(), taken, progress, cancelled)

    def elsewhere(self) -> list[Variant]:
        """What other programs and servers have: their names are taken, their files are not ours."""
        return [*self._elsewhere.variants(), *self.servers.variants()]

    def scanned(self) -> Scan | None:
        """What the last scan found, from disk; None before the first."""
        return self._elsewhere.scanned()

    # --- converting ------------------------------------------------------------------------

    def conversion_targets(self, variant: Variant, spec: EngineSpec) -> tuple[str, ...]:
        """The precisions that the engine can make of this variant."""
        return conversion.targets(variant, spec)

    def plan_conversion(self, variant: Variant, spec: EngineSpec, target: str) -> ConversionPlan:
        """What it will make, before it runs. Raises TandemError `cannot_convert`, `needs_imatrix`."""
        target = target.strip().lower()
        name, there = self._made_name(variant, conversion.output_format(spec, variant), target)
        return conversion.plan(variant, spec, target, name, there)

    def conversion_for(self, model_id: str, spec: EngineSpec) -> ConversionPlan | None:
        """The conversion by which `spec`'s engine gets a variant of this model, or None if there is none.

        `ConversionPlan.engine` says who makes it: the engine itself, or another one of its task.
        """
        here = named(model_id.partition(":")[0], self.variants(), self._starters())
        sources = [v for v in here if not v.problem and v.task == spec.task]
        for source, maker in itertools.product(sources, conversion.makers(spec)):
            targets = conversion.targets(source, maker)
            if targets:
                return self.plan_conversion(source, maker, targets[0])
        return None

    def begin_conversion(self, plan: ConversionPlan) -> Path:
        """A temporary name for the engine to write to: a file for GGUF, else a folder that is not made yet.

        End it with `adopt` or `discard`. Raises TandemError `disk_full`, `already_there`.
        """
        if self._made_name(plan.source, plan.format, plan.precision)[1]:
            raise TandemError(
                "already_there", f"{plan.ref} is in the library already.", "Remove it first to make it anew."
            )
        need_space(self._paths.models, plan.bytes)
        making = self._entries.begin(plan.id, plan.variant)
        target = making.content
        if plan.format == "gguf":
            making.content.mkdir(mode=0o700)
            target = making.content / f"{plan.id}.{plan.precision}.gguf"
        with self._guard:
            self._making[target] = making
        return target

    def adopt(self, plan: ConversionPlan, temporary: Path, notes: Sequence[str] = ()) -> Variant:
        """Check what was made, and take it in by one rename.

        Raises TandemError `refused_…`, `conversion_failed`, `in_use`; what was made is deleted then.
        """
        with self._guard:
            making = self._making.pop(temporary)
        try:
            variant = from_conversion(plan, temporary, tuple(notes))
            for file in variant.files:
                sync_file(Path(file.path))
            return self._entries.publish(making, variant)
        except BaseException:
            self._entries.discard(making)
            raise

    def discard(self, temporary: Path) -> None:
        """Delete what `begin_conversion` gave, after a failure or a cancel. Does nothing if it is gone."""
        with self._guard:
            making = self._making.pop(temporary, None)
        if making is not None:
            self._entries.discard(making)

    def sweep(self) -> None:
        """Delete what killed processes left behind."""
        self._entries.sweep()

    def close(self) -> None:
        """Discard conversions that were begun and not ended."""
        for temporary in list(self._making):
            self.discard(temporary)

    # --- inside ----------------------------------------------------------------------------

    def _starters(self) -> dict[str, Starter]:
        with self._guard:
            if self._catalogue is None:
                self._catalogue = read_catalogue(self._paths.resources)
            return self._catalogue

    def _all(self) -> list[Variant]:
        """The library's own, what was found in other places, and what lies on servers."""
        own = self._entries.all()
        return [*_ordered([*own, *without(self._elsewhere.variants(), own)]), *self.servers.variants()]

    def _address(self, variant: Variant) -> Address | None:
        if variant.format != SERVED:
            return None
        return self.servers.address(self.servers.get(variant.origin.server), variant.served)

    def _current(self, variant: Variant) -> Variant:
        for found in self._all():
            if found.ref == variant.ref:
                return found
        raise unknown_model(variant.id, self.variants(), self._starters())

    def _way_out(self, model_id: str, spec: EngineSpec) -> str:
        plan = self.conversion_for(model_id, spec)
        if plan is None:
            return ""
        size = f"about {plan.bytes / 1e6:,.0f} MB, {plan.lineage.text}"
        return f"Make one first: tandem models convert {model_id} --to {plan.precision} ({size})"

    def _install(self, starter: Starter, progress: Progress, cancelled: Cancelled) -> Variant:
        lock = FileLock(self._paths.lock / f"install-{starter.id}.lock")
        while not lock.try_acquire():
            stop_if(cancelled)
            progress(f"waiting for another Tandem that gets {starter.id}", 0, 0)
            time.sleep(WAIT_S)
        try:
            there = [v for v in self._entries.all() if (v.id, v.variant) == (starter.id, starter.variant)]
            if there and not there[0].problem:
                return there[0]
            return self._place(starter, progress, cancelled)
        finally:
            lock.release()

    def _place(self, starter: Starter, progress: Progress, cancelled: Cancelled) -> Variant:
        making = self._entries.begin(starter.id, starter.variant)
        try:
            downloads = self._paths.cache / "downloads"
            place_starter(starter, making.content, downloads, progress, cancelled, starter_root(), self._pip)
            stop_if(cancelled)
            return self._entries.publish(making, from_starter(starter, making.content))
        except BaseException:
            self._entries.discard(making)
            raise

    def _add(self, facts: Facts, progress: Progress, cancelled: Cancelled) -> Variant:
        known = self._entries.all()
        mine = ident(str(facts.path))
        found = [v for v in self.elsewhere() if v.format == SERVED or ident(v.path) != mine]
        same = next((v for v in known if v.path == str(facts.path)), None)
        if same is not None and not same.problem:
            return same
        files = hashed(facts, progress, cancelled)
        sums = sorted(f.sha256 for f in files)
        twin = next((v for v in known if not v.problem and sorted(f.sha256 for f in v.files) == sums), None)
        if twin is not None:
            return twin
        model_id, name = (same.id, same.variant) if same is not None else _free_name(facts, [*known, *found])
        making = self._entries.begin(model_id, name)
        try:
            return self._entries.publish(making, from_facts(facts, model_id, name, files, outside=True))
        except BaseException:
            self._entries.discard(making)
            raise

    def _made_name(self, source: Variant, written: str, precision: str) -> tuple[str, bool]:
        """(the new variant's name, is it there already). A name that another format has gets the format's."""
        mine = {v.variant: v for v in self._entries.all() if v.id == source.id}
        for name in (precision, f"{precision}-{written}"):
            if name not in mine or mine[name].format == written:
                return name, name in mine and not mine[name].problem
        raise AssertionError("a variant has the name of another format")


def _ordered(variants: list[Variant]) -> list[Variant]:
    return sorted(variants, key=lambda v: (v.id, v.lineage.kind != ORIGINAL, v.variant))


def _free_name(facts: Facts, known: list[Variant]) -> tuple[str, str]:
    """An id and variant that nothing else has."""
    model_id, taken = model_id_of(facts.path), {(v.id, v.variant) for v in known}
    for base in (model_id, *(f"{model_id[:76]}-{n}" for n in range(2, 1000))):
        if (base, facts.precision) not in taken:
            return base, facts.precision
    raise TandemError(
        "bad_name", f"There are too many models called {model_id}.", "Rename the file, then add it again."
    )
