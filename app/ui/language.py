"""Text that a person reads, in their language: every such text of the window passes through `tr`."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

CONTEXT = "tandem"


def tr(text: str, /, **values: object) -> str:
    """`text` translated, its `{names}` filled in. text: a literal, so that it can be collected for translators."""
    found = QCoreApplication.translate(CONTEXT, text)
    return found.format(**values) if values else found
