"""Two figures of Compare, in a real window: are replayed outputs seen when they were made, and does a race leave the
event loop free? Printed as JSON. Run by hand, not by the suite.

    QT_QPA_PLATFORM=offscreen python -m tests.bench.race [replay] [race] [--seconds 10]

replay: a recorded comparison of four lanes plays at 1×; an output counts as seen when its lane's text was painted with
it. Deviation = seen − recorded; the first output of each lane too. race: 100 tokens/s into each of four lanes;
the gaps of a 5 ms timer, less 5 ms, are how long the event loop was kept.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import time
from typing import Any

from PySide6.QtCore import QEvent, QEventLoop, QObject, Qt, QTimer
from PySide6.QtWidgets import QApplication, QHBoxLayout, QVBoxLayout, QWidget

from app.glossary import Glossary
from app.lab.compare.lane import Lane
from app.lab.compare.plan import Mode, Plan, ask
from app.lab.compare.result import LaneResult, Result, Status, Track
from app.ui import theme as look
from app.ui.state.replay import ReplayState
from app.ui.widgets.lane_view import LaneView
from app.ui.widgets.replay_bar import ReplayBar

LANES = 4
RATE = 100.0
LIMIT_MS = 16.7
WORDS = ("the", "lighthouse", "keeper", "wrote", "one", "line", "in", "his", "book", "every", "morning", "and", "ships")
Row = dict[str, Any]


class Stage(QWidget):
    """The lanes and the bar, as the page has them."""

    def __init__(self, theme: look.Theme) -> None:
        super().__init__()
        glossary = Glossary.load(look.resources())
        self.state = ReplayState(self)
        self.lanes = [LaneView(theme, glossary, index) for index in range(LANES)]
        column, row = QVBoxLayout(self), QHBoxLayout()
        column.addWidget(ReplayBar(theme, self.state))
        column.addLayout(row, 1)
        for index, lane in enumerate(self.lanes):
            lane.set_lane(f"lane {index}", "threads 1 → 2", None, index == 0)
            row.addWidget(lane)
        self.state.moved.connect(self._show)
        self.resize(1192, 500)

    def _show(self, _t: float) -> None:
        for lane, moment in zip(self.lanes, self.state.moments(), strict=False):
            lane.show_moment(moment)


class Seen(QObject):
    """Notes at every paint of a lane's text how many outputs stood there."""

    def __init__(self, lane: LaneView) -> None:
        super().__init__(lane)
        self.lane = lane
        self.shown = 0
        self.at: list[tuple[float, int]] = []
        lane.text.viewport().installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  Qt's name
        if event.type() == QEvent.Type.Paint:
            self.at.append((time.perf_counter(), len(self.lane.text.text())))
        return False


def replay(app: QApplication, stage: Stage, seconds: float) -> Row:
    tracks = [_track(seconds, seed) for seed in range(LANES)]
    watches = [Seen(lane) for lane in stage.lanes]
    stage.state.load(_result(tracks))
    _wait(app, 0.3)
    loop = QEventLoop()
    stage.state.changed.connect(lambda: None if stage.state.playing else loop.quit())
    start = time.perf_counter()
    stage.state.play()
    loop.exec()
    _wait(app, 0.2)
    late = [d for track, watch in zip(tracks, watches, strict=True) for d in _deviations(track, watch, start)]
    return {"outputs": len(late), "seconds": seconds} | _figures(late, "late") | {"limit_ms_p99": 16}


def race(app: QApplication, stage: Stage, seconds: float) -> Row:
    for lane in stage.lanes:
        lane.set_text("")
    gaps: list[float] = []
    sent = [0] * LANES
    start = last = time.perf_counter()

    def beat() -> None:
        nonlocal last
        now = time.perf_counter()
        gaps.append(max(0.0, (now - last) * 1000 - 5))
        last = now

    def feed() -> None:  # the bridge delivers every 16 ms
        due = int((time.perf_counter() - start) * RATE)
        for index, lane in enumerate(stage.lanes):
            while sent[index] < due:
                lane.append(WORDS[(sent[index] * 7 + index) % len(WORDS)] + " ")
                sent[index] += 1
            lane.set_status(f"{sent[index]:,} tokens", f"{RATE:.1f} tok/s")
            lane.push_rate(RATE)

    timers = [_timer(5, beat), _timer(16, feed)]
    before = time.process_time()
    _wait(app, seconds)
    for timer in timers:
        timer.stop()
    busy = (time.process_time() - before) / (time.perf_counter() - start)
    row = {"tokens_a_lane": sent[0], "seconds": seconds, "cpu_share_of_one_core": round(busy, 3)}
    return row | _figures(gaps, "loop") | {"limit_ms_p99": LIMIT_MS}


def _track(seconds: float, seed: int) -> Track:
    """An answer of about 80 to 100 outputs a second with the jitter of a real one."""
    rng = random.Random(seed)
    times, shown, text, at = [], [], "", 0.2 + 0.1 * seed
    while at < seconds:
        text += rng.choice(WORDS) + (" " if rng.random() > 0.03 else "\n\n")
        times.append(at)
        shown.append(len(text))
        at += rng.uniform(0.008, 0.014)
    return Track(step="", prompt="?", text=text, times_s=tuple(times), shown=tuple(shown), end_s=at)


def _result(tracks: list[Track]) -> Result:
    lanes = tuple(Lane(name=f"lane {i}", model="m", engine="echo") for i in range(len(tracks)))
    results = tuple(LaneResult(lane=lane, tracks=(track,)) for lane, track in zip(lanes, tracks, strict=True))
    plan = Plan(title="bench", lanes=lanes, steps=(ask("?"),))
    return Result(id="b", plan=plan, mode=Mode.MEASURE, status=Status.DONE, created=0.0, lanes=results)


def _deviations(track: Track, watch: Seen, start: float) -> list[float]:
    """ms from each output's recorded time to the first paint that had its characters."""
    found, paints = [], iter([(at, shown) for at, shown in watch.at if at >= start])
    at, shown = next(paints)
    for due, wanted in zip(track.times_s, track.shown, strict=True):
        while shown < wanted:
            at, shown = next(paints)
        found.append((at - start - due) * 1000)
    return found


def _figures(values: list[float], name: str) -> Row:
    ranked = sorted(values)
    pick = {"p50": 0.5, "p99": 0.99, "max": 1.0, "min": 0.0}
    return {f"{name}_ms_{key}": round(ranked[min(len(ranked) - 1, int(q * len(ranked)))], 2) for key, q in pick.items()}


def _timer(interval_ms: int, call: Any) -> QTimer:
    timer = QTimer()
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.timeout.connect(call)
    timer.start(interval_ms)
    return timer


def _wait(app: QApplication, seconds: float) -> None:
    loop = QEventLoop()
    QTimer.singleShot(round(seconds * 1000), loop.quit)
    loop.exec()


BENCHES = {"replay": replay, "race": race}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", choices=[*BENCHES, []])
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    app = QApplication([])
    stage = Stage(look.install(app, "light"))
    stage.show()
    gc.collect()
    gc.disable()  # as in the window, where a timer collects while nothing runs
    for name in options.what or BENCHES:
        print(json.dumps({"bench": name} | BENCHES[name](app, stage, options.seconds)), flush=True)
    stage.state.close()


if __name__ == "__main__":
    main()
