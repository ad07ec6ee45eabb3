"""The Chat page under a flood: an answer of 2,000 tokens/s into a conversation of 500 messages and 100,000 tokens.

.venv/bin/python tests/bench/chat_stream.py [--texts prose,list,code,paragraph] [--echo]

In the real window, drawn offscreen, on a home of its own; the text is fed as `ChatState` does it, in batches of 16 ms.
With --echo it comes from the echo engine in a real worker, through the page's whole path; the paint lag is then the one
that the diagnostics line says. Echo's tokens are words of 5 to 8 characters, a model's have about 4: echo gets the rate in
words that makes as many characters a second as 2,000 (or 150) tokens of 4, e.g. 1,365 words/s for the prose.
For each text: gaps of a 5 ms precise timer (beside an idle window's), the process's share of a core at 150 tokens/s, and
how long after the last batch its last character was painted. It ends with 1 where a bar is broken.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QEventLoop, QSize, Qt, QTimer

from app import compose
from app.paths import Paths
from app.ui import theme as themes
from app.ui.collector import Collector
from app.ui.program import Program
from app.ui.start import application, end
from app.ui.state.transcript import Row
from app.ui.window import MainWindow
from engines import registry
from engines.chat.echo_words import WORDS
from engines.chat.llama_tiny import write_tiny_gguf
from engines.spec import Task

TICKS = 2_000
TICK_MS = 5
BATCH_MS = 16
CHARS_PER_TOKEN = 4
MESSAGES, TOKENS = 500, 100_000
P99_MS, WORST_MS, SHARE, LAG_MS, OPEN_MS = 16.7, 50.0, 0.25, 50.0, 300.0

_WORDS = [
    "a",
    "the",
    "of",
    "and",
    "to",
    "model",
    "memory",
    "token",
    "context",
    "answer",
    "window",
    "cache",
    "layer",
    "weight",
    "is",
    "was",
    "that",
    "this",
    "which",
    "faster",
    "slower",
    "engine",
    "prompt",
    "reads",
    "writes",
    "keeps",
    "holds",
    "without",
    "before",
    "after",
    "when",
    "while",
    "because",
    "every",
    "each",
    "some",
    "many",
    "first",
    "last",
]


def prose(chance: random.Random, length: int) -> str:
    """Paragraphs with headings, emphasis, code words and short lists."""
    parts: list[str] = []
    while sum(map(len, parts)) < length:
        words = [chance.choice(_WORDS) for _ in range(chance.randint(30, 90))]
        words[3], words[7] = f"**{words[3]}**", f"`{words[7]}`"
        parts.append(" ".join(words).capitalize() + ".\n\n")
        if chance.random() < 0.15:
            parts.append(f"## {' '.join(chance.choices(_WORDS, k=4))}\n\n")
        if chance.random() < 0.2:
            parts.append("".join(f"- {' '.join(chance.choices(_WORDS, k=9))}\n" for _ in range(4)) + "\n")
    return "".join(parts)[:length]


def texts() -> dict[str, str]:
    """The four that the bar names."""
    chance = random.Random(1)
    line = "    value = compute(items[index], key='name', factor=1.5)  # keep the last\n"
    return {
        "prose": prose(chance, 40_000),
        "list": "".join(f"{n}. {' '.join(chance.choices(_WORDS, k=14))}\n" for n in range(1, 401)),
        "code": "```python\n" + ("def function():\n" + line * 12 + "\n") * (50_000 // (len(line) * 12 + 17)) + "```\n",
        "paragraph": " ".join(chance.choices(_WORDS, k=7_400))[:40_000],
    }


@dataclass
class Figures:
    """Gaps in ms, ascending, and the GUI thread's own work between two ticks; lags in ms; share of a core."""

    gaps: list[float]
    work: list[float]
    lags: list[float]
    share: float = 0.0

    @property
    def p99(self) -> float:
        return self.gaps[int(len(self.gaps) * 0.99)]

    def line(self, name: str) -> str:
        lag = max(self.lags) if self.lags else 0.0
        return (
            f"{name:10} {len(self.gaps):6,} {statistics.median(self.gaps):7.1f} {self.p99:7.1f} {self.gaps[-1]:7.1f} "
            f"{self.work[int(len(self.work) * 0.99)]:7.1f} {self.work[-1]:7.1f} {100 * self.share:7.1f} % {lag:7.1f}"
        )

    def broken(self) -> bool:
        return self.p99 > P99_MS or self.gaps[-1] > WORST_MS or self.share > SHARE or max(self.lags, default=0) > LAG_MS


