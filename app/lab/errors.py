"""Engine errors in the program's own terms."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from app.errors import TandemError
from engines.errors import EngineError

BAD_INPUT = frozenset({"bad_knob", "unknown_knob", "conflict", "unknown_engine", "context_full", "empty_prompt"})


def translate(error: EngineError) -> TandemError:
    return TandemError(error.code, error.message, error.hint)


@contextmanager
def translated() -> Iterator[None]:
    """Raise any EngineError inside as a TandemError."""
    try:
        yield
    except EngineError as error:
        raise translate(error) from error
