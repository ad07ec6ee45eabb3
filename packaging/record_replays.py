"""Records real runs for `tandem shot --demo`: .venv/bin/python packaging/record_replays.py [--engine llama-cpp]

Each conversation of CONVERSATIONS is held with a real model in a real engine; the last answer with all its times becomes
resources/replays/chat-<n>-<name>.json. Paths of this machine are cut to file names.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import msgspec  # noqa: E402

from app import compose  # noqa: E402
from app.lab.session import ModelSession, SessionState  # noqa: E402
from app.library import Variant  # noqa: E402
from app.ui.state.demo import Demo, Turn  # noqa: E402
from engines import registry  # noqa: E402
from engines.protocol import Beat, ChatRequest, Event, Finished, Message  # noqa: E402

CONVERSATIONS = {
    "1-photosynthesis": [
        "Why are leaves green?",
        "Explain photosynthesis to a curious child, then list the three things a plant needs as bullet points.",
    ],
    "2-python-loop": [
        "Write a Python function that adds up the even numbers in a list, and explain it in one sentence."
    ],
    "3-rain": ["Write a short poem about rain on a tin roof."],
    "4-tea": ["Give me a short recipe for mint tea."],
}
KNOBS: dict[str, Any] = {"temperature": 0.0, "repeat_penalty": 1.1, "max_tokens": 260}


def until(session: ModelSession, done: Any, keep: list[Event]) -> None:
    while not done():
        keep += session.wait(0.2)
        if session.failure is not None:
            raise SystemExit(f"{session.failure.message} {session.failure.hint}")


def clean(variant: Variant) -> Variant:
    files = tuple(msgspec.structs.replace(f, path=Path(f.path).name) for f in variant.files)
    return msgspec.structs.replace(variant, path=Path(variant.path).name, files=files)


def record(session: ModelSession, title: str, questions: list[str]) -> Demo:
    messages: list[Message] = []
    turns: list[Turn] = []
    for question in questions:
        messages.append(Message("user", question))
        turns.append(Turn("user", question))
        events: list[Event] = []
        request = ChatRequest(messages=tuple(messages), knobs=KNOBS, clear_cache=len(messages) == 1)
        run = session.run(request)
        until(session, lambda run=run: session.finished(run) is not None, events)
        done = next(e for e in events if isinstance(e, Finished))
        if question is not questions[-1]:
            messages.append(Message("assistant", done.text))
            turns.append(Turn("assistant", done.text, done.metrics, str(done.reason)))
    assert session.variant is not None
    assert session.spec is not None
    assert session.loaded is not None
    beats = tuple(e for e in events if isinstance(e, Beat))
    return Demo(title=title, engine=session.spec.id, variant=clean(session.variant), asked=session.asked, request=request,
                loaded=session.loaded, finished=done, text=done.text, conversation=tuple(turns), beats=beats)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", default="llama-cpp")
    parser.add_argument("--model", default="smollm2-135m")
    args = parser.parse_args()
    folder = ROOT / "resources" / "replays"
    folder.mkdir(exist_ok=True)
    with compose.services() as services:
        spec = registry.spec(args.engine)
        session = services.new_session()
        try:
            session.load(services.library.get(args.model, spec), spec, {})
            until(session, lambda: session.state is SessionState.READY, [])
            for name, questions in CONVERSATIONS.items():
                demo = record(session, questions[0], questions)
                path = folder / f"chat-{name}.json"
                path.write_bytes(msgspec.json.format(msgspec.json.encode(demo), indent=1))
                rate = demo.finished.metrics["decode_tok_s"]
                print(f"{path.name}: {rate:.1f} tok/s, {len(demo.text)} characters\n{demo.text}\n")
        finally:
            session.close()


if __name__ == "__main__":
    main()
