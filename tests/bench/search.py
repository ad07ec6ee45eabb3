"""How long it takes to find a word among many messages, and to open a long conversation.

.venv/bin/python tests/bench/search.py [--messages 10000] [--times 30]

The history is built in a temporary home: conversations of 20 messages with texts of 20 to 300 words, every answer with
a run and a record of 40 kB beside it, and one conversation of 500 messages.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from app.paths import Paths
from app.store import Store
from engines.metrics import percentile

LENGTH, LONG = 20, 500
WORDS = Path(__file__).resolve().parents[2] / "README.md"
QUERIES = ["the", "model", "memory", "zebra", "quartz", "odel memo", "the model", "zebra the", '"of the"', "of", "zq", "nowhere"]  # fmt: skip


def texts(count: int, draw: random.Random) -> list[str]:
    """From the words of the README, with "zebra" in one of 100 and "quartz" in one of them all."""
    words = WORDS.read_text(encoding="utf-8").split()
    made = [" ".join(draw.choices(words, k=draw.randint(20, 300))) for _ in range(count)]
    made = [f"{text} zebra" if number % 100 == 0 else text for number, text in enumerate(made)]
    return [*made[:-1], f"{made[-1]} quartz"]


def fill(connection: sqlite3.Connection, contents: Sequence[str]) -> None:
    record = json.dumps({"ids": list(range(7000))})
    metrics = json.dumps({"ttft_s": 0.2, "decode_tok_s": 40.0, "n_in": 100, "n_out": 200})
    lengths = [LONG, *[LENGTH] * (-(-max(0, len(contents) - LONG) // LENGTH))]
    at = 0
    for number, length in enumerate(lengths):
        said = contents[at : at + length]
        at += length
        connection.execute(
            "INSERT INTO conversations (id, title, active_root_id, created, updated) VALUES (?, ?, ?, ?, ?)",
            (f"c{number}", f"Conversation {number}", f"c{number}-0", float(number), float(number)),
        )
        for place, text in enumerate(said):
            add(connection, number, place, text, place + 1 < len(said), metrics, record)


def add(
    connection: sqlite3.Connection, number: int, place: int, text: str, more: bool, metrics: str, record: str
) -> None:
    me, answer = f"c{number}-{place}", place % 2 == 1
    if answer:
        connection.execute(
            "INSERT INTO runs (id, task, model, variant, engine, reason, text, metrics, record, created)"
            " VALUES (?, 'chat', 'm', 'v', 'e', 'stop', ?, ?, ?, 1)",
            (me, text, metrics, record),
        )
    connection.execute(
        "INSERT INTO messages (id, conversation_id, parent_id, active_child_id, role, content, status, run_id, created)"
        " VALUES (?, ?, ?, ?, ?, ?, 'done', ?, ?)",
        (
            me, f"c{number}", f"c{number}-{place - 1}" if place else None, f"c{number}-{place + 1}" if more else None,
            "assistant" if answer else "user", text, me if answer else None, float(place),
        ),
    )  # fmt: skip


def timed(times: int, work: Callable[[], object]) -> dict[str, float]:
    """p50 and p95 in milliseconds."""
    took = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        took.append((time.perf_counter() - start) * 1e3)
    return {"p50_ms": round(percentile(took, 50) or 0, 2), "p95_ms": round(percentile(took, 95) or 0, 2)}


def measure(store: Store, times: int) -> None:
    worst = 0.0
    for query in QUERIES:
        found = timed(times, lambda query=query: store.search(query))  # type: ignore[misc]
        worst = max(worst, found["p95_ms"])
        say(f"search {query!r:16} {len(store.search(query)):4} conversations", found)
    say("search, the slowest query's p95", {"p95_ms": worst})
    say(
        f"open {len(store.messages('c0'))} messages",
        timed(times, lambda: (store.messages("c0"), store.run_heads("c0"))),
    )
    say("list of conversations", timed(times, store.conversations))
    start = time.perf_counter()
    store.delete_message("c0-0")
    say("put 500 messages away", {"ms": round((time.perf_counter() - start) * 1e3, 1)})
    start = time.perf_counter()
    store.purge("c1")
    say("remove a conversation for ever", {"ms": round((time.perf_counter() - start) * 1e3, 1)})


def say(what: str, figures: dict[str, float]) -> None:
    sys.stdout.write(f"{what:42} {json.dumps(figures)}\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--times", type=int, default=30)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = Paths(Path(folder) / "home")
        with contextlib.closing(Store.open(paths)) as store:
            start = time.perf_counter()
            contents = texts(args.messages, random.Random(0))
            store.write(lambda connection: fill(connection, contents))
            built = {"s": round(time.perf_counter() - start, 1), "MB": round(paths.database.stat().st_size / 1e6, 1)}
            say(f"built {args.messages} messages", built)
            say("their texts", {"MB": round(sum(map(len, contents)) / 1e6, 1)})
            measure(store, args.times)


if __name__ == "__main__":
    main()
