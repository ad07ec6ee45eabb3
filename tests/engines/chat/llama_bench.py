"""llama.cpp's adapter in the test's own process, without a worker: quick, and everything can be looked at."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from engines.chat.llama_adapter import LlamaCpp
from engines.chat.llama_tiny import CHATML
from engines.job import Job
from engines.protocol import ChatRequest, Event, Finished, Loaded, Message, ModelFiles, Progress


class Outbox:
    """Keeps what would go to the program; `on_event` may answer, with a cancel for example."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.shown = ""
        self.on_event: Callable[[], None] = lambda: None

    def push(self, event: Event, job: Job | None = None) -> None:
        self.events.append(event)
        self.on_event()

    def text(self, job: Job, delta: str) -> None:
        self.shown += delta
        self.on_event()

    @property
    def progress(self) -> list[Progress]:
        return [e for e in self.events if isinstance(e, Progress)]


class Bench:
    """One adapter with a model; `ask` runs one request and gives the outbox's view back as well."""

    def __init__(self, folder: Path) -> None:
        self.adapter = LlamaCpp()
        self.folder = folder
        self.outbox = Outbox()

    def job(self) -> Job:
        self.outbox = Outbox()
        job = Job(1, self.outbox, self.folder)
        job.clock.t_start = time.perf_counter_ns()
        return job

    def load(self, path: Path, template: str | None = CHATML, **knobs: Any) -> Loaded:
        return self.adapter.load(model_files(path, template), knobs, self.job())

    def ask(self, text: str | Sequence[Message] = "", *, ids: Sequence[int] | None = None, **options: Any) -> Finished:
        """A chat message, a conversation, or ids; `clear_cache` and `discard_text` are the request's, the rest knobs."""
        flags = {name: options.pop(name, False) for name in ("clear_cache", "discard_text")}
        messages = (Message("user", text),) if isinstance(text, str) and ids is None else () if ids else tuple(text)
        request = ChatRequest(
            messages=messages,  # type: ignore[arg-type]
            ids=None if ids is None else tuple(ids),
            knobs=options,
            **flags,
        )
        return self.adapter.run(request, self.job())


def model_files(path: Path, template: str | None = CHATML) -> ModelFiles:
    return ModelFiles(
        id="tiny",
        variant="f16",
        format="gguf",
        path=str(path),
        files=(str(path),),
        template=template,
        bos="<s>",
        eos="</s>",
    )
