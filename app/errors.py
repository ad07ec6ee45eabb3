"""The one error that the program raises on purpose, in words for a person."""

from __future__ import annotations


class TandemError(Exception):
    """Something a person can act on; the same fields as `engines.errors.EngineError`.

    code: a stable word for programs (`locked`, `disk_full`, `store_damaged`, `no_variant` …).
    message: what happened and why. hint: what to do next, or "". text: what an answer had given out before it failed.
    """

    text: str = ""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
