"""Versions of messages: edited, asked again, branched, deleted and brought back, continued; and what does not fit."""

from __future__ import annotations

import pytest

from app.lab.fitting import Policy
from app.ui.program import Program
from engines.protocol import Finished, FinishReason, Message, Tokens
from tests.fakes import METRICS, FakeServices, record


def texts(program: Program) -> list[str]:
    return [row.text for row in program.chat.rows]


def answer(program: Program, services: FakeServices, text: str) -> None:
    services.session.finish(text)
    program.model.poll()


@pytest.fixture
def talk(ready: Program, services: FakeServices) -> Program:
    """One | 1 | Two | 2"""
    for question, said in (("One", "1"), ("Two", "2")):
        ready.chat.send(question)
        answer(ready, services, said)
    return ready


def test_an_edited_message_is_asked_as_a_version_beside_the_first(talk, services):
    talk.chat.edit(2, "Three")
    answer(talk, services, "3")
    assert texts(talk) == ["One", "1", "Three", "3"]
    assert (talk.chat.rows[2].version, talk.chat.rows[2].versions) == (2, 2)
    assert services.session.requests[-1].messages == (
        Message("user", "One"), Message("assistant", "1"), Message("user", "Three"))  # fmt: skip
    talk.chat.version(2, -1)
    assert texts(talk) == ["One", "1", "Two", "2"]
    talk.chat.version(2, 1)
    assert texts(talk) == ["One", "1", "Three", "3"]


def test_the_first_message_can_be_edited_too(talk, services):
    talk.chat.edit(0, "Zero")
    answer(talk, services, "0")
    assert texts(talk) == ["Zero", "0"]
    talk.chat.version(0, -1)
    assert texts(talk) == ["One", "1", "Two", "2"]


def test_an_earlier_answer_is_asked_again_with_what_stood_before_it(talk, services):
    talk.chat.again(1)
    assert services.session.requests[-1].messages == (Message("user", "One"),)
    answer(talk, services, "uno")
    assert texts(talk) == ["One", "uno"]
    assert (talk.chat.rows[1].version, talk.chat.rows[1].versions) == (2, 2)
    talk.chat.version(1, -1)
    assert texts(talk) == ["One", "1", "Two", "2"]


def test_an_answer_is_corrected_in_place_and_sent_so(talk, services):
    talk.chat.edit(1, "one!")
    talk.chat.send("Go on")
    assert services.session.requests[-1].messages[1] == Message("assistant", "one!")
    assert texts(talk)[:4] == ["One", "one!", "Two", "2"]


def test_a_deleted_message_comes_back_with_what_followed_it(talk):
    talk.chat.delete_message(1)
    assert texts(talk) == ["One"]
    assert talk.chat.undo_words
    talk.chat.undo()
    assert texts(talk) == ["One", "1", "Two", "2"]
    assert talk.chat.undo_words == ""


def test_a_branch_is_a_conversation_of_its_own(talk, services):
    first = talk.chat.conversation.id
    talk.chat.branch(1)
    assert texts(talk) == ["One", "1"]
    assert talk.chat.conversation.id != first
    talk.chat.send("Elsewhere")
    answer(talk, services, "there")
    talk.chat.open(first)
    assert texts(talk) == ["One", "1", "Two", "2"]


def test_nothing_is_changed_under_an_answer_that_grows(talk):
    talk.chat.send("More")
    for change in (
        lambda: talk.chat.delete_message(0),
        lambda: talk.chat.version(1, 1),
        lambda: talk.chat.edit(0, "x"),
    ):
        change()
    assert texts(talk)[:5] == ["One", "1", "Two", "2", "More"]
    assert talk.chat.running


def _finish(services: FakeServices, text: str, reason: FinishReason, **more: object) -> None:
    session = services.session
    done = Finished(id=session.run_id, reason=reason, text=text, metrics=METRICS, **more)
    session.last_run = services.store.run(services.store.add_run(record(done)))
    session.state = session.state.__class__.READY
    session.say(done)


def test_continue_goes_on_from_the_answers_own_tokens(ready, services, deliver):
    ready.chat.send("Count")
    _finish(services, "one two", FinishReason.LENGTH, prompt_ids=(7, 8), ids=(1, 2))
    deliver()
    assert "continue" in ready.chat.verbs(ready.chat.rows[1], 1, last=True)
    ready.chat.continue_answer()
    assert services.session.requests[-1].ids == (7, 8, 1, 2)
    services.session.text(" three")
    deliver()
    _finish(services, " three", FinishReason.STOP, prompt_ids=(7, 8, 1, 2), ids=(3, 0))
    deliver()
    assert texts(ready) == ["Count", "one two three"]
    assert services.store.messages(ready.chat.conversation.id)[1].content == "one two three"
    ready.chat.continue_answer()
    assert services.session.requests[-1].ids == (7, 8, 1, 2, 3), "the end token is not gone on from"


