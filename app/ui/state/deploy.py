"""The view “Deploy” without its widgets: a lane as a command, a compose file or a manifest for the big servers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
from PySide6.QtCore import QObject, Signal

from app.errors import TandemError
from app.lab.deploy import DeploySource, Exported, Speculation, Target, export, source_of, targets
from app.library import SERVED, Variant
from app.library.checksum import write_atomic
from app.ui.language import tr
from app.ui.state.model import ModelState
from app.ui.state.ports import Services
from engines.errors import EngineError
from engines.knobs import Scope
from engines.spec import EngineSpec

CHAT = "chat"
NEEDS_DRAFT = ("draft_model", "eagle", "eagle3")


@dataclass(frozen=True, slots=True)
class Source:
    """A line of the source picker. spec: whose settings are taken over."""

    id: str
    title: str
    variant: Variant
    spec: EngineSpec


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is added to the lane. prefix_caching "": the server decides, else "on" or "off". speculate: a method or ""."""

    tensor: int = 1
    pipeline: int = 1
    data: int = 1
    expert: bool = False
    prefix_caching: str = ""
    speculate: str = ""
    draft: str = ""
    tokens: int = 5
    disaggregated: bool = False
    prefill: int = 1
    decode: int = 1


class DeployState(QObject):
    """`changed`: the source, the target, what is wished, and so the text."""

    changed = Signal()

    def __init__(self, services: Services, model: ModelState, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._services, self._model = services, model
        self.targets: tuple[Target, ...] = targets()
        self.target, self.form = self.targets[0].id, self.targets[0].forms[0]
        self.source_id = CHAT
        self.wishes = Wishes()
        self.made: Exported | None = None
        self.trouble: TandemError | None = None
        self.notice = ""
        model.changed.connect(self.refresh)
        model.knobs_changed.connect(lambda _scope: self.refresh())
        self.refresh()

    def sources(self) -> list[Source]:
        """The lane on the Chat page, then every model of the library in the engine that takes it first."""
        found = []
        model = self._model
        if model.variant is not None and model.spec is not None and model.variant.format != SERVED:
            title = tr("Chat: {model} in {engine}", model=_title(model.variant), engine=model.spec.title)
            found.append(Source(CHAT, title, model.variant, model.spec))
        for variant in self._services.library.variants("chat"):
            spec = self._engine(variant)
            if spec is not None and not variant.problem:
                found.append(Source(variant.ref, _title(variant), variant, spec))
        return found

    @property
    def source(self) -> Source | None:
        """What is chosen, or the first there is."""
        sources = self.sources()
        return next((s for s in sources if s.id == self.source_id), next(iter(sources), None))

    def choose(self, source: str) -> None:
        """Another lane."""
        self.source_id = source
        self.refresh()

    def choose_target(self, target: str) -> None:
        """Another server; the form stays where it has it."""
        found = next(t for t in self.targets if t.id == target)
        self.target = target
        self.form = self.form if self.form in found.forms else found.forms[0]
        self.refresh()

    def choose_form(self, form: str) -> None:
        """Command, compose file or manifest."""
        self.form = form
        self.refresh()

    def wish(self, **changes: object) -> None:
        """Change what is added to the lane."""
        self.wishes = replace(self.wishes, **changes)  # type: ignore[arg-type]
        self.refresh()

    def refresh(self) -> None:
        """Write the text anew."""
        self.made, self.trouble, self.notice = None, None, ""
        source = self.source
        if source is not None:
            try:
                self.made = export(self.target, self.form, self._wished(source))
            except TandemError as error:
                self.trouble = error
            except EngineError as error:
                self.trouble = TandemError(error.code, error.message, error.hint)
        self.changed.emit()

    def save(self, path: Path) -> None:
        """Write the text to a file."""
        if self.made is None:
            return
        try:
            write_atomic(path, self.made.text.encode())
            self.notice = tr("Written: {path}", path=path)
        except OSError as error:
            hint = tr("Choose another place.")
            self.trouble = TandemError("cannot_write", f"{path.name}: {error.strerror or error}.", hint)
        self.changed.emit()

    def _wished(self, source: Source) -> DeploySource:
        """The lane with the wishes. What is left as it is stays as the lane has it."""
        book = self._model.book
        made = source_of(
            source.variant, source.spec, book.settings(source.spec, Scope.LOAD), book.settings(source.spec, Scope.RUN)
        )
        wish, options = self.wishes, made.options
        more = {
            "tensor_parallel": wish.tensor, "pipeline_parallel": wish.pipeline, "data_parallel": wish.data,
            "prefill_workers": wish.prefill, "decode_workers": wish.decode,
        }  # fmt: skip
        changes: dict[str, object] = {name: n for name, n in more.items() if n != 1}
        if wish.expert:
            changes["expert_parallel"] = True
        if wish.disaggregated:
            changes["disaggregated"] = True
        if wish.prefix_caching:
            changes["prefix_caching"] = wish.prefix_caching == "on"
        if wish.speculate:
            draft = wish.draft.strip() if wish.speculate in NEEDS_DRAFT else ""
            changes["speculation"] = Speculation(method=wish.speculate, model=draft, tokens=wish.tokens)
        return msgspec.structs.replace(made, options=msgspec.structs.replace(options, **changes))

    def _engine(self, variant: Variant) -> EngineSpec | None:
        fitting = [s for s in self._model.specs if variant.format in s.formats]
        return next((s for s in fitting if s.remote), next(iter(fitting), None))


def _title(variant: Variant) -> str:
    return f"{variant.title} · {variant.variant}"
