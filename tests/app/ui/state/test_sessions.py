"""Two and more models loaded, switched between, and unloaded when nobody uses them."""

from __future__ import annotations

import time

import pytest

from app.lab.session import SessionState
from app.ui.program import Program
from app.ui.state.sessions import Held
from engines.knobs import Scope
from tests.fakes import SPEC, FakeServices, variant


@pytest.fixture
def two(ready: Program, services: FakeServices) -> Program:
    """Two models in the library; the first is loaded with a context of 8,192, the second beside it."""
    services.library.items.append(variant(id="other-1b", title="Other 1B"))
    ready.model.refresh()
    ready.model.set_knob("n_ctx", 8192)
    ready.model.load()
    services.session.become_ready()
    ready.model.poll()
    ready.model.choose_model("other-1b")
    ready.model.set_knob("n_ctx", 512)
    ready.model.load_beside()
    services.session.become_ready()
    ready.model.poll()
    return ready


def test_a_second_model_is_loaded_beside_the_first(two, services):
    assert [(o.title, o.current) for o in two.model.opened] == [("Other 1B", True), ("SmolLM2-135M-Instruct", False)]
    assert [s.state for s in services.sessions] == [SessionState.READY, SessionState.READY]
    assert "218 MB" in two.model.opened[1].detail


def test_switching_brings_the_model_and_its_settings_back(two, services):
    two.model.switch(two.model.opened[1].key)
    assert two.model.model_id == "smollm2-135m"
    assert two.model.session is services.sessions[0]
    assert two.model.is_current
    assert not two.model.needs_reload
    assert two.model.settings(Scope.LOAD)["n_ctx"] == 8192


def test_nothing_is_switched_while_an_answer_runs(two, services):
    two.chat.send("Hello")
    two.model.switch(two.model.opened[1].key)
    assert two.model.model_id == "other-1b"
    assert two.chat.running


def test_a_model_beside_can_be_unloaded(two, services):
    two.model.unload_key(two.model.opened[1].key)
    assert [o.title for o in two.model.opened] == ["Other 1B"]
    assert services.sessions[0].state is SessionState.CLOSED


def test_a_model_beside_that_dies_is_gone_from_the_list(two, services):
    services.sessions[0].die()
    two.model.poll()
    assert [o.title for o in two.model.opened] == ["Other 1B"]
    assert two.model.phase is SessionState.READY


def test_load_replaces_what_is_loaded(two, services):
    two.model.choose_model("smollm2-135m")
    two.model.load()
    assert len(services.sessions) == 2
    assert two.model.session is services.sessions[1]


def test_models_that_were_loaded_are_remembered_newest_first(two):
    assert two.model.recent == ["other-1b", "smollm2-135m"]


def test_an_idle_model_is_unloaded_only_where_that_was_asked(two, services):
    for held in _held(two):
        held.used = time.monotonic() - 400
    two.model.unload_idle()
    assert len(two.model.opened) == 2, "off by default"
    two.model.set_idle_minutes(5)
    _held(two)[0].used = time.monotonic()
    two.model.unload_idle()
    assert [o.title for o in two.model.opened] == ["Other 1B"]
    again = Program(services, [SPEC])
    assert again.model.idle_minutes == 5
    again.close()


def test_a_model_that_answers_is_not_idle(two, services):
    two.model.set_idle_minutes(5)
    two.chat.send("Hello")
    for held in _held(two):
        held.used = time.monotonic() - 400
    two.model.unload_idle()
    assert two.chat.running


def _held(program: Program) -> list[Held]:
    model = program.model
    return [h for h in (model._now, *model._beside) if h is not None]
