"""A worker's way out: merged text, nothing lost but what may be, and an adapter that waits only at the very last."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engines import outbox, wire
from engines.errors import EngineError
from engines.job import Job
from engines.outbox import FrameWriter
from engines.protocol import (
    Audio,
    Beat,
    Blob,
    CancelSeen,
    Event,
    Finished,
    FinishReason,
    Preview,
    Segment,
    Stats,
    Text,
)

DONE = Finished(id=1, reason=FinishReason.STOP)
MIB = 1 << 20


class Program:
    """The other end of the pipe: reads only when told to."""

    def __init__(self) -> None:
        self.read_fd, self.write_fd = os.pipe()
        self.gone = threading.Event()
        self.writer = FrameWriter(self.write_fd, self.gone.set)

    def read_all(self) -> list[Event]:
        """Close the writer's side and read to the end."""
        found: list[Event] = []
        reader = threading.Thread(target=lambda: found.extend(self._events()))
        reader.start()
        self.writer.close(10)
        os.close(self.write_fd)
        reader.join(10)
        return found

    def read_until(self, enough: Callable[[list[Event]], bool]) -> list[Event]:
        found: list[Event] = []
        for event in self._events():
            found.append(event)
            if enough(found):
                break
        return found

    def _events(self) -> Iterator[Event]:
        frames = wire.Frames()
        while data := os.read(self.read_fd, 1 << 16):
            yield from map(wire.decode_event, frames.feed(data))
        assert frames.rest == 0


@pytest.fixture
def program() -> Iterator[Program]:
    one = Program()
    yield one
    os.close(one.read_fd)
    one.writer.close(5)
    try:
        os.close(one.write_fd)
    except OSError:
        return  # read_all closed it


@pytest.fixture
def job(program: Program, tmp_path: Path) -> Job:
    return Job(1, program.writer, tmp_path)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> int:
    """A limit that a test fills quickly, above what a pipe itself holds."""
    monkeypatch.setattr(outbox, "LIMIT_BYTES", MIB)
    return MIB


def test_nothing_is_lost_and_nothing_overtakes(program: Program, job: Job) -> None:
    for n in range(2000):
        job.text(f"{n} ")
        if n % 500 == 0:
            job.emit(Segment(id=1, start_s=n, end_s=n, text=str(n)))
    job.emit(DONE)
    found = program.read_all()
    assert "".join(e.text for e in found if isinstance(e, Text)) == "".join(f"{n} " for n in range(2000))
    assert [e.text for e in found if isinstance(e, Segment)] == ["0", "500", "1000", "1500"]
    assert found[-1] == DONE
    assert sum(isinstance(e, Text) for e in found) < 1000


def test_a_segment_stands_between_the_texts_it_stood_between(program: Program, job: Job) -> None:
    job.text("a")
    job.emit(CancelSeen(id=1))
    job.text("b")
    joined = [e.text if isinstance(e, Text) else "|" for e in program.read_all()]
    assert "".join(joined) == "a|b"


def test_figures_travel_with_the_text_they_describe(program: Program, job: Job) -> None:
    job.live["n_ctx"] = 4096.0
    job.step()
    job.text("a")
    found = program.read_all()
    assert isinstance(found[0], Text)
    assert found[0].stats["n_out"] == 1
    assert found[0].stats["n_ctx"] == 4096


def test_two_jobs_keep_their_own_text(program: Program, job: Job, tmp_path: Path) -> None:
    other = Job(2, program.writer, tmp_path)
    for word in "abc":
        job.text(word)
        other.text(word.upper())
    found = program.read_all()
    assert "".join(e.text for e in found if isinstance(e, Text) and e.id == 1) == "abc"
    assert "".join(e.text for e in found if isinstance(e, Text) and e.id == 2) == "ABC"


def test_a_lone_surrogate_does_not_end_the_writer(program: Program, job: Job) -> None:
    job.text("a\ud800b")
    job.emit(DONE)
    assert [e.text for e in program.read_all() if isinstance(e, Text)] == ["a?b"]


