"""What is inside the weights: the mix of tensor types, the real bits, where they come from, and other precisions."""

from __future__ import annotations

from typing import Protocol

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QProgressBar, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.glossary import Glossary
from app.library import SERVED, Variant
from app.ui import icons
from app.ui.language import tr
from app.ui.state import picks, words
from app.ui.state.model import ModelState
from app.ui.state.picks import Offer
from app.ui.state.weights import Share, WeightsLook, fallback_words
from app.ui.theme import Theme
from app.ui.widgets.card import Card
from app.ui.widgets.chip import Chip
from app.ui.widgets.elide import ElidedLabel
from app.ui.widgets.label import Label, explain
from app.ui.widgets.placed import show_placed


class Making(Protocol):
    """A copy that is being made, as `app.ui.state.background.Job` has it."""

    @property
    def title(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def fraction(self) -> float | None: ...


class WeightsCard(Card):
    """Short under Run, whole under Load. `make(target)` asks for a copy at another precision, `cancel_make` to stop
    making it, `more` for the whole of it."""

    make = Signal(str)
    cancel_make = Signal()
    more = Signal()

    def __init__(self, theme: Theme, glossary: Glossary, state: ModelState, page: str) -> None:
        super().__init__(theme, tr("Weights"))
        self._theme, self._state, self._page = theme, state, page
        self._full, self._making = False, False
        self._shown: object = None
        self._look = WeightsLook(self)
        self._chip = Chip(theme, "", "accent")
        self.head.addWidget(self._chip)
        self._mix = Label(theme, "", "dim", "dim", wrap=True)
        self._table = _MixTable(theme)
        self._lineage = Label(theme, "", "dim", "dim", wrap=True)
        self._other = self._button("other_precision", "", tr("Use another precision"))
        self._more = self._button("more_precisions", tr("More…"), tr("What is inside, and other precisions"))
        self._other.clicked.connect(self._other_chosen)
        self._more.clicked.connect(self.more)
        self._short = _box(QHBoxLayout(), theme.px(8), self._other, self._more)
        self._there = _box(QVBoxLayout(), theme.px(6))
        self._open = self._make_fold("precisions", "", tr("Other precisions of this model"))
        self._fold = self._make_fold("could_be_made", tr("What could be made"), tr("Precisions that could be made"))
        self._offers = _box(QVBoxLayout(), theme.px(10))
        self._job = _JobLine(theme, page)
        self._job.cancelled.connect(self.cancel_make)
        for part in (self._mix, self._table, self._short, self._lineage, self._job):
            self.body.addWidget(part)
        for part in (self._open, self._there, self._fold, self._offers):
            self.body.addWidget(part)
        words_of = {self.title: "quantization", self._mix: "bits_per_weight", self._table: "tensor_mix"}
        for part, key in {**words_of, self._lineage: "lineage"}.items():
            explain(part, glossary, key)
        self._look.changed.connect(self.refresh)
        state.changed.connect(self.refresh)
        self.show_job(None)
        self.refresh()

    def set_full(self, full: bool) -> None:
        """All of it, or the three lines that matter most."""
        self._full = full
        self.refresh()

    def open_precisions(self) -> None:
        """Show the other precisions, there and to be made."""
        self._open.setChecked(True)

    def show_job(self, job: Making | None) -> None:
        """A copy is being made, or none (any more)."""
        self._job.show_job(job)
        if (job is not None) != self._making:
            self._making = job is not None
            self._shown = None
            self.refresh()

    def refresh(self) -> None:
        """Show the variant that is chosen."""
        variant = self._state.variant
        show_placed(self, variant is not None)
        if variant is None:
            return
        self._chip.set(picks.label(variant), tip=f"{variant.format} · {variant.licence}")
        said = " ".join([picks.sentence(variant.lineage.text), *variant.notes])
        self._lineage.setText(said)
        self._lineage.setVisible(bool(said))
        count, opened = len(self._state.siblings) - 1, self._open.isChecked()
        self._open.setText(tr("Other precisions ({n})", n=count) if count else tr("Other precisions"))
        for part, wanted in (
            (self._table, True), (self._open, True), (self._there, opened and count > 0), (self._fold, opened),
            (self._offers, opened and self._fold.isChecked()),
        ):  # fmt: skip
            part.setVisible(self._full and wanted and (count > 0 or variant.format != SERVED))
        self._short.setVisible(not self._full and (count > 0 or variant.format != SERVED))
        if self._full:
            self._show_full(variant)
        else:
            self._show_short(variant)

    # --- short --------------------------------------------------------------------------

    def _show_short(self, variant: Variant) -> None:
        self._mix.setText(picks.mix(variant))
        self._mix.setVisible(bool(self._mix.text()))
        other = self._sibling()
        self._other.setVisible(other is not None)
        if other is not None:
            size = words.size(other.bytes)
            self._other.setText(tr("Try {precision} · {size}", precision=picks.label(other), size=size))
            self._other.setAccessibleName(tr("Use the {precision} copy", precision=picks.label(other)))

    def _sibling(self) -> Variant | None:
        """Another precision that the chosen engine can load."""
        return next((v for v in self._state.siblings if self._usable(v) and v != self._state.variant), None)

    def _usable(self, variant: Variant) -> bool:
        spec = self._state.spec
        return spec is not None and variant.format in spec.formats and not variant.problem

    def _other_chosen(self) -> None:
        other = self._sibling()
        if other is not None:
            self._state.choose_variant(other.variant)

    # --- whole --------------------------------------------------------------------------

    def _show_full(self, variant: Variant) -> None:
        facts = (picks.bits_words(variant.bits_per_weight), picks.size(variant), variant.format, variant.licence)
        self._mix.setText(" · ".join(fact for fact in facts if fact))
        self._mix.show()
        self._table.show_shares(self._look.shares(variant))
        offers = self._ask_offers(variant) if self._fold.isChecked() else ()
        siblings = tuple(v for v in self._state.siblings if v != variant)
        now = (variant, self._state.spec, siblings, offers, self._making)
        if now == self._shown:
            return
        self._shown = now
        _empty(self._there)
        _empty(self._offers)
        for sibling in siblings:
            _put(self._there, self._sibling_row(sibling))
        self._show_offers(offers)

    def _ask_offers(self, variant: Variant) -> tuple[Offer, ...] | None:
        spec = self._state.spec
        engine = spec.id if spec is not None else ""
        of = (variant.ref, engine, *(sibling.variant for sibling in self._state.siblings))
        return self._look.offers(of, self._state.other_precisions)

    def _show_offers(self, offers: tuple[Offer, ...] | None) -> None:
        if offers is None:
            _put(self._offers, Label(self._theme, tr("Working out their sizes…"), "caption", "dim"))
        elif not offers and self._fold.isChecked():
            none = tr("This engine makes no other copies of this model.")
            _put(self._offers, Label(self._theme, none, "caption", "dim", wrap=True))
        for offer in offers or ():
            _put(self._offers, self._offer_row(offer))

    def _sibling_row(self, variant: Variant) -> QWidget:
        bits = "" if variant.bits_per_weight is None else f"{variant.bits_per_weight:.2f} bits"
        detail = " · ".join(part for part in (bits, words.size(variant.bytes)) if part)
        use = self._button(f"use_{variant.variant}", tr("Use"), tr("Use the {p} copy", p=picks.label(variant)))
        use.setEnabled(self._usable(variant))
        if not use.isEnabled():
            engine = self._state.spec.title if self._state.spec is not None else tr("This engine")
            reason = variant.problem or tr("{engine} cannot load {format}", engine=engine, format=variant.format)
            use.setToolTip(reason)
            detail = f"{detail} · {reason}"
        use.clicked.connect(lambda: self._state.choose_variant(variant.variant))
        return _row(self._theme, picks.label(variant), [(detail, "dim")], use)

    def _offer_row(self, offer: Offer) -> QWidget:
        plan = offer.plan
        make = self._button(f"make_{plan.precision}", tr("Make"), offer.words)
        make.setEnabled(not self._making)
        if self._making:
            make.setToolTip(tr("One copy at a time: another is being made."))
        make.clicked.connect(lambda: self.make.emit(plan.precision))
        time = words.about(plan.bytes / picks.CONVERT_BYTES_A_SECOND)
        lines = [(" · ".join((f"{plan.bits_per_weight:.2f} bits", words.size(plan.bytes), time)), "dim")]
        fell = fallback_words(offer)
        if fell:
            lines.append((f"{fell}.", "dim"))
        if plan.bytes >= plan.source.bytes and plan.source.lineage.kind == "original":
            larger = tr("Larger than {source}, and no better.", source=picks.label(plan.source))
            lines.append((larger, "warning"))
        return _row(self._theme, plan.precision, lines, make)

    def _make_fold(self, role: str, text: str, says: str) -> QPushButton:
        button = self._button(role, text, says)
        button.setProperty("kind", "quiet")
        button.setProperty("fold", True)
        button.setFont(self._theme.font("dim"))
        button.setCheckable(True)
        icons.bind(button, self._theme, "chevron-right", "dim", 14)
        button.toggled.connect(lambda on: self._folded(button, on))
        return button

    def _folded(self, button: QPushButton, on: bool) -> None:
        button.setIcon(icons.icon(self._theme, "chevron-down" if on else "chevron-right", "dim", 14))
        self.refresh()

    def _button(self, role: str, text: str, says: str) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(f"{self._page}.{role}")
        button.setAccessibleName(says)
        button.setToolTip(says)
        return button


class _MixTable(QWidget):
    """A line a tensor type: its name, how many tensors, and its share of the bytes as a bar and a figure."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._shares: tuple[Share, ...] = ()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(theme.px(8))
        self._grid.setVerticalSpacing(theme.px(3))
        self._grid.setColumnStretch(2, 1)
        self.setAccessibleName(tr("Tensor types"))

    def show_shares(self, shares: tuple[Share, ...]) -> None:
        """Show these, if they are others."""
        if shares == self._shares:
            return
        self._shares = shares
        while (item := self._grid.takeAt(0)) is not None:
            _drop(item.widget())
        for row, share in enumerate(shares):
            self._add(row, share)
        self.setAccessibleDescription("; ".join(_said(share) for share in shares))

    def _add(self, row: int, share: Share) -> None:
        theme = self._theme
        right = Qt.AlignmentFlag.AlignRight
        part = "" if share.part is None else _percent(share.part)
        self._grid.addWidget(Label(theme, share.kind, "caption"), row, 0)
        self._grid.addWidget(Label(theme, f"×{share.tensors:,}", "caption", "dim"), row, 1, right)
        self._grid.addWidget(_ShareBar(theme, share.part), row, 2)
        figure = Label(theme, part, "caption", "dim")
        figure.setToolTip("" if share.bytes is None else words.size(share.bytes))
        self._grid.addWidget(figure, row, 3, right)


class _ShareBar(QWidget):
    def __init__(self, theme: Theme, part: float | None) -> None:
        super().__init__()
        self._theme, self._part = theme, part
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        return QSize(self._theme.px(60), self._theme.px(6))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt's name
        if self._part is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        box, round_ = QRectF(self.rect()), self.height() / 2
        painter.setBrush(self._theme.colour("line"))
        painter.drawRoundedRect(box, round_, round_)
        painter.setBrush(self._theme.colour("dim"))
        painter.drawRoundedRect(QRectF(0, 0, max(2.0, self._part * box.width()), box.height()), round_, round_)
        painter.end()


class _JobLine(QWidget):
    """The copy that is being made, how far it is, and Cancel."""

    cancelled = Signal()

    def __init__(self, theme: Theme, page: str) -> None:
        super().__init__()
        self._words = Label(theme, "", "dim", "text", wrap=True)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(tr("How far the copy is made"))
        cancel = QPushButton(tr("Cancel"))
        cancel.setObjectName(f"{page}.cancel_make")
        cancel.setAccessibleName(tr("Stop making the copy"))
        cancel.clicked.connect(self.cancelled)
        column = QVBoxLayout()
        column.setSpacing(theme.px(4))
        column.addWidget(self._words)
        column.addWidget(self._bar)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.px(8))
        row.addLayout(column, 1)
        row.addWidget(cancel, 0, Qt.AlignmentFlag.AlignVCenter)

    def show_job(self, job: Making | None) -> None:
        self.setVisible(job is not None)
        if job is None:
            return
        share = "" if job.fraction is None else f" {job.fraction:.0%}".replace("%", "\N{NO-BREAK SPACE}%")
        self._words.setText(f"{job.title}: {job.message or tr('starting')}{share}")
        self._bar.setRange(0, 0 if job.fraction is None else 1000)
        self._bar.setValue(round((job.fraction or 0) * 1000))


def _row(theme: Theme, title: str, lines: list[tuple[str, str]], button: QPushButton) -> QWidget:
    row = QWidget()
    column = QVBoxLayout()
    column.setSpacing(theme.px(1))
    column.addWidget(ElidedLabel(theme, title, "dim"))
    for text, tone in lines:
        column.addWidget(Label(theme, text, "caption", "warning" if tone == "warning" else "dim", wrap=True))
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(theme.px(8))
    layout.addLayout(column, 1)
    layout.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
    return row


def _box(layout: QHBoxLayout | QVBoxLayout, spacing: int, *widgets: QWidget) -> QWidget:
    box = QWidget()
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(spacing)
    box.setLayout(layout)
    for widget in widgets:
        layout.addWidget(widget, 1)
    return box


def _put(box: QWidget, widget: QWidget) -> None:
    layout = box.layout()
    if layout is not None:
        layout.addWidget(widget)


def _empty(box: QWidget) -> None:
    layout = box.layout()
    while layout is not None and (item := layout.takeAt(0)) is not None:
        _drop(item.widget())


def _drop(widget: QWidget | None) -> None:
    if widget is not None:
        widget.hide()
        widget.setParent(None)
        widget.deleteLater()


def _percent(part: float) -> str:
    """ "97.2 %", and "<0.1 %" for what is there but hardly counts."""
    figure = "<0.1" if 0 < part < 0.0005 else f"{part * 100:.1f}"
    return f"{figure}\N{NO-BREAK SPACE}%"


def _said(share: Share) -> str:
    part = "" if share.part is None else f", {_percent(share.part)}"
    return f"{share.kind}: {share.tensors:,}{part}"
