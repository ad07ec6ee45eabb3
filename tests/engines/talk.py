"""A session with a real worker, and what it said."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from engines.client import Session
from engines.protocol import (
    ChatRequest,
    Ended,
    Event,
    Failed,
    Finished,
    Load,
    Loaded,
    Message,
    ModelFiles,
    Run,
    Text,
)

TOY = ModelFiles(id="toy", variant="toy", format="gguf", path="/dev/null")
LONG_S = 120.0  # far beyond what anything here needs, on a busy machine too


class Talk:
    """A session that remembers every event."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.events: list[Event] = []

    def load(self, engine: str, files: ModelFiles = TOY, **knobs: Any) -> int:
        return self._sent(lambda n: Load(id=n, engine=engine, files=files, knobs=knobs))

    def run(self, text: str = "one two three", **knobs: Any) -> int:
        request = ChatRequest(messages=(Message("user", text),), knobs=knobs)
        return self._sent(lambda n: Run(id=n, request=request))

    def loaded(self, engine: str, files: ModelFiles = TOY, **knobs: Any) -> Loaded:
        return self.expect(Loaded, self.load(engine, files, **knobs))

    def finished(self, text: str = "one two three", **knobs: Any) -> Finished:
        return self.expect(Finished, self.run(text, **knobs))

    def expect(self, kind: type[Any], request: int | None = None) -> Any:
        """The next (or an already seen) event of this kind and request; an unasked failure fails the test."""
        return self.until(lambda e: isinstance(e, kind) and (request is None or getattr(e, "id", None) == request))

    def until(self, wanted: Callable[[Event], bool]) -> Any:
        end = time.monotonic() + LONG_S
        seen = 0
        while time.monotonic() < end:
            for event in self.events[seen:]:
                if wanted(event):
                    return event
                assert not isinstance(event, Failed | Ended), f"{event}; stderr: {self.session.stderr[-20:]}"
            seen = len(self.events)
            self.events += self.session.wait(0.2)
        raise AssertionError(f"nothing came within {LONG_S} s; the last events: {self.events[-5:]}")

    def text(self, request: int) -> str:
        return "".join(e.text for e in self.events if isinstance(e, Text) and e.id == request)

    def _sent(self, make: Callable[[int], Any]) -> int:
        number = Session.next_id()
        self.session.send(make(number))
        return number
