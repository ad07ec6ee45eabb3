"""The starter pack: one after the other, cancelled, failed, here; and the token, of which only its being there is shown."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.errors import TandemError
from app.library.secrets import Secrets
from tests.app.ui.models.hub_made import Opened, opened


@pytest.fixture
def hub(qtbot: QtBot, home: Path) -> Iterator[Opened]:
    with opened(home) as made:
        yield made


def states(hub: Opened) -> dict[str, str]:
    return {line.id: line.state for line in hub.state.starters.lines if line.state}


def test_one_after_the_other(hub: Opened, qtbot: QtBot):
    starters, gate = hub.state.starters, threading.Event()
    hub.services.library.gate = gate
    starters.get("smollm2-135m")
    starters.get("whisper-tiny-en")
    starters.get("smollm2-135m")  # asked twice is asked once
    qtbot.waitUntil(lambda: starters.line("smollm2-135m").fraction is not None)  # type: ignore[union-attr]
    assert states(hub) == {"smollm2-135m": "getting", "whisper-tiny-en": "waiting"}
    line = starters.line("smollm2-135m")
    assert line is not None
    assert (line.message, line.fraction) == ("downloading", 0.43)
    with qtbot.waitSignal(hub.state.library_changed):
        gate.set()
    qtbot.waitUntil(lambda: not starters.busy)
    assert states(hub) == {"smollm2-135m": "here", "whisper-tiny-en": "here"}
    chat = {line.id: (line.variant, line.chat) for line in starters.lines if line.state}
    assert chat == {"smollm2-135m": ("q4_1", True), "whisper-tiny-en": ("f16", False)}


def test_cancelled_is_no_failure(hub: Opened, qtbot: QtBot):
    starters, gate = hub.state.starters, threading.Event()
    hub.services.library.gate = gate
    starters.get("smollm2-135m")
    starters.get("whisper-tiny-en")
    starters.cancel("whisper-tiny-en")
    starters.cancel("smollm2-135m")
    gate.set()
    qtbot.waitUntil(lambda: not starters.busy)
    assert states(hub) == {}
    assert {line.message for line in starters.lines} == {""}


def test_a_failure_is_told_and_tried_again(hub: Opened, qtbot: QtBot):
    starters = hub.state.starters
    hub.services.library.install_error = TandemError("network", "The index cannot be reached.", "Check it.")
    starters.get("smollm2-135m")
    qtbot.waitUntil(lambda: not starters.busy)
    line = starters.line("smollm2-135m")
    assert line is not None
    assert (line.state, line.message, line.hint) == ("", "The index cannot be reached.", "Check it.")
    hub.services.library.install_error = None
    starters.get("smollm2-135m")
    qtbot.waitUntil(lambda: states(hub) == {"smollm2-135m": "here"})


class Broken:
    def set_password(self, *_: object) -> None:
        raise OSError

    get_password = delete_password = set_password


def test_a_token_in_a_keyring(hub: Opened, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    token = hub.state.token
    hub.services.hub.keeps = True
    token.look()
    qtbot.waitUntil(lambda: token.there is not None)
    assert token.words == "There is no token. It would be kept in the system's keyring."
    token.set(" hf_hunter2 ")
    qtbot.waitUntil(lambda: bool(token.there))
    assert token.words == "A token is set. It is kept in the system's keyring."
    assert hub.services.hub.secret == "hf_hunter2"
    assert "hunter2" not in repr(vars(token))
    token.forget()
    qtbot.waitUntil(lambda: token.there is False)


def test_a_token_without_a_keyring(hub: Opened, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    token = hub.state.token
    hub.services.library.secrets = secrets = Secrets(Broken())
    secrets._given = None  # there is none
    token.look()
    qtbot.waitUntil(lambda: token.there is not None)
    assert token.words.endswith("this system has no keyring.")
    token.set("hf_x")
    qtbot.waitUntil(lambda: bool(token.there))
    assert token.words == "A token is set. It is kept until Tandem closes: this system has no keyring."
    assert token.can_forget


def test_a_token_of_the_environment(hub: Opened, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_TOKEN", "hf_hunter2")
    hub.services.hub.secret = "hf_hunter2"
    token = hub.state.token
    token.look()
    qtbot.waitUntil(lambda: bool(token.there))
    assert token.words == "A token is set by HF_TOKEN; it comes before any other."
    assert not token.can_forget


def test_a_refused_token_says_why(hub: Opened, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch):
    def refuse(_text: str) -> bool:
        raise TandemError("bad_token", "That is no token.", "Make one.")

    monkeypatch.setattr(hub.services.hub, "set_token", refuse)
    hub.state.token.set("x y")
    qtbot.waitUntil(lambda: hub.state.token.error != "")
    assert hub.state.token.words == "That is no token. Make one."
