"""Servers as a source of models: added, asked, mended, watched, removed."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox
from pytestqt.qtbot import QtBot

from app.errors import TandemError
from app.lab.session import Failure, SessionState
from app.library import Variant
from app.library.servers import PRESETS, Server, Servers
from app.ui.pages.servers import ServersPage
from app.ui.state.server_keeping import Draft
from app.ui.state.servers import Place, ServersState, likeness
from engines.protocol import Beat, Ended
from tests.app.ui.servers import made
from tests.app.ui.servers.made import answering, click, settle, there
from tests.fakes import FakeServices, variant

URL = "http://127.0.0.1:8000/v1"


def asked(qtbot: QtBot, state: ServersState) -> None:
    qtbot.waitUntil(lambda: not state.keeping.busy and not any(state.asking(s.id) for s in state.all()))
    settle()


def add(qtbot: QtBot, state: ServersState, **more: Any) -> Server:
    state.begin_add()
    state.save(Draft(**({"url": URL, "title": "Box"} | more)))
    asked(qtbot, state)
    assert state.server is not None
    return state.server


def beat(**sample: float) -> Beat:
    return Beat(phase="idle", counter=1, cpu_s=0, rss=1, sample=sample)


def failing(monkeypatch: pytest.MonkeyPatch, code: str) -> list[Server]:
    seen: list[Server] = []

    def ask(_servers: Servers, server: Server) -> None:
        seen.append(server)
        raise TandemError(code, "It did not work.", "Mend it.")

    monkeypatch.setattr("app.library.server_probe.ask", ask)
    return seen


def test_an_empty_page_teaches_and_its_presets_fill_the_form(qtbot: QtBot, page: ServersPage):
    click(qtbot, page, "servers.lesson_ollama")
    assert page.form.url.text() == "http://127.0.0.1:11434/v1"
    assert page.form.draft().kind == "ollama"
    page.form.preset.setCurrentIndex(0)
    page.form.preset.activated.emit(0)
    assert page.form.url.text() == PRESETS[0].url
    page.form.url.setText("http://box:9/v1")
    page.form.preset.activated.emit(1)
    assert page.form.url.text() == "http://box:9/v1", "what a person typed stays"


def test_a_server_is_added_asked_and_its_models_can_be_used(
    qtbot: QtBot, page: ServersPage, state: ServersState, monkeypatch: pytest.MonkeyPatch, ring: made.Ring
):
    questions = answering(monkeypatch, "org/SmolLM2-135M-Instruct")
    told: list[None] = []
    state.served_changed.connect(lambda: told.append(None))
    click(qtbot, page, "servers.add")
    page.form.name.setText("Box")
    page.form.key.setText("sk-secret")
    click(qtbot, page, "servers.save")
    asked(qtbot, state)
    assert [q.url for q in questions] == [URL]
    assert page.form.key.text() == ""
    assert "sk-secret" in ring.kept.values()
    assert page.view.standing.text() == "1 model"
    assert "8,192" in page.view.facts.text()
    assert "version 0.19.1" in page.view.facts.text()
    assert told
    wanted: list[tuple[str, ...]] = []
    page.chat_wanted.connect(lambda *args: wanted.append(args))
    page.compare_wanted.connect(lambda *args: wanted.append(args))
    click(qtbot, page, "servers.chat")
    click(qtbot, page, "servers.compare")
    served = state.servers.variants()[0]
    assert wanted == [(served.id, served.variant, "openai-server"), (served.id,)]


@pytest.mark.parametrize("url", ["", "http://", "ftp://x", "http://user:pass@host/v1", "http://host/v1?api_key=1"])
def test_an_address_that_is_none_stays_in_the_form(qtbot: QtBot, page: ServersPage, state: ServersState, url: str):
    page.add("vllm")
    page.form.url.setText(url)
    click(qtbot, page, "servers.save")
    assert state.place is Place.ADD
    assert page.form.wrong.isVisible()
    assert page.form.url.text() == url
    assert state.all() == ()


@pytest.mark.parametrize(
    ("code", "word", "mend"),
    [
        ("no_server", "does not answer", "error.ask"),
        ("bad_key", "asks for a key", "error.edit"),
        ("bad_certificate", "its certificate is not trusted", "error.no_verify"),
        ("not_a_server", "is no model server", "error.edit"),
    ],
)
def test_trouble_is_told_with_its_mends(
    qtbot: QtBot,
    page: ServersPage,
    state: ServersState,
    monkeypatch: pytest.MonkeyPatch,
    code: str,
    word: str,
    mend: str,
):
    failing(monkeypatch, code)
    server = add(qtbot, state)
    assert state.standing(server).word == word
    assert page.view.standing.text() == word
    assert there(page, mend)
    answering(monkeypatch, "m")
    state.ask(server.id)
    asked(qtbot, state)
    assert not there(page, mend)
    assert state.standing(state.servers.get(server.id)).role == "good"


def test_not_checking_a_certificate_is_for_this_server_alone(
    qtbot: QtBot, page: ServersPage, state: ServersState, monkeypatch: pytest.MonkeyPatch
):
    seen = failing(monkeypatch, "bad_certificate")
    server = add(qtbot, state, url="https://box/v1", key="k")
    click(qtbot, page, "error.no_verify")
    asked(qtbot, state)
    assert [s.verify for s in seen] == [True, False]
    assert state.servers.get(server.id).key, "its key is kept"
    assert "certificate not checked" in page.view.facts.text()


def test_a_change_keeps_the_server_and_its_key_only_on_the_same_machine(
    qtbot: QtBot, state: ServersState, monkeypatch: pytest.MonkeyPatch, ring: made.Ring
):
    answering(monkeypatch, "m")
    server = add(qtbot, state, key="k1")
    state.begin_edit()
    state.save(Draft("http://127.0.0.1:9000/v1", "Renamed"))
    asked(qtbot, state)
    changed = state.servers.get(server.id)
    assert (changed.title, changed.url, state.servers.key(changed)) == ("Renamed", "http://127.0.0.1:9000/v1", "k1")
    state.begin_edit()
    state.save(Draft("http://elsewhere:9000/v1", "Renamed"))
    asked(qtbot, state)
    moved = state.servers.get(server.id)
    assert not moved.key
    assert ring.kept == {}, "a key does not follow to another machine"


def test_a_key_can_be_forgotten(qtbot: QtBot, state: ServersState, monkeypatch: pytest.MonkeyPatch, ring: made.Ring):
    answering(monkeypatch, "m")
    server = add(qtbot, state, key="k1")
    state.begin_edit()
    state.save(Draft(URL, "Box", forget_key=True))
    asked(qtbot, state)
    assert ring.kept == {}
    assert not state.servers.get(server.id).key


def test_the_keyring_is_asked_in_a_thread_and_the_key_is_not_in_a_repr(
    qtbot: QtBot, state: ServersState, monkeypatch: pytest.MonkeyPatch, ring: made.Ring
):
    threads: list[str] = []
    put = ring.set_password
    monkeypatch.setattr(ring, "set_password", lambda *a: (threads.append(threading.current_thread().name), put(*a)))
    answering(monkeypatch, "m")
    add(qtbot, state, key="k1")
    assert threads == ["job save a server"]
    assert "k1" not in repr(Draft(URL, key="k1"))
    qtbot.waitUntil(lambda: state.kept is True)


def test_a_keyring_that_is_not_there_is_told_in_the_form(
    qtbot: QtBot, page: ServersPage, state: ServersState, services: FakeServices
):
    services.library.secrets._given = None
    click(qtbot, page, "servers.add")
    qtbot.waitUntil(lambda: state.kept is False)
    assert "until Tandem is closed" in page.form.where.text()


def test_a_disk_that_cannot_be_written_is_told(
    qtbot: QtBot, page: ServersPage, state: ServersState, monkeypatch: pytest.MonkeyPatch
):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("app.library.servers.write_atomic", full)
    click(qtbot, page, "servers.add")
    click(qtbot, page, "servers.save")
    qtbot.waitUntil(lambda: state.refused is not None)
    assert "No space left" in page.form.wrong.text()
    assert not state.keeping.busy


def test_two_servers_cannot_have_one_address(qtbot: QtBot, state: ServersState, monkeypatch: pytest.MonkeyPatch):
    answering(monkeypatch, "m")
    add(qtbot, state)
    add(qtbot, state, url="http://127.0.0.1:9000/v1", title="Other")
    state.begin_edit()
    state.save(Draft(URL, "Other"))
    asked(qtbot, state)
    assert state.refused is not None
    assert state.place is Place.EDIT
    assert len(state.all()) == 2


def test_removing_asks_first_and_forgets_all(
    qtbot: QtBot, page: ServersPage, state: ServersState, monkeypatch: pytest.MonkeyPatch, ring: made.Ring
):
    answering(monkeypatch, "m")
    add(qtbot, state, key="k")
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.No)
    click(qtbot, page, "servers.remove")
    assert len(state.all()) == 1
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.Yes)
    qtbot.keyClick(page.list.view, Qt.Key.Key_Delete)
    asked(qtbot, state)
    assert state.all() == ()
    assert ring.kept == {}
    assert state.place is Place.LESSON


# --- watching ---------------------------------------------------------------------------------------


def watched(qtbot: QtBot, page: ServersPage, state: ServersState, services: FakeServices) -> None:
    click(qtbot, page, "servers.watch")
    assert services.session.calls == ["load"]
    assert services.session.spec is not None
    assert services.session.spec.id == "openai-server"
    services.session.become_ready()


def test_watching_shows_what_the_server_says_and_a_dash_for_the_rest(
    qtbot: QtBot, page: ServersPage, state: ServersState, services: FakeServices, monkeypatch: pytest.MonkeyPatch
):
    answering(monkeypatch, "m")
    add(qtbot, state)
    watched(qtbot, page, state, services)
    services.session.say(beat(server_running=3, server_kv_use=0.425), beat(server_running=5, server_kv_use=0.5))
    state.watching.poll()
    figures = page.view.gauges.figures
    assert figures["server_running"].figure().value == "5"
    assert (figures["server_kv_use"].figure().value, figures["server_kv_use"].figure().unit) == ("50", "%")
    assert figures["server_accept_rate"].figure().value == "–"
    assert page.view.gauges.lines["server_running"].values() == [3, 5]
    assert page.view.gauges.isVisible()
    click(qtbot, page, "servers.watch")
    assert services.session.calls[-1] == "close"
    assert not page.view.gauges.isVisible()


def test_a_server_without_metrics_is_told_so_and_shows_no_zeros(
    qtbot: QtBot, page: ServersPage, state: ServersState, services: FakeServices, monkeypatch: pytest.MonkeyPatch
):
    answering(monkeypatch, "m", kind="llama-server")
    add(qtbot, state)
    watched(qtbot, page, state, services)
    services.session.say(*[beat() for _ in range(6)])
    state.watching.poll()
    assert "--metrics" in page.view.said.text()
    assert not page.view.gauges.isVisible()


def test_a_watch_that_breaks_says_why_and_can_begin_again(
    qtbot: QtBot, page: ServersPage, state: ServersState, services: FakeServices, monkeypatch: pytest.MonkeyPatch
):
    answering(monkeypatch, "m")
    server = add(qtbot, state)
    watched(qtbot, page, state, services)
    services.session.state = SessionState.FAILED
    services.session.failure = Failure("no_server", "Nothing answers.", "Start it.")
    services.session.say(Ended(code=0, words="ended", expected=False))
    state.watching.poll()
    assert page.view.said.text() == "Nothing answers. Start it."
    assert not state.watching.watching(server.id)
    click(qtbot, page, "servers.watch")
    assert state.watching.watching(server.id)
    assert len(services.sessions) == 2


def test_a_watch_that_cannot_begin_is_told(
    qtbot: QtBot, page: ServersPage, state: ServersState, services: FakeServices, monkeypatch: pytest.MonkeyPatch
):
    answering(monkeypatch, "m")
    add(qtbot, state)
    services.refuse = TandemError("no_runtime", "There is no runtime.", "Run the set-up.")
    click(qtbot, page, "servers.watch")
    assert page.view.said.text() == "There is no runtime. Run the set-up."


# --- with a local copy --------------------------------------------------------------------------------


def local(title: str, **more: Any) -> Variant:
    return variant(id=title.lower().replace(".", ""), title=title, **more)


def test_the_local_copy_is_the_one_of_the_same_name(
    qtbot: QtBot, state: ServersState, services: FakeServices, monkeypatch: pytest.MonkeyPatch
):
    services.library.items[:] = [local("Llama-3.1-8B-Instruct"), local("SmolLM2-360M-Instruct"), variant()]
    answering(monkeypatch, "HuggingFaceTB/SmolLM2-135M-Instruct")
    add(qtbot, state)
    served = state.servers.variants()[0]
    one, other = state.lanes(served.id)
    assert (one.model, one.engine) == (served.id, "openai-server")
    assert (other.model, other.engine) == ("smollm2-135m", "fake")


def test_without_any_local_model_both_lanes_are_the_served_one(
    qtbot: QtBot, state: ServersState, services: FakeServices, monkeypatch: pytest.MonkeyPatch
):
    services.library.items.clear()
    answering(monkeypatch, "m")
    add(qtbot, state)
    one, other = state.lanes(state.servers.variants()[0].id)
    assert one == other


def test_likeness_knows_sizes_apart():
    assert likeness("org/SmolLM2-135M-Instruct", variant()) > likeness("org/SmolLM2-360M-Instruct", variant())
    assert likeness("???", variant()) == 0
    folder = "/srv/models/smollm2-135m/bf16-safetensors/model"
    assert likeness(folder, variant()) > likeness("/srv/models/gemma-3-1b-it/bf16/model", variant())


def test_without_one_that_is_alike_both_lanes_are_the_served_one(
    qtbot: QtBot, state: ServersState, services: FakeServices, monkeypatch: pytest.MonkeyPatch
):
    answering(monkeypatch, "org/Mixtral-8x7B")
    add(qtbot, state)
    services.library.items = [local("gemma 3 1b it")]
    one, other = state.lanes(state.servers.variants()[0].id)
    assert one == other


def test_a_key_that_is_gone_or_wrong_is_told_apart_from_none(
    qtbot: QtBot, page: ServersPage, state: ServersState, monkeypatch: pytest.MonkeyPatch
):
    failing(monkeypatch, "bad_key")
    assert state.standing(add(qtbot, state)).word == "asks for a key"
    state.begin_edit()
    state.save(Draft(URL, "Box", "", "sk-wrong"))
    asked(qtbot, state)
    assert state.server is not None
    assert state.standing(state.server).word == "its key is missing or wrong"


def test_the_form_that_is_opened_for_a_key_waits_for_it(
    qtbot: QtBot, page: ServersPage, state: ServersState, monkeypatch: pytest.MonkeyPatch
):
    failing(monkeypatch, "bad_key")
    add(qtbot, state)
    page.activateWindow()
    qtbot.waitUntil(page.isActiveWindow)
    click(qtbot, page, "servers.edit")
    qtbot.waitUntil(page.form.key.hasFocus)
