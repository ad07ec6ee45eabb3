"""The Models page's widgets bound to its state: lists, keys, verbs, drops, what is said when there is nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PySide6.QtCore import QRectF, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QImage, QPainter
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QLineEdit, QMessageBox, QWidget

from app.errors import TandemError
from app.ui import theme as themes
from app.ui.commands import Commands
from app.ui.models.about import _grouped
from app.ui.models.disk_card import fill
from app.ui.models.lines import LinesList
from app.ui.pages import models as pages
from app.ui.pages.models import ModelsPage
from app.ui.program import Program
from app.ui.state.models import ModelsState
from app.ui.state.models_assess import EngineLine
from app.ui.state.models_places import Unusable
from app.ui.widgets.conversation_search import SearchField
from tests.app.ui.models import made
from tests.app.ui.models.conftest import DETAILS
from tests.app.ui.models.made import MadeLibrary
from tests.fakes import FakeServices

Until = Callable[[Callable[[], bool]], None]
QWEN = "qwen2.5-7b-instruct:q6_k"


def button(page: QWidget, name: str) -> QAbstractButton:
    found = page.findChild(QAbstractButton, name)
    assert isinstance(found, QAbstractButton), name
    return found


def words(widget: QWidget) -> str:
    QApplication.processEvents()
    return "\n".join(label.text() for label in widget.findChildren(QLabel) if not label.isHidden())


# --- lists ----------------------------------------------------------------------------------


def test_table_and_cards_show_every_variant_and_share_what_is_selected(page: ModelsPage) -> None:
    count = len(page.state.rows)
    assert page.table.model().rowCount() == count
    assert page._stack.currentWidget() is page.table
    page.state.select(QWEN)
    QTest.mouseClick(button(page, "models.as_cards"), Qt.MouseButton.LeftButton)
    assert page._stack.currentWidget() is page.cards
    assert page.state.table.row(page.cards.currentIndex()).ref == QWEN  # type: ignore[union-attr]
    assert page.state.view == "cards"


def test_columns_give_way_by_rank(page: ModelsPage) -> None:
    def shown() -> set[str]:
        return {c.id for n, c in enumerate(page.state.table.columns) if not page.table.isColumnHidden(n)}

    narrow = shown()
    assert {"name", "precision", "fit", "size"} <= narrow
    assert "lineage" not in narrow
    page.resize(1920, 1000)
    QApplication.processEvents()
    assert shown() == {c.id for c in page.state.table.columns}
    widths = sum(page.table.columnWidth(n) for n in range(len(page.state.table.columns)))
    assert widths == page.table.viewport().width()


def test_arrows_move_and_enter_opens_the_details(page: ModelsPage) -> None:
    page.table.setFocus()
    first = page.state.table.rows[0].ref
    assert page.state.selected == first
    QTest.keyClick(page.table, Qt.Key.Key_Down)
    assert page.state.selected == page.state.table.rows[1].ref
    page.bones.set_wanted("inspector", False)
    QTest.keyClick(page.table, Qt.Key.Key_Return)
    assert page.bones.is_shown("inspector")


def test_a_click_on_the_head_sorts(page: ModelsPage) -> None:
    size = next(n for n, c in enumerate(page.state.table.columns) if c.id == "size")
    page.table.head.sectionClicked.emit(size)
    assert page.state.wanted.sort == "size"
    assert page.state.table.rows[0].variant.title == "FLUX.1-schnell"
    assert page.table.head._sort == ("size", True)


def test_typing_filters_and_down_goes_on_to_the_list(page: ModelsPage, until: Until) -> None:
    page.focus_search()
    QTest.keyClicks(page.bar.search, "whisper")
    until(lambda: len(page.state.table.rows) == 2)
    assert page.filters.count.text() == "2 of 19"
    QTest.keyClick(page.bar.search, Qt.Key.Key_Down)
    assert page.state.selected.startswith("whisper")


def test_nothing_that_matches_offers_to_clear(page: ModelsPage) -> None:
    page.state.want(query="zzz")
    assert page._stack.currentWidget() is page.blank
    assert "Nothing matches" in words(page.blank)
    QTest.mouseClick(button(page.blank, "models.blank_clear"), Qt.MouseButton.LeftButton)
    assert page._stack.currentWidget() is page.table


def test_filters_follow_what_there_is(page: ModelsPage) -> None:
    tasks = [page.filters.task.itemData(n) for n in range(page.filters.task.count())]
    assert tasks == ["", "chat", "image", "speak", "transcribe"]
    page.filters.task.setCurrentIndex(2)
    page.filters.task.activated.emit(2)
    assert {row.variant.task for row in page.state.table.rows} == {"image"}
    QTest.mouseClick(page.filters.clear, Qt.MouseButton.LeftButton)
    QTest.mouseClick(page.filters.loads, Qt.MouseButton.LeftButton)
    assert page.state.wanted.loads
    assert {row.variant.task for row in page.state.table.rows} == {"chat"}


def test_a_place_filters_and_its_pill_takes_it_back(page: ModelsPage) -> None:
    view = page.places.view
    row = next(n for n, line in enumerate(page.state.places) if line.title == "Ollama")
    view.setCurrentIndex(view.model().index(row, 0))
    assert page.state.wanted.place == "place:ol"
    assert len(page.state.table.rows) == 2
    assert page.filters.place.text().startswith("Ollama")
    QTest.mouseClick(page.filters.place, Qt.MouseButton.LeftButton)
    assert page.state.wanted.place == ""
    assert page.places.current is not None
    assert page.places.current.id == ""


def test_only_a_named_folder_can_go_off_the_list(page: ModelsPage, library: MadeLibrary, until: Until, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    asked: list[str] = []
    monkeypatch.setattr(page.asking, "confirm", lambda question, *_: asked.append(question) or True)
    page.state.want(place="place:lm")
    assert page.places.remove.isHidden()
    page.state.want(place="place:usb")
    assert not page.places.remove.isHidden()
    QTest.mouseClick(page.places.remove, Qt.MouseButton.LeftButton)
    until(lambda: "remove_place usb" in library.calls)
    assert asked == ["Take “Models on the travel drive” off the list?"]
    until(lambda: not page.state.doing.busy)


def test_what_cannot_be_used_is_listed_with_reason_and_hint(page: ModelsPage) -> None:
    bad = button(page, "models.unusable")
    assert bad.text() == "Cannot be used (6)"
    QTest.mouseClick(bad, Qt.MouseButton.LeftButton)
    assert page._stack.currentWidget() is page.unusable
    model = page.unusable.view.model()
    said = [model.index(n, 0).data() for n in range(model.rowCount())]
    assert any("Git LFS pointer" in line and "git lfs pull" in line for line in said)
    QTest.mouseClick(button(page, "models.unusable_back"), Qt.MouseButton.LeftButton)
    assert page._stack.currentWidget() is page.table


# --- details --------------------------------------------------------------------------------


def test_the_inspector_shows_facts_engines_and_where(page: ModelsPage, until: Until) -> None:
    page.state.select(QWEN)
    until(lambda: page.state.shown is not None)
    said = words(page.inspector)
    assert page.inspector.title.text() == "Qwen2.5-7B-Instruct"
    for part in ("7,600,000,000", "6.60", "23,040 bytes per token", "Apache-2.0", "Fake engine", "It is gguf.",
                 "It belongs to LM Studio", "fits up to"):  # fmt: skip
        assert part in said, part


def test_a_lost_one_says_so_and_cannot_be_chatted_with(page: ModelsPage) -> None:
    page.state.select("en_gb-alba-medium:f32")
    assert "It cannot be used now" in words(page.inspector)
    assert "/media/ada/travel is not there now." in words(page.inspector)
    assert page.inspector.chat.isHidden()


def test_metadata_and_tensors_are_searched(page: ModelsPage, until: Until) -> None:
    page.state.select(QWEN)
    until(lambda: page.state.shown is not None)
    tensors: LinesList = page.inspector.tensors
    assert next(line.top for line in tensors.shown) == "token_embd.weight"  # the most bytes first
    assert tensors.shown[0].bottom == "576 × 49,152 · Q8_0"
    assert tensors.shown[0].right == "30 MB"
    assert "4 tensors, 31 MB" in tensors.words.text()
    tensors.search.setText("q4_1")
    tensors.search.searched.emit("q4_1")
    assert len(tensors.shown) == 2
    page.inspector.metadata.search.searched.emit("block_count")
    assert [line.bottom for line in page.inspector.metadata.shown] == ["30"]
    assert page.inspector.template.toPlainText() == DETAILS.template


def test_a_line_is_copied(page: ModelsPage, until: Until) -> None:
    page.state.select(QWEN)
    until(lambda: page.state.shown is not None)
    view = page.inspector.metadata.view
    view.setCurrentIndex(view.model().index(0, 0))
    QTest.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QApplication.clipboard().text() == "general.architecture\tllama"


def test_a_broken_header_says_why_in_every_tab(page: ModelsPage, until: Until) -> None:
    page.state.select("gemma-2-9b-it:q4_k_m")
    until(lambda: page.state.shown is not None)
    assert page.inspector.metadata.words.text() == "The header is cut off. Get the file again."
    assert page.inspector.template.toPlainText() == "The header is cut off. Get the file again."


def test_a_name_is_never_markup(page: ModelsPage, library: MadeLibrary, until: Until) -> None:
    evil = msgspec.structs.replace(library.items[0], id="evil", title="<img src=x><b>bold</b>", licence="<h1>L</h1>")
    library.items.append(evil)
    page.state.refresh()
    until(lambda: any(row.variant.id == "evil" for row in page.state.rows))
    page.state.select(evil.ref)
    labels = page.inspector.findChildren(QLabel)
    assert all(label.textFormat() is Qt.TextFormat.PlainText for label in labels if "<" in label.text())


# --- verbs ----------------------------------------------------------------------------------


def test_chat_with_it(page: ModelsPage) -> None:
    asked: list[tuple[str, str]] = []
    page.state.chat_wanted.connect(lambda *a: asked.append(a))
    page.state.select(QWEN)
    QTest.mouseClick(page.inspector.chat, Qt.MouseButton.LeftButton)
    assert asked == [("qwen2.5-7b-instruct", "q6_k")]


def test_reveal_opens_the_folder(page: ModelsPage, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()))
    page.state.select(QWEN)
    QTest.mouseClick(page.inspector.reveal, Qt.MouseButton.LeftButton)
    assert opened == ["/data/ada/models/qwen2.5-7b-instruct"]


def test_delete_asks_first_and_a_no_keeps_it(page: ModelsPage, library: MadeLibrary, until: Until, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    answers = [False, True]
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(page.asking, "confirm", lambda *a: asked.append(a) or answers.pop(0))
    page.state.select("smollm2-135m-instruct:bf16")
    QTest.keyClick(page.table, Qt.Key.Key_Delete)
    assert library.calls == []
    assert asked[0][0] == "Remove “SmolLM2-135M-Instruct bf16”?"
    assert "moved to the trash" in asked[0][1]
    QTest.keyClick(page.table, Qt.Key.Key_Delete)
    until(lambda: library.calls == ["remove smollm2-135m-instruct:bf16"])
    until(lambda: not page.state.doing.busy and page.state.row is None)


def test_a_found_one_says_why_it_cannot_be_removed_here(page: ModelsPage, library: MadeLibrary, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    said: list[str] = []
    monkeypatch.setattr(QMessageBox, "information", lambda _page, _title, words: said.append(words))
    page.state.select(QWEN)
    assert page.inspector.remove.isHidden()
    QTest.keyClick(page.table, Qt.Key.Key_Delete)
    assert said == ["It belongs to LM Studio: remove it there, and look again."]
    assert library.calls == []


def test_the_question_is_asked_in_plain_text_and_no_is_the_default(page: ModelsPage, qtbot: Any) -> None:
    boxes: list[QMessageBox] = []

    def answer(box: QMessageBox) -> int:
        boxes.append(box)
        assert box.textFormat() is Qt.TextFormat.PlainText
        assert box.defaultButton() is box.button(QMessageBox.StandardButton.Cancel)
        return 0

    original = QMessageBox.exec
    try:
        QMessageBox.exec = answer  # type: ignore[method-assign, assignment]
        assert not page.asking.confirm("Remove <b>x</b>?", "Really.", "Move to the trash")
    finally:
        QMessageBox.exec = original  # type: ignore[method-assign]
    assert len(boxes) == 1


# --- adding ---------------------------------------------------------------------------------


def test_dropped_files_are_added_where_they_lie(page: ModelsPage, library: MadeLibrary, until: Until, tmp_path: Path) -> None:  # fmt: skip
    file = tmp_path / "mine.gguf"
    file.write_bytes(b"GGUF")
    page.drop([QUrl.fromLocalFile(str(file))])
    until(lambda: f"add {file}" in library.calls)
    until(lambda: any(row.variant.id == "mine" for row in page.state.rows))
    assert page.state.said == "Added 1 model"
    assert "Added 1 model" in words(page.bones)


class Hub(QWidget):
    """A second view with a search."""

    def __init__(self, theme: themes.Theme) -> None:
        super().__init__()
        self.field = SearchField(theme)
        self.asked: list[str] = []
        self.field.searched.connect(self.asked.append)
        self.field.entered.connect(lambda: self.asked.append("enter"))


@pytest.fixture
def with_hub(page: ModelsPage) -> Iterator[ModelsPage]:
    page._make_hub = lambda: Hub(page._theme)
    return page


def test_an_address_goes_to_the_second_view(with_hub: ModelsPage) -> None:
    page = with_hub
    url = "https://huggingface.co/Qwen/Qwen2.5-0.5B-Instruct-GGUF"
    page.bar.search.setFocus()
    page.bar.search.setText(url)
    QTest.keyClick(page.bar.search, Qt.Key.Key_Return)
    hub = page.hub
    assert isinstance(hub, Hub)
    assert page._views.currentWidget() is hub
    assert hub.asked == [url, "enter"]
    assert hub.field.text() == url
    page.drop([QUrl("https://example.com/x.gguf")])
    assert hub.asked[2:] == ["https://example.com/x.gguf", "enter"]


def test_the_second_view_is_made_once_and_the_sides_belong_to_the_first(with_hub: ModelsPage) -> None:
    page = with_hub
    assert page.hub is None
    QTest.mouseClick(button(page, "models.view_more"), Qt.MouseButton.LeftButton)
    first = page.hub
    assert first is not None
    assert page.bones.inspector.width() == 0
    assert page.bar.search.isHidden()
    QTest.mouseClick(button(page, "models.view_here"), Qt.MouseButton.LeftButton)
    QTest.mouseClick(button(page, "models.view_more"), Qt.MouseButton.LeftButton)
    assert page.hub is first
    page.show_view("here")
    assert page.bones.inspector.width() == page._theme.px(pages.INSPECTOR)


def test_a_refusal_is_a_card_that_can_be_closed(page: ModelsPage, library: MadeLibrary, until: Until) -> None:
    library.error = TandemError("refused_text", "x.gguf is a text file.", "Choose a model.")
    page.state.doing.add(["/nowhere/x.gguf"])
    until(lambda: page.state.problem is not None)
    until(lambda: "x.gguf is a text file." in words(page.notices))
    QTest.mouseClick(button(page, "error.dismiss"), Qt.MouseButton.LeftButton)
    assert page.state.problem is None
    assert page._above.isHidden()


# --- nothing yet ----------------------------------------------------------------------------


@pytest.fixture
def empty(
    qtbot: Any, qapp: QApplication, services: FakeServices, state: ModelsState, library: MadeLibrary
) -> ModelsPage:
    library.items, library._scan, library._places = [], None, []
    library.next_scan = made.scan_of(made.realistic())
    with qtbot.waitSignal(state.disk_changed, timeout=5000):
        state.refresh()
    page = ModelsPage(themes.install(qapp, "dark"), services.glossary, state, QWidget)
    qtbot.addWidget(page)
    page.resize(1000, 700)
    page.show()
    return page


def test_an_empty_page_teaches_and_looks(empty: ModelsPage, library: MadeLibrary, until: Until) -> None:
    assert "No models yet" in words(empty.blank)
    button(empty.blank, "models.blank_starter")
    QTest.mouseClick(button(empty.blank, "models.blank_look"), Qt.MouseButton.LeftButton)
    assert empty.blank.title.text() == "Looking for models…"
    until(lambda: bool(empty.state.rows))
    assert empty._stack.currentWidget() is empty.table
    assert empty.summary.sentence.text() == "Found 12 models, 98 GB, in 5 places"


def test_every_control_has_a_name(page: ModelsPage) -> None:
    page.state.select(QWEN)
    for kind in (QAbstractButton, QLineEdit):
        for widget in page.findChildren(kind):
            if widget.objectName().startswith("qt_") or not isinstance(widget, QWidget):
                continue
            assert widget.objectName(), widget
            assert widget.accessibleName(), widget.objectName()


def test_nothing_is_wider_than_a_small_window(page: ModelsPage) -> None:
    page.state.want(query="q", place="place:lm", fits=True, task="chat")
    for width in (900, 700):  # a side folds, then there is room to go on
        page.resize(width, 540)
        QApplication.processEvents()
    assert page.width() == 700
    assert not page.bones.is_shown("inspector")


def test_the_menu_of_a_line_has_its_verbs(page: ModelsPage, until: Until) -> None:
    page.state.select("smollm2-135m-instruct:bf16")
    said = {action.text(): action.isEnabled() for action in page.menu().actions()}
    assert said == {"Chat with it": True, "Convert": False, "Show its files in the file manager": True, "Remove…": True}
    page.state.select(QWEN)
    assert "Remove…" not in [action.text() for action in page.menu().actions()]
    until(lambda: page.state.shown is not None)


def test_the_page_is_built_from_the_program_and_its_sides_stay_folded(qtbot: Any, qapp: QApplication, program: Program, services: FakeServices, library: MadeLibrary, until: Until) -> None:  # fmt: skip
    services.library = library
    theme = themes.install(qapp, "light")
    page = pages.build(theme, program, Commands())
    qtbot.addWidget(page)
    page.resize(1280, 760)
    page.show()
    page.settle()
    assert page.state is program.models
    assert page.state.settled
    assert page.state.row is not None  # the first one is shown at once
    QTest.mouseClick(button(page, "models.fold_inspector"), Qt.MouseButton.LeftButton)
    assert not page.bones.is_shown("inspector")
    again = pages.build(theme, program, Commands())
    qtbot.addWidget(again)
    again.resize(1280, 760)
    again.show()
    assert not again.bones.is_shown("inspector")
    until(lambda: program.models.settled)


def test_a_template_is_shown_for_models_that_talk_only(page: ModelsPage, until: Until) -> None:
    page.state.select(QWEN)
    until(lambda: page.state.settled)
    page.inspector.show_tab("template")
    page.state.select("whisper-base.en:int8")
    until(lambda: page.state.settled)
    assert button(page, "models.tab_template").isHidden()
    assert page.inspector._stack.currentWidget() is page.inspector.about


def test_engines_with_one_reason_stand_together() -> None:
    lines = [EngineLine(name, name.upper(), False, why) for name, why in (("a", "x"), ("b", "y"), ("c", "x"))]
    assert _grouped(lines) == [("A, C", "x"), ("B", "y")]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/h/.cache/huggingface/hub/models--google--flan-t5-base/snapshots/1a2b/model.safetensors", "google/flan-t5-base · model.safetensors"),
        ("/h/.cache/huggingface/hub/models--google--flan-t5-base", "google/flan-t5-base"),
        ("/h/.cache/huggingface/hub/models--google--flan-t5-base/snapshots/1a2b", "google/flan-t5-base"),
        ("/h/.ollama/models/manifests/registry.ollama.ai/library/gone/latest", "gone:latest"),
        ("/h/.ollama/models/manifests/registry.ollama.ai/ada/gone/7b", "ada/gone:7b"),
        ("/h/models/notes.gguf", "notes.gguf"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_called_as_its_program_calls_it(path: str, name: str) -> None:
    assert Unusable(path, "", 0, "", "").name == name


def test_no_two_parts_of_the_disk_look_alike(qapp: QApplication) -> None:
    look = themes.install(qapp, "light")
    swatches = []
    for number in range(8):
        image = QImage(20, 20, QImage.Format.Format_RGB32)
        painter = QPainter(image)
        fill(painter, look, QRectF(0, 0, 20, 20), number)
        painter.end()
        swatches.append(bytes(image.constBits()))
    assert len(set(swatches)) == 8
