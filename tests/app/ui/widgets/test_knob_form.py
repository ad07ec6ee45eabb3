"""The form shows every knob, takes what is right, and says why it does not take the rest."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QStandardItemModel
from PySide6.QtWidgets import QComboBox, QLineEdit, QPlainTextEdit, QPushButton, QSlider
from pytestqt.qtbot import QtBot

from app.glossary import Glossary
from app.ui.theme import Theme
from app.ui.widgets.knob_form import KnobForm
from app.ui.widgets.switch import Switch
from engines.knobs import AUTO, Conflict, Kind, Knob, KnobState, Scope, Value


def knob(name: str, kind: Kind, default: Value, **more: object) -> Knob:
    return Knob(
        name=name, title=name.title(), kind=kind, scope=Scope.LOAD, default=default, help=f"About {name}.",
        concept="n_ctx", **more,  # type: ignore[arg-type]
    )  # fmt: skip


KNOBS = (
    knob("heat", Kind.FLOAT, 0.7, minimum=0.0, maximum=2.0, essential=True),
    knob("cores", Kind.INT, AUTO, minimum=1, maximum=64, auto=True, essential=True),
    knob("size", Kind.INT, 4096, minimum=256, maximum=131072, log=True, essential=True),
    knob("seed", Kind.INT, None, minimum=0, maximum=2**32 - 1, nullable=True, null_label="random", essential=True),
    knob("fast", Kind.BOOL, True, essential=True),
    knob("flash", Kind.CHOICE, AUTO, values=("on", "off"), auto=True, essential=True),
    knob("cache", Kind.CHOICE, "f16", values=("f16", "q8_0", "q4_0"), essential=True),
    knob("stop", Kind.TEXTS, [], essential=False),
    knob("schema", Kind.JSON, None, nullable=True, null_label="none"),
    knob("path", Kind.TEXT, ""),
    knob("maybe", Kind.BOOL, None, nullable=True, null_label="from the model", advanced=True),
)
CLASH = Conflict({"cache": ("q8_0", "q4_0"), "flash": ("off",)}, "A quantized cache needs flash attention.")

Said = list[tuple[str, object]]


@pytest.fixture
def form(theme: Theme, glossary: Glossary, qtbot: QtBot) -> KnobForm:
    made = KnobForm(theme, glossary)
    qtbot.addWidget(made)
    made.resize(272, 600)
    made.set_knobs(KNOBS, {}, {"fast": KnobState(off="This build cannot."), "cache": KnobState(values_off={"q4_0": "Too slow here."})}, [CLASH])  # fmt: skip
    made.show()
    return made


@pytest.fixture
def said(form: KnobForm) -> Said:
    found: Said = []
    form.changed.connect(lambda name, value: found.append((name, value)))
    return found


def find(form: KnobForm, kind: type, name: str):
    made = form.findChild(kind, f"knobs.{name}")
    assert made is not None, name
    return made


def write(form: KnobForm, qtbot: QtBot, name: str, text: str) -> None:
    field = find(form, QLineEdit, name)
    field.selectAll()
    qtbot.keyClicks(field, text)
    qtbot.keyClick(field, Qt.Key.Key_Return)


def test_essentials_first_the_rest_behind_all(form: KnobForm) -> None:
    assert form.findChild(QPlainTextEdit, "knobs.stop") is None
    assert form.expander.text() == "All 11 settings"
    form.expand()
    assert {line.objectName() for line in form.findChildren(QPlainTextEdit)} >= {
        "knobs.stop",
        "knobs.schema",
        "knobs.path",
    }
    assert not form.line("maybe").isHidden()
    form.expand(False)
    assert form.line("stop").isHidden()
    assert not form.line("heat").isHidden()


def test_a_typed_number_is_taken_with_its_commas(form: KnobForm, said: Said, qtbot: QtBot) -> None:
    write(form, qtbot, "size", "8,192")
    assert said == [("size", 8192)]
    assert form.settings()["size"] == 8192
    assert find(form, QLineEdit, "size").text() == "8,192"
    assert form.line("size").dot.on
    assert form.changed_names() == ["size"]


@pytest.mark.parametrize(("text", "why"), [("hot", "a number"), ("9", "0 to 2"), ("nan", "a number")])
def test_a_wrong_number_stays_and_says_why(form: KnobForm, said: Said, qtbot: QtBot, text: str, why: str) -> None:
    write(form, qtbot, "heat", text)
    assert why in form.errors()["heat"]
    assert find(form, QLineEdit, "heat").text() == text
    assert form.settings()["heat"] == 0.7
    assert said == [("heat", 0.7)]
    write(form, qtbot, "heat", "1.5")
    assert form.errors() == {}
    assert form.settings()["heat"] == 1.5


def test_the_slider_and_the_field_agree(form: KnobForm, said: Said) -> None:
    slider = form.findChild(QSlider, "knobs.heat.slider")
    assert slider is not None
    slider.setValue(slider.maximum())
    assert said == [("heat", 2.0)]
    assert find(form, QLineEdit, "heat").text() == "2.00"
    form.set_value("heat", 0.0)
    assert slider.value() == 0
    assert said == [("heat", 2.0)]  # a value from outside is not announced


def test_auto_goes_off_to_a_number_and_back(form: KnobForm, said: Said, qtbot: QtBot) -> None:
    auto = form.findChild(QPushButton, "knobs.cores.auto")
    assert auto is not None
    assert auto.isChecked()
    auto.click()
    assert said == [("cores", 1)]
    assert not auto.isChecked()
    write(form, qtbot, "cores", "auto")
    assert form.settings()["cores"] == AUTO
    assert auto.isChecked()


def test_a_seed_is_typed_and_emptied_to_random(form: KnobForm, said: Said, qtbot: QtBot) -> None:
    write(form, qtbot, "seed", "42")
    field = find(form, QLineEdit, "seed")
    field.clear()
    field.setModified(True)
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert said == [("seed", 42), ("seed", None)]
    assert field.placeholderText() == "random"


def test_choices_carry_values_and_greyed_ones_their_reason(form: KnobForm, said: Said) -> None:
    combo = find(form, QComboBox, "cache")
    model = combo.model()
    assert isinstance(model, QStandardItemModel)
    item = model.item(2)
    assert not item.isEnabled()
    assert "Too slow here." in item.text()
    assert item.toolTip() == "Too slow here."
    combo.setCurrentIndex(1)
    combo.activated.emit(1)
    assert said == [("cache", "q8_0")]


def test_a_value_off_here_that_stands_all_the_same_says_so(form: KnobForm) -> None:
    form.set_value("cache", "q4_0")
    form.line("cache").set_why("")
    assert form.line("cache").why() == "Too slow here."


def test_auto_of_a_choice_is_the_word_auto(form: KnobForm, said: Said) -> None:
    combo = find(form, QComboBox, "flash")
    assert combo.itemText(0) == "Auto"
    combo.activated.emit(1)
    combo.activated.emit(0)
    assert said == [("flash", "on"), ("flash", AUTO)]


def test_a_knob_that_is_off_is_greyed_with_its_reason(form: KnobForm) -> None:
    line = form.line("fast")
    assert not find(form, Switch, "fast").isEnabled()
    assert line.why() == "This build cannot."
    assert "This build cannot." in line.toolTip()


def test_a_conflict_is_shown_at_both_ends_and_goes_again(form: KnobForm) -> None:
    find(form, QComboBox, "cache").activated.emit(1)
    assert form.conflicts() == []
    find(form, QComboBox, "flash").activated.emit(2)
    assert form.conflicts() == [CLASH]
    assert form.line("cache").conflict() == form.line("flash").conflict() == CLASH.reason
    find(form, QComboBox, "flash").activated.emit(1)
    assert form.line("cache").conflict() == ""


def test_a_conflict_with_another_form_counts(form: KnobForm, theme: Theme, glossary: Glossary, qtbot: QtBot) -> None:
    other = KnobForm(theme, glossary)
    qtbot.addWidget(other)
    other.set_knobs([KNOBS[6]], {"cache": "q8_0"}, {}, [CLASH])
    assert other.conflicts() == []
    other.set_context({"flash": "off"})
    assert other.line("cache").conflict() == CLASH.reason


def test_why_is_shown_until_the_value_changes(form: KnobForm, qtbot: QtBot) -> None:
    form.set_explanations({"cores": "Auto → 2: the cores this process may use"})
    assert form.line("cores").why() == "Auto → 2: the cores this process may use"
    write(form, qtbot, "cores", "4")
    assert form.line("cores").why() == ""


def test_one_click_on_the_dot_resets(form: KnobForm, said: Said, qtbot: QtBot) -> None:
    write(form, qtbot, "heat", "1")
    dot = form.line("heat").dot
    qtbot.mouseClick(dot, Qt.MouseButton.LeftButton)
    assert form.settings()["heat"] == 0.7
    assert not dot.on
    assert said[-1] == ("heat", 0.7)
    qtbot.mouseClick(dot, Qt.MouseButton.LeftButton)
    assert said[-1] == ("heat", 0.7)
    assert len(said) == 2


def test_enter_on_the_dot_resets(form: KnobForm, said: Said, qtbot: QtBot) -> None:
    form.set_value("size", 512)
    qtbot.keyClick(form.line("size").dot, Qt.Key.Key_Return)
    assert said == [("size", 4096)]


def test_what_is_changed_is_counted_and_shown_by_itself(form: KnobForm, qtbot: QtBot) -> None:
    count = form.findChild(QPushButton, "knobs.only_changed")
    assert count is not None
    assert count.isHidden()
    form.set_knobs(KNOBS, {"size": 512, "path": "here"})
    assert count.isVisible()
    assert count.text() == "2 changed"
    qtbot.mouseClick(count, Qt.MouseButton.LeftButton)
    shown = [k.name for k in KNOBS if k.name in form._lines and not form.line(k.name).isHidden()]
    assert shown == ["size", "path"]
    qtbot.mouseClick(form.line("size").dot, Qt.MouseButton.LeftButton)
    assert count.text() == "1 changed"
    assert form.line("size").isVisible()  # it does not jump away from under the pointer
    qtbot.mouseClick(count, Qt.MouseButton.LeftButton)
    assert form.line("heat").isVisible()
    assert form.line("path").isHidden()


def test_opening_all_puts_the_cursor_into_the_search(form: KnobForm, qtbot: QtBot) -> None:
    form.activateWindow()
    qtbot.waitUntil(form.isActiveWindow)
    qtbot.mouseClick(form.expander, Qt.MouseButton.LeftButton)
    search = form.findChild(QLineEdit, "knobs.search")
    assert search is not None
    assert search.hasFocus()
    top = search.mapTo(form, search.rect().topLeft())
    qtbot.keyClicks(search, "seed")
    assert search.mapTo(form, search.rect().topLeft()) == top


def test_reset_clears_a_wrong_text_too(form: KnobForm, qtbot: QtBot) -> None:
    write(form, qtbot, "heat", "hot")
    form.reset_all()
    assert form.errors() == {}
    assert find(form, QLineEdit, "heat").text() == "0.70"


def test_search_and_changed_only(form: KnobForm, qtbot: QtBot) -> None:
    form.expand()
    search = form.findChild(QLineEdit, "knobs.search")
    assert search is not None
    search.setText("about seed")
    visible = [k.name for k in KNOBS if not form.line(k.name).isHidden()]
    assert visible == ["seed"]
    search.setText("nothing like it")
    assert not form._nothing.isHidden()
    search.clear()
    form.set_value("size", 512)
    form.filter._only.setChecked(True)
    assert [k.name for k in KNOBS if not form.line(k.name).isHidden()] == ["size"]


def test_lists_are_one_a_line_with_escapes(form: KnobForm, said: Said, qtbot: QtBot) -> None:
    form.set_knobs(KNOBS, {"stop": ["\n\n", 'End "x"', "ä"]})
    form.expand()
    field = find(form, QPlainTextEdit, "stop")
    assert field.toPlainText() == '\\n\\n\nEnd "x"\nä'
    field.setFocus()
    field.moveCursor(field.textCursor().MoveOperation.End)
    qtbot.keyClicks(field, "!")
    qtbot.keyClick(field, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert said[-1] == ("stop", ["\n\n", 'End "x"', "ä!"])


def test_json_that_does_not_parse_says_why(form: KnobForm, qtbot: QtBot) -> None:
    form.expand()
    field = find(form, QPlainTextEdit, "schema")
    field.setPlainText('{"a": ')
    qtbot.keyClick(field, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert "JSON" in form.errors()["schema"]
    field.setPlainText('{"a": 1}')
    qtbot.keyClick(field, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert form.settings()["schema"] == '{"a": 1}'
    assert form.errors() == {}


def test_another_engine_leaves_nothing_behind(form: KnobForm, qtbot: QtBot) -> None:
    write(form, qtbot, "heat", "hot")
    form.set_knobs(KNOBS[1:3], {"cores": 8})
    assert list(form.settings()) == ["cores", "size"]
    assert form.errors() == {}
    assert form.expander.isHidden()
    with pytest.raises(KeyError):
        form.set_value("heat", 1.0)


def test_the_wheel_over_a_control_scrolls_the_form_instead(form: KnobForm, said: Said) -> None:
    from PySide6.QtCore import QPoint, QPointF
    from PySide6.QtGui import QWheelEvent
    from PySide6.QtWidgets import QApplication

    slider = form.findChild(QSlider, "knobs.heat.slider")
    assert slider is not None
    turn = QWheelEvent(
        QPointF(5, 5), QPointF(5, 5), QPoint(), QPoint(0, 120), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(slider, turn)
    assert said == []
