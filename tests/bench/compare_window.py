"""From the window: how soon a Quick comparison shows figures, and a measurement its first decided verdict.

xvfb-run -a .venv/bin/python tests/bench/compare_window.py [--shots FOLDER]

Two lanes of the starter model at shallow depth, 1 against 2 threads, in the real window on a home of its own; with
--shots it saves pictures of a race, of the measuring, of the measured table and of the replay, light and dark.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from PySide6.QtCore import QCoreApplication, QSize

from app import compose
from app.lab.compare.lane import Lane
from app.lab.compare.result import Result, Word
from app.paths import Paths
from app.ui import theme as themes
from app.ui.program import Program
from app.ui.start import application, end, mode
from app.ui.window import MainWindow
from engines import registry
from engines.spec import Task

ROOT = Path(__file__).resolve().parents[2]
PROMPT = "Explain in a few sentences how a sailing boat can travel against the wind."
DECIDED = {Word.FASTER, Word.SLOWER, Word.SAME, Word.MORE, Word.LESS}


class Bench:
    """A window with two lanes on its Compare page."""

    def __init__(self, program: Program, window: MainWindow, shots: Path | None) -> None:
        self.state, self.window, self.shots = program.compare, window, shots
        self.longest_gap_s = 0.0

    def until(self, done: Callable[[], bool], limit_s: float) -> float:
        """Seconds until `done`; the longest time that the event loop was away is kept."""
        start = last = time.perf_counter()
        while not done():
            QCoreApplication.processEvents()
            time.sleep(0.002)
            now = time.perf_counter()
            self.longest_gap_s = max(self.longest_gap_s, now - last)
            last = now
            if now - start > limit_s:
                raise SystemExit(f"not within {limit_s:.0f} s")
        return time.perf_counter() - start

    def picture(self, name: str) -> None:
        if self.shots is not None:
            self.shots.mkdir(parents=True, exist_ok=True)
            QCoreApplication.processEvents()
            self.window.grab().save(str(self.shots / f"{name}.png"))


def has_figures(result: Result | None, lanes: int) -> bool:
    cells = () if result is None else result.cells
    return len({c.lane for c in cells if c.metric == "decode_tok_s" and c.value is not None}) == lanes


def is_decided(result: Result | None) -> bool:
    """A speed is decided: a word on decode, not on the memory, which never varies."""
    return result is not None and any(c.metric == "decode_tok_s" and c.word in DECIDED for c in result.cells)


def run(bench: Bench) -> dict[str, float]:
    state = bench.state
    lanes = [Lane(name=f"{n} thread{'s' * (n > 1)}", model="smollm2-135m", engine="llama-cpp", knobs={"n_threads": n})
             for n in (1, 2)]  # fmt: skip
    state.begin(lanes, PROMPT)
    found: dict[str, float] = {}
    state.race()
    bench.until(lambda: state.result is not None and all(lane.tracks for lane in state.result.lanes), 120)
    bench.until(lambda: not state.busy, 60)
    bench.picture("race")
    state.begin(lanes, PROMPT)
    state.quick()
    found["quick_first_figures_s"] = bench.until(lambda: has_figures(state.result, 2), 240)
    found["quick_done_s"] = found["quick_first_figures_s"] + bench.until(lambda: not state.busy, 240)
    state.begin(lanes, PROMPT)
    state.measure()
    found["measure_first_decided_s"] = bench.until(lambda: is_decided(state.result) or not state.busy, 900)
    found["decided"] = float(is_decided(state.result))
    bench.picture("measuring")
    state.stop()
    bench.until(lambda: not state.busy, 60)
    bench.picture("measured")
    found["longest_event_loop_gap_s"] = bench.longest_gap_s
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shots", type=Path)
    args = parser.parse_args()
    os.environ.setdefault("TANDEM_STARTER", str(ROOT / ".cache" / "starter"))
    with tempfile.TemporaryDirectory() as folder, compose.services(Paths(Path(folder))) as services:
        services.library.install("smollm2-135m")
        app = application()
        program = Program(services, registry.visible(Task.CHAT))
        window = MainWindow(themes.install(app, mode("light")), program)
        window.resize(QSize(1280, 800))
        window.show()
        window.show_page("compare")
        try:
            print(json.dumps(run(Bench(program, window, args.shots)), indent=2))
        finally:
            program.close()
            end(window)


if __name__ == "__main__":
    main()
