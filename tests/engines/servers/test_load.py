"""Simulated users: so many in flight and no more, latency from when a request was due, failures counted, a stop obeyed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engines.errors import EngineError
from engines.job import Job
from engines.protocol import Address, Event, FinishReason, LoadTest, Message, Planned, Served, Stats
from engines.servers import load
from engines.servers.client import Client
from engines.servers.dialects import dialect_of
from engines.servers.load import load_test, run_load
from tests.load_server import LoadServer, load_server


class Outbox:
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def push(self, event: Event, job: Job | None = None) -> None:
        self.events.append(event)

    def text(self, job: Job, delta: str) -> None:
        raise AssertionError("a load test has no text")


class Bench:
    """A client, a job and what came out."""

    def __init__(self, server: LoadServer, folder: Path) -> None:
        self.server, self.outbox = server, Outbox()
        self.job = Job(1, self.outbox, folder)
        self.address = Address(url=server.url, model="m")
        self.client = Client(self.address, timeout_s=20.0)
        self.served: tuple[Served, ...] = ()

    def run(self, order: LoadTest, sample: Callable[[], dict[str, float]] = dict) -> tuple[Served, ...]:
        self.served = run_load(self.client, dialect_of(""), self.address, order, self.job, sample)
        return self.served

    def until(self, seconds: float) -> None:
        """Until the test's own clock says that so long has passed."""
        while not any(isinstance(e, Stats) and e.stats["elapsed_s"] > seconds for e in list(self.outbox.events)):
            threading.Event().wait(0.005)

    def begin(self, order: LoadTest) -> threading.Thread:
        thread = threading.Thread(target=self.run, args=(order,))
        thread.start()
        return thread


@pytest.fixture
def server() -> Iterator[LoadServer]:
    with load_server() as made:
        yield made


@pytest.fixture
def bench(server: LoadServer, tmp_path: Path) -> Iterator[Bench]:
    made = Bench(server, tmp_path)
    yield made
    made.client.close()


def planned(n: int, tokens: int = 3, at: Callable[[int], float | None] = lambda i: None) -> tuple[Planned, ...]:
    return tuple(
        Planned(max_tokens=tokens, at_s=at(i), messages=(Message("user", f"request {i} please"),)) for i in range(n)
    )


def test_a_closed_loop_keeps_exactly_so_many_users_at_work(bench: Bench, server: LoadServer) -> None:
    server.hold = True
    thread = bench.begin(LoadTest(users=3, requests=planned(9)))
    for done in range(9):
        server.wait(lambda done=done: server.running == min(3, 9 - done))
        server.let()
        server.wait(lambda done=done: server.ended == done + 1)
    thread.join()
    assert server.most == 3
    assert [one.index for one in bench.served] == list(range(9))
    # a free user asks at once, and no other one asked for it before
    assert all(begun <= ended + 3 for ended, begun in enumerate(server.begun_when_ended))


def test_each_answer_has_its_times_in_order_and_the_servers_counts(bench: Bench) -> None:
    served = bench.run(LoadTest(users=2, requests=planned(4, tokens=5)))
    for one in served:
        assert (one.n_in, one.n_out, one.reason, one.error) == (6, 5, "length", "")
        assert len(one.times_ns) == 5
        assert one.due_ns == one.sent_ns < one.times_ns[0] <= one.times_ns[-1] <= one.end_ns
        assert list(one.times_ns) == sorted(one.times_ns)


