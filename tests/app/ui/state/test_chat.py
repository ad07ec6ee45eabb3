from __future__ import annotations

from app.errors import TandemError
from app.lab.session import SessionState
from app.ui.program import Program
from app.ui.state.cards import STARTER
from engines.knobs import Scope
from engines.protocol import Failed, FinishReason, Message, Responsive
from tests.fakes import OTHER, SPEC


def texts(program: Program) -> list[tuple[str, str, str]]:
    return [(row.role, row.text, row.status) for row in program.chat.rows]


def test_an_answer_streams_and_is_stored_with_its_run(ready, services, deliver):
    chat = ready.chat
    grown: list[str] = []
    chat.row_grew.connect(lambda _row, delta: grown.append(delta))
    assert chat.send("  What is a cache? ")
    services.session.text("A ", "store.")
    deliver()
    assert texts(ready) == [("user", "What is a cache?", "done"), ("assistant", "A store.", "streaming")]
    assert grown == ["A ", "store."]
    services.session.finish("A store.")
    deliver()
    assert texts(ready)[-1] == ("assistant", "A store.", "done")
    stored = services.store.messages(chat.conversation.id)
    assert [(m.role, m.content, m.status) for m in stored] == [
        ("user", "What is a cache?", "done"), ("assistant", "A store.", "done")]  # fmt: skip
    assert services.store.run(stored[-1].run_id).text == "A store."


def test_the_message_is_committed_before_the_request_is_sent(ready, services):
    seen: list[list[str]] = []
    run = services.session.run

    def watch(request):
        seen.append([m.content for m in services.store.messages(ready.chat.conversation.id)])
        return run(request)

    services.session.run = watch
    ready.chat.send("Hello")
    assert seen == [["Hello", ""]]


def test_the_model_gets_the_whole_branch_and_the_system_prompt(ready, services, deliver):
    chat = ready.chat
    chat.set_system("Be short.")
    chat.send("One")
    services.session.finish("1")
    deliver()
    chat.send("Two")
    assert services.session.requests[-1].messages == (
        Message("system", "Be short."), Message("user", "One"), Message("assistant", "1"), Message("user", "Two"))  # fmt: skip
    assert services.session.requests[-1].knobs == ready.model.settings(Scope.RUN)


def test_sending_without_a_model_loads_it_and_then_answers(program, services, deliver):
    assert program.chat.send("Hello")
    assert program.model.phase is SessionState.LOADING
    assert program.chat.waiting_for_load
    assert services.session.requests == []
    services.session.become_ready()
    deliver()
    assert program.chat.running
    assert services.session.requests[0].messages == (Message("user", "Hello"),)


def test_stop_keeps_what_there_is(ready, services, deliver):
    ready.chat.send("Hello")
    services.session.text("Half an")
    deliver()
    ready.chat.stop()
    assert services.session.calls[-1] == "stop"
    services.session.finish("Half an", FinishReason.CANCELLED)
    deliver()
    assert texts(ready)[-1] == ("assistant", "Half an", "cancelled")
    assert services.store.messages(ready.chat.conversation.id)[-1].status == "cancelled"
    assert not ready.chat.running


def test_a_dead_engine_keeps_the_partial_text_and_the_next_message_works(ready, services, deliver):
    ready.chat.send("Hello")
    services.session.text("Half an")
    deliver()
    services.session.die()
    deliver()
    assert texts(ready)[-1] == ("assistant", "Half an", "error")
    problem = ready.chat.problem
    assert problem.title == "The engine stopped"
    assert "signal 9" in problem.message
    assert problem.details == ("a", "b")
    assert problem.actions[0][0] == "restart"
    ready.chat.restart()
    services.session.become_ready()
    deliver()
    assert ready.chat.problem is None
    assert ready.chat.send("Again?")
    services.session.finish("Yes")
    deliver()
    assert texts(ready)[-1] == ("assistant", "Yes", "done")


def test_a_failed_load_says_why_and_restart_answers_the_message_that_waits(program, services, deliver):
    program.chat.send("Hello")
    services.session.die("out of memory")
    deliver()
    assert program.chat.problem.title == "The model could not be loaded"
    assert not program.chat.running
    program.chat.restart()
    services.session.become_ready()
    deliver()
    assert program.chat.running


def test_a_run_that_cannot_be_done_leaves_the_engine_alive(ready, services, deliver):
    ready.chat.send("Hello")
    services.session.fail("context_full")
    deliver()
    assert [row.role for row in ready.chat.rows] == ["user"], "an answer that never began leaves nothing behind"
    assert [action for action, _ in ready.chat.problem.actions] == ["bigger", "cut_middle", "roll"]
    assert ready.model.phase is SessionState.READY
    ready.chat.again()
    assert ready.chat.problem is None
    assert [row.role for row in ready.chat.rows] == ["user", "assistant"]


def test_a_session_that_hangs_offers_wait_and_restart(ready, services, deliver):
    ready.chat.send("Hello")
    services.session.hang()
    deliver()
    assert {action for action, _ in ready.chat.problem.actions} == {"wait", "restart"}
    assert "62 s" in ready.chat.problem.message
    ready.chat.wait()
    assert ready.chat.problem is None
    services.session.state = SessionState.RUNNING
    services.session.say(Responsive())
    deliver()
    assert ready.chat.running
    services.session.finish("Here")
    deliver()
    assert texts(ready)[-1] == ("assistant", "Here", "done")