def test_an_event_that_cannot_travel_fails_where_it_is_sent(program: Program, job: Job) -> None:
    with pytest.raises(EngineError, match="over the limit"):
        job.emit(Audio(id=1, rate=1, samples=bytes(wire.MAX_FRAME + 1)))
    job.emit(DONE)
    assert program.read_all() == [DONE]


def test_far_behind_it_drops_pictures_and_figures_and_nothing_else(program: Program, job: Job, small: int) -> None:
    """Nobody reads: the pipe holds 64 KiB, then all waits here."""
    preview = Preview(id=1, step=1, image=Blob("/x", (1,), "uint8", 1))
    job.text("x" * (small // 2))
    for n in range(20):
        program.writer.push(preview)
        program.writer.push(Stats(id=1, stats={"n": float(n)}))
        program.writer.push(Beat(phase="p", counter=n, cpu_s=0, rss=0))
        program.writer.push(Segment(id=1, start_s=n, end_s=n, text="s" * 20_000))
    program.writer.push(Audio(id=1, rate=1, samples=b"a" * small))
    program.writer.push(Beat(phase="late", counter=0, cpu_s=0, rss=0))
    job.cancel()  # an adapter that shall stop is not held here
    job.text("end")
    program.writer.push(DONE)
    found = program.read_all()
    assert [e.start_s for e in found if isinstance(e, Segment)] == list(range(20))
    assert sum(isinstance(e, Audio) for e in found) == 1
    assert "".join(e.text for e in found if isinstance(e, Text)) == "x" * (small // 2) + "end"
    assert found[-1] == DONE
    assert not [e for e in found if isinstance(e, Beat) and e.phase == "late"]
    assert sum(isinstance(e, Beat | Preview | Stats) for e in found) < 10


def adapter(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def wait_for(condition: Callable[[], bool]) -> None:
    gate = threading.Event()
    while not condition():
        gate.wait(0.005)


@pytest.mark.parametrize("kind", ["text", "segment"])
def test_only_then_the_adapter_waits_and_the_run_is_marked(program: Program, job: Job, small: int, kind: str) -> None:
    made = 0

    def work() -> None:
        nonlocal made
        for _ in range(40):
            if kind == "text":
                job.text("t" * 100_000)
            else:
                job.emit(Segment(id=1, start_s=0, end_s=0, text="t" * 100_000))
            made += 1

    thread = adapter(work)
    wait_for(lambda: job.throttled)
    assert made < 20
    found = program.read_until(
        lambda events: sum(len(e.text) for e in events if isinstance(e, Text | Segment)) == 4_000_000
    )
    thread.join(10)
    assert not thread.is_alive()
    assert found


def test_a_reader_that_keeps_up_throttles_nobody(program: Program, job: Job) -> None:
    job.text("x" * MIB)
    assert len(program.read_all()) == 1
    assert not job.throttled


def test_the_readers_answers_never_wait(program: Program, job: Job, small: int) -> None:
    """Tokenize and Cancel are answered by the thread that must stay awake."""
    job.cancel()
    job.text("x" * 3 * small)
    for n in range(1000):
        program.writer.push(CancelSeen(id=n))
    assert [e.id for e in program.read_all() if isinstance(e, CancelSeen)] == list(range(1000))


def test_a_cancel_frees_an_adapter_that_waits(program: Program, job: Job, small: int) -> None:
    thread = adapter(lambda: job.text("x" * 3 * small))
    wait_for(lambda: job.throttled)
    job.cancel()
    thread.join(10)
    assert not thread.is_alive()


def test_when_the_program_is_gone_it_says_so_once(job: Job, program: Program) -> None:
    os.close(program.read_fd)
    program.read_fd = os.open(os.devnull, os.O_RDONLY)
    job.text("x")
    assert program.gone.wait(10)


def test_a_blob_is_written_closed_and_then_named(job: Job, tmp_path: Path) -> None:
    blob = job.blob(b"abc" * 10, (10, 3), "uint8")
    assert Path(blob.path).parent == tmp_path
    assert Path(blob.path).read_bytes() == b"abc" * 10
    assert (blob.shape, blob.dtype, blob.bytes) == ((10, 3), "uint8", 30)
    assert job.blob(b"x").path != blob.path
    assert not list(tmp_path.glob("*.part"))
