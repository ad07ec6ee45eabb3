"""What the Compare page shows: lesson, table, verdict, list, and how it fits into its window."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QAbstractButton, QComboBox
from pytestqt.qtbot import QtBot

from app.lab.compare.result import Phrase
from app.ui import theme as themes
from app.ui.compare.comparison_table import FEWEST
from app.ui.pages.compare import ComparePage
from app.ui.state.compare_phase import Phase
from app.ui.window import MainWindow
from tests import comparisons
from tests.app.ui.compare.pages import click, put, settle, shown, there
from tests.fakes import FakeServices


def test_the_empty_page_teaches_and_begins(page: ComparePage, qtbot: QtBot) -> None:
    begin = shown(page, "compare.begin")
    assert isinstance(begin, QAbstractButton)
    assert begin.text() == "Compare two settings of SmolLM2-135M-Instruct"
    cards = [card.recipe.id for card in page.lesson.recipes._cards]
    assert len(cards) == 6
    for card in page.lesson.recipes._cards:
        for button in (card.play, card.run):
            assert button.isHidden() or button.width() >= button.sizeHint().width(), card.recipe.id
    click(qtbot, page, "compare.begin")
    assert page.state.phase is Phase.READY
    assert len(page.middle.outputs.views) == 2
    search = shown(page, "knobs.search")
    assert page.window().focusWidget() is search


def test_a_result_has_table_verdict_and_provenance(page: ComparePage, services: FakeServices) -> None:
    put(page, services, comparisons.result())
    assert page.middle.table.isVisible()
    assert [c.name for c in page.middle.table.rows.table.columns] == ["f16", "q8_0", "q4_0"]
    trust = page.middle.verdict.trust.text()
    assert trust == "measured alone · reference's own spread ±1.2 %"
    assert page.middle.verdict.sentence.accessibleName() == "q4_0 decodes 8 % slower."
    assert page.strip.place.text() == "done"
    assert page.strip.words.text() == "3 loads, 3 timed runs, 2 repeated · 3:12 min"
    assert page.bar.subject.text() == "3 lanes · llama.cpp · SmolLM2-135M-Instruct"


def test_undecided_cells_are_not_coloured(page: ComparePage, services: FakeServices) -> None:
    put(page, services, comparisons.result())
    rows = page.middle.table.rows
    tones = {
        cell.id: rows.colour_of(cell).name().upper()
        for row in rows.table.rows
        for cell in row.cells
        if cell is not None
    }
    light = themes.LIGHT
    assert tones["decode_tok_s@90 %:2"] == light.bad
    assert tones["model_bytes@:1"] == light.good
    assert tones["decode_tok_s@50 %:2"] == light.dim
    assert tones["kl_mean@all:1"] == light.dim


def test_a_number_of_the_sentence_leads_to_its_cell(page: ComparePage, services: FakeServices) -> None:
    put(page, services, comparisons.result())
    rows = page.middle.table.rows
    page.middle.verdict.sentence.linkActivated.emit("decode_tok_s@90 %:2")
    assert rows.flashing == "decode_tok_s@90 %:2"
    assert rows.place == (1, 2)
    rows._flash.timeout.emit()
    assert rows.flashing == ""


def test_a_number_in_a_hidden_row_brings_the_row(page: ComparePage, services: FakeServices) -> None:
    put(page, services, comparisons.result())
    assert not page.middle.table.rows.flash("n_cached@90 %:1")
    page.middle.verdict.asked.emit("n_cached@90 %:1")
    assert page.middle.table.rows.flashing == "n_cached@90 %:1"


def test_the_table_is_walked_with_the_keyboard_and_says_its_cells(
    page: ComparePage, services: FakeServices, qtbot: QtBot
) -> None:
    put(page, services, comparisons.result())
    rows = page.middle.table.rows
    rows.setFocus()
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Right, Qt.Key.Key_Right):
        qtbot.keyClick(rows, key)
    assert rows.place == (1, 2)
    assert "decode 90 % C: 73.6 tok/s 0.92×" in rows.accessibleName()
    quality = next(i for i, row in enumerate(rows.table.rows) if row.key == "top1")
    for _ in range(quality - 1):
        qtbot.keyClick(rows, Qt.Key.Key_Down)
    assert rows.accessibleName() == "Table of results. top-1 agreement C: 99.4 % [99.0, 99.6]"
    for _ in range(40):
        qtbot.keyClick(rows, Qt.Key.Key_Down)
    assert rows.place[0] == len(rows.table.rows) - 1


def test_the_hover_explains_the_word_and_how_the_number_was_taken(page: ComparePage, services: FakeServices) -> None:
    put(page, services, comparisons.result())
    words = page.middle.table.rows.hover_text(1, 2)
    assert "5 blocks of fresh loads" in words
    assert page.middle.table.rows.hover_text(-1, 0) == ""


def test_no_row_of_the_table_is_cut(page: ComparePage, services: FakeServices) -> None:
    put(page, services, comparisons.result())
    for height in (800, 700, 1000):
        page.window().resize(1280, height)
        settle()
        table = page.middle.table
        seen = table.area.viewport().height()
        whole = table.rows.height() / len(table.rows.table.rows)
        assert seen % whole == 0, height
        assert seen >= min(FEWEST, len(table.rows.table.rows)) * whole, height
        bottom = page.middle.verdict.mapTo(page.middle, QPoint(0, 0)).y()
        assert table.mapTo(page.middle, QPoint(0, table.height())).y() <= bottom


def test_four_lanes_at_1280_have_tabs_and_columns_in_a_wide_window(
    page: ComparePage, services: FakeServices, qtbot: QtBot
) -> None:
    put(page, services, comparisons.result(4))
    outputs = page.middle.outputs
    assert outputs.tabbed
    assert [view.isVisible() for view in outputs.views] == [True, False, False, False]
    click(qtbot, page, "compare.tab_lane_c")
    assert [view.isVisible() for view in outputs.views] == [False, False, True, False]
    assert page.middle.table.isVisible()
    page.window().resize(1900, 1000)
    settle()
    assert not outputs.tabbed
    assert all(view.isVisible() for view in outputs.views)


def test_three_lanes_at_1280_stand_side_by_side(page: ComparePage, services: FakeServices) -> None:
    put(page, services, comparisons.result(3))
    assert not page.middle.outputs.tabbed


def test_a_step_is_chosen_for_prompt_and_outputs(page: ComparePage, services: FakeServices) -> None:
    put(page, services, comparisons.result())
    box = shown(page, "compare.prompt_step")
    assert isinstance(box, QComboBox)
    assert [box.itemText(i) for i in range(box.count())] == list(comparisons.STEPS)
    box.activated.emit(1)
    assert all(view.steps.currentIndex() == 1 for view in page.middle.outputs.views)


def test_a_long_verdict_is_folded_and_opens(page: ComparePage, services: FakeServices) -> None:
    long = tuple(Phrase(f"Sentence number {i} says something about a lane. ") for i in range(30))
    put(page, services, comparisons.result(sentence=long))
    verdict = page.middle.verdict
    assert "number 29" not in verdict.sentence.text()
    folded = verdict.height()
    verdict.sentence.linkActivated.emit("#more")
    settle()
    assert "number 29" in verdict.sentence.text()
    assert verdict.height() > folded
    verdict.sentence.linkActivated.emit("#less")
    assert verdict.height() == folded


def test_what_a_verdict_says_is_never_markup(page: ComparePage, services: FakeServices) -> None:
    evil = (Phrase("<img src=x> & <b>"), Phrase("<b>9</b>", "decode_tok_s@90 %:2", "bad"))
    put(page, services, comparisons.result(sentence=evil))
    assert "<img" not in page.middle.verdict.sentence.text()
    assert page.middle.verdict.links() == ["decode_tok_s@90 %:2"]


def test_narrow_windows_fold_the_verbs_into_a_menu(page: ComparePage, services: FakeServices) -> None:
    put(page, services, comparisons.result())
    page.window().resize(900, 700)
    settle()
    assert there(page, "compare.more")
    assert there(page, "compare.again")
    assert not there(page, "compare.race")
    page.bar._fill_more()
    titles = [action.text() for action in page.bar._more_menu.actions()]
    assert titles == ["Add lane", "Race", "Quick", "Replay"]


def test_a_refresh_reads_no_store(page: ComparePage, services: FakeServices, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[object] = []
    real = services.store.read
    monkeypatch.setattr(services.store, "read", lambda work: read.append(work) or real(work))
    page.refresh()
    assert read == []
    page.state.begin(comparisons.lanes(2))
    page.state.close_comparison()
    assert read


def test_the_list_has_own_comparisons_and_opens_them(page: ComparePage, services: FakeServices, qtbot: QtBot) -> None:
    put(page, services, comparisons.result())
    page.state.close_comparison()
    page.bones.toggle("left")
    settle()
    view = page.list.view
    texts = [view.model().index(row, 0).data() for row in range(view.model().rowCount())]
    assert texts[0] == "Your comparisons"
    assert texts[1].startswith("K cache: f16, q8_0, q4_0, 3 lanes · measured")
    view.setCurrentIndex(view.model().index(1, 0))
    view.activated.emit(view.currentIndex())
    assert page.state.phase is Phase.SHOWN
    qtbot.keyClick(view, Qt.Key.Key_Delete)
    assert page.state.phase is Phase.EMPTY
    assert services.store.experiments() == []
    settle()
    undo = shown(page, "compare.notice")
    assert isinstance(undo, QAbstractButton)
    assert undo.text() == "Undo"
    click(qtbot, page, "compare.notice")
    assert page.state.phase is Phase.SHOWN
    assert len(services.store.experiments()) == 1


def test_the_page_follows_the_theme(window: MainWindow, page: ComparePage, services: FakeServices) -> None:
    put(page, services, comparisons.result())
    theme = page._theme
    theme.set_mode("dark")
    settle()
    assert themes.DARK.bad.lower() in page.middle.verdict.sentence.text().lower()
    theme.set_mode("light")
