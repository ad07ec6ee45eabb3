"""A program with workers, to be killed by a test: `python parent.py RUN_ROOT`. Says its workers' and their helpers' numbers."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path

from engines.client import Session, checkout
from engines.protocol import ChatRequest, Load, Loaded, Message, ModelFiles, Run, Text

TOY = ModelFiles(id="toy", variant="toy", format="gguf", path="/dev/null")


def start(run_root: Path, **knobs: str | float) -> tuple[Session, str]:
    """A worker in the state that `knobs` make; returns it and the text it said."""
    session = Session(checkout(), run_root)
    loading = {"load_trouble": knobs["load_trouble"]} if "load_trouble" in knobs else {}
    session.send(Load(id=1, engine="chaos", files=TOY, knobs=dict(loading)))
    if loading:
        time.sleep(0.5)
        return session, ""
    until(session, Loaded)
    session.send(Run(id=2, request=ChatRequest(messages=(Message("user", "word"),), knobs=dict(knobs))))
    return session, until(session, Text)


def until(session: Session, kind: type) -> str:
    found: list[object] = []
    while not any(isinstance(e, kind) for e in found):
        found += session.wait(1)
    return "".join(e.text for e in found if isinstance(e, Text))


def main() -> None:
    root = Path(sys.argv[1])
    streaming, helper = start(root, trouble="grandchild", after=0, seconds=600)
    busy, _ = start(root, trouble="spin", after=1)
    native, _ = start(root, trouble="hang_in_c", after=1, rate=20)
    loading, _ = start(root, load_trouble="hang_in_c")
    idle = Session(checkout(), root)
    grandchild = re.findall(r"grandchild=(\d+)", helper)
    numbers = [s.pid for s in (streaming, busy, native, loading, idle)]
    print(*numbers, *grandchild, flush=True)
    time.sleep(600)


if __name__ == "__main__":
    main()
