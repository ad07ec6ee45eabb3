"""The hub's widgets bound to their state: search, pick, get, downloads, token; and a stranger's text stays text."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QLineEdit, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from app.errors import TandemError
from app.library import File
from app.ui import theme as themes
from app.ui.models.hub_offers import OfferTable
from app.ui.models.hub_view import HubView
from app.ui.state.hub_address import Address
from app.ui.state.hub_fit import FitLine
from app.ui.state.hub_listing import OfferLine
from app.ui.widgets.elide import ElidedLabel
from app.ui.widgets.label import Label
from tests.app.ui.models.hub_made import QWEN, Opened, download, listing, model, offer, opened, settle
from tests.fakes import variant

offscreen = pytest.mark.qt_log_ignore("This plugin does not support")  # what a popup asks of a real screen


@pytest.fixture
def hub(qtbot: QtBot, home: Path) -> Iterator[Opened]:
    with opened(home) as made:
        made.services.hub.models["qwen"] = (model(QWEN, 1_204_331), model("a/other", 7, gated=True))
        made.services.hub.listings[QWEN] = listing(offer("Q4_K_M", 4.68), offer("Q6_K", 6.25), offer("Q8_0", 8.1))
        yield made


@pytest.fixture
def view(qtbot: QtBot, qapp: QApplication, hub: Opened) -> HubView:
    made = HubView(themes.install(qapp, "light"), hub.state)
    qtbot.addWidget(made)
    made.resize(1190, 700)
    made.show()
    return made


def search(view: HubView, qtbot: QtBot, words: str = "qwen") -> None:
    view.field.setText(words)
    QTest.keyClick(view.field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not view.state.search.busy)


def choose(view: HubView, qtbot: QtBot, key: str) -> None:
    row = view.results.rows.row_of(key)
    assert row >= 0, key
    box = view.results.visualRect(view.results.rows.index(row))
    QTest.mouseClick(view.results.viewport(), Qt.MouseButton.LeftButton, pos=box.topLeft() + box.center() / 4)
    state = view.state.listing
    qtbot.waitUntil(lambda: not state.busy and not state.estimating)
    settle()


def shown(root: QWidget, name: str, words: str = "") -> QPushButton:
    found = [w for w in root.findChildren(QAbstractButton, name) if w.isVisible() and words in w.accessibleName()]
    assert len(found) == 1, f"{name} {words}: {len(found)} visible"
    return found[0]  # type: ignore[return-value]


def texts(root: QWidget) -> list[str]:
    return [label.text() for label in root.findChildren(Label) if label.isVisible()]


def test_it_teaches_before_anything_is_asked(view: HubView, hub: Opened, qtbot: QtBot):
    assert view.detail.currentIndex() == 0
    assert hub.services.hub.asked == []
    qtbot.mouseClick(shown(view, "hub.popular"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: hub.state.search.answered)
    assert hub.services.hub.asked[-1] == ("", "chat", "downloads", 30)
    assert shown(view, "hub.task_chat").isChecked()


def test_search_pick_get(view: HubView, hub: Opened, qtbot: QtBot):
    search(view, qtbot)
    choose(view, qtbot, f"repo:{QWEN}")
    assert {"Qwen2.5-7B-Instruct-GGUF", "by bartowski", "Q6_K", "needs 7.3 GB, 9.0 GB free"} <= set(texts(view.detail))
    best = shown(view, "hub.get", "Q6_K")
    assert best.property("kind") == "primary"
    assert "The largest that fits with room to spare" in texts(view.detail)
    qtbot.mouseClick(best, Qt.MouseButton.LeftButton)
    assert [of.name for _, of in hub.services.downloads.calls] == ["Q6_K"]
    assert view.downloads.isVisible()
    qtbot.waitUntil(lambda: "waiting" in texts(view.detail))
    assert not best.isVisible()


def test_a_download_from_the_foot(view: HubView, hub: Opened, qtbot: QtBot):
    hub.services.downloads.put(download("a"))
    qtbot.waitUntil(lambda: view.downloads.isVisible())
    qtbot.mouseClick(shown(view.downloads, "hub.pause"), Qt.MouseButton.LeftButton)
    assert hub.services.downloads.items[0].state == "paused"
    qtbot.mouseClick(shown(view.downloads, "hub.resume"), Qt.MouseButton.LeftButton)
    hub.services.library.items.append(variant("q4_k_m", id="qwen"))
    hub.services.downloads.put(download("a", "done", 4.9, ref="qwen:q4_k_m"))
    qtbot.waitUntil(lambda: any("in your library" in text for text in texts(view.downloads)))
    with qtbot.waitSignal(view.chat_wanted) as told:
        qtbot.mouseClick(shown(view.downloads, "hub.chat"), Qt.MouseButton.LeftButton)
    assert told.args == ["qwen", "q4_k_m"]
    qtbot.mouseClick(shown(view.downloads, "hub.clear"), Qt.MouseButton.LeftButton)
    assert not view.downloads.isVisible()


def test_rows_stay_while_their_figures_move(view: HubView, hub: Opened, qtbot: QtBot):
    hub.services.downloads.put(download("a"), download("b", "paused", name="Q8_0"))
    hub.state.downloads.look()
    pause = shown(view.downloads, "hub.pause")
    pause.setFocus()
    hub.services.downloads.put(download("a", done=2.0), download("c", "queued", name="Q6_K"))
    hub.state.downloads.look()
    settle()
    assert shown(view.downloads, "hub.pause", "Q4_K_M") is pause
    assert "2.0 GB of 4.9 GB" in texts(view.downloads)
    names = [row._title.text() for row in sorted(view.downloads._rows.values(), key=lambda row: row.y())]
    assert [name.rpartition(" ")[2] for name in names] == ["Q6_K", "Q8_0", "Q4_K_M"]
    qtbot.mouseClick(view.downloads.fold, Qt.MouseButton.LeftButton)
    assert not pause.isVisible()


def test_what_is_here_is_talked_to_and_not_fetched(view: HubView, hub: Opened, qtbot: QtBot):
    files = hub.services.hub.listings[QWEN].offers[0].files
    hub.services.library.items.append(variant("q4_k_m", id="qwen", files=(File("/x/y.gguf", 1, files[0].sha256),)))
    search(view, qtbot)
    choose(view, qtbot, f"repo:{QWEN}")
    with qtbot.waitSignal(view.chat_wanted) as told:
        qtbot.mouseClick(shown(view.detail, "hub.get", "Q4_K_M"), Qt.MouseButton.LeftButton)
    assert told.args == ["qwen", "q4_k_m"]
    assert hub.services.downloads.calls == []


@offscreen
def test_a_gated_repository_leads_to_the_token(
    view: HubView, hub: Opened, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    hub.services.hub.listings["a/other"] = listing(offer("Q4_K_M", 1, "a/other"), repo="a/other", gated=True)
    search(view, qtbot)
    choose(view, qtbot, "repo:a/other")
    qtbot.mouseClick(shown(view.detail, "hub.gate_token"), Qt.MouseButton.LeftButton)
    popup = view.popup
    assert popup is not None
    qtbot.waitUntil(lambda: popup.words.text().startswith("There is no token"))
    assert popup.field.echoMode() is QLineEdit.EchoMode.Password
    assert not popup.save.isEnabled()
    QTest.keyClicks(popup.field, "hf_hunter2")
    QTest.keyClick(popup.field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: popup.words.text().startswith("A token is set"))
    assert (hub.services.hub.secret, popup.field.text()) == ("hf_hunter2", "")
    qtbot.mouseClick(popup.forget, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not popup.forget.isVisible())
    popup.hide()


def test_offline_is_a_card_with_a_way_back(view: HubView, hub: Opened, qtbot: QtBot):
    hub.services.hub.error = TandemError("network", "huggingface.co cannot be reached: no.", "Check the connection.")
    search(view, qtbot)
    assert "huggingface.co cannot be reached: no." in texts(view)
    assert view.results.rows.row_of("starter:smollm2-135m") >= 0
    hub.services.hub.error = None
    qtbot.mouseClick(shown(view, "error.retry"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: view.results.rows.row_of(f"repo:{QWEN}") >= 0)
    assert not view.notices.isVisible()


def test_nothing_found_says_so(view: HubView, qtbot: QtBot):
    search(view, qtbot, "zzzz")
    assert view.nothing.isVisible()
    search(view, qtbot)
    assert not view.nothing.isVisible()


def test_a_pasted_address_opens_by_enter(view: HubView, hub: Opened, qtbot: QtBot):
    view.field.setText(f"https://huggingface.co/{QWEN}/blob/main/Qwen2.5-7B-Instruct-GGUF-Q8_0.gguf")
    QTest.keyClick(view.field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: hub.state.listing.listing is not None and not hub.state.listing.estimating)
    assert "The one that the address names" in texts(view.detail)
    assert (QWEN, "main") in hub.services.hub.asked


def test_the_keyboard_walks_from_the_search_to_the_offers(view: HubView, hub: Opened, qtbot: QtBot):
    view.activateWindow()
    search(view, qtbot)
    QTest.keyClick(view.field, Qt.Key.Key_Down)
    assert view.results.hasFocus()
    QTest.keyClick(view.results, Qt.Key.Key_Down)
    QTest.keyClick(view.results, Qt.Key.Key_Up)
    QTest.keyClick(view.results, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: hub.state.listing.listing is not None)
    assert hub.state.listing.address == Address(QWEN)
    QTest.keyClick(view.results, Qt.Key.Key_Up)
    assert view.field.hasFocus()


def test_a_starter_is_got_from_its_line(view: HubView, hub: Opened, qtbot: QtBot):
    hub.services.library.gate = threading.Event()
    row = view.results.rows.row_of("starter:smollm2-135m")
    box = view.results.visualRect(view.results.rows.index(row))
    where = box.center()
    where.setX(box.right() - 20)
    QTest.mouseClick(view.results.viewport(), Qt.MouseButton.LeftButton, pos=where)
    assert view.detail.currentIndex() == 3
    qtbot.waitUntil(lambda: "downloading" in texts(view.detail))
    hub.services.library.gate.set()
    qtbot.waitUntil(lambda: view.detail.starter.button.text() == "Chat with it")
    with qtbot.waitSignal(view.chat_wanted) as told:
        qtbot.mouseClick(view.detail.starter.button, Qt.MouseButton.LeftButton)
    assert told.args == ["smollm2-135m", "q4_1"]


def test_a_strangers_text_is_never_markup(view: HubView, hub: Opened, qtbot: QtBot):
    evil = '<img src="http://evil/x.png"><b>bold</b>\nsecond line' + "x" * 5000
    hub.services.hub.models["evil"] = (model("a/b", 1, licence=evil, formats=(evil,), updated=evil),)
    bad = offer("Q4_K_M", 1, "a/b", name=evil)
    refused = (f"{evil}: its name leaves the folder",)
    hub.services.hub.listings["a/b"] = listing(
        bad, offer("Q8_0", 1, "a/b", why_not=evil), repo="a/b", licence=evil, refused=refused
    )
    hub.services.downloads.put(download("a", "failed", name=evil, message=evil, hint=evil))
    search(view, qtbot, "evil")
    choose(view, qtbot, "repo:a/b")
    hub.state.downloads.look()
    labels = view.findChildren(Label)
    assert all(label.textFormat() is Qt.TextFormat.PlainText for label in labels)
    assert max(len(label.text()) for label in labels) < 1000
    tips = [widget.toolTip() for widget in view.findChildren(QWidget)]
    tips.append(str(view.results.rows.data(view.results.rows.index(1), Qt.ItemDataRole.ToolTipRole)))
    assert not any("<img" in tip for tip in tips)
    assert any("&lt;img" in tip for tip in tips)


@offscreen
def test_every_control_has_a_name(view: HubView, hub: Opened, qtbot: QtBot):
    hub.services.downloads.put(*(download(state, state) for state in ("running", "paused", "failed", "done")))
    search(view, qtbot)
    choose(view, qtbot, f"repo:{QWEN}")
    hub.state.downloads.look()
    view.ask_for_token()
    assert view.popup is not None
    controls = [
        w
        for root in (view, view.popup)
        for kind in (QAbstractButton, QLineEdit, QComboBox)
        for w in root.findChildren(kind)
    ]
    controls = [w for w in controls if w.isVisible()]
    assert len(controls) > 20
    nameless = [w for w in controls if not w.objectName().startswith(("hub.", "error.")) or not w.accessibleName()]
    assert nameless == []
    assert all(w.toolTip() for w in controls if isinstance(w, QAbstractButton) and not w.text())
    view.popup.hide()


def test_a_long_list_of_variants_is_searched(view: HubView, hub: Opened, qtbot: QtBot):
    many = tuple(offer(f"voice_{n}", 0.06, "a/b", task="speak", format="piper") for n in range(200))
    hub.services.hub.listings["a/b"] = listing(*many, repo="a/b")
    hub.state.open_repo("a/b")
    qtbot.waitUntil(lambda: hub.state.listing.listing is not None and not hub.state.listing.estimating)
    assert "140 more: search for their names above." in texts(view.detail)
    view.detail.repo.filter.setText("voice_19")
    settle()
    found = [w for w in view.detail.findChildren(QPushButton, "hub.get") if w.isVisible()]
    assert len(found) == 11


def test_a_narrow_window_cuts_no_button(view: HubView, hub: Opened, qtbot: QtBot):
    search(view, qtbot)
    choose(view, qtbot, f"repo:{QWEN}")
    assert "needs 7.3 GB, 9.0 GB free" in texts(view.detail)
    view.resize(732, 540)
    settle()
    assert "needs 7.3 GB, 9.0 GB free" not in texts(view.detail)  # the chip's tooltip has it
    for control in (*view.detail.findChildren(QAbstractButton), *view.tasks.buttons()):
        if control.isVisible():
            right = control.mapTo(view, control.rect().topRight()).x()
            assert 0 < right < 732, control.objectName()
    assert shown(view, "hub.task_all").y() == 0
    assert view._tabs.y() > view.field.y()
    view.resize(1190, 700)
    settle()
    assert view._tabs.x() > view.field.x()
    assert "needs 7.3 GB, 9.0 GB free" in texts(view.detail)


def test_a_long_reason_does_not_push_the_name_away(qtbot: QtBot, qapp: QApplication):
    table = OfferTable(themes.install(qapp, "light"))
    qtbot.addWidget(table)
    table.resize(780, 300)
    table.show()
    said = "config.json is gated: the hub gives it to people who accepted the conditions on its page"
    table.show_lines(
        [OfferLine("Q4_K_M", "gguf", "chat", 294, 2, "", FitLine("unknown", "not known", said, said, None))]
    )
    settle()
    name = next(label for label in table.findChildren(ElidedLabel) if label.text() == "Q4_K_M")
    assert name.width() >= name.fontMetrics().horizontalAdvance("Q4_K_M")
