"""What counts as a disturbance."""

from __future__ import annotations

import subprocess
import sys

from app.lab.compare.quiet import MachineWatch, Reading, cpu_seconds, foreign_share, verdict


def reading(at: float, busy: float, **ours: float) -> Reading:
    return Reading(at, busy, {int(pid[1:]): seconds for pid, seconds in ours.items()}, 0, 0)


def test_only_what_others_use_is_foreign() -> None:
    before, after = reading(0.0, 100.0, p1=10.0, p2=5.0), reading(2.0, 103.0, p1=11.5, p2=5.5)
    assert foreign_share(before, after, 2) == (3.0 - 2.0) / 4.0


def test_rounding_of_the_counters_is_never_negative() -> None:
    assert foreign_share(reading(0.0, 1.0, p1=0.0), reading(1.0, 1.5, p1=0.6), 2) == 0.0
    assert foreign_share(reading(1.0, 1.0), reading(1.0, 1.0), 2) is None


def test_the_words_say_why_a_run_does_not_count() -> None:
    assert verdict(0.10, False, 0) == ""
    assert verdict(None, False, 0) == ""
    assert verdict(0.24, False, 0) == "other programs used 24 % of the processor"
    assert "throttled" in verdict(0.0, True, 0)
    assert verdict(0.0, False, 3_000_000) == "3 MB were swapped"


def test_a_neighbour_is_seen() -> None:
    """A busy child that is not named as a worker counts as foreign."""
    work = "import sys, time\nsys.stdin.read(1)\nwhile time.process_time() < 0.6: pass\nsys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", work], stdin=subprocess.PIPE) as child:
        assert child.stdin is not None
        watch = MachineWatch()
        watch.begin([])
        child.stdin.write(b"x")
        child.stdin.flush()
        while cpu_seconds(child.pid) < 0.5:
            pass
        seen = watch.end()
        child.stdin.close()
    assert seen.foreign_cpu is not None
    assert seen.foreign_cpu > 0.10
    assert "other programs" in seen.verdict