def test_a_corrected_answer_is_not_continued(ready, services, deliver):
    ready.chat.send("Count")
    _finish(services, "one two", FinishReason.LENGTH, prompt_ids=(7, 8), ids=(1, 2))
    deliver()
    ready.chat.edit(1, "eins zwei")
    assert not ready.chat.can_continue


def test_too_long_a_conversation_is_cut_only_where_that_was_chosen(talk, services, deliver):
    talk.chat.send("Three")
    services.session.fail("context_full")
    deliver()
    assert [a for a, _ in talk.chat.problem.actions] == ["bigger", "cut_middle", "roll"]
    talk.chat.cut_and_ask(Policy.ROLL)
    for _ in range(20):
        if talk.chat.running:
            break
        wanted = services.session.tokenized[-1]
        services.session.say(Tokens(id=wanted.id, ids=tuple(range(2000 * len(wanted.messages)))))
        deliver()
    sent = services.session.requests[-1].messages
    assert sent[-1] == Message("user", "Three")
    assert len(sent) < 5
    assert talk.chat.left_out
    assert texts(talk)[:5] == ["One", "1", "Two", "2", "Three"], "the conversation itself is whole"


def test_a_larger_context_is_loaded_and_the_message_asked_again(talk, services, deliver):
    talk.chat.send("Three")
    services.session.fail("context_full")
    deliver()
    talk.chat.enlarge_and_ask()
    assert services.session.asked["n_ctx"] == 8192
    services.session.become_ready()
    deliver()
    assert services.session.requests[-1].messages[-1] == Message("user", "Three")


def test_an_answer_is_checked_against_the_schema(ready, services, deliver, qtbot):
    ready.chat.set_schema('{"type": "object", "required": ["name"]}')
    ready.chat.send("Name?")
    answer(ready, services, '{"name": "Ada"}')
    qtbot.waitUntil(lambda: bool(ready.chat.rows[1].check))
    assert ready.chat.rows[1].check_ok
    ready.chat.again()
    answer(ready, services, '{"title": "x"}')
    qtbot.waitUntil(lambda: bool(ready.chat.rows[1].check))
    assert not ready.chat.rows[1].check_ok
    assert "name" in ready.chat.rows[1].check


def test_thinking_is_not_sent_back(ready, services, deliver):
    ready.chat.send("Hard")
    answer(ready, services, "<think>hm</think>\n\nEasy.")
    ready.chat.send("And?")
    assert services.session.requests[-1].messages[1] == Message("assistant", "Easy.")


def test_files_stand_before_the_words_and_stay_with_the_message(ready, services, deliver, qtbot, tmp_path):
    (tmp_path / "notes.txt").write_text("The key is under the mat.")
    ready.chat.prompting.add_files([str(tmp_path / "notes.txt")])
    qtbot.waitUntil(lambda: not ready.chat.prompting.busy)
    (tmp_path / "notes.txt").unlink()
    ready.chat.send("Where is the key?")
    content = services.session.requests[-1].messages[-1].content
    assert "under the mat" in content
    assert "notes.txt" in content
    assert content.endswith("Where is the key?")
    answer(ready, services, "There.")
    ready.chat.edit(0, "Where?")
    assert "under the mat" in services.session.requests[-1].messages[-1].content
    assert [f.name for f in ready.chat.rows[0].files] == ["notes.txt"]
    assert ready.chat.prompting.files == ()


def test_the_reuse_panel_asks_for_the_prompts_pieces(ready, services, deliver):
    ready.chat.send("Count")
    _finish(services, "one", FinishReason.STOP, prompt_ids=(7, 8, 9), ids=(1, 0))
    deliver()
    came: list[tuple[int, object]] = []
    ready.chat.reuse_came.connect(lambda i, r: came.append((i, r)))
    assert ready.chat.ask_reuse(1)
    wanted = services.session.tokenized[-1]
    assert (wanted.ids, wanted.pieces) == ((7, 8, 9), True)
    services.session.say(Tokens(id=wanted.id, ids=(7, 8, 9), pieces=("a", "b", "c")))
    deliver()
    assert came[0][0] == 1
    assert came[0][1].pieces == ("a", "b", "c")
