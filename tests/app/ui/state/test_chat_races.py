"""What a person does at the wrong moment: stop, switch, undo and leave, while something waits or grows."""

from __future__ import annotations

import pytest

from app.errors import TandemError
from app.lab.fitting import Policy
from app.lab.session import SessionState
from app.ui.program import Program
from engines.protocol import Failed, Finished, FinishReason, Tokens
from tests.fakes import METRICS, OTHER, SPEC, FakeServices, record, variant


def texts(program: Program) -> list[tuple[str, str]]:
    return [(row.role, row.text) for row in program.chat.rows]


def stored(program: Program, services: FakeServices) -> list[tuple[str, str]]:
    return [(m.role, m.content) for m in services.store.messages(program.chat.conversation.id)]


def answer(program: Program, services: FakeServices, text: str, reason: FinishReason = FinishReason.STOP) -> None:
    session = services.session
    done = Finished(id=session.run_id, reason=reason, text=text, metrics=METRICS, prompt_ids=(7, 8), ids=(1, 2))
    session.last_run = services.store.run(services.store.add_run(record(done)))
    session.state = SessionState.READY
    session.say(done)
    program.model.poll()


@pytest.fixture
def talk(ready: Program, services: FakeServices) -> Program:
    """One | 1 | Two | 2"""
    for question, said in (("One", "1"), ("Two", "2")):
        ready.chat.send(question)
        answer(ready, services, said, FinishReason.LENGTH)
    return ready


def test_a_continuation_that_was_stopped_while_loading_touches_no_later_message(talk, services):
    talk.model.unload()
    talk.chat.continue_answer()
    assert talk.chat.waiting_for_load
    talk.chat.stop()
    services.session.state = SessionState.EMPTY
    talk.model.poll()
    assert talk.chat.send("New question")
    services.session.become_ready()
    talk.model.poll()
    assert services.session.requests[-1].ids is None
    assert services.session.requests[-1].messages[-1].content == "New question"
    answer(talk, services, "new")
    assert stored(talk, services)[-2:] == [("user", "New question"), ("assistant", "new")]


def test_answering_again_and_stopping_while_it_loads_hides_nothing(talk, services):
    talk.model.unload()
    talk.chat.again(1)
    talk.chat.stop()
    assert [text for _, text in texts(talk)] == ["One", "1", "Two", "2"]
    assert stored(talk, services) == texts(talk)


def test_a_trial_that_is_stopped_while_it_loads_is_over(talk, services):
    talk.model.set_knob("n_ctx", 8192)
    talk.chat.trial.begin()
    talk.chat.stop()
    assert not talk.chat.trial.on
    assert [text for _, text in texts(talk)] == ["One", "1", "Two", "2"]


def test_stop_while_a_conversation_is_made_to_fit_sends_nothing(talk, services):
    talk.chat.overflow.set_policy(Policy.ROLL)
    talk.chat.send("Three")
    sent = len(services.session.requests)
    wanted = services.session.tokenized[-1]
    talk.chat.stop()
    services.session.say(Tokens(id=wanted.id, ids=(1, 2, 3)))
    talk.model.poll()
    assert len(services.session.requests) == sent
    assert not talk.chat.busy


def test_a_count_that_fails_lets_the_whole_conversation_go_out(talk, services):
    talk.chat.overflow.set_policy(Policy.ROLL)
    talk.chat.send("Three")
    wanted = services.session.tokenized[-1]
    services.session.say(Failed(id=wanted.id, code="bad_template", message="No."))
    talk.model.poll()
    assert [m.content for m in services.session.requests[-1].messages] == ["One", "1", "Two", "2", "Three"]


def test_another_loaded_model_takes_over_what_waits_to_fit(talk, services):
    services.library.items.append(variant(id="other-1b", title="Other 1B"))
    talk.model.refresh()
    talk.model.choose_model("other-1b")
    talk.model.load_beside()
    services.session.become_ready()
    talk.model.poll()
    talk.chat.overflow.set_policy(Policy.ROLL)
    talk.chat.send("Three")
    assert not services.session.requests
    talk.model.switch(talk.model.opened[1].key)
    wanted = services.sessions[0].tokenized[-1]
    services.sessions[0].say(Tokens(id=wanted.id, ids=(1, 2, 3)))
    talk.model.poll()
    assert services.sessions[0].requests[-1].messages[-1].content == "Three"


def test_a_message_sent_while_the_last_answer_is_being_stopped_waits_for_the_same_model(talk, services):
    talk.chat.send("Long")
    talk.chat.new()
    assert services.session.state is SessionState.CANCELLING
    loads = services.session.calls.count("load")
    assert talk.chat.send("Next")
    answer(talk, services, "cut", FinishReason.CANCELLED)
    assert services.session.calls.count("load") == loads
    assert services.session.requests[-1].messages[-1].content == "Next"


