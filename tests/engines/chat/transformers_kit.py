"""What the tests of the transformers adapter share: a way out that remembers, and a tiny model loaded in this process."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from engines.chat.transformers import Transformers
from engines.chat.transformers_load import import_libraries, quiet
from engines.chat.transformers_tiny import END, TEMPLATE, write_tiny_folder
from engines.job import Job
from engines.knobs import Value
from engines.protocol import ChatRequest, Event, Finished, Loaded, ModelFiles, Progress

pytest.importorskip("transformers")
import_libraries()

PROMPT = tuple(range(3, 43))


class Out:
    """An outbox that keeps everything."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.shown = ""
        self.on_text: Any = None

    def push(self, event: Event, job: Job | None = None) -> None:
        self.events.append(event)

    def text(self, job: Job, delta: str) -> None:
        self.shown += delta
        if self.on_text is not None:
            self.on_text(job)

    def fractions(self) -> list[float]:
        return [e.fraction for e in self.events if isinstance(e, Progress) and e.fraction is not None]


@cache
def tiny_folder() -> Path:
    with quiet():
        return write_tiny_folder(Path(tempfile.mkdtemp(prefix="tandem-tiny-")))


def tiny_files(folder: Path | None = None) -> ModelFiles:
    return ModelFiles(
        id="tiny", variant="fp32", format="safetensors", path=str(folder or tiny_folder()), template=TEMPLATE, eos=END
    )


class Engine:
    """A loaded adapter. Greedy and past the end unless a test says otherwise."""

    def __init__(self, tmp: Path, files: ModelFiles | None = None, **knobs: Value) -> None:
        self.tmp, self.number = tmp, 0
        self.adapter = Transformers()
        self.out = Out()
        self.loaded: Loaded = self.adapter.load(files or tiny_files(), {"num_threads": 1, **knobs}, self.job(self.out))

    def job(self, out: Out | None = None) -> Job:
        self.number += 1
        return Job(self.number, out or Out(), self.tmp)

    def run(
        self, ids: tuple[int, ...] = PROMPT, fresh: bool = False, job: Job | None = None, **knobs: Value
    ) -> Finished:
        asked: dict[str, Value] = {"temperature": 0.0, "max_tokens": 16, "ignore_eos": True, **knobs}
        return self.adapter.run(ChatRequest(ids=ids, clear_cache=fresh, knobs=asked), job or self.job())
