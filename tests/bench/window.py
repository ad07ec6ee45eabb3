"""How soon the window is on the screen, against a bare PySide6 window, and what it holds (median of 7, warm files).

xvfb-run -a .venv/bin/python tests/bench/window.py
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
WATCH = """
import sys
from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QApplication, QWidget
class Watch(QObject):
    def eventFilter(self, target, event):
        if event.type() == QEvent.Type.Paint:
            QApplication.instance().removeEventFilter(self)
            QTimer.singleShot(0, lambda: print("painted", flush=True))
        return False
run = QApplication.exec
def watched(*args):
    watch = Watch(QApplication.instance())
    QApplication.instance().installEventFilter(watch)
    for window in QApplication.topLevelWidgets():
        if window.isVisible(): window.update()
    return run()
QApplication.exec = watched
"""
BARE = WATCH + "app = QApplication(sys.argv); w = QWidget(); w.resize(1280, 800); w.show(); sys.exit(app.exec())"
OURS = WATCH + "import app.__main__; sys.argv = ['tandem']; app.__main__.main()"


def start(argv: list[str], env: dict[str, str]) -> tuple[float, float]:
    """(seconds from start to the first paint, MB resident 2 s later)."""
    begin = time.perf_counter()
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env, text=True, cwd=ROOT)
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if "painted" in line:
                break
        else:
            raise SystemExit(f"{argv} never painted")
        seconds = time.perf_counter() - begin
        time.sleep(2.0)
        return seconds, psutil.Process(process.pid).memory_info().rss / 1e6
    finally:
        process.kill()
        process.wait()


def main() -> None:
    bare, ours = [], []
    with tempfile.TemporaryDirectory() as home:
        env = os.environ | {"TANDEM_HOME": home}
        for _ in range(8):
            bare.append(start([sys.executable, "-c", BARE], env))
            time.sleep(0.5)
            ours.append(start([sys.executable, "-c", OURS], env))
            time.sleep(0.5)
    seconds = [statistics.median(s for s, _ in side[1:]) for side in (bare, ours)]
    rss = statistics.median(m for _, m in ours[1:])
    print(
        json.dumps(
            {"bare_s": seconds[0], "window_s": seconds[1], "difference_s": seconds[1] - seconds[0], "rss_mb": rss},
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