def test_nothing_is_undone_under_an_answer(talk, services):
    talk.chat.delete_message(2)
    talk.chat.send("Three")
    services.session.text("3")
    talk.model.poll()
    assert talk.chat.undo_words == ""
    talk.chat.undo()
    services.session.text(" three")
    talk.model.poll()
    assert texts(talk)[-2:] == [("user", "Three"), ("assistant", "3 three")]


def test_undo_takes_back_what_was_deleted_last(talk):
    talk.chat.delete_message(2)
    folder = talk.chat.shelf.new_folder("Work")
    talk.chat.shelf.delete_folder(folder)
    assert "Work" in talk.chat.undo_words
    talk.chat.undo()
    assert [text for _, text in texts(talk)] == ["One", "1"]
    assert [f.title for f in talk.chat.shelf._store.folders()] == ["Work"]


def test_another_engine_does_not_continue_what_this_one_wrote(talk, services):
    assert talk.chat.can_continue
    services.library.items.append(variant("bf16", format="safetensors"))
    talk.model.refresh()
    talk.model.choose_engine(OTHER.id)
    assert not talk.chat.can_continue


def test_a_corrected_end_is_not_continued_either(talk):
    talk.chat.edit(3, "I wrote this. 2")
    assert not talk.chat.can_continue


def test_a_device_that_is_busy_leaves_no_half_answer(talk, services, monkeypatch):
    def busy(_request: object) -> int:
        raise TandemError("device_busy", "Another Tandem is measuring.", "Wait.")

    monkeypatch.setattr(services.session, "run", busy)
    talk.chat.send("Three")
    assert not talk.chat.busy
    assert talk.chat.problem.message == "Another Tandem is measuring."
    assert texts(talk)[-1] == ("user", "Three")
    assert stored(talk, services)[-1] == ("user", "Three")


def test_the_old_settings_come_back_after_another_engine_was_chosen(talk, services):
    services.library.items.append(variant("bf16", format="safetensors"))
    talk.model.refresh()
    talk.model.set_knob("n_ctx", 8192)
    talk.chat.trial.begin()
    services.session.die("out of memory")
    talk.model.poll()
    talk.model.choose_engine(OTHER.id)
    talk.chat.trial.keep_old()
    assert talk.model.spec is SPEC
    assert services.session.asked["n_ctx"] == 4096


def test_the_figures_of_one_version_do_not_end_up_under_another(talk, services):
    talk.chat.again()
    answer(talk, services, "2b")
    talk.chat.version(3, -1)
    before = talk.chat.rows[3].footer
    talk.chat.send("Three")
    assert talk.chat.rows[3].footer == before


def test_a_continuation_that_fails_leaves_the_answer_whole(talk, services):
    talk.chat.continue_answer()
    services.session.fail("engine_error")
    talk.model.poll()
    assert texts(talk)[-1] == ("assistant", "2")
    assert talk.chat.rows[-1].status == "done"
    assert services.store.messages(talk.chat.conversation.id)[-1].status == "done"


def test_a_conversation_deleted_for_ever_takes_the_runs_that_were_gone_on_with_along(talk, services):
    first = talk.chat.rows[-1].run_id
    talk.chat.continue_answer()
    answer(talk, services, " and more")
    assert talk.chat.rows[-1].run_id != first
    kept = talk.chat.conversation.id
    talk.chat.delete(kept)
    services.store.purge(kept)
    assert services.store.run(first).text == ""


def test_nothing_can_be_changed_where_nothing_can_be_stored(talk, monkeypatch):
    monkeypatch.setattr(type(talk.chat._store), "read_only", property(lambda _self: True))
    assert talk.chat.blocked
    talk.chat.delete_message(1)
    talk.chat.again()
    assert [text for _, text in texts(talk)] == ["One", "1", "Two", "2"]


def test_the_larger_context_that_is_offered_holds_the_conversation(talk, services):
    talk.chat.send("Three")
    services.session.fail("context_full")
    talk.model.poll()
    counted = services.session.tokenized[-1]
    assert counted.messages[-1].content == "Three"
    services.session.say(Tokens(id=counted.id, ids=tuple(range(7_000))))
    talk.model.poll()
    assert talk.chat.overflow.bigger_context == 8192
    services.session.say(Tokens(id=counted.id, ids=tuple(range(9_000))))
    talk.model.poll()
    assert talk.chat.overflow.bigger_context is None, "the model was trained for 8,192"
    assert "bigger" not in [action for action, _ in talk.chat.problem.actions]


def test_an_answer_that_was_gone_on_with_is_no_one_run_to_compare_with(talk, services):
    talk.chat.continue_answer()
    answer(talk, services, " and more")
    talk.model.set_knob("n_ctx", 8192)
    assert talk.chat.rows[-1].text == "2 and more"
    assert not talk.chat.trial.possible
    talk.chat.again()
    answer(talk, services, "2")
    assert talk.chat.trial.possible
