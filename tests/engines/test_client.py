"""The program's side of a worker: it ends when told, leaves nothing, and survives whatever the worker does."""

from __future__ import annotations

import contextlib
import gc
import os
import re
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

import psutil
import pytest

from engines import children, client
from engines.client import Patience, Runtime, Session, Watch, checkout, sweep
from engines.errors import EngineError
from engines.protocol import Beat, Ended, Failed, Finished, Hello, Progress, Text, Tokenize
from tests.engines.talk import Talk

MakeTalk = Callable[..., Talk]
ROOT = Path(__file__).resolve().parents[2]
ENDLESS = {"ignore_eos": True, "max_tokens": 100_000, "rate": 500}


def gone(pids: Iterable[int], within_s: float = 20) -> bool:
    """True once none of these processes runs any more (a zombie does not)."""
    waiting, end, gate = set(pids), time.monotonic() + within_s, threading.Event()
    while waiting and time.monotonic() < end:
        waiting = {pid for pid in waiting if _runs(pid)}
        gate.wait(0.01)
    return not waiting


def _runs(pid: int) -> bool:
    with contextlib.suppress(psutil.Error):
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    return False


def runtime(tmp_path: Path, boot: str) -> Runtime:
    """A runtime whose worker is these lines."""
    root = tmp_path / "code"
    (root / "engines").mkdir(parents=True)
    (root / "engines" / "boot.py").write_text(boot)
    return Runtime("fake", sys.executable, str(root))


# --- starting --------------------------------------------------------------------------------


def test_a_python_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="cannot be started") as caught:
        Session(Runtime("gone", str(tmp_path / "no-python"), str(tmp_path)), tmp_path / "run")
    assert caught.value.code == "no_runtime"
    assert "Repair" in caught.value.hint
    assert not list((tmp_path / "run").iterdir())


def test_a_python_that_cannot_start_the_worker_says_why(tmp_path: Path) -> None:
    session = Session(runtime(tmp_path, "raise ImportError('libcudart.so.12 is missing')"), tmp_path / "run")
    one = Talk(session)
    ended = one.until(lambda e: isinstance(e, Ended))
    session.close()
    assert "exit code 1" in ended.words
    assert any("libcudart.so.12 is missing" in line for line in ended.stderr)


def test_another_protocol_says_repair_this_runtime(tmp_path: Path) -> None:
    boot = (
        f"import sys; sys.path.append({str(ROOT)!r})\n"
        "import os\nfrom engines.wire import encode\nfrom engines.protocol import Hello\n"
        "os.write(1, encode(Hello(protocol=999, pid=1, python='3')))\nimport time; time.sleep(60)\n"
    )
    session = Session(runtime(tmp_path, boot), tmp_path / "run")
    failed = Talk(session).until(lambda e: isinstance(e, Failed))
    session.close()
    assert (failed.code, failed.fatal) == ("wrong_protocol", True)
    assert "999" in failed.message
    assert "Repair this runtime" in failed.hint
    assert gone([session.pid])


def test_a_worker_that_closes_its_pipe_and_stays_is_ended(tmp_path: Path) -> None:
    session = Session(runtime(tmp_path, "import os, time; os.close(1); time.sleep(60)"), tmp_path / "run")
    assert isinstance(Talk(session).until(lambda e: isinstance(e, Ended)), Ended)
    session.close()
    assert gone([session.pid])


def test_a_frozen_program_has_no_engine_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(EngineError, match="no engine of its own"):
        checkout()


# --- ending ----------------------------------------------------------------------------------


def test_close_ends_the_worker_and_removes_its_folder(talk: MakeTalk) -> None:
    one = talk()
    one.loaded("echo")
    one.run("again", **ENDLESS)
    (one.session.workdir / "1-1.blob").write_bytes(b"x")
    one.session.close()
    assert not one.session.alive
    assert gone([one.session.pid])
    assert not one.session.workdir.exists()
    last = one.session.drain()[-1]
    assert isinstance(last, Ended)
    assert (last.expected, last.words) == (True, "it was closed")
    one.session.close()


