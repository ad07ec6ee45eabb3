"""How long the window stands still for the Models page: built with 500 variants, searched and sorted at 1,000.

QT_QPA_PLATFORM=offscreen .venv/bin/python tests/bench/models_page.py
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QApplication, QWidget

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from app.ui import theme as themes  # noqa: E402
from app.ui.bridge import Bridge  # noqa: E402
from app.ui.pages.models import ModelsPage  # noqa: E402
from app.ui.state.models import ModelsState  # noqa: E402
from tests.app.ui.models import made  # noqa: E402
from tests.fakes import FakeServices  # noqa: E402

BUILD, LISTED = 500, 1000
BUILD_MS, GAP_MS = 300.0, 50.0
TYPED = ("q", "qw", "qwe", "qwen", "qwen q", "qwen q4", "", "llama", "f16")
SORTS = ("size", "bits", "params", "name", "fit", "added")


def waited(done: Callable[[], bool]) -> float:
    """Until `done`; the longest time in ms that the event loop was away."""
    longest, last = 0.0, time.perf_counter()
    while not done():
        QApplication.processEvents()
        now = time.perf_counter()
        longest, last = max(longest, (now - last) * 1000), now
        time.sleep(0.001)
        last = time.perf_counter()
    return longest


CPU: list[float] = []
"""The same in milliseconds of the window's thread alone: what a machine that is busy with other things does not swell."""


def taken(work: Callable[[], object]) -> float:
    """Milliseconds, with what Qt does after it."""
    begin, cpu = time.perf_counter(), time.thread_time()
    work()
    QApplication.processEvents()
    CPU.append((time.thread_time() - cpu) * 1000)
    return (time.perf_counter() - begin) * 1000


def ready(services: FakeServices, bridge: Bridge, count: int) -> tuple[ModelsState, float]:
    services.library = made.many(count)
    services.library.trash = type("Trash", (), {"folder": services.paths.home / "trash"})()
    state = ModelsState(services, bridge)
    state.refresh()
    return state, waited(lambda: state.disk is not None)


def main() -> None:
    app = QApplication([])
    theme = themes.install(app, "light")
    services = FakeServices.open(Path(tempfile.mkdtemp()))
    bridge = Bridge()
    with contextlib.closing(services.store):
        state, _ = ready(services, bridge, BUILD)
        builds = []
        for _ in range(3):
            page: list[ModelsPage] = []

            def build(page: list[ModelsPage] = page) -> None:
                page.append(ModelsPage(theme, services.glossary, state, QWidget))
                page[0].resize(1192, 800)
                page[0].show()

            builds.append(taken(build))
            waited(lambda: not state._reading.busy and not state._assessing.busy and not state._measuring.busy)
            page[0].hide()
            page[0].deleteLater()
            QApplication.processEvents()
        state.close()

        state, reading_gap = ready(services, bridge, LISTED)
        shown = ModelsPage(theme, services.glossary, state, QWidget)
        shown.resize(1192, 800)
        shown.show()
        waited(lambda: not state._reading.busy and not state._assessing.busy and not state._measuring.busy)
        typing = [taken(lambda text=text: state.want(query=text)) for text in TYPED]
        sorting = [taken(lambda key=key: state.sort_by(key)) for key in SORTS]
        walking = [taken(lambda row=row: state.select(state.table.rows[row].ref)) for row in range(0, 40, 4)]
        cards = taken(lambda: shown._show_kind("cards"))
        card_typing = [taken(lambda text=text: state.want(query=text)) for text in TYPED]
        shown._show_kind("table")
        state.refresh()
        again = waited(lambda: not state._reading.busy and not state._assessing.busy and not state._measuring.busy)
        waited(lambda: not state._looking.busy)
        state.close()
        bridge.close()
        shown.hide()
    figures = {
        "build_ms_first": builds[0], "build_ms_median": statistics.median(builds), "typing_ms_worst": max(typing),
        "sorting_ms_worst": max(sorting), "selecting_ms_worst": max(walking), "cards_ms": cards,
        "typing_cards_ms_worst": max(card_typing), "reading_gap_ms": reading_gap, "refresh_gap_ms": again,
    }  # fmt: skip
    builds_cpu, others_cpu = CPU[:3], CPU[3:]
    figures |= {"build_cpu_ms_first": builds_cpu[0], "others_cpu_ms_worst": max(others_cpu), "load": os.getloadavg()[0]}
    print(json.dumps({name: round(value, 1) for name, value in figures.items()}, indent=1))
    sys.exit(0 if builds[0] <= BUILD_MS and max(*typing, *card_typing) <= GAP_MS else 1)


if __name__ == "__main__":
    main()