def test_another_version_of_an_answer_stands_beside_the_first(ready, services, deliver):
    ready.chat.send("Hello")
    services.session.finish("One")
    deliver()
    ready.chat.again()
    services.session.finish("Two")
    deliver()
    assert texts(ready) == [("user", "Hello", "done"), ("assistant", "Two", "done")]
    assert services.session.requests[-1].messages == (Message("user", "Hello"),)
    assert [m.content for m in services.store.messages(ready.chat.conversation.id)] == ["Hello", "Two"]


def test_a_figure_is_in_the_strip_or_at_its_message_not_both(ready, services, deliver):
    ready.chat.send("One")
    services.session.finish("1")
    deliver()
    assert ready.model.strip.decode == 142.6
    assert ready.chat.rows[-1].footer == "newly read 18, re-used 412 tokens · 1.36 s in all"
    ready.chat.send("Two")
    assert ready.chat.rows[1].footer.startswith("first token 41 ms · newly read 18, re-used 412 tokens · 142.6 tok/s")


def test_unloading_in_the_middle_ends_the_answer(ready, services, deliver):
    ready.chat.send("Hello")
    services.session.text("Half")
    deliver()
    ready.model.unload()
    assert texts(ready)[-1] == ("assistant", "Half", "cancelled")
    assert not ready.chat.running


def test_nothing_is_sent_while_blocked(program, services):
    program.model.choose_engine(OTHER.id)
    assert program.chat.blocked
    assert not program.chat.send("Hello")
    assert program.chat.rows == []
    assert services.store.conversations() == []


def test_conversations_are_restored_with_their_drafts(ready, services, deliver):
    ready.chat.send("Hello")
    services.session.finish("Hi")
    deliver()
    ready.chat.set_draft("half a thought")
    ready.chat.close()
    again = Program(services, [SPEC])
    assert texts(again) == [("user", "Hello", "done"), ("assistant", "Hi", "done")]
    assert again.chat.draft == "half a thought"
    assert again.chat.rows[-1].footer.startswith("first token 41 ms")
    again.close()


def test_a_deleted_conversation_comes_back(ready, services, deliver):
    ready.chat.send("Hello there")
    services.session.finish("Hi")
    deliver()
    kept = ready.chat.conversation.id
    ready.chat.delete(kept)
    assert ready.chat.rows == []
    assert ready.chat.conversations() == []
    ready.chat.undo()
    assert ready.chat.conversation.id == kept
    assert len(ready.chat.rows) == 2


def test_leaving_a_conversation_stops_its_answer(ready, services, deliver):
    ready.chat.send("Hello")
    services.session.text("Half")
    deliver()
    left = ready.chat.conversation.id
    ready.chat.new()
    assert ready.chat.rows == []
    assert services.store.messages(left)[-1].status == "cancelled"
    services.session.finish("Half and more", FinishReason.CANCELLED)
    deliver()
    assert ready.chat.rows == []


def test_drafts_are_counted_in_tokens(ready, services, deliver, qtbot):
    counts: list[object] = []
    ready.chat.tokens_changed.connect(counts.append)
    ready.chat.set_draft("four words in here")
    qtbot.waitUntil(lambda: "tokenize four words in here" in services.session.calls)
    services.session.count(4)
    deliver()
    assert counts[-1] == 4


def test_the_empty_page_teaches_the_next_step(program, services, deliver):
    assert program.chat.lesson.action == "load"
    assert program.chat.lesson.button == "Load SmolLM2-135M-Instruct"
    program.model.choose_engine(OTHER.id)
    assert program.chat.lesson.action == "convert"
    assert program.chat.lesson.button == "Make bf16 copy, 269 MB, about 17 s"
    services.library.items.clear()
    program.model.refresh()
    assert program.chat.lesson.action == "install"


def test_the_starter_model_is_fetched_and_chosen(program, services, qtbot):
    services.library.items.clear()
    program.model.refresh()
    program.chat.provision.install(STARTER)
    qtbot.waitUntil(lambda: not program.chat.provision.busy)
    assert program.model.title == "SmolLM2-135M-Instruct"
    assert program.chat.lesson.action == "load"


def test_a_download_that_fails_says_why(program, services, qtbot):
    services.library.items.clear()
    services.library.install_error = TandemError("network", "No connection.", "Try again.")
    program.model.refresh()
    program.chat.provision.install(STARTER)
    qtbot.waitUntil(lambda: not program.chat.provision.busy)
    assert (program.chat.provision.error, program.chat.provision.hint) == ("No connection.", "Try again.")
    assert program.chat.lesson.action == "install"


def test_a_base_model_is_told(program, services, deliver):
    program.model.load()
    services.session.become_ready(template="none")
    deliver()
    assert program.model.is_base
    assert "continues your text" in program.chat.lesson.sentence


def test_a_failed_token_count_harms_no_answer(ready, services, deliver):
    ready.chat.send("Hello")
    services.session.say(Failed(id=999, code="x", message="y"))
    deliver()
    assert ready.chat.running
