"""Showing a widget that may not stand in its window yet."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget


def show_placed(widget: QWidget, wanted: bool) -> None:
    """Show or hide; a widget without a parent is only hidden: shown, it would flash as a window of its own."""
    if not wanted or widget.parentWidget() is not None:
        widget.setVisible(wanted)
