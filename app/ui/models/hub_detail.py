"""The right of the hub's view: a repository with its offers, a starter, or what can be done here."""

from __future__ import annotations

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from app.ui.frame.notices import Notices
from app.ui.language import tr
from app.ui.models.hub_offers import OfferTable
from app.ui.models.hub_starter import StarterCard
from app.ui.state import hub_words
from app.ui.state.hub import HubState
from app.ui.theme import Theme
from app.ui.widgets.card import Card
from app.ui.widgets.chip import Chip
from app.ui.widgets.elide import ElidedLabel
from app.ui.widgets.flow import Flow
from app.ui.widgets.label import Label

WIDTH = 920
FILTER_FROM = 12
"""Offers from which on a field narrows them."""


class HubDetail(QStackedWidget):
    """Shows what `state` has chosen. `chat_wanted(model, variant)`; `token_wanted`; `popular_wanted`: ask the hub for
    what most people take."""

    chat_wanted = Signal(str, str)
    token_wanted = Signal()
    popular_wanted = Signal()

    def __init__(self, theme: Theme, state: HubState) -> None:
        super().__init__()
        self._theme, self._state = theme, state
        self.lesson = _Lesson(theme)
        self.lesson.popular.clicked.connect(self.popular_wanted)
        self.reading = _Reading(theme)
        self.repo = _Repo(theme, state)
        self.repo.table.chat.connect(self.chat_wanted)
        self.repo.notices.action.connect(self._act)
        self.repo.gate_button.clicked.connect(self.token_wanted)
        self.starter = StarterCard(theme, state.starters)
        self.starter.chat_wanted.connect(self.chat_wanted)
        for page in (self.lesson, self.reading, self.repo, self.starter):
            self.addWidget(_scrolled(theme, page))
        for changed in (state.listing.changed, state.starters.changed, state.chosen_changed):
            changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show what is chosen now."""
        state = self._state
        listing, starter = state.listing, state.shown_starter
        if starter is not None:
            self.starter.show_line(starter)
            self.setCurrentIndex(3)
        elif not listing.opened:
            self.setCurrentIndex(0)
        elif listing.busy and not listing.offers:
            self.reading.show_name(listing.address.shown)
            self.setCurrentIndex(1)
        else:
            self.repo.refresh()
            self.setCurrentIndex(2)

    def _act(self, action: str) -> None:
        if action == "token":
            self.token_wanted.emit()
        elif action == "retry":
            self._state.listing.retry()


class _Repo(QWidget):
    """Title, facts, notices and the offers."""

    def __init__(self, theme: Theme, state: HubState) -> None:
        super().__init__()
        self._theme, self._state = theme, state
        px = theme.px
        self.title = ElidedLabel(theme, "", "large", weight="semibold")
        self.owner = ElidedLabel(theme, "", "dim", "dim")
        self.page = QPushButton(tr("Open its page"))
        self.page.setObjectName("hub.open_page")
        self.page.setAccessibleName(tr("Open its page in the browser"))
        self.page.clicked.connect(self._open_page)
        self._facts = QWidget()
        self._flow = Flow(px(6), self._facts)
        self._chips = [Chip(theme, "", "plain") for _ in range(5)]
        for chip in self._chips:
            self._flow.addWidget(chip)
        self.notices = Notices(theme, "hub")
        self.gate, self.gate_button = _gate(theme)
        self.note = Label(theme, "", "dim", "dim", wrap=True)
        self.filter = QLineEdit()
        self.filter.setObjectName("hub.filter")
        self.filter.setAccessibleName(tr("Search these variants"))
        self.filter.setPlaceholderText(tr("Search these variants"))
        self.filter.textChanged.connect(self.refresh)
        self.table = OfferTable(theme)
        self.table.wanted.connect(state.listing.get)
        head = QHBoxLayout()
        head.setSpacing(px(12))
        names = QVBoxLayout()
        names.setSpacing(px(2))
        names.addWidget(self.title)
        names.addWidget(self.owner)
        head.addLayout(names, 1)
        head.addWidget(self.page, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(px(12))
        column.addLayout(head)
        for part in (self._facts, self.notices, self.gate, self.filter, self.table, self.note):
            column.addWidget(part)

    def refresh(self) -> None:
        """Show the listing as it is now."""
        state = self._state.listing
        address, listing = state.address, state.listing
        offer = state.offers[0] if state.offers else None
        self.title.setText(hub_words.title_of(address.repo or address.shown))
        owner = hub_words.owner_of(address.repo) if address.repo else hub_words.plain(address.shown)
        self.owner.setText(tr("by {owner}", owner=owner) if address.repo else owner)
        self.page.setVisible(bool(address.repo))
        self._show_facts()
        problem = state.problem or state.refused
        self.notices.show_problem(problem)
        self.notices.setVisible(problem is not None)
        self.gate.setVisible(listing is not None and listing.gated and problem is None)
        lines = state.lines
        self.filter.setVisible(len(lines) >= FILTER_FROM)
        asked = self.filter.text().strip() if len(lines) >= FILTER_FROM else ""
        self.table.show_lines(lines, asked)
        self.table.setVisible(offer is not None)
        self.note.setText(self._note(bool(lines)))
        self.note.setVisible(bool(self.note.text()))

    def _show_facts(self) -> None:
        listing = self._state.listing.listing
        offers = self._state.listing.offers
        facts: list[tuple[str, str]] = []
        if listing is not None:
            licence = hub_words.plain(listing.licence, 40)
            facts.append((licence or tr("no licence named"), tr("Licence, as its page says")))
            if listing.gated:
                facts.append((tr("gated"), tr("Its owner asks for conditions to be accepted")))
            revision = hub_words.plain(listing.revision, 60)
            facts.append((tr("commit {n}", n=hub_words.short(listing.revision)), revision))
            files, count = len(listing.files), sum(not offer.why_not for offer in offers)
            facts.append((tr("{n} files", n=f"{files:,}") if files != 1 else tr("1 file"), ""))
            facts.append((tr("{n} variants", n=f"{count:,}") if count != 1 else tr("1 variant"), ""))
        for chip, (text, tip) in zip(self._chips, facts + [("", "")] * len(self._chips), strict=False):
            chip.set(text if offers or listing is not None else "", tip=tip)
        self._facts.setVisible(any(chip.text() for chip in self._chips))

    def _note(self, lines: bool) -> str:
        state = self._state.listing
        listing = state.listing
        said = []
        if listing is not None and not lines and not state.busy:
            said.append(tr("There is nothing in it that Tandem knows."))
        if listing is not None and listing.refused:
            count = len(listing.refused)
            first = hub_words.plain(listing.refused[0], 120)
            one = tr("One of its files is left out: {first}.", first=first)
            several = tr("{n} of its files are left out, among them {first}.", n=f"{count:,}", first=first)
            said.append(one if count == 1 else several)
        if lines and all(file.published for offer in state.offers for file in offer.files):
            said.append(tr("Every file is checked against its published digest while it arrives."))
        elif lines and not all(offer.why_not for offer in state.offers):
            said.append(tr("Nobody publishes a digest of all its files: Tandem keeps its own of those."))
        return " ".join(said)

    def _open_page(self) -> None:
        repo = self._state.listing.address.repo
        if repo:
            QDesktopServices.openUrl(QUrl(self._state.page_of(repo)))


class _Reading(QWidget):
    """While a list of files is on its way."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._words = Label(theme, "", "text", "dim", wrap=True)
        bar = QProgressBar()
        bar.setRange(0, 0)
        bar.setTextVisible(False)
        bar.setAccessibleName(tr("Reading the list of files"))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, theme.px(40), 0, 0)
        column.setSpacing(theme.px(12))
        column.addWidget(self._words)
        column.addWidget(bar)

    def show_name(self, name: str) -> None:
        self._words.setText(tr("Reading the list of files of {name}…", name=hub_words.plain(name)))


