"""Where the time went, drawn to scale and explained."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from app.glossary import Glossary
from app.ui.state.inside import Part, Stall, Timeline
from app.ui.theme import Theme
from app.ui.widgets.label import Hover
from app.ui.widgets.timeline_view import KEYS, Key, TimelineView, fine

GAPS = (*(Stall(0.5 + i * 0.01, 0.01) for i in range(20)), Stall(0.9, 0.2))
LINE = Timeline(
    (Part("queue", 0.0, 0.0004), Part("template", 0.0004, 0.1), Part("prefill", 0.1004, 0.3), Part("decode", 0.5, 0.5)),
    (Stall(0.9, 0.2),), 1.0, GAPS,
)  # fmt: skip


@pytest.fixture
def view(theme: Theme, glossary: Glossary, qtbot: QtBot) -> TimelineView:
    made = TimelineView(theme, glossary)
    qtbot.addWidget(made)
    made.resize(801, 140)
    made.show_timeline(LINE)
    made.show()
    return made


def test_each_part_is_drawn_to_scale_and_a_short_one_is_still_seen(view: TimelineView) -> None:
    view.bars.resize(801, view.bars.height())
    found = {part.name: rect for part, rect in view.bars.rects()}
    assert found["decode"].left() == pytest.approx(400)
    assert found["decode"].width() == pytest.approx(400)
    assert found["queue"].width() == 2.0
    assert found["template"].left() >= found["queue"].right()


def test_the_words_say_the_whole_the_waits_and_the_stalls(view: TimelineView) -> None:
    assert view.words.text() == "1.00 s in all · between steps: median 10 ms, longest 200 ms · 1 stall"
    assert "prefill 300 ms" in view.accessibleDescription()
    assert view.bars.accessibleDescription() == "stall of 200 ms at 900 ms"


def test_everything_explains_itself_on_hover(view: TimelineView, glossary: Glossary) -> None:
    bars = view.bars
    bars.resize(801, bars.height())
    assert "decode 500 ms" in bars.tip(600, 12)
    assert glossary.entry("prefill_s").term in bars.tip(200, 12)
    assert "stall of 200 ms at 900 ms" in bars.tip(720, 3)
    assert "200 ms before this step" in bars.tip(720, 40)
    assert bars.tip(100, 40) == ""
    keys = {key.objectName(): key for key in view.findChildren(Key)}
    assert keys["message.timeline_queue"].accessibleName() == "queue 0.4 ms"
    hover = keys["message.timeline_queue"]
    assert isinstance(hover, Hover)
    assert hover.hover is not None
    assert glossary.entry("queue_s").term in hover.hover()


def test_in_a_narrow_view_the_legend_goes_on_in_the_next_line(view: TimelineView, qtbot: QtBot) -> None:
    view.resize(220, 300)
    keys = view.findChildren(Key)
    qtbot.waitUntil(lambda: len({key.y() for key in keys}) > 1)
    assert all(view.rect().contains(key.geometry()) for key in keys)


def test_every_part_has_its_word(glossary: Glossary) -> None:
    assert all(glossary.has(key) for key in KEYS.values())


def test_the_longest_wait_of_each_column_is_kept(view: TimelineView) -> None:
    view.bars.resize(200, view.bars.height())
    assert max(gap.gap_s for gap in view.bars.columns().values()) == 0.2
    assert len(view.bars.columns()) < len(GAPS)


def test_a_run_without_times_says_so(view: TimelineView) -> None:
    view.show_timeline(Timeline())
    assert view.words.text() == "No times were kept for this answer."
    assert not view.bars.isVisible()


def test_a_stall_is_marked_above_the_bar(view: TimelineView, theme: Theme) -> None:
    view.bars.resize(801, view.bars.height())
    image = view.bars.grab().toImage()
    ratio = image.devicePixelRatio()
    assert image.pixelColor(round(720 * ratio), round(3 * ratio)).name() == theme.tokens.text.lower()
    assert image.pixelColor(round(600 * ratio), round(3 * ratio)).name() != theme.tokens.text.lower()


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.00042, "0.4 ms"), (0.0099, "9.9 ms"), (0.041, "41 ms"), (1.3, "1.30 s")]
)
def test_short_times_have_a_tenth(seconds: float, said: str) -> None:
    assert fine(seconds) == said
