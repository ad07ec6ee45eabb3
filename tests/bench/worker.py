"""A worker driven by a bench: load once, ask, wait for the answer."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from engines import client, registry  # noqa: E402
from engines.knobs import Settings, parse  # noqa: E402
from engines.protocol import ChatRequest, Ended, Failed, Finished, Load, Loaded, ModelFiles, Run, Tokenize, Tokens  # noqa: E402


def settings(engine: str, pairs: list[str]) -> Settings:
    """`["n_threads=1", …]` as checked load knobs."""
    spec = registry.spec(engine)
    knobs: Settings = {}
    for pair in pairs:
        name, word = pair.split("=", 1)
        knob = spec.knob(name)
        if knob is None:
            raise SystemExit(f"{engine} has no knob {name}")
        knobs[name] = parse(knob, word)
    return spec.split(knobs)[0]


class Bench:
    """One Tandem worker with one model loaded."""

    def __init__(self, engine: str, model: str, pairs: list[str]) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.session = client.Session(client.checkout(), Path(self._folder.name))
        files = ModelFiles(id="bench", variant="x", format=registry.spec(engine).formats[0], path=model)
        order = Load(id=client.Session.next_id(), engine=engine, files=files, knobs=settings(engine, pairs))
        self.loaded: Loaded = self.ask(order, Loaded)

    def ask(self, command: Any, kind: type) -> Any:
        self.session.send(command)
        return self.until(kind)

    def until(self, kind: type, limit_s: float = 600.0) -> Any:
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            for event in self.session.wait(1.0):
                if isinstance(event, Failed | Ended):
                    raise SystemExit(str(event))
                if isinstance(event, kind):
                    return event
        raise SystemExit(f"no {kind.__name__} within {limit_s:.0f} s")

    def tokens(self, text: str) -> list[int]:
        return list(self.ask(Tokenize(id=client.Session.next_id(), text=text), Tokens).ids)

    def start(self, ids: list[int], n_out: int) -> int:
        """Send a fixed-length speed run; returns its id."""
        knobs: Settings = {"temperature": 0.0, "max_tokens": n_out, "ignore_eos": True, "repeat_penalty": 1.0}
        run_id = client.Session.next_id()
        request = ChatRequest(ids=tuple(ids), knobs=knobs, clear_cache=True, discard_text=True)
        self.session.send(Run(id=run_id, request=request))
        return run_id

    def run(self, ids: list[int], n_out: int) -> Finished:
        self.start(ids, n_out)
        done: Finished = self.until(Finished)
        return done

    def close(self) -> None:
        self.session.close()
        self._folder.cleanup()
