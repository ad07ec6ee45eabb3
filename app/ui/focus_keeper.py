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

    It never looks at the widgets that Qt names in its signal: one of them may be in its own destructor, and a Python object
    that is made for it then outlives it. What had the focus is what this object saw having it.
    """

    def __init__(self, pages: QStackedWidget) -> None:
        super().__init__(pages)
        self._pages = pages
        self._now = QApplication.focusWidget()
        self._lost: QWidget | None = None
        self._landed: QWidget | None = None
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        app.focusChanged.connect(self._moved)

    def _page(self) -> QWidget | None:
        return self._pages.currentWidget() if isValid(self._pages) else None

    def _moved(self) -> None:
        old, self._now = self._now, QApplication.focusWidget()
        now, page = self._now, self._page()
        if old is None or page is None or not isValid(old) or not page.isVisible():
            return
        if old.isVisible() or not page.isAncestorOf(old):
            return
        if now is not None and page.isAncestorOf(now) and now.parentWidget() is old.parentWidget():
            return  # beside it: just where one looks
        self._lost, self._landed = old, now
        QTimer.singleShot(0, self, self._bring_back)

    def _bring_back(self) -> None:
        """What came in place of the lost one is on the page by now."""
        lost, page, focused = self._lost, self._page(), QApplication.focusWidget()
        self._lost = None
        if page is None or not page.isVisible() or focused is not self._landed:
            return  # somebody has chosen since
        near = _nearest(lost, page) if lost is not None and isValid(lost) and page.isAncestorOf(lost) else None
        if near is not None:
            near.setFocus(Qt.FocusReason.OtherFocusReason)
        elif focused is None or not page.isAncestorOf(focused):
            page.setFocus(Qt.FocusReason.OtherFocusReason)


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
