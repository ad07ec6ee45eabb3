"""A recorded run as a file: `shot --demo` fills the Chat page from it. Recorded here, never typed in.

The files are resources/replays/chat-*.json, each one `Demo` as msgspec writes it. The first by name is the one
that is played; the others fill the list of conversations.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from app.errors import TandemError
from app.library import Variant
from engines import metrics
from engines.knobs import Settings
from engines.protocol import Beat, ChatRequest, Event, Finished, Loaded, Text


class Turn(msgspec.Struct, frozen=True):
    """One message of the conversation before the answer; metrics and reason for an answer's footer."""

    role: str
    content: str
    metrics: dict[str, float | None] = {}
    reason: str = "stop"


class Demo(msgspec.Struct, frozen=True, kw_only=True):
    """One run and all that stood around it.

    conversation: everything said before the answer, the question last. asked: the load knobs as asked.
    beats: what the sampler said while it ran (the last one is shown).
    """

    title: str
    engine: str
    variant: Variant
    asked: Settings
    request: ChatRequest
    loaded: Loaded
    finished: Finished
    text: str
    conversation: tuple[Turn, ...]
    beats: tuple[Beat, ...] = ()

    @property
    def question(self) -> str:
        """The message that the run answers."""
        return self.conversation[-1].content

    def events(self, run: int) -> Iterator[Event]:
        """What the worker said, again: the text step by step, with the rates that its recorded times give."""
        clock = metrics.Clock(t_submit=0)
        steps = len(self.finished.times_ns)
        done = 0
        for index, (at, count) in enumerate(zip(self.finished.times_ns, self.finished.counts, strict=True), 1):
            clock.steps_ns.append(at)
            clock.counts.append(count)
            end = len(self.text) * index // steps
            yield Text(id=run, text=self.text[done:end], stats=metrics.chat_live(clock))
            done = end
        yield from self.beats[-1:]
        yield msgspec.structs.replace(self.finished, id=run, text=self.text)


def read(folder: Path) -> list[Demo]:
    """Every recorded chat, by file name. Raises TandemError `no_demo` where there is none or one is broken."""
    files = sorted(folder.glob("chat-*.json"))
    if not files:
        raise TandemError("no_demo", "No recorded runs are here to show.", "Make one: packaging has the recorder.")
    try:
        return [msgspec.json.decode(file.read_bytes(), type=Demo) for file in files]
    except (OSError, msgspec.DecodeError) as error:
        raise TandemError("no_demo", f"A recorded run cannot be read: {error}.", "Record it again.") from error
