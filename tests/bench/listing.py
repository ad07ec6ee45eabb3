"""How long the window stands still while the list of 2,000 conversations is read and filled, and while it is searched.

QT_QPA_PLATFORM=offscreen .venv/bin/python tests/bench/listing.py
"""

from __future__ import annotations

import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QApplication

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from app.ui import theme as themes  # noqa: E402
from app.ui.state.conversations import Conversations  # noqa: E402
from app.ui.widgets.listing import ConversationList  # noqa: E402
from tests.fakes import FakeServices  # noqa: E402

COUNT, FOLDERS, REPEATS, MOST_MS = 2000, 10, 9, 50.0


def taken(work: Callable[[], object]) -> list[float]:
    """Milliseconds of each repeat, with what Qt does after it."""
    found = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        work()
        QApplication.processEvents()
        found.append((time.perf_counter() - begin) * 1000)
    return found


def main() -> None:
    app = QApplication([])
    theme = themes.install(app, "light")
    services = FakeServices.open(Path(tempfile.mkdtemp()))
    store = services.store
    with contextlib.closing(store):
        folders = [store.add_folder(f"Folder {n}").id for n in range(FOLDERS)]
        for number in range(COUNT):
            made = store.create_conversation(f"Conversation number {number}")
            store.add_message(made.id, "user", f"A question about cats and the number {number}")
            if number % 4 == 0:
                store.move_conversation(made.id, folders[number // 4 % FOLDERS])
        shelf, listing = Conversations(services), ConversationList(theme)
        listing.resize(200, 700)
        listing.show()

        def fill() -> None:
            listing.set_sections([])
            listing.set_sections(shelf.sections(), "")

        figures = {name: taken(work) for name, work in {
            "read": shelf.sections, "read and fill": fill, "search": lambda: listing.set_sections(shelf.sections("cats")),
        }.items()}  # fmt: skip
    print(json.dumps({name: {"median_ms": round(statistics.median(ms), 1), "worst_ms": round(max(ms), 1)}
                      for name, ms in figures.items()}, indent=2))  # fmt: skip
    worst = statistics.median(figures["read and fill"])
    raise SystemExit(0 if worst <= MOST_MS else f"filling took {worst:.0f} ms, {MOST_MS:.0f} ms is the most")


if __name__ == "__main__":
    main()
