"""A lane's column: its head, its text as it grows, the marked text afterwards, and what went wrong in its place."""

from __future__ import annotations

import random

import pytest
from PySide6.QtGui import QFont, QTextCursor
from PySide6.QtWidgets import QPushButton, QWidget
from pytestqt.qtbot import QtBot

from app.glossary import Glossary
from app.lab.compare.replay import LaneMoment, Timeline
from app.lab.compare.result import Divergence, Flip, Problem, Track
from app.ui.theme import Theme
from app.ui.widgets.aligned_text import Stretch, differing, excerpt
from app.ui.widgets.card import ErrorCard
from app.ui.widgets.lane_text import LaneText
from app.ui.widgets.lane_view import LaneView

LONG = " ".join(f"word{i}" for i in range(120))


def track(text: str, step: str = "", reason: str = "stop") -> Track:
    times = tuple(0.1 + i / 10 for i in range(5))
    shown = tuple(len(text) * (i + 1) // 5 for i in range(5))
    return Track(step=step, prompt="?", text=text, times_s=times, shown=shown, end_s=0.6, reason=reason)


@pytest.fixture
def view(theme: Theme, glossary: Glossary, qtbot: QtBot) -> LaneView:
    made = LaneView(theme, glossary, 2)
    qtbot.addWidget(made)
    made.set_lane("q4_0", "K cache f16 → q4_0", ("−31 % memory · −9 % speed", "accent"), False)
    made.resize(300, 400)
    made.show()
    return made


def marks(view: LaneView) -> list[str]:
    """The stretches that are in the lane's colour and semibold."""
    found: list[str] = []
    block = view.text.document().begin()
    while block.isValid():
        walk = block.begin()
        while not walk.atEnd():
            piece = walk.fragment()
            if piece.charFormat().fontWeight() == QFont.Weight.DemiBold:
                found.append(piece.text())
            walk += 1
        block = block.next()
    return found


# --- where texts differ, without a widget -------------------------------------------------------


def test_differing_words_are_found_by_their_place() -> None:
    mine, theirs = "the gulls came home again", "the gulls came back again"
    assert [mine[s.start : s.end] for s in differing(mine, theirs)] == ["home"]
    assert differing(mine, mine) == ()
    assert differing("a b", "a  b\n") == ()


def test_missing_words_are_an_empty_stretch_where_they_are_missing() -> None:
    assert differing("one two", "one two three") == (Stretch(7, 7),)
    assert differing("one three", "one two three") == (Stretch(4, 4),)
    assert differing("", "words") == (Stretch(0, 0),)


def test_stretches_cover_exactly_what_an_edit_changed() -> None:
    rng = random.Random(5)
    for _ in range(50):
        words = [f"w{rng.randrange(1000)}" for _ in range(60)]
        changed = sorted(rng.sample(range(60), 4))
        mine = " ".join("other" if i in changed else w for i, w in enumerate(words))
        found = " ".join(mine[s.start : s.end] for s in differing(mine, " ".join(words)))
        assert found.split() == ["other"] * 4


def test_texts_too_long_to_align_differ_from_their_first_difference_on() -> None:
    mine = " ".join(str(i % 7) for i in range(4000))
    theirs = "0 1 2 " + " ".join(str(i % 5) for i in range(4000))
    (stretch,) = differing(mine, theirs)
    assert stretch == Stretch(6, len(mine))


def test_an_excerpt_is_the_line_and_two_around_it() -> None:
    lines = [f"line {i}" for i in range(10)]
    text = "\n".join(lines)
    found = excerpt(text, text.index("line 5"), 80)
    assert text[found.start : found.end].split("\n") == [*lines[3:8], ""]
    wrapped = excerpt(LONG, LONG.index("word60"), 30, lines=1)
    assert "word60" in LONG[wrapped.start : wrapped.end]
    assert wrapped.end - wrapped.start <= 90
    assert excerpt("", 0, 30) == Stretch(0, 0)


# --- the head -----------------------------------------------------------------------------------


def test_the_head_says_who_it_is(view: LaneView) -> None:
    assert view.header.name.text() == "q4_0"
    assert view.header.differs.text() == "K cache f16 → q4_0"
    assert view.header.chip.text() == "−31 % memory · −9 % speed"
    assert "Lane C" in view.accessibleName()
    view.set_lane("f16", "", None, True)
    assert view.header.chip.text() == "reference"
    view.set_lane("f16", "threads 1 → 2", None, False)
    assert view.header.chip.isHidden()


@pytest.mark.parametrize("action", ["duplicate", "edit", "remove"])
def test_each_button_says_which_lane(view: LaneView, qtbot: QtBot, action: str) -> None:
    button = view.findChild(QPushButton, f"compare.lane_c_{action}")
    assert button is not None
    assert "lane C" in button.accessibleName()
    with qtbot.waitSignal(getattr(view, action)) as said:
        button.click()
    assert said.args == [2]


@pytest.mark.parametrize("width", [250, 300, 420, 600])
def test_nothing_of_the_head_is_cut_at_any_width(view: LaneView, width: int) -> None:
    view.resize(width, 400)
    view.set_lane("a rather long name of a lane", "several things differ: " + LONG, ("−20 % memory", "accent"), False)
    for part in view.header.findChildren(QWidget):
        if part.isVisible():
            inside = part.mapTo(view, part.rect().bottomRight())
            assert inside.x() < view.width()
    assert view.header.differs.toolTip()


# --- while it works -----------------------------------------------------------------------------


def test_appended_text_is_plain_text(view: LaneView) -> None:
    for delta in ("<b>not bold</b> ", "&amp; ", "\u202e", "**stars**\n", "<img src='file:///etc/passwd'>"):
        view.append(delta)
    view.text.flush()
    assert view.text.toPlainText() == "<b>not bold</b> &amp; \u202e**stars**\n<img src='file:///etc/passwd'>"


def test_a_long_paragraph_is_cut_for_speed_but_not_for_the_reader(view: LaneView) -> None:
    pieces = [f"word{i}🜂 " for i in range(300)] + ["\nend"]
    for piece in pieces:
        view.append(piece)
        view.text.flush()
    text = view.text
    assert text.document().blockCount() > 10
    assert text.text() == "".join(pieces)
    text.selectAll()
    assert text.createMimeDataFromSelection().text() == "".join(pieces)
    assert not text.createMimeDataFromSelection().hasHtml()
    view.resize(500, 400)
    assert text.document().blockCount() == 2
    assert text.text() == "".join(pieces)


def test_a_part_of_a_cut_paragraph_is_copied_without_the_cuts(view: LaneView) -> None:
    for i in range(200):
        view.text._insert(f"word{i} ")
    cursor = QTextCursor(view.text.document())
    cursor.setPosition(3)
    cursor.movePosition(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
    view.text.setTextCursor(cursor)
    assert view.text.createMimeDataFromSelection().text() == view.text.text()[3:]


def test_the_end_is_followed_until_somebody_scrolls_up(theme: Theme, qtbot: QtBot) -> None:
    text = LaneText(theme, "t", "Output")
    qtbot.addWidget(text)
    text.resize(200, 100)
    text.show()
    bar = text.verticalScrollBar()
    for i in range(200):
        text._insert("line\n\n" if i % 3 else "word ")
    assert bar.value() == bar.maximum() > 100
    bar.setValue(5)
    text._insert("more\n" * 20)
    assert bar.value() == 5
    bar.setValue(bar.maximum())
    text._insert("more\n" * 20)
    assert bar.value() == bar.maximum()


@pytest.mark.parametrize("width", [250, 333, 470])
def test_lines_stay_inside_the_column_when_the_scroll_bar_comes(view: LaneView, width: int) -> None:
    view.resize(width, 400)
    for i in range(400):
        view.text._insert(f"word{i % 7} ")
    assert view.text.verticalScrollBar().maximum() > 0
    widths, block = list[float](), view.text.document().begin()
    while block.isValid():
        lines = [block.layout().lineAt(i) for i in range(block.layout().lineCount())]
        widths += [line.naturalTextWidth() for line in lines]
        block = block.next()
    room = view.text.viewport().width()
    assert max(widths) <= room
    assert min(widths[:-1]) > room * 0.7  # a cut leaves no short line behind


def test_a_replay_shows_what_each_moment_shows(view: LaneView) -> None:
    line = Timeline([[track("abcdefghij")]])
    for t in (0.05, 0.25, 0.35, 0.15, 2.0):  # the fourth goes back
        moment = line.at(t)[0]
        view.show_moment(moment)
        assert view.text.text() == moment.visible
    assert view.status.words() == "done, 5 tokens 0.6 s"
    view.show_moment(line.at(0.01)[0])
    assert (view.text.text(), view.spark.values()) == ("", [None])


def test_the_status_tells_the_phases_apart(view: LaneView, qtbot: QtBot) -> None:
    view.show_moment(LaneMoment(1, "ask again", "?", "abc", 0, 0, None, "prefill", 0.84))
    assert view.status.words() == "ask again · reading the prompt… 0.8 s"
    view.show_moment(LaneMoment(1, "ask again", "?", "abc", 2, 1204, 83.94, "decode", 2.0))
    assert view.status.words() == "ask again · 1,204 tokens 83.9 tok/s"
    qtbot.waitUntil(lambda: view.status.accessibleName() == view.status.words())


# --- when it has finished -----------------------------------------------------------------------


def test_finished_text_is_collapsed_to_the_first_difference_and_marked(view: LaneView, theme: Theme) -> None:
    mine = LONG.replace("word60", "another").replace("word61", "thing")
    view.set_outputs(
        [track(mine, reason="length")], [track(LONG)], [Divergence(step="", token=61, comparable=True, same_words=0.98)]
    )
    shown = view.text.text()
    assert shown.startswith("… ")
    assert shown.endswith(" …")
    assert len(shown) < len(mine) / 2
    assert marks(view) == ["another thing"]
    assert view.first_difference == mine.index("another")
    assert view.status.words() == "differs from token 61 on 5 tokens, cut"
    assert view.whole.text() == "Whole text"
    view.whole.click()
    assert view.text.text() == mine
    assert marks(view) == ["another thing"]
    assert view.whole.text() == "First difference"


def test_marks_follow_the_theme(view: LaneView, theme: Theme) -> None:
    view.set_outputs([track("a b")], [track("a c")], [])
    cursor = QTextCursor(view.text.document())
    cursor.movePosition(QTextCursor.MoveOperation.End)
    assert cursor.charFormat().foreground().color().name() == theme.tokens.lane_c.lower()
    theme.set_mode("dark")
    cursor.movePosition(QTextCursor.MoveOperation.End)
    assert cursor.charFormat().foreground().color().name() == theme.tokens.lane_c.lower()


def test_the_same_answer_is_not_marked_and_shows_where_others_differ(view: LaneView) -> None:
    same = Divergence(step="", token=None, comparable=True, same_words=1.0)
    view.set_outputs([track(LONG)], [track(LONG)], [same])
    assert (marks(view), view.first_difference) == ([], None)
    assert view.text.text().startswith("word0 ")
    assert view.status.words() == "the same answer, token by token 5 tokens"
    view.show_around(LONG.index("word90"))
    assert "word90" in view.text.text()
    assert view.text.text().startswith("… ")


def test_the_excerpt_grows_with_the_column(view: LaneView) -> None:
    view.set_outputs([track(LONG)], [track(LONG)], [])
    narrow = len(view.text.text())
    view.resize(600, 400)
    assert len(view.text.text()) > narrow * 1.5


def test_a_short_answer_is_shown_whole_without_a_toggle(view: LaneView) -> None:
    view.set_outputs([track("Yes.")], [track("No.")], [])
    assert view.text.text() == "Yes."
    assert view.whole.isHidden()


def test_the_same_outputs_again_leave_a_selection_alone(view: LaneView) -> None:
    view.set_outputs([track("one two")], [track("one three")], [])
    view.text.selectAll()
    view.set_outputs([track("one two")], [track("one three")], [])
    view.set_flips([])
    view.set_problem(None)
    assert view.text.textCursor().selectedText() == "one two"
    view.set_text("")
    view.set_outputs([track("one two")], [track("one three")], [])
    assert view.text.text() == "one two"


def test_steps_can_be_switched(view: LaneView, qtbot: QtBot) -> None:
    steps = [track("first", "ask"), track("second", "ask again")]
    view.set_outputs(steps, steps, [])
    assert view.steps.isVisible()
    with qtbot.waitSignal(view.step_chosen) as said:
        view.steps.setCurrentIndex(1)
    assert (said.args, view.text.text()) == ([1], "second")
    view.set_step(0)
    assert view.text.text() == "first"
    view.set_outputs([track("only")], [track("only")], [])
    assert view.steps.isHidden()


def test_flips_tint_the_tokens_of_the_reference(view: LaneView) -> None:
    view.set_outputs([track("mine")], [track("a b c")], [])
    assert view.choices.isHidden()
    view.set_flips([Flip("a", True, 0.0), Flip(" b", False, 0.02), Flip(" c", False, 2.0)])
    view.choices.click()
    assert view.text.text() == "a b c"
    alphas = []
    for position in (1, 2, 3, 5):
        cursor = QTextCursor(view.text.document())
        cursor.setPosition(position)
        brush = cursor.charFormat().background()
        alphas.append(round(brush.color().alphaF(), 2) if brush.style().value else 0.0)
    assert alphas[0] == alphas[1] == 0
    assert 0 < alphas[2] < alphas[3]
    assert "2 of 3 tokens" in view.legend.text()
    view.set_flips([])
    assert view.text.text() == "mine"


def test_a_replay_hides_the_tools_and_the_outputs_come_back(view: LaneView) -> None:
    view.set_outputs([track(LONG)], [track(LONG)], [])
    finished = view.text.text()
    view.show_moment(Timeline([[track(LONG)]]).at(0.3)[0])
    assert not view.whole.isVisible()
    view.show_outputs()
    assert view.text.text() == finished
    assert view.whole.isVisible()


# --- when it cannot -----------------------------------------------------------------------------


def test_a_problem_stands_in_the_outputs_place_with_its_fix(view: LaneView, qtbot: QtBot) -> None:
    view.set_outputs([track("text")], [track("text")], [])
    view.set_problem(Problem("no_memory", "Not enough memory.", "Try a smaller context."))
    card = view.findChild(ErrorCard)
    assert card is not None
    assert "Not enough memory. Try a smaller context." in card.accessibleName()
    assert not view.text.isVisible()
    with qtbot.waitSignal(view.fix) as said:
        card.findChild(QPushButton, "error.fix").click()
    assert said.args == [2]
    view.set_problem(None)
    assert view.text.isVisible()
    assert view.text.text() == "text"
