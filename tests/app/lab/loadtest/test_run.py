"""A whole load test through a real worker and the engine for servers, against a server whose state the test decides."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator

import msgspec
import pytest

from app.errors import TandemError
from app.lab.compare.result import Disturbance
from app.lab.lease import device_lease
from app.lab.loadtest.events import LevelDone, LoadEvent, LoadMoment, LoadWatcher
from app.lab.loadtest.plan import Lengths, Limits, LoadMode, LoadPlan
from app.lab.loadtest.result import LoadResult
from app.lab.loadtest.run import run_test
from app.lab.services import Services
from app.library import Variant
from engines import registry
from tests.load_server import LoadServer, load_server

KEY = "sk-not-for-anyone"


class Watch:
    """A machine on which others took a fifth of the processor."""

    def __init__(self) -> None:
        self.pids: list[int] = []

    def begin(self, pids: Iterable[int]) -> None:
        self.pids = list(pids)

    def end(self) -> Disturbance:
        return Disturbance(foreign_cpu=0.2)


@pytest.fixture
def server() -> Iterator[LoadServer]:
    with load_server() as made:
        yield made


@pytest.fixture
def variant(services: Services, server: LoadServer, monkeypatch: pytest.MonkeyPatch) -> Variant:
    monkeypatch.setenv("TANDEM_SERVER_KEY", KEY)
    servers = services.library.servers
    made = servers.add(server.url, "Under load")
    servers.put(msgspec.structs.replace(made, models=("m",)))
    return servers.variants()[0]


def plan(**changes: object) -> LoadPlan:
    base = LoadPlan(title="A load", levels=(1, 2), requests=4, warmup=1, prompt=Lengths(mean=60, most=100),
                    output=Lengths(mean=5, spread=2, least=2, most=9), limits=Limits(ttft_s=30.0))  # fmt: skip
    return msgspec.structs.replace(base, **changes)


def run(services: Services, variant: Variant, made: LoadPlan, watcher: LoadWatcher | None = None) -> LoadResult:
    spec = registry.spec("openai-server")
    return run_test(services.launcher, variant, spec, made, watcher, watch=Watch())


def test_every_level_is_measured_told_and_kept(services: Services, variant: Variant, server: LoadServer) -> None:
    events: list[LoadEvent] = []
    result = run(services, variant, plan(), LoadWatcher(events.append))
    assert result.status == "done"
    assert [(level.load, level.n, level.failed, level.reason) for level in result.levels] == [
        (1, 4, 0, "done"),
        (2, 4, 0, "done"),
    ]
    assert all(level.foreign_cpu == 0.2 and level.good_share == 1.0 and level.few for level in result.levels)
    assert len(server.bodies) == 2 * (4 + 1)
    done = [event for event in events if isinstance(event, LevelDone)]
    assert [event.level for event in done] == list(result.levels)
    phases = [event.phase for event in events if isinstance(event, LoadMoment)]
    assert phases[0] == "loading"
    assert phases[-1] == "done"
    (kept,) = services.store.load_tests()
    assert kept.id == result.id
    assert msgspec.convert(kept.result, LoadResult) == result
    assert KEY not in str(kept.result)
    assert KEY not in repr(result)


def test_answers_have_the_planned_length_and_prompts_differ(
    services: Services, variant: Variant, server: LoadServer
) -> None:
    result = run(services, variant, plan())
    asked = sorted(body["max_tokens"] for body in server.bodies)
    assert len(set(asked)) > 1
    assert [line.n_out for line in result.levels[0].requests] == [body["max_tokens"] for body in server.bodies[1:5]]
    assert len({body["messages"][-1]["content"][:14] for body in server.bodies}) == len(server.bodies)


def test_two_tests_of_one_plan_share_no_beginning_and_are_the_same_load(
    services: Services, variant: Variant, server: LoadServer
) -> None:
    first, second = run(services, variant, plan()), run(services, variant, plan())
    half = len(server.bodies) // 2
    heads = [body["messages"][-1]["content"][:14] for body in server.bodies]
    assert not set(heads[:half]) & set(heads[half:])
    assert first.plan.salt != second.plan.salt
    again = run(services, variant, first.plan)
    assert [line.n_out for line in again.levels[1].requests] == [line.n_out for line in first.levels[1].requests]


def test_arrivals_by_chance_are_rates(services: Services, variant: Variant) -> None:
    result = run(services, variant, plan(mode=LoadMode.POISSON, levels=(50.0,), requests=5))
    (level,) = result.levels
    due = [line.due_s for line in level.requests]
    assert due == sorted(due)
    assert due[-1] == pytest.approx(5 / 50)
    assert level.n == 5
    assert all(line.sent_s >= line.due_s for line in level.requests)


def test_a_stop_is_a_result_with_what_was_done(services: Services, variant: Variant, server: LoadServer) -> None:
    server.hold = True
    stop = threading.Event()
    found: list[LoadResult] = []
    watcher = LoadWatcher(cancelled=stop.is_set)
    thread = threading.Thread(target=lambda: found.append(run(services, variant, plan(warmup=0), watcher)))
    thread.start()
    server.wait(lambda: server.running == 1)
    server.let()
    server.wait(lambda: server.ended == 1 and server.running == 1)
    stop.set()
    thread.join()
    (result,) = found
    assert result.status == "cancelled"
    assert [(level.n, level.cancelled, level.reason) for level in result.levels] == [(1, 1, "cancelled")]
    assert services.store.load_tests()[0].status == "cancelled"


def test_a_server_that_fails_ends_the_test_with_its_words(
    services: Services, variant: Variant, server: LoadServer
) -> None:
    server.failing = True
    result = run(services, variant, plan(warmup=0))
    assert len(result.levels) == 1  # a second level would fail the same way
    assert result.levels[0].failed == 4
    assert any("out of luck" in words for words in result.levels[0].errors)
    assert any("4 of 4 requests failed" in note for note in result.notes)
    assert result.sentence == "No request was answered."
    assert result.status == "failed"


def test_a_server_that_fails_at_the_last_level_is_no_success(
    services: Services, variant: Variant, server: LoadServer
) -> None:
    def fails(event: object) -> None:
        server.failing = server.failing or isinstance(event, LevelDone)

    result = run(services, variant, plan(warmup=0), LoadWatcher(fails))
    assert [bool(level.failed) for level in result.levels] == [False, True]
    assert result.status == "failed"
    assert "of 4 requests failed." in result.sentence


def test_a_server_that_is_not_there_is_an_error(services: Services, variant: Variant, server: LoadServer) -> None:
    server.close()
    with pytest.raises(TandemError) as caught:
        run(services, variant, plan())
    assert caught.value.code == "no_server"
    server.closing = False
    server.__post_init__()


def test_a_stop_before_the_first_level_is_no_result(services: Services, variant: Variant) -> None:
    with pytest.raises(TandemError) as caught:
        run(services, variant, plan(), LoadWatcher(cancelled=lambda: True))
    assert caught.value.code == "cancelled"
    assert services.store.load_tests() == []


def test_a_server_of_this_machine_is_measured_alone(services: Services, variant: Variant) -> None:
    other = device_lease(services.paths, "cpu", exclusive=False)
    with other, pytest.raises(TandemError) as caught:
        run(services, variant, plan())
    assert caught.value.code == "device_busy"
    run(services, variant, plan())  # and the lease is given back
    with device_lease(services.paths, "cpu", exclusive=True):
        pass


def test_the_time_is_kept(services: Services, variant: Variant) -> None:
    result = run(services, variant, plan(minutes=1e-9))
    assert len(result.levels) == 1
    assert any("as asked" in note for note in result.notes)


def test_an_engine_that_does_not_serve_is_refused(services: Services, variant: Variant) -> None:
    with pytest.raises(TandemError) as caught:
        run_test(services.launcher, variant, registry.spec("echo"), plan())
    assert caught.value.code == "wrong_engine"


def test_it_says_whom_it_tested_and_how(services: Services, variant: Variant, server: LoadServer) -> None:
    result = run(services, variant, plan())
    assert (result.served.title, result.served.engine, result.served.url) == ("m", "openai-server", server.url)
    assert result.served.local
    assert result.served.knobs["temperature"] == 0.0
    assert all(body["temperature"] == 0.0 for body in server.bodies)
    assert result.lengths_by == "about 4 characters a token"  # nobody knows this server's tokenizer
