"""The one error of set-up: what happened and what a person can do about it."""

from __future__ import annotations


class SetupError(Exception):
    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
