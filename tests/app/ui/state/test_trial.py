"""Apply and compare: the last answer again under changed load settings, and what a person then keeps."""

from __future__ import annotations

import msgspec
import pytest

from app.lab.session import SessionState
from app.ui.program import Program
from app.ui.state.trial import Stage, chips
from engines.knobs import Scope
from engines.protocol import Finished, FinishReason
from tests.fakes import METRICS, FakeServices, record


def finish(services: FakeServices, text: str, **metrics: float) -> None:
    session = services.session
    done = Finished(id=session.run_id, reason=FinishReason.STOP, text=text, metrics=METRICS | metrics)
    made = msgspec.structs.replace(
        record(done), memory={"model_bytes": 218_000_000}, record={"seed": 42}, knobs={"asked": {"temperature": 0.2}}
    )
    session.last_run = services.store.run(services.store.add_run(made))
    session.state = SessionState.READY
    session.say(done)


@pytest.fixture
def changed(ready: Program, services: FakeServices) -> Program:
    """One answer, and a context that was changed but not applied."""
    ready.chat.send("Hello")
    finish(services, "It is a fine day.")
    ready.model.poll()
    ready.model.set_knob("n_ctx", 8192)
    return ready


def compare(program: Program, services: FakeServices, text: str = "It is a good day.", **metrics: float) -> None:
    program.chat.trial.begin()
    services.session.become_ready()
    program.model.poll()
    finish(services, text, **metrics)
    program.model.poll()


def test_the_last_message_is_asked_again_with_the_new_setting_and_the_old_seed(changed, services):
    assert changed.chat.trial.possible
    changed.chat.trial.begin()
    assert services.session.asked["n_ctx"] == 8192
    assert changed.chat.trial.stage is Stage.LOADING
    services.session.become_ready()
    changed.model.poll()
    sent = services.session.requests[-1]
    assert [m.content for m in sent.messages] == ["Hello"]
    assert sent.knobs["seed"] == 42
    assert changed.chat.running


def test_both_answers_stand_with_their_differences(changed, services):
    compare(changed, services, decode_tok_s=285.2)
    trial = changed.chat.trial
    assert trial.stage is Stage.DONE
    assert (trial.trial.before.text, trial.trial.after.text) == ("It is a fine day.", "It is a good day.")
    found = {chip.key: chip for chip in trial.chips}
    assert found["decode"].change == "2.00×"
    assert found["words"].change == "differs at word 4"
    assert "fine" in found["words"].tip
    assert found["memory"].change == "+0 B"
    assert "4,096 → 8,192" in trial.trial.what


def test_first_tokens_that_read_different_amounts_are_not_compared(changed, services):
    compare(changed, services, n_cached=0.0)
    chip = next(c for c in changed.chat.trial.chips if c.key == "first_token")
    assert "×" not in chip.change
    assert "do not compare" in chip.tip


def test_keeping_the_new_one_leaves_the_old_as_a_version(changed, services):
    compare(changed, services)
    changed.chat.trial.keep_new()
    assert not changed.chat.trial.on
    assert changed.chat.rows[-1].text == "It is a good day."
    assert changed.chat.rows[-1].versions == 2
    assert changed.model.settings(Scope.LOAD)["n_ctx"] == 8192


def test_keeping_the_old_one_loads_its_settings_again(changed, services):
    compare(changed, services)
    changed.chat.trial.keep_old()
    assert changed.chat.rows[-1].text == "It is a fine day."
    assert changed.model.settings(Scope.LOAD)["n_ctx"] == 4096
    assert changed.model.phase is SessionState.LOADING
    assert services.session.asked["n_ctx"] == 4096


def test_measuring_properly_takes_both_settings_along(changed, services):
    compare(changed, services)
    (before, now), prompt = changed.chat.trial.lanes()
    assert prompt == "Hello"
    assert "n_ctx" not in before.knobs
    assert now.knobs["n_ctx"] == 8192
    assert before.knobs["temperature"] == now.knobs["temperature"] == 0.2


def test_a_load_that_fails_leads_back(changed, services):
    changed.chat.trial.begin()
    services.session.die("out of memory")
    changed.model.poll()
    assert "keep_old" in [action for action, _ in changed.chat.problem.actions]
    changed.chat.trial.keep_old()
    assert changed.chat.rows[-1].text == "It is a fine day."
    assert services.session.asked["n_ctx"] == 4096
    services.session.become_ready()
    changed.model.poll()
    assert not changed.chat.running


def test_there_is_nothing_to_compare_without_an_answer_or_a_change(ready, services):
    assert not ready.chat.trial.possible
    ready.chat.send("Hello")
    finish(services, "Hi")
    ready.model.poll()
    assert not ready.chat.trial.possible


def test_the_same_words_are_said_to_be_the_same():
    one = record(Finished(id=1, reason=FinishReason.STOP, text="a b", metrics=METRICS))
    assert next(c for c in chips(one, one) if c.key == "words").change == "the same words"
