"""The files of the message that is being written: what each costs, or why it cannot be used, and the way to take it off."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from app.ui import icons
from app.ui.language import tr
from app.ui.state.prompting import DraftFile
from app.ui.theme import Theme, set_property
from app.ui.widgets.elide import ElidedLabel
from app.ui.widgets.flow import Flow
from app.ui.widgets.label import Label
from app.ui.widgets.tool_button import ToolButton

NAME = 200  # the most of a name's width
LINES = 118  # the most of the chips' height: three lines and the sight of a fourth


class FileChip(QFrame):
    """One file. With a problem it is a card of its own line, with the words."""

    removed = Signal(str)

    def __init__(self, theme: Theme, file: DraftFile) -> None:
        super().__init__()
        self._theme, self._file = theme, file
        self.setObjectName("chat.file")
        self._mark = QLabel()
        self.name = ElidedLabel(theme, file.name, "dim", mode=Qt.TextElideMode.ElideMiddle)
        self.name.setMaximumWidth(theme.px(NAME))
        self.name.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.detail = Label(theme, "", "caption", "dim")
        self.problem = Label(theme, "", "caption", "bad", wrap=True)
        self.problem.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.close_button = ToolButton(theme, "chat.file_remove", tr("Remove {name}", name=file.name), "close", 13)
        self.close_button.clicked.connect(lambda: self.removed.emit(self._file.id))
        self._lay_out()
        theme.changed.connect(self._tint)
        self.show_file(file)

    def show_file(self, file: DraftFile) -> None:
        """What is known of the file now."""
        self._file = file
        self.detail.setText(file.detail)
        self.detail.setVisible(bool(file.detail) and not file.problem)
        self.problem.setText(file.problem)
        self.problem.setVisible(bool(file.problem))
        self.name.setVisible(not file.problem.startswith(file.name))  # the words begin with it
        self.name.set_tip("\n".join([file.name, *file.notes]))
        self.setAccessibleName(
            ", ".join(part for part in (file.name, file.problem or file.detail, *file.notes) if part)
        )
        set_property(self, "card", "bad" if file.problem else "bubble")
        self._tint()
        self.updateGeometry()

    def _lay_out(self) -> None:
        px = self._theme.px
        row = QHBoxLayout(self)
        row.setContentsMargins(px(8), px(2), px(2), px(2))
        row.setSpacing(px(6))
        for part in (self._mark, self.name, self.detail):
            row.addWidget(part)
        row.addWidget(self.problem, 1)
        row.addWidget(self.close_button)

    def _tint(self) -> None:
        file = self._file
        kind = "image" if file.picture is not None else "file"
        name = "error" if file.problem else "warning" if file.notes else kind
        role = "bad" if file.problem else "warning" if file.notes else "dim"
        self._mark.setPixmap(icons.pixmap(name, getattr(self._theme.tokens, role), self._theme.px(14)))


class FileChips(QScrollArea):
    """Gone while there are no files; three lines high at most, then it scrolls. `removed(id)`."""

    removed = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._chips: dict[str, FileChip] = {}
        self._shown: tuple[DraftFile, ...] = ()
        self.setObjectName("chat.files")
        self.setAccessibleName(tr("Files of this message"))
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._body = QWidget()
        column = QVBoxLayout(self._body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.px(6))
        self._flow = Flow(theme.px(6))
        self._problems = QVBoxLayout()
        self._problems.setSpacing(theme.px(6))
        column.addLayout(self._flow)
        column.addLayout(self._problems)
        column.addStretch(1)
        self.setWidget(self._body)
        self.hide()

    def show_files(self, files: Sequence[DraftFile]) -> None:
        """These and no others; a file that was there keeps its chip."""
        if tuple(files) == self._shown:
            return
        self._shown = tuple(files)
        wanted = {file.id: file for file in files}
        for gone in [known for known in self._chips if known not in wanted]:
            self._chips.pop(gone).deleteLater()
        for layout in (self._flow, self._problems):
            while layout.takeAt(0) is not None:
                pass
        for file in files:
            (self._problems if file.problem else self._flow).addWidget(self._chip(file))
        self.setVisible(bool(files))
        self._fit()

    def _chip(self, file: DraftFile) -> FileChip:
        chip = self._chips.get(file.id)
        if chip is None:
            chip = self._chips[file.id] = FileChip(self._theme, file)
            chip.removed.connect(self.removed)
        chip.show_file(file)
        chip.show()
        return chip

    def resizeEvent(self, event: object) -> None:  # noqa: N802  Qt's name
        super().resizeEvent(event)  # type: ignore[arg-type]
        self._fit()

    def _fit(self) -> None:
        """As high as what is in it, up to three lines."""
        layout = self._body.layout()
        if layout is not None and not self.isHidden():
            layout.invalidate()
            height = layout.heightForWidth(self.width())
            self.setFixedHeight(min(height, self._theme.px(LINES)))