class _Lesson(QWidget):
    """Nothing is chosen: what one can do here, and one button that does the obvious."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        px = theme.px
        self.popular = QPushButton(tr("Show what most people take"))
        self.popular.setObjectName("hub.popular")
        self.popular.setAccessibleName(self.popular.text())
        self.popular.setProperty("kind", "primary")
        sentence = tr(
            "Choose a model at the left: its variants are shown with their size, and whether each would fit this "
            "machine, before anything is downloaded. Every file is checked against its published digest."
        )
        private = tr(
            "Only what you search for and the files you get are asked of the hub; nothing else leaves this computer, "
            "and nothing is asked before you search."
        )
        row = QHBoxLayout()
        row.addWidget(self.popular)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, px(48), 0, 0)
        column.setSpacing(px(12))
        column.addWidget(Label(theme, tr("Get models from the hub"), "large", weight="semibold", wrap=True))
        column.addWidget(Label(theme, sentence, "text", "dim", wrap=True))
        column.addLayout(row)
        column.addSpacing(px(8))
        column.addWidget(Label(theme, private, "dim", "dim", wrap=True))
        self.setMaximumWidth(px(520))


def _gate(theme: Theme) -> tuple[Card, QPushButton]:
    card = Card(theme, kind="warning")
    row = QHBoxLayout()
    row.setSpacing(theme.px(12))
    words = tr(
        "Gated: its owner gives it to people who accepted the conditions on its page. Accept them there with your "
        "account, then give Tandem a token of that account."
    )
    button = QPushButton(tr("Token…"))
    button.setObjectName("hub.gate_token")
    button.setAccessibleName(tr("Set a token for the hub"))
    row.addWidget(Label(theme, words, "dim", "text", wrap=True), 1)
    row.addWidget(button)
    card.body.addLayout(row)
    return card, button


def _scrolled(theme: Theme, page: QWidget) -> QScrollArea:
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    outer = QWidget()
    edge = theme.px(24)
    row = QHBoxLayout(outer)
    row.setContentsMargins(edge, theme.px(20), edge, edge)
    row.setSpacing(0)
    column = QVBoxLayout()
    column.addWidget(page)
    column.addStretch(1)
    if page.maximumWidth() > theme.px(WIDTH):
        page.setMaximumWidth(theme.px(WIDTH))
    row.addStretch(1)
    row.addLayout(column, 1000)
    row.addStretch(1)
    area.setWidget(outer)
    return area
