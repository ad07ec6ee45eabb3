"""The one error that the engine side raises on purpose; `app.lab` translates it for a person."""

from __future__ import annotations


class EngineError(Exception):
    """Something a person can act on.

    code: a stable word for programs (`bad_knob`, `no_memory`, `load_failed` …).
    message: what happened and why. hint: what to do next, or "".
    """

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


class Cancelled(Exception):  # noqa: N818 - an outcome, not an error
    """Raised inside an adapter, by `Job.check`, once the person has asked to stop."""