def test_close_while_nobody_reads(talk: MakeTalk) -> None:
    """The reader waits at the queue's limit, the worker in its pipe: both must let go."""
    one = talk()
    one.loaded("chaos")
    one.run("x" * 100_000, trouble="none", after=2000, rate=1e6)
    gate = threading.Event()
    while not one.session._inbox.blocked:
        gate.wait(0.01)
    one.session.close()
    assert not one.session.alive


def test_a_worker_killed_while_nobody_reads_is_still_noticed(talk: MakeTalk) -> None:
    one = talk()
    one.loaded("chaos")
    one.run("x" * 100_000, trouble="none", after=2000, rate=1e6)
    gate = threading.Event()
    while not one.session._inbox.blocked:
        gate.wait(0.01)
    psutil.Process(one.session.pid).kill()
    assert one.session._ended.wait(20)
    assert isinstance(one.session.drain()[-1], Ended)


def test_a_kill_is_told_in_words_and_keeps_the_text(talk: MakeTalk) -> None:
    one = talk()
    one.loaded("echo")
    number = one.run("again", **ENDLESS)
    one.until(lambda e: isinstance(e, Text) and "again" in e.text)
    psutil.Process(one.session.pid).kill()
    ended = one.until(lambda e: isinstance(e, Ended))
    assert not ended.expected
    assert "killed" in ended.words
    assert one.text(number).startswith("again ")


def test_the_helpers_of_a_worker_go_with_it(talk: MakeTalk) -> None:
    """Through close, force, and a kill of the worker alone."""
    for how in ("close", "force", "kill"):
        one = talk()
        one.loaded("chaos")
        number = one.run(trouble="grandchild", after=0, seconds=60)
        one.until(lambda e: isinstance(e, Text))
        (helper,) = map(int, re.findall(r"grandchild=(\d+)", one.text(number)))
        assert _runs(helper)
        {"close": one.session.close, "force": one.session.force, "kill": psutil.Process(one.session.pid).kill}[how]()
        assert gone([one.session.pid, helper]), how


def test_force_ends_a_load_that_hangs(talk: MakeTalk) -> None:
    one = talk()
    one.load("chaos", load_trouble="hang_in_c")
    one.expect(Hello)
    one.session.force()
    assert one.until(lambda e: isinstance(e, Ended)).expected


@pytest.mark.skipif(sys.platform == "win32", reason="a Job Object does it there")
def test_when_the_program_is_killed_nothing_stays(tmp_path: Path) -> None:
    """With workers that stream (and have a helper), compute, hang in C in a run and in a load, and rest."""
    program = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("parent.py")), str(tmp_path / "run")],
        stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}, start_new_session=True,
    )  # fmt: skip
    with program:
        assert program.stdout is not None
        numbers = [int(n) for n in program.stdout.readline().split()]
        assert len(numbers) == 6
        assert all(map(_runs, numbers))
        program.kill()
        assert gone(numbers), [n for n in numbers if _runs(n)]
    left = list((tmp_path / "run").iterdir())
    assert len(left) == 5
    sweep(tmp_path / "run")
    assert not list((tmp_path / "run").iterdir())


def test_sweep_leaves_the_folders_of_those_who_live(tmp_path: Path) -> None:
    mine, other = tmp_path / f"{os.getpid()}-abc", tmp_path / "notes"
    mine.mkdir()
    other.mkdir()
    sweep(tmp_path)
    assert mine.exists()
    assert other.exists()
    sweep(tmp_path / "nowhere")


