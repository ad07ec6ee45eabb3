"""The Chat page's widgets bound to its state: verbs under messages, panels, the two answers, cards, files, the shelf."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QFileDialog, QPushButton, QWidget

from app.lab.session import SessionState
from app.ui import theme as themes
from app.ui.frame.two_answers import TwoAnswers
from app.ui.pages.chat import ChatPage
from app.ui.program import Program
from app.ui.widgets.message_view import MessageView
from app.ui.widgets.reuse_view import ReuseView
from app.ui.widgets.timeline_view import TimelineView
from app.ui.widgets.token_view import TokenView
from engines.protocol import Finished, FinishReason, Tokens
from tests.fakes import METRICS, FakeServices, record


@pytest.fixture
def page(qtbot, qapp: QApplication, ready: Program, services: FakeServices) -> ChatPage:  # type: ignore[no-untyped-def]
    made = ChatPage(themes.install(qapp, "light"), services.glossary, ready.chat)
    qtbot.addWidget(made)
    made.resize(1280, 800)
    made.show()
    return made


def finish(services: FakeServices, program: Program, text: str, **more: object) -> None:
    session = services.session
    done = Finished(id=session.run_id, reason=FinishReason.STOP, text=text, metrics=METRICS, **more)  # type: ignore[arg-type]
    made = msgspec.structs.replace(record(done), memory={"model_bytes": 218_000_000})
    session.last_run = services.store.run(services.store.add_run(made))
    session.state = SessionState.READY
    session.say(done)
    program.model.poll()


def ask(page: ChatPage, services: FakeServices, program: Program, question: str, answer: str, **more: object) -> None:
    page.composing.send(question)
    finish(services, program, answer, **more)


def views(page: ChatPage) -> list[MessageView]:
    QApplication.processEvents()  # a layout shows what was added to it a turn later
    return [view for view in page.transcript._views if not view.isHidden()]


def named(page: QWidget, name: str) -> QPushButton:
    QApplication.sendPostedEvents(None, 52)  # deferred deletes
    QApplication.processEvents()
    found = [b for b in page.findChildren(QPushButton, name) if not b.isHidden()]
    assert found, name
    return found[0]


def test_versions_are_walked_with_the_buttons_under_the_message(page, services, ready, qtbot):
    ask(page, services, ready, "Hello", "One")
    qtbot.mouseClick(views(page)[1].verbs.button("again"), Qt.MouseButton.LeftButton)
    finish(services, ready, "Two")
    assert views(page)[1].verbs.count.text() == "2/2"
    qtbot.mouseClick(views(page)[1].verbs.button("previous"), Qt.MouseButton.LeftButton)
    assert views(page)[1].text() == "One"
    qtbot.mouseClick(views(page)[1].verbs.button("next"), Qt.MouseButton.LeftButton)
    assert views(page)[1].text() == "Two"


def test_while_an_answer_streams_there_is_only_copy(page, services, ready):
    ask(page, services, ready, "Hello", "One")
    page.composing.send("More")
    services.session.text("Well")
    ready.model.poll()
    for view in views(page):
        usable = (
            {v for v in ("edit", "again", "branch", "delete") if not view.verbs.button(v).isHidden()}
            if view.role == "assistant"
            else {v for v in ("edit", "branch", "delete") if not view.verbs.button(v).isHidden()}
        )
        assert not usable


def test_a_deleted_message_comes_back_from_the_line_above_the_composer(page, services, ready, qtbot):
    ask(page, services, ready, "Hello", "One")
    qtbot.mouseClick(views(page)[1].verbs.button("delete"), Qt.MouseButton.LeftButton)
    assert len(views(page)) == 1
    qtbot.mouseClick(named(page, "chat.notice"), Qt.MouseButton.LeftButton)
    assert [view.text() for view in views(page)] == ["Hello", "One"]


@pytest.mark.parametrize(("verb", "kind"), [("tokens", TokenView), ("timeline", TimelineView)])
def test_what_is_inside_an_answer_opens_below_it_and_closes_again(page, services, ready, verb, kind):
    ask(page, services, ready, "Hello", "One two", ids=(1, 2), offsets=(3, 7), counts=(1, 1), times_ns=(1, 2),
        logprobs=(-0.1, -2.0), top_logprobs=({"One": -0.1}, {" two": -2.0}), prompt_ids=(5,))  # fmt: skip
    page.verbs.act(1, verb)
    assert page.findChildren(kind)
    page.verbs.act(1, verb)
    QApplication.sendPostedEvents(None, 52)  # deferred deletes
    assert not page.findChildren(kind)


def test_the_reuse_panel_shows_the_prompt_once_its_pieces_are_there(page, services, ready):
    ask(page, services, ready, "Hello", "One", prompt_ids=(5, 6, 7), ids=(1,), offsets=(3,), counts=(1,), times_ns=(1,))
    page.verbs.act(1, "reuse")
    wanted = services.session.tokenized[-1]
    services.session.say(Tokens(id=wanted.id, ids=(5, 6, 7), pieces=("<|user|>", "Hel", "lo")))
    ready.model.poll()
    assert page.findChildren(ReuseView)


def test_probabilities_that_were_not_kept_are_asked_for_in_one_click(page, services, ready):
    ask(page, services, ready, "Hello", "One", prompt_ids=(5,), ids=(1,), offsets=(3,), counts=(1,), times_ns=(1,))
    page.verbs.act(1, "tokens")
    page.findChildren(TokenView)[0].wanted.emit()
    assert services.session.requests[-1].knobs["logprobs"] == 5
    assert ready.chat.running


def test_two_answers_stand_side_by_side_until_one_is_kept(page, services, ready, qtbot):
    ask(page, services, ready, "Hello", "It is fine.")
    page.inspector.show_tab("load")
    ready.model.set_knob("n_ctx", 8192)
    button = named(page, "chat.apply_compare")
    qtbot.waitUntil(button.isEnabled)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert page.findChildren(TwoAnswers)[0].old.view.text() == "It is fine."
    services.session.become_ready()
    ready.model.poll()
    services.session.text("It is ")
    ready.model.poll()
    QApplication.sendPostedEvents(None, 52)  # deferred deletes
    (two,) = page.findChildren(TwoAnswers)
    assert two.new.view.text() == "It is "
    assert not two.keep_new.isEnabled()
    finish(services, ready, "It is good.")
    assert two.new.view.text() == "It is good."
    shown = {w.objectName() for w in two.findChildren(QWidget) if w.objectName().startswith("trial.")}
    assert shown == {"trial.decode", "trial.first_token", "trial.memory", "trial.words"}
    assert [v.text() for v in views(page) if v.role == "assistant"] == [], "the answer stands in the columns only"
    qtbot.mouseClick(two.keep_old, Qt.MouseButton.LeftButton)
    assert [v.text() for v in views(page)] == ["Hello", "It is fine."]
    assert services.session.asked["n_ctx"] == 4096


def test_measure_properly_hands_both_settings_on(page, services, ready, qtbot):
    ask(page, services, ready, "Hello", "It is fine.")
    ready.model.set_knob("n_ctx", 8192)
    ready.chat.trial.begin()
    services.session.become_ready()
    ready.model.poll()
    finish(services, ready, "It is good.")
    with qtbot.waitSignal(page.measure):
        qtbot.mouseClick(named(page, "chat.measure_properly"), Qt.MouseButton.LeftButton)


def test_a_conversation_that_is_too_long_is_offered_three_ways(page, services, ready, qtbot):
    ask(page, services, ready, "Hello", "One")
    page.composing.send("More")
    services.session.fail("context_full")
    ready.model.poll()
    words = [b.text() for b in page.notices.findChildren(QPushButton) if not b.isHidden()]
    assert "Load with 8,192 tokens" in words
    assert "Cut the middle" in words
    assert "Leave out the oldest" in words


def test_files_are_dropped_named_and_sent(page, services, ready, qtbot, tmp_path: Path):
    (tmp_path / "a.py").write_text("x = 1\n")
    page.composer.files_dropped.emit([str(tmp_path / "a.py")])
    qtbot.waitUntil(lambda: not ready.chat.prompting.busy)
    page.composing.send("What is x?")
    assert "x = 1" in services.session.requests[-1].messages[-1].content
    assert [f.name for f in ready.chat.rows[0].files] == ["a.py"]


def test_conversations_are_exported_and_imported_through_the_list(page, services, ready, qtbot, tmp_path, monkeypatch):
    ask(page, services, ready, "Hello", "One")
    out = tmp_path / "talk.json"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(out), "JSON with all versions (*.json)"))
    page.shelf.export()
    assert out.exists()
    first = ready.chat.conversation.id
    page.conversations.files_dropped.emit([str(out)])
    assert ready.chat.conversation.id != first
    assert [row.text for row in ready.chat.rows] == ["Hello", "One"]
    (tmp_path / "bad.json").write_bytes(b"\x00\xff")
    page.conversations.files_dropped.emit([str(tmp_path / "bad.json")])
    assert not named(page, "chat.notice").isHidden()
    assert [row.text for row in ready.chat.rows] == ["Hello", "One"], "what is open stays open"


def test_what_a_search_hit_is_shown_even_in_a_version_beside(page, services, ready):
    ask(page, services, ready, "Hello", "The walrus sleeps.")
    ready.chat.again()
    finish(services, ready, "The seal wakes.")
    hit = ready.chat.shelf.sections("walrus")[0].lines[0]
    page.conversations.hit_chosen.emit(hit.id, hit.message_id)
    assert views(page)[1].text() == "The walrus sleeps."


def test_the_line_of_diagnostics_is_hidden_until_asked_for(page):
    assert page.strip.diagnostics.isHidden()
    page.toggle_diagnostics()
    assert not page.strip.diagnostics.isHidden()