class Bench:
    """A window with the long conversation open."""

    def __init__(self, program: Program, window: MainWindow) -> None:
        self.chat, self.window = program.chat, window
        self.page = window.chat
        self.feeding = False  # an answer is under way: Python's collector waits, as it does for a real one

    def build(self) -> str:
        """The conversation's id: 500 messages, 100,000 tokens."""
        store, chance = self.chat._services.store, random.Random(2)
        made = store.create_conversation("long")
        parent = None
        for number in range(MESSAGES):
            role = "assistant" if number % 2 else "user"
            parent = store.add_message(
                made.id, role, prose(chance, TOKENS * CHARS_PER_TOKEN // MESSAGES), parent_id=parent
            ).id
        return made.id

    def open(self, conversation: str) -> float:
        """ms from the click to the last message's paint."""
        painted: list[float] = []
        connection = self.page.transcript.painted.connect(lambda *_: painted.append(time.perf_counter()))
        start = time.perf_counter()
        self.chat.open(conversation)
        until(lambda: bool(painted) and quiet(painted))
        self.page.transcript.painted.disconnect(connection)
        return (painted[-1] - start) * 1000

    def idle(self) -> Figures:
        ticker = Ticker()
        until(lambda: len(ticker.gaps) >= TICKS)
        return Figures(*ticker.end(), [])

    def flood(self, text: str) -> Figures:
        """2,000 tokens/s until enough ticks are counted, as many messages as that takes."""
        ticker, lags = Ticker(), []
        while len(ticker.gaps) < TICKS:
            lags.append(self.stream(text, 2_000))
        return Figures(*ticker.end(), lags)

    def share(self, text: str, seconds: float = 8.0) -> float:
        """The process's share of a core while 150 tokens/s come in, from the middle of a message."""
        length = int(150 * CHARS_PER_TOKEN * seconds)
        self.stream(text[:4_000], 2_000, end=False)
        cpu, wall = time.process_time(), time.perf_counter()
        self.feed(text[4_000 : 4_000 + length], 150)
        found = (time.process_time() - cpu) / (time.perf_counter() - wall)
        self.finish()
        return found

    def stream(self, text: str, rate: int, end: bool = True) -> float:
        """One answer; ms from its last batch to the paint of its last character."""
        rows = self.chat.rows
        rows.append(Row(f"bench-{len(rows)}", "assistant", "", "streaming"))
        self.index = len(rows) - 1
        self.fed = ""
        self.chat.row_added.emit(self.index)
        seen: list[int] = []
        connection = self.page.transcript.painted.connect(lambda _i, n: seen.append(n))
        self.feed(text, rate)
        last = time.perf_counter()
        until(lambda: bool(seen) and seen[-1] >= len(text.rstrip()))
        lag = (time.perf_counter() - last) * 1000
        self.page.transcript.painted.disconnect(connection)
        if end:
            self.finish()
        return lag

    def feed(self, text: str, rate: int) -> None:
        """Batches of 16 ms; returns with the last."""
        start, at = time.perf_counter(), 0
        loop, timer = QEventLoop(), QTimer()
        timer.setTimerType(Qt.TimerType.PreciseTimer)

        def batch() -> None:
            nonlocal at
            due = min(len(text), int((time.perf_counter() - start) * rate) * CHARS_PER_TOKEN)
            if due > at:
                self.chat.row_grew.emit(self.index, text[at:due])
                self.fed, at = self.fed + text[at:due], due
            if at == len(text):
                loop.quit()

        timer.timeout.connect(batch)
        timer.start(BATCH_MS)
        self.feeding = True
        loop.exec()
        self.feeding = False
        timer.stop()

    def finish(self) -> None:
        self.chat.rows[self.index] = Row(f"bench-{self.index}", "assistant", self.fed, "done", "first token 41 ms")
        self.chat.row_changed.emit(self.index)


class EchoBench(Bench):
    """The same, with the text sent to the echo engine, which says it again."""

    def __init__(self, program: Program, window: MainWindow, model: Path) -> None:
        super().__init__(program, window)
        program.services.library.add(model)
        program.model.refresh()
        for name, value in (("max_tokens", 131_072), ("n_ctx", 1_000_000)):
            program.model.set_knob(name, value)
        program.model.load()
        until(lambda: program.model.loaded is not None)

    def flood(self, text: str) -> Figures:
        """Ticks are counted while an answer runs."""
        ticker, lags = Ticker(lambda: self.chat.running), []
        while len(ticker.gaps) < TICKS:
            lags.append(self.say(text, 2_000))
        return Figures(*ticker.end(), lags)

    def share(self, text: str, seconds: float = 8.0) -> float:
        """The window's share of a core while 150 tokens/s come in; the worker is another process."""
        self.send(text[: int(150 * CHARS_PER_TOKEN * seconds)], 150)
        until(lambda: self.chat.running)
        pause(0.5)
        cpu, wall = time.process_time(), time.perf_counter()
        until(lambda: not self.chat.running)
        return (time.process_time() - cpu) / (time.perf_counter() - wall)

    def send(self, text: str, rate: int) -> None:
        """Send what is to be said again, `rate` tokens of 4 characters a second."""
        self.chat.model.set_knob("rate", rate * CHARS_PER_TOKEN * len(WORDS.findall(text)) / len(text))
        self.page.composing.send(text)

    def say(self, text: str, rate: int) -> float:
        """One answer; the page's own paint lag in ms."""
        self.send(text, rate)
        until(lambda: self.chat.running)
        pause(0.2)  # the person's own long message is drawn
        until(lambda: not self.chat.running)
        until(lambda: self.page.paint_lag_s is not None)
        return (self.page.paint_lag_s or 0.0) * 1000


class Ticker:
    """Gaps between the ticks of a precise timer, ms."""

    def __init__(self, counts: Callable[[], bool] = lambda: True) -> None:
        self._counts, self._counted = counts, False
        self.gaps: list[float] = []
        self.work: list[float] = []
        self._last, self._cpu = time.perf_counter(), time.thread_time()
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._timer.start(TICK_MS)

    def _tick(self) -> None:
        now, cpu, counts = time.perf_counter(), time.thread_time(), self._counts()
        if counts and self._counted:
            self.gaps.append((now - self._last) * 1000)
            self.work.append((cpu - self._cpu) * 1000)
        self._last, self._cpu, self._counted = now, cpu, counts

    def end(self) -> tuple[list[float], list[float]]:
        self._timer.stop()
        return sorted(self.gaps), sorted(self.work)


def until(done: Callable[[], bool], limit_s: float = 60.0) -> None:
    """Run the event loop until `done`, asked a hundred times a second: asking all the time would take the core."""
    end_at = time.perf_counter() + limit_s
    loop, timer = QEventLoop(), QTimer()
    timer.timeout.connect(lambda: loop.quit() if done() or time.perf_counter() > end_at else None)
    timer.start(10)
    if not done():
        loop.exec()
    timer.stop()
    if not done():
        raise SystemExit(f"not within {limit_s:.0f} s")


def pause(seconds: float) -> None:
    """Run the event loop for so long."""
    start = time.perf_counter()
    until(lambda: time.perf_counter() - start > seconds)


def quiet(times: list[float]) -> bool:
    """Nothing was painted for a fifth of a second."""
    return time.perf_counter() - times[-1] > 0.2


def run(bench: Bench, wanted: list[str]) -> bool:
    conversation = bench.build()
    times = []
    for _ in range(3):
        times.append(bench.open(conversation))
        bench.chat.new()
        pause(0.3)
    bench.open(conversation)
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(f"open: {', '.join(f'{t:.0f}' for t in times)} ms (bar {OPEN_MS:.0f})")
    print(
        f"{'text':10} {'ticks':>6} {'median':>7} {'p99':>7} {'worst':>7} {'cpu99':>7} {'cpumax':>7} {'share':>9} {'lag':>7}   ms"
    )
    print(bench.idle().line("idle"), flush=True)
    broken = times[-1] > OPEN_MS
    for name, text in texts().items():
        if name in wanted:
            found = bench.flood(text)
            found.share = bench.share(text)
            broken = broken or found.broken()
            print(found.line(name), "BROKEN" if found.broken() else "", flush=True)
    return broken


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", default="prose,list,code,paragraph")
    parser.add_argument("--echo", action="store_true")
    args = parser.parse_args()
    specs = [registry.spec("echo")] if args.echo else registry.visible(Task.CHAT)
    with tempfile.TemporaryDirectory() as folder, compose.services(Paths(Path(folder))) as services:
        app = application()
        program = Program(services, specs)
        window = MainWindow(themes.install(app, "light"), program)
        window.resize(QSize(1280, 800))
        window.show()
        window.show_page("chat")
        bench = Bench(program, window)
        if args.echo:
            write_tiny_gguf(Path(folder) / "tiny.gguf")
            bench = EchoBench(program, window, Path(folder) / "tiny.gguf")
        collector = Collector(lambda: program.idle and not bench.feeding)
        collector.start()
        try:
            return int(run(bench, args.texts.split(",")))
        finally:
            program.close()
            collector.stop()
            end(window)


if __name__ == "__main__":
    sys.exit(main())