def test_twenty_sessions_leave_no_thread_no_descriptor_no_process(tmp_path: Path) -> None:
    me = psutil.Process()
    Session(checkout(), tmp_path / "run").close()
    gc.collect()
    before = (
        me.num_fds() if hasattr(me, "num_fds") else me.num_handles(),
        threading.active_count(),
        len(me.children()),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        for n in range(0, 20, 4):
            some = [Talk(Session(checkout(), tmp_path / "run")) for _ in range(4)]
            for one in some:
                one.expect(Hello)
            if n % 8:
                some[0].session.force()
                psutil.Process(some[1].session.pid).kill()
            for one in some:
                one.session.close()
        gc.collect()
    after = (me.num_fds() if hasattr(me, "num_fds") else me.num_handles(), threading.active_count(), len(me.children()))
    assert after == before
    assert not list((tmp_path / "run").iterdir())


# --- talking ---------------------------------------------------------------------------------


def test_notify_wakes_the_reader_and_a_drain_takes_all(talk: MakeTalk) -> None:
    woken = threading.Event()
    one = talk(notify=woken.set)
    one.load("echo", load_s=0.2)
    while not any(isinstance(e, Progress) for e in one.events):
        assert woken.wait(30)
        woken.clear()
        one.events += one.session.drain()


def test_a_notify_that_fails_harms_nobody_but_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> None:
        raise RuntimeError("a widget is gone")

    one = Talk(Session(checkout(), tmp_path / "run", broken))
    one.loaded("echo")
    assert one.finished().text
    psutil.Process(one.session.pid).kill()
    one.until(lambda e: isinstance(e, Ended))
    one.session.close()
    assert {r.getMessage() for r in caplog.records} == {"the wake-up of a session failed"}
    caplog.clear()


def test_what_cannot_be_sent_fails_at_the_sender(talk: MakeTalk) -> None:
    one = talk()
    with pytest.raises(EngineError) as caught:
        one.session.send(Tokenize(id=1, text="\ud800"))
    assert caught.value.code == "bad_message"
    one.expect(Hello)


def test_sending_to_a_worker_that_ended_is_harmless(talk: MakeTalk) -> None:
    one = talk()
    one.expect(Hello)
    psutil.Process(one.session.pid).kill()
    one.until(lambda e: isinstance(e, Ended))
    one.session.cancel(1)
    one.run()
    one.session.close()


def test_a_worker_that_does_not_read_blocks_nobody(talk: MakeTalk) -> None:
    one = talk()
    one.load("chaos", load_trouble="hang_in_c")
    for _ in range(200):
        one.run("x" * 10_000)
    one.session.close(0.2)
    assert not one.session.alive


def test_ids_are_given_once() -> None:
    assert len({Session.next_id() for _ in range(100)}) == 100


# --- silence, with a clock of the test ---------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def beat(counter: int, cpu_s: float = 0.0, phase: str = "decode") -> Beat:
    return Beat(phase=phase, counter=counter, cpu_s=cpu_s, rss=0)


def live(watch: Watch, clock: Clock, seconds: int, make: Callable[[int], Beat | None]) -> float | None:
    """Let the seconds pass with these beats; the first silence that is told."""
    for second in range(seconds * 4):
        clock.now += 0.25
        event = make(second // 4) if second % 4 == 0 else None
        if event is not None:
            watch.saw(event)
        told = watch.silent_for(False)
        if told is not None:
            return told
    return None


def test_ten_seconds_without_a_beat_are_silence_told_once() -> None:
    clock = Clock()
    watch = Watch(Patience(), clock)
    watch.saw(beat(1))
    assert live(watch, clock, 9, lambda n: None) is None
    told = live(watch, clock, 2, lambda n: None)
    assert told == pytest.approx(10, abs=0.3)
    assert live(watch, clock, 60, lambda n: None) is None
    assert watch.saw(beat(2))
    assert not watch.saw(beat(3))


@pytest.mark.parametrize(("phase", "limit"), [("decode", 60), ("read", 120), ("prime", 120)])
def test_beats_without_movement_are_silence_in_the_end(phase: str, limit: int) -> None:
    """The beats' own cost must not pass for work."""
    clock = Clock()
    watch = Watch(Patience(), clock)
    watch.saw(beat(5, 1.0, phase))
    still = lambda n: beat(5, 1.0 + 0.0002 * n, phase)  # noqa: E731
    assert live(watch, clock, limit - 2, still) is None
    assert live(watch, clock, 4, still) == pytest.approx(limit, abs=1.5)


@pytest.mark.parametrize("make", [lambda n: beat(n), lambda n: beat(1, n * 0.1), lambda n: beat(1, 0.0, "idle")])
def test_work_and_rest_are_no_silence(make: Callable[[int], Beat]) -> None:
    clock = Clock()
    assert live(Watch(Patience(), clock), clock, 300, make) is None


def test_other_events_are_movement() -> None:
    clock = Clock()
    watch = Watch(Patience(), clock)
    for _ in range(20):
        assert live(watch, clock, 9, lambda n: None) is None
        watch.saw(Text(id=1, text="x"))


def test_a_machine_that_slept_is_not_a_worker_that_hangs() -> None:
    clock = Clock()
    watch = Watch(Patience(), clock)
    watch.silent_for(False)
    clock.now += 3600
    assert watch.silent_for(False) is None


def test_silence_that_we_caused_ourselves_does_not_count() -> None:
    clock = Clock()
    watch = Watch(Patience(), clock)
    for _ in range(400):
        clock.now += 0.25
        assert watch.silent_for(True) is None


# --- words and systems -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "words"),
    [(0, "ended by itself"), (3, "exit code 3"), (-9, "killed"), (-11, "segmentation fault"), (-6, "aborted"), (-7, "shrunk"),
     (-4, "processor lacks"), (-31, "SIGSYS"), (-63, "signal"), (None, "did not end"), (0xC0000005, "access violation"),
     (-1073741819, "access violation"), (0xC0000135, "DLL"), (-200, "signal 200")],
)  # fmt: skip
def test_an_exit_code_in_words(code: int | None, words: str) -> None:
    assert words in children.exit_words(code)


def test_each_signal_has_its_own_words() -> None:
    words = [children.exit_words(code) for code in (-4, -6, -7, -8, -9, -11, -15, 0, 1)]
    assert len(set(words)) == len(words)


def test_a_system_without_waitid_notices_the_end_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """macOS before Python 3.13."""
    monkeypatch.delattr(os, "waitid", raising=False)
    child = children.Child([sys.executable, "-c", "raise SystemExit(7)"], children.worker_env({}))
    assert child.reap(20) == 7
    assert child.ended()
    child.kill_group()
    for pipe in (child.process.stdin, child.process.stdout, child.process.stderr):
        assert pipe is not None
        pipe.close()


def test_the_windows_branches_can_be_imported() -> None:
    """Importing is all that can be had here; the Job Object itself needs Windows."""
    code = (
        "import sys, psutil, subprocess, numpy, jinja2\nsys.platform = 'win32'\nsys.modules['resource'] = None\n"
        "import engines.client, engines.worker, engines.outbox, engines.chat.template, engines.chat.render, engines.children as c\n"
        "assert c.WINDOWS and not c.LINUX\nc.hold_lifeline()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_session_never_needs_the_windows_library() -> None:
    code = "import engines.client, sys; assert not [m for m in sys.modules if m.startswith('PySide6')]"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_unread_finished_survives_the_end(talk: MakeTalk) -> None:
    one = talk()
    one.loaded("echo")
    done = one.run("a b c", rate=0)
    gate = threading.Event()
    while one.session.beat is None or one.session.beat.phase != "idle":
        gate.wait(0.05)
    one.session.close()
    kinds = [e for e in one.session.drain() if isinstance(e, Finished | Ended)]
    assert [type(e) for e in kinds] == [Finished, Ended]
    assert isinstance(kinds[0], Finished)
    assert kinds[0].id == done
    assert client.STDERR_LINES == 200
