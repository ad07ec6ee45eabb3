"""A session's states, with the test engines in real workers."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest

from app.errors import TandemError
from app.lab.lease import device_lease
from app.lab.services import Services
from app.lab.session import ModelSession, SessionState
from app.library import Variant
from engines import registry
from engines.protocol import ChatRequest, Finished, Message, Text, Tokens
from tests.app.lab.following import follow

ECHO, CHAOS = registry.spec("echo"), registry.spec("chaos")


def ask(text: str, **knobs: object) -> ChatRequest:
    return ChatRequest(messages=(Message("user", text),), knobs=knobs)


def load(session: ModelSession, tiny: Variant, spec: object = ECHO, **knobs: object) -> None:
    session.load(tiny, spec, knobs)
    assert session.state is SessionState.LOADING
    follow(session, lambda: session.state is SessionState.READY)


def test_a_run_becomes_a_stored_record(services: Services, session: ModelSession, tiny: Variant) -> None:
    load(session, tiny)
    run = session.run(ask("one two three", rate=0.0))
    assert session.state is SessionState.RUNNING
    events = follow(session, lambda: session.finished(run) is not None)
    assert "".join(e.text for e in events if isinstance(e, Text)) == "one two three "
    record = session.finished(run)
    assert record is not None
    assert services.store.run(record.id).text == "one two three "
    assert record.metrics["n_out"] == 3
    assert record.metrics["load_s"] is not None
    assert record.knobs["asked"]["rate"] == 0.0
    assert record.knobs["effective"]["temperature"] == 0.7
    assert record.record["files"][0]["sha256"] == tiny.files[0].sha256
    assert len(record.record["times_ns"]) == 3
    assert record.record["offsets"] == [4, 8, 14]
    assert session.state is SessionState.READY


def test_only_the_first_run_of_a_load_is_cold(session: ModelSession, tiny: Variant) -> None:
    load(session, tiny)
    cold = []
    for _ in range(2):
        run = session.run(ask("word", rate=0.0))
        follow(session, lambda run=run: session.finished(run) is not None)
        cold.append(session.last_run.runs[0]["cold"])
    assert cold == [True, False]


def test_runs_are_first_in_first_out(session: ModelSession, tiny: Variant) -> None:
    load(session, tiny)
    first, second = session.run(ask("a b", rate=100.0)), session.run(ask("c", rate=100.0))
    events = follow(session, lambda: session.finished(second) is not None)
    assert [e.id for e in events if isinstance(e, Finished)] == [first, second]


def test_stop_keeps_the_text_and_the_session(session: ModelSession, tiny: Variant) -> None:
    load(session, tiny)
    run = session.run(ask("word", ignore_eos=True, max_tokens=100_000, rate=200.0))
    follow(session, lambda: bool(session.pid) and any(True for _ in [0]))
    session.stop()
    assert session.state is SessionState.CANCELLING
    follow(session, lambda: session.finished(run) is not None)
    assert session.last_run.reason == "cancelled"
    assert session.state is SessionState.READY
    again = session.run(ask("next", rate=0.0))
    follow(session, lambda: session.finished(again) is not None)
    assert session.last_run.reason == "stop"


def test_loading_can_be_stopped(session: ModelSession, tiny: Variant) -> None:
    session.load(tiny, ECHO, {"load_s": 60.0})
    session.wait(0.5)
    session.stop()
    follow(session, lambda: session.state is SessionState.EMPTY)
    assert session.pid is None


def test_a_second_stop_ends_a_worker_that_does_not_listen(session: ModelSession, tiny: Variant) -> None:
    load(session, tiny, CHAOS)
    session.run(ask("word", trouble="spin", after=1.0))
    follow(session, lambda: session.wait(0.1) == [] or True)
    pid = session.pid
    session.stop()
    session.stop()
    follow(session, lambda: session.state is SessionState.FAILED)
    assert session.failure.code == "forced"
    assert not psutil.pid_exists(pid)


def test_a_killed_worker_is_told_and_the_next_load_works(session: ModelSession, tiny: Variant) -> None:
    load(session, tiny)
    session.run(ask("word", ignore_eos=True, max_tokens=100_000))
    os.kill(session.pid, signal.SIGKILL)
    follow(session, lambda: session.state is SessionState.FAILED)
    assert session.failure.code == "engine_ended"
    assert "killed" in session.failure.message
    with pytest.raises(TandemError, match="No model is loaded"):
        session.run(ask("x"))
    load(session, tiny)


def test_a_failing_run_leaves_the_session_ready(session: ModelSession, tiny: Variant) -> None:
    load(session, tiny, CHAOS)
    session.run(ask("word", trouble="engine_error", after=0.0))
    follow(session, lambda: session.failure is not None)
    assert (session.failure.code, session.state) == ("planned", SessionState.READY)


def test_out_of_memory_replaces_the_worker(session: ModelSession, tiny: Variant) -> None:
    load(session, tiny, CHAOS)
    session.run(ask("word", trouble="memory_error", after=0.0))
    follow(session, lambda: session.state is SessionState.FAILED)
    assert session.failure.code == "no_memory"
    assert session.pid is None


def test_a_knob_that_cannot_be_is_refused_before_a_worker_starts(session: ModelSession, tiny: Variant) -> None:
    with pytest.raises(TandemError, match="no knob"):
        session.load(tiny, ECHO, {"nonsense": 1})
    assert session.pid is None


def test_tokenize_is_answered(session: ModelSession, tiny: Variant) -> None:
    assert session.tokenize("before") == 0
    load(session, tiny)
    request = session.tokenize("two words")
    events = session.wait(2.0)
    assert [len(e.ids) for e in events if isinstance(e, Tokens) and e.id == request] == [2]


def test_the_pieces_of_a_prompt_can_be_asked_for(session: ModelSession, tiny: Variant) -> None:
    load(session, tiny)
    request = session.tokenize(messages=(Message("user", "two words"),), pieces=True)
    (first,) = (e for e in session.wait(2.0) if isinstance(e, Tokens) and e.id == request)
    assert first.pieces == ("two ", "words ")
    again = session.tokenize(ids=first.ids)
    (second,) = (e for e in session.wait(2.0) if isinstance(e, Tokens) and e.id == again)
    assert (second.ids, second.pieces) == (first.ids, first.pieces)


def test_a_measurement_elsewhere_keeps_runs_out(services: Services, session: ModelSession, tiny: Variant) -> None:
    load(session, tiny)
    with device_lease(services.paths, "cpu", exclusive=True):
        with pytest.raises(TandemError) as caught:
            session.run(ask("word"))
        assert caught.value.code == "device_busy"
    run = session.run(ask("word", rate=0.0))
    follow(session, lambda: session.finished(run) is not None)


def test_a_loaded_model_is_in_use(services: Services, session: ModelSession, tiny: Variant) -> None:
    load(session, tiny)
    with pytest.raises(TandemError) as caught:
        services.library.remove(tiny.ref)
    assert caught.value.code == "in_use"
    session.close()
    services.library.remove(tiny.ref)


def test_every_load_teaches_the_estimate(services: Services, session: ModelSession, tiny: Variant) -> None:
    load(session, tiny)
    (seen,) = services.store.loads("echo")
    assert seen.model_bytes is not None
    assert seen.estimate_bytes is not None


def test_the_workers_folder_goes_with_it(services: Services, session: ModelSession, tiny: Variant) -> None:
    load(session, tiny)
    assert list(Path(services.paths.run).iterdir())
    session.close()
    assert not list(Path(services.paths.run).iterdir())