def test_a_stalled_server_cannot_hide_its_queue(
    bench: Bench, server: LoadServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Coordinated omission: the second request was due while the only user waited for the first one's answer."""
    monkeypatch.setattr(load, "TICK_S", 0.01)
    server.hold = True
    thread = bench.begin(LoadTest(users=1, requests=planned(2, at=lambda i: (0.0, 0.02)[i])))
    bench.until(0.1)
    server.let(2)
    thread.join()
    first, second = bench.served
    assert second.due_ns == 20_000_000  # when it was due, not when it could be sent
    assert second.sent_ns >= first.times_ns[-1] >= 100_000_000
    assert second.times_ns[0] - second.due_ns >= 80_000_000


def test_an_open_loop_does_not_wait_for_answers(bench: Bench, server: LoadServer) -> None:
    server.hold = True
    thread = bench.begin(LoadTest(users=0, requests=planned(5, at=lambda i: i * 0.005)))
    server.wait(lambda: server.running == 5)
    server.let(5)
    thread.join()
    assert [one.due_ns for one in bench.served] == [round(i * 5_000_000) for i in range(5)]
    assert all(one.sent_ns >= one.due_ns for one in bench.served)


def test_what_was_due_and_could_not_be_sent_is_in_the_result(bench: Bench, server: LoadServer) -> None:
    server.hold = True
    thread = bench.begin(LoadTest(users=1, requests=planned(3, at=lambda i: i * 0.001)))
    server.wait(lambda: server.running == 1)
    bench.job.cancel()
    thread.join()
    assert [one.reason for one in bench.served] == ["cancelled"] * 3
    assert [bool(one.error) for one in bench.served] == [False, True, True]
    assert server.begun == 1


def test_warm_up_is_sent_before_the_clock_begins_and_left_out(bench: Bench, server: LoadServer) -> None:
    server.hold = True
    thread = bench.begin(LoadTest(users=4, requests=planned(5), warmup=2))
    server.wait(lambda: server.running == 2)  # the timed ones wait for the whole warm-up
    assert server.begun == 2
    server.let(5)
    thread.join()
    assert [one.index for one in bench.served] == [2, 3, 4]
    assert len(server.bodies) == 5


def test_a_stop_ends_requests_under_way_and_keeps_what_is_done(bench: Bench, server: LoadServer) -> None:
    server.hold = True
    thread = bench.begin(LoadTest(users=2, requests=planned(50)))
    server.wait(lambda: server.running == 2)
    server.let()
    server.wait(lambda: server.ended == 1 and server.running == 2)
    bench.job.cancel()
    thread.join(20)
    assert not thread.is_alive()
    assert sorted(one.reason for one in bench.served) == ["cancelled", "cancelled", "length"]


def test_a_failing_server_is_a_result(bench: Bench, server: LoadServer) -> None:
    server.failing = True
    served = bench.run(LoadTest(users=2, requests=planned(3)))
    assert [one.reason for one in served] == ["error"] * 3
    assert all("out of luck" in one.error for one in served)
    assert all(one.times_ns == () for one in served)


def test_a_server_that_only_fails_is_not_asked_for_ever(
    bench: Bench, server: LoadServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "PATIENCE_S", 0.05)
    monkeypatch.setattr(load, "TICK_S", 0.02)
    monkeypatch.setattr(load, "RETRY_S", 0.001)
    server.failing = True
    done = load_test(
        bench.client, dialect_of(""), bench.address, LoadTest(users=2, requests=planned(20_000)), bench.job
    )
    assert any(note.startswith("Stopped: every request") and "out of luck" in note for note in done.notes)
    assert server.begun < 20_000


def test_a_warm_up_that_fails_for_long_does_not_make_the_test_an_empty_one(
    bench: Bench, server: LoadServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "PATIENCE_S", 0.05)
    monkeypatch.setattr(load, "TICK_S", 0.02)
    monkeypatch.setattr(load, "RETRY_S", 0.001)
    server.failing = True
    served = bench.run(LoadTest(users=2, requests=planned(10_000), warmup=9_990))
    assert served
    assert {one.reason for one in served} == {"error"}


def test_a_field_that_the_server_refuses_is_left_out_and_named(
    bench: Bench, server: LoadServer, tmp_path: Path
) -> None:
    server.refuse = "stream_options"
    done = load_test(bench.client, dialect_of(""), bench.address, LoadTest(users=2, requests=planned(4)), bench.job)
    assert any("stream_options" in note for note in done.notes)
    assert done.metrics["n_requests"] == 4
    assert all("stream_options" not in body for body in server.bodies)


def test_settings_that_no_request_can_have_fail_at_once(bench: Bench, server: LoadServer) -> None:
    with pytest.raises(EngineError):
        bench.run(LoadTest(users=1, requests=planned(1), knobs={"extra_body": "{"}))
    assert server.begun == 0


def test_no_new_request_after_the_time_is_over(
    bench: Bench, server: LoadServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "TICK_S", 0.01)
    server.hold = True
    thread = bench.begin(LoadTest(users=1, requests=planned(9), seconds=0.05))
    server.wait(lambda: server.running == 1)
    bench.until(0.05)
    server.let(9)
    thread.join()
    assert [one.index for one in bench.served] == [0]  # the one under way was waited for


def test_the_answer_holds_everything_and_the_systems_figures(bench: Bench, tmp_path: Path) -> None:
    order = LoadTest(users=2, requests=planned(6, tokens=4), warmup=2, knobs={"temperature": 0.0})
    gauges = iter([{"server_running": 1.0, "cpu_percent": 3.0}])
    done = load_test(
        bench.client, dialect_of(""), bench.address, order, bench.job, lambda: next(gauges, {"server_running": 2.0})
    )
    assert done.reason is FinishReason.STOP
    assert done.detail is not None
    served = msgspec.msgpack.decode(Path(done.detail.path).read_bytes(), type=tuple[Served, ...])
    assert len(served) == 4
    end = max(one.end_ns for one in served)
    assert done.metrics["system_tok_s"] == pytest.approx(16e9 / end)
    assert (done.metrics["n_requests"], done.metrics["n_failed"], done.metrics["n_out"]) == (4, 0, 16)


def test_figures_come_each_second_with_the_servers_own(bench: Bench, server: LoadServer, monkeypatch: Any) -> None:
    monkeypatch.setattr(load, "TICK_S", 0.01)
    server.hold = True

    def stats() -> list[Stats]:
        return [e for e in bench.outbox.events if isinstance(e, Stats) and e.stats["running"] == 2]

    order = LoadTest(users=2, requests=planned(4))
    thread = threading.Thread(target=bench.run, args=(order, lambda: {"server_waiting": 7.0, "gpu_percent": 1.0}))
    thread.start()
    server.wait(lambda: server.running == 2)
    while not stats():
        threading.Event().wait(0.005)
    server.let(4)
    thread.join()
    shown = stats()[0].stats
    assert (shown["total"], shown["failed"], shown["server_waiting"]) == (4.0, 0.0, 7.0)
    assert "gpu_percent" not in shown


def test_sixty_four_users_are_at_work_at_once(bench: Bench, server: LoadServer) -> None:
    server.hold = True
    thread = bench.begin(LoadTest(users=64, requests=planned(70)))
    server.wait(lambda: server.running == 64)
    server.let(70)
    thread.join()
    assert server.most == 64
    assert {one.reason for one in bench.served} == {"length"}
    assert len(bench.served) == 70
