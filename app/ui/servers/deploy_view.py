"""The view “Deploy”: the lane and what is added to it at the left, the text with what it cannot express at the right."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from app.ui.language import tr
from app.ui.servers.parts import (
    Choice,
    Count,
    beside,
    button,
    code_view,
    column_page,
    field,
    labelled,
    lesson,
    option_column,
    row,
)
from app.ui.state.deploy import NEEDS_DRAFT, DeployState
from app.ui.theme import Theme
from app.ui.widgets.card import Card
from app.ui.widgets.code_card import CopyButton
from app.ui.widgets.code_colours import Colourer
from app.ui.widgets.elide import ElidedLabel
from app.ui.widgets.flow import Flow
from app.ui.widgets.label import Label

MOST_GPUS = 1024


class DeployView(QWidget):
    """Bound to its state."""

    def __init__(self, theme: Theme, state: DeployState) -> None:
        super().__init__()
        self._theme, self.state = theme, state
        self.source = Choice("deploy_source", tr("What is deployed"))
        self.source.activated.connect(lambda i: state.choose(str(self.source.itemData(i))))
        self.targets = self._group("target", [(t.id, t.title) for t in state.targets], "tab", state.choose_target)
        forms = [("command", tr("Command")), ("compose", tr("Compose")), ("kubernetes", tr("Kubernetes"))]
        self.forms = self._group("form", forms, "pill", state.choose_form)
        self.counts = {
            "tensor": self._count("tensor", tr("Tensor parallel")), "pipeline": self._count("pipeline", tr("Pipeline parallel")),
            "data": self._count("data", tr("Data parallel")), "prefill": self._count("prefill", tr("Prefill workers")),
            "decode": self._count("decode", tr("Decode workers")), "tokens": self._count("tokens", tr("Drafted tokens")),
        }  # fmt: skip
        self.expert = self._check("expert", tr("Expert parallel"), tr("Spread a mixture's experts over the GPUs"))
        self.split = self._check(
            "disaggregated",
            tr("Split prefill and decode"),
            tr("Prefill and decode in servers of their own, each with its own GPUs"),
        )
        self.caching = Choice("deploy_prefix_caching", tr("Prefix caching"))
        self.caching.activated.connect(lambda i: state.wish(prefix_caching=str(self.caching.itemData(i))))
        self.method = Choice("deploy_speculate", tr("Speculation"))
        self.method.activated.connect(lambda i: state.wish(speculate=str(self.method.itemData(i))))
        self.draft = field("deploy_draft", tr("Draft model"), tr("Draft model: org/name or a path"))
        self.draft.editingFinished.connect(lambda: state.wish(draft=self.draft.text()))
        self.text = code_view(theme, "deploy_text", tr("The deployment"), "dim")
        self._colours: Colourer | None = None
        self.copy = CopyButton(theme, self.text.toPlainText, "servers.deploy_copy", tr("Copy the text"))
        self.save = button("deploy_save", tr("Save…"), self._save)
        self.name = ElidedLabel(theme, "", "dim", "dim", "semibold")
        self.gpus = Label(theme, "", "dim", "dim")
        self.trouble = Label(theme, "", "text", "bad", wrap=True)
        self.trouble.setObjectName("servers.deploy_trouble")
        self.cannot = _List(theme, tr("What this cannot express"), "warning")
        self.notes = _List(theme, tr("To know"), "true")
        self.said = Label(theme, "", "dim", "dim", wrap=True)
        self._lay_out()
        state.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Everything."""
        state = self.state
        sources, chosen = state.sources(), state.source
        self.source.set_lines([(s.id, s.title) for s in sources], chosen.id if chosen is not None else "")
        self._stack.setCurrentIndex(1 if chosen is not None else 0)
        self._options.setEnabled(chosen is not None)
        self._mark(self.targets, state.target)
        self._mark(self.forms, state.form)
        self._show_wishes()
        self._show_made()

    def _show_wishes(self) -> None:
        wish = self.state.wishes
        for name, edit in self.counts.items():
            edit.set_value(getattr(wish, name))
        self.expert.setChecked(wish.expert)
        self.split.setChecked(wish.disaggregated)
        self.caching.set_lines(_cachings(), wish.prefix_caching)
        self.method.set_lines(_methods(), wish.speculate)
        self.draft.setVisible(wish.speculate in NEEDS_DRAFT)
        self._drafted.setVisible(bool(wish.speculate))
        self._workers.setVisible(wish.disaggregated)

    def _show_made(self) -> None:
        made, trouble = self.state.made, self.state.trouble
        self.trouble.setText(f"{trouble.message} {trouble.hint}".strip() if trouble is not None else "")
        self.trouble.setVisible(trouble is not None)
        self._file.setVisible(made is not None)
        self.cannot.show_lines(made.cannot if made is not None else ())
        self.notes.show_lines(made.notes if made is not None else ())
        self.said.setText(self.state.notice)
        self.said.setVisible(bool(self.state.notice))
        if made is None:
            return
        self.name.setText(made.filename)
        self.gpus.setText(tr("1 GPU") if made.gpus == 1 else tr("{n} GPUs", n=f"{made.gpus:,}"))
        if made.text != self.text.toPlainText():
            self._colours = Colourer(
                self.text.document(), self._theme, "yaml" if made.filename.endswith("yaml") else "bash"
            )
            self.text.setPlainText(made.text)
            self._colours.finish()
            lines = made.text.count("\n") + 1
            height = lines * self.text.fontMetrics().lineSpacing() + self._theme.px(16)
            self.text.setFixedHeight(min(height, self._theme.px(520)))

    # --- what a person does ---------------------------------------------------------------------

    def _save(self) -> None:
        if self.state.made is None:
            return
        path, _ = QFileDialog.getSaveFileName(self, tr("Save the deployment"), self.state.made.filename)
        if path:
            self.state.save(Path(path))

    # --- pieces -----------------------------------------------------------------------------------

    def _mark(self, group: QButtonGroup, key: str) -> None:
        for made in group.buttons():
            made.setChecked(made.property("key") == key)

    def _group(self, name: str, choices: list[tuple[str, str]], kind: str, put: Callable[[str], None]) -> QButtonGroup:
        group = QButtonGroup(self)
        for key, title in choices:
            made = button(f"deploy_{name}_{key}", title, partial(put, key), kind)
            made.setCheckable(True)
            made.setProperty("key", key)
            group.addButton(made)
        return group

    def _count(self, name: str, title: str) -> Count:
        made = Count(f"deploy_{name}", title, MOST_GPUS)
        made.setFixedWidth(self._theme.px(64))
        made.counted.connect(lambda value: self.state.wish(**{name: value}))
        return made

    def _check(self, name: str, title: str, says: str) -> QCheckBox:
        made = QCheckBox(title)
        made.setToolTip(says)
        made.setAccessibleDescription(says)
        made.setObjectName(f"servers.deploy_{name}")
        made.setAccessibleName(title)
        made.clicked.connect(lambda on: self.state.wish(**{name: bool(on)}))
        return made

    # --- layout -------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        self._stack = QStackedWidget()
        words = tr(
            "What you have tried and measured here is written down for vLLM, SGLang, TensorRT-LLM and Dynamo: as a command, a compose "
            "file or a Kubernetes manifest, with a list of what the server cannot express. Get a model first: it needs one of the library."
        )  # fmt: skip
        self._stack.addWidget(lesson(self._theme, tr("From a lane here to a server anywhere"), words))
        self._stack.addWidget(self._right())
        beside(self, self._left(), self._stack)

    def _left(self) -> QWidget:
        theme, px = self._theme, self._theme.px
        speculation = labelled(theme, tr("Speculation"), self.method)
        self._drafted = QWidget()
        inner = QVBoxLayout(self._drafted)
        inner.setContentsMargins(0, px(2), 0, 0)
        inner.addWidget(self.draft)
        inner.addLayout(self._grid("", ("tokens",)))
        speculation.addWidget(self._drafted)
        self._workers = QWidget()
        workers = QVBoxLayout(self._workers)
        workers.setContentsMargins(0, 0, 0, 0)
        workers.addLayout(self._grid("", ("prefill", "decode")))
        words = tr("With the settings that stand for it in Chat's inspector.")
        scroll, self._options = option_column(
            theme,
            labelled(theme, tr("What is deployed"), self.source, words),
            self._grid(tr("GPUs"), ("tensor", "pipeline", "data")),
            self.expert,
            labelled(theme, tr("Prefix caching"), self.caching),
            speculation,
            self.split,
            self._workers,
        )
        return scroll

    def _grid(self, title: str, names: tuple[str, ...]) -> QGridLayout:
        grid = QGridLayout()
        grid.setVerticalSpacing(self._theme.px(6))
        if title:
            grid.addWidget(Label(self._theme, title, "dim", "dim", "medium"), 0, 0, 1, 2)
        for line, name in enumerate(names, 1):
            grid.addWidget(Label(self._theme, self.counts[name].accessibleName(), "dim"), line, 0)
            grid.addWidget(self.counts[name], line, 1)
        grid.setColumnStretch(0, 1)
        return grid

    def _right(self) -> QWidget:
        theme = self._theme
        page, body = column_page(theme, 1000)
        head = Flow(theme.px(12))  # two lines where both do not fit into one
        for group in (self.targets, self.forms):
            together = QWidget()
            together.setLayout(row(theme, *group.buttons(), gap=4))
            head.addWidget(together)
        body.addLayout(head)
        body.addWidget(self.trouble)
        self._file = Card(theme)
        top = QHBoxLayout()
        top.setSpacing(theme.px(8))
        top.addWidget(self.name, 1)
        top.addWidget(self.gpus)
        top.addWidget(self.copy)
        top.addWidget(self.save)
        self._file.body.addLayout(top)
        self._file.body.addWidget(self.text)
        body.addWidget(self._file)
        for part in (self.said, self.cannot, self.notes):
            body.addWidget(part)
        body.addStretch(1)
        return page


class _List(Card):
    """A title and its lines; gone where there is none."""

    def __init__(self, theme: Theme, title: str, kind: str) -> None:
        super().__init__(theme, title, kind)
        self._theme = theme
        self.lines = Label(theme, "", "text", wrap=True)
        self.body.addWidget(self.lines)

    def show_lines(self, lines: tuple[str, ...]) -> None:
        """One a line, each a sentence of its own."""
        self.lines.setText("\n".join(f"•  {line}" for line in lines))
        self.setVisible(bool(lines))


def _cachings() -> tuple[tuple[str, str], ...]:
    return ("", tr("As the lane has it")), ("on", tr("On")), ("off", tr("Off"))


def _methods() -> tuple[tuple[str, str], ...]:
    return (
        ("", tr("As the lane has it")), ("ngram", tr("n-gram: from the prompt, no draft")), ("mtp", tr("MTP: the model's own heads")),
        ("draft_model", tr("Draft model")), ("eagle", "EAGLE"), ("eagle3", "EAGLE-3"),
    )  # fmt: skip
