"""The whole way with the real library, hub and downloads against a hub on this machine: search, pick, verdict, get, here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from app.library import Library
from app.library.hub import Downloads, Hub
from app.library.secrets import Secrets
from app.paths import Paths
from app.store import Store
from app.ui import theme as themes
from app.ui.bridge import Bridge
from app.ui.models.hub_view import HubView
from app.ui.state.hub import HubState
from app.ui.widgets.label import Label
from engines.chat.llama_tiny import write_tiny_gguf
from tests.app.ui.models.hub_made import collected_here, settle
from tests.hub_server import Fault, HubServer, Repo

REPO = "org/Tiny-Llama-GGUF"


class _NoRing:
    def get_password(self, *_: object) -> None:
        return None

    def set_password(self, *_: object) -> None:
        raise OSError

    delete_password = set_password


@dataclass
class Real:
    """What `HubState` is built on, all of it real but for the network."""

    paths: Paths
    store: Store
    library: Library
    hub: Hub
    downloads: Downloads


@pytest.fixture
def server(tiny_gguf: Path, tmp_path: Path) -> Iterator[HubServer]:
    larger = write_tiny_gguf(tmp_path / "larger.gguf", n_vocab=400).read_bytes()
    files = {"Tiny-Llama-Q8_0.gguf": tiny_gguf.read_bytes(), "Tiny-Llama-F16.gguf": larger, "README.md": b"# tiny"}
    with HubServer({REPO: Repo(files, downloads=4112)}) as made:
        yield made


@pytest.fixture
def real(qtbot: QtBot, home: Path, server: HubServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Real]:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    paths = Paths(home)
    library = Library(paths, secrets=Secrets(_NoRing()))
    hub = Hub(paths, library.secrets, server.url)
    with collected_here():
        made = Real(paths, Store.open(paths), library, hub, Downloads(library, paths, hub))
        yield made
        made.downloads.close()
        made.store.close()


@pytest.fixture
def view(qtbot: QtBot, qapp: QApplication, real: Real) -> Iterator[HubView]:
    bridge = Bridge()
    state = HubState(real, bridge)
    made = HubView(themes.install(qapp, "dark"), state)
    qtbot.addWidget(made)
    made.resize(1190, 700)
    made.show()
    yield made
    state.close()
    bridge.close()


def texts(view: HubView) -> list[str]:
    return [label.text() for label in view.findChildren(Label) if label.isVisible()]


def button(view: HubView, name: str, words: str = "") -> QPushButton | None:
    return next(
        (b for b in view.findChildren(QPushButton, name) if b.isVisible() and words in b.accessibleName()), None
    )


def open_repo(view: HubView, qtbot: QtBot) -> None:
    view.field.setText("tiny")
    QTest.keyClick(view.field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: view.results.rows.row_of(f"repo:{REPO}") >= 0, timeout=20_000)
    view.results.opened.emit(view.results.rows.line(view.results.rows.row_of(f"repo:{REPO}")))
    state = view.state.listing
    qtbot.waitUntil(lambda: state.listing is not None and not state.estimating, timeout=20_000)
    settle()


def test_search_pick_verdict_get_here(view: HubView, real: Real, server: HubServer, tiny_gguf: Path, qtbot: QtBot):
    open_repo(view, qtbot)
    read, other = sorted(view.state.listing.lines, key=lambda line: line.bytes, reverse=True)
    assert (read.name, read.fit.verdict, read.best) == ("F16", "fits", True), read.fit
    assert read.fit.detail.startswith("needs ")
    assert read.fit.bits is not None
    assert other.fit.detail.startswith("needs about ")
    assert {a.path.partition("?")[0].rpartition("/")[2] for a in server.files_asked()} == {
        "Tiny-Llama-F16.gguf"
    }  # one header for both
    get = button(view, "hub.get", "Q8_0")
    assert get is not None
    server.misbehave(Fault("cut", at=100_000))
    with qtbot.waitSignal(view.state.library_changed, timeout=30_000):
        qtbot.mouseClick(get, Qt.MouseButton.LeftButton)
    found = real.library.variants()
    assert [(v.origin.kind, v.origin.repo, v.task) for v in found] == [("hub", REPO, "chat")]
    assert hashlib.sha256(Path(found[0].path).read_bytes()).digest() == hashlib.sha256(tiny_gguf.read_bytes()).digest()
    qtbot.waitUntil(lambda: button(view, "hub.chat") is not None)
    with qtbot.waitSignal(view.chat_wanted) as told:
        qtbot.mouseClick(button(view, "hub.chat"), Qt.MouseButton.LeftButton)
    assert told.args == [found[0].id, found[0].variant]
    here = next(line for line in view.state.listing.lines if line.name == "Q8_0")
    assert (here.state, here.model) == ("here", found[0].id)


def test_closing_pauses_and_the_next_start_goes_on(qapp: QApplication, real: Real, server: HubServer, qtbot: QtBot):
    server.misbehave(Fault("stall", at=200_000))
    bridge = Bridge()
    state = HubState(real, bridge)
    real.downloads.start(real.hub.find(f"{REPO}:Q8_0"))
    qtbot.waitUntil(
        lambda: state.downloads.lines != () and (state.downloads.lines[0].fraction or 0) > 0, timeout=20_000
    )
    state.close()
    real.downloads.close()
    bridge.close()
    again = Downloads(real.library, real.paths, real.hub)
    bridge = Bridge()
    state = HubState(Real(real.paths, real.store, real.library, real.hub, again), bridge)
    try:
        with qtbot.waitSignal(state.library_changed, timeout=30_000):
            pass
        assert state.downloads.lines[0].state == "done"
    finally:
        state.close()
        again.close()
        bridge.close()


def test_a_hub_that_is_gone(view: HubView, server: HubServer, qtbot: QtBot):
    server.misbehave(*[Fault("api", value=503)] * 3)
    view.field.setText("tiny")
    QTest.keyClick(view.field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: view.state.search.problem is not None or view.state.search.answered, timeout=20_000)
    assert view.state.search.problem is not None
    assert "The hub cannot be reached" in texts(view)
