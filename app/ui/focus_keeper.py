"""Keeps the keyboard's focus on the page when the button that has it goes: else Qt hands it to the rail.

Start becomes Stop, Get becomes “Chat with it”: the one that is pressed is hidden while it has the focus, and Qt moves the
focus to the next widget of the window, which may be anything. Then it goes to what stands nearest on the page instead.
"""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtWidgets import QApplication, QStackedWidget, QWidget
from shiboken6 import isValid

STEPS = 2000  # of the focus chain: more than any page has


class FocusKeeper(QObject):
    """pages: the one in front of them is kept the focus.

    It looks a turn of the event loop later, and asks nothing while the focus moves: one of the two widgets may be in its own
    destructor then, and a Python object that is made for it there leaves Qt's style with a pointer to nothing.
    """

    def __init__(self, pages: QStackedWidget) -> None:
        super().__init__(pages)
        self._pages = pages
        self._held: QWidget | None = None  # what had the focus when it was looked at last
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self._look)
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        app.focusChanged.connect(self._moved)

    def _moved(self) -> None:
        self._soon.start()

    def _look(self) -> None:
        """What came in place of the lost one is on the page by now."""
        held, page, now = self._held, self._pages.currentWidget(), QApplication.focusWidget()
        if (
            held is not None
            and page is not None
            and _lost(held, page)
            and not (now is not None and page.isAncestorOf(now))
        ):
            (_nearest(held, page) or page).setFocus(Qt.FocusReason.OtherFocusReason)
        self._held = QApplication.focusWidget()


def _lost(held: QWidget, page: QWidget) -> bool:
    """Whether it went from a page that is still there."""
    return page.isVisible() and isValid(held) and page.isAncestorOf(held) and not held.isVisible()


def _nearest(lost: QWidget, page: QWidget) -> QWidget | None:
    """What can have the focus and shares the closest ancestor with it."""
    around = lost.parentWidget()
    while around is not None:
        found = next(_within(lost, around), None)
        if found is not None or around is page:
            return found
        around = around.parentWidget()
    return None


def _within(lost: QWidget, around: QWidget) -> Iterator[QWidget]:
    """From it outwards along the focus chain, one forward and one back by turns."""
    after, before = lost.nextInFocusChain(), lost.previousInFocusChain()
    for _ in range(STEPS):
        if after is None or before is None or after is lost:
            return
        for widget in (after, before):
            takes = bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus)
            if takes and widget.isVisible() and widget.isEnabled() and around.isAncestorOf(widget):
                yield widget
        after, before = after.nextInFocusChain(), before.previousInFocusChain()
