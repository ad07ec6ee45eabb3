"""Decode with the window streaming against llama.cpp alone (METRICS "Raw"): pairs R-O-O-R, 0.5 s apart.

    xvfb-run -a .venv/bin/python tests/bench/window_decode.py MODEL.gguf [--threads 1] [--pairs 7] [--n-out 128]

Ours is the real window: the message is typed, the answer of a fixed length is streamed, drawn and stored. Raw gets the
same prompt ids in the same order. Prints JSON, with the rate that the window painted beside the engine's.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from PySide6.QtCore import QEventLoop, QSize, QTimer
from ratio import Raw, measure

from app import compose
from app.paths import Paths
from app.ui import theme as themes
from app.ui.program import Program
from app.ui.start import application, end, mode
from app.ui.window import MainWindow
from engines import registry
from engines.spec import Task

QUESTION = "Tell the long history of the printing press, from the first blocks of wood to the machines of today."
LIMIT_S = 300.0


class Windowed:
    """The window with a loaded model; `run` ignores the ids, which are those of its own prompt."""

    def __init__(self, program: Program, window: MainWindow) -> None:
        self.program, self.window = program, window
        self.painted: list[float] = []

    def until(self, done: Callable[[], bool]) -> None:
        """Let the event loop run as it does for a person, and look twenty times a second."""
        end_at = time.monotonic() + LIMIT_S
        loop, timer = QEventLoop(), QTimer()
        timer.timeout.connect(lambda: loop.quit() if done() or time.monotonic() > end_at else None)
        timer.start(50)
        if not done():
            loop.exec()
        timer.stop()
        if not done():
            raise SystemExit("not in time")

    def run(self, _ids: list[int], n_out: int) -> dict[str, float]:
        chat = self.program.chat
        chat.new()
        self.program.model.set_knob("max_tokens", n_out)
        self.window.chat.composing.send(QUESTION)
        self.until(lambda: chat.running)
        self.until(lambda: not chat.running)
        record = chat.record(1)
        assert record is not None
        m = record.metrics
        self.ids = [int(i) for i in record.record["prompt_ids"]]
        rate = self.window.chat.painted_rate()
        if rate is not None and m["decode_tok_s"]:
            self.painted.append(rate / m["decode_tok_s"])
        return {"decode_tok_s": m["decode_tok_s"] or 0.0, "ttft_s": (m["ttft_s"] or 0.0) - (m["prepare_s"] or 0.0)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--most", type=int, default=25)
    parser.add_argument("--n-out", type=int, default=128)
    args = parser.parse_args()
    app = application()
    with tempfile.TemporaryDirectory() as folder, compose.services(Paths(Path(folder))) as services:
        services.library.add(Path(args.model))
        program = Program(services, registry.visible(Task.CHAT))
        window = MainWindow(themes.install(app, mode("light")), program)
        window.resize(QSize(1280, 800))
        window.show_page("chat")
        window.show()
        ours = Windowed(program, window)
        for name, value in (("temperature", 0.0), ("ignore_eos", True), ("cache_prompt", False), ("n_threads", args.threads),
                            ("n_ctx", 2048)):  # fmt: skip
            program.model.set_knob(name, value)
        program.model.load()
        ours.until(lambda: program.model.loaded is not None)
        ours.run([], 8)
        raw = Raw("llama-cpp", [args.model, "--threads", str(args.threads), "--n-ctx", "2048"])
        try:
            result = measure(raw, ours, ours.ids, args.n_out, args.pairs, args.most)  # type: ignore[arg-type]
        finally:
            raw.process.kill()
        shares = sorted(ours.painted)
        result["painted_of_engine"] = {"median": shares[len(shares) // 2], "worst": shares[0]} if shares else None
        print(json.dumps({"threads": args.threads, "n_in": len(ours.ids), "n_out": args.n_out, **result}, indent=2))
        program.close()
        end(window)


if __name__ == "__main__":
    main()
