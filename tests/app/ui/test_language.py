"""Every text of the window goes through `tr` in a way that translators' tools can collect, and really is translated."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import collect_words
import pytest
from PySide6.QtCore import QCoreApplication, QTranslator

from app.ui import theme as themes
from app.ui.language import CONTEXT, tr
from app.ui.widgets.listing import ConversationList

ROOT = Path(__file__).resolve().parents[3]
UI = ROOT / "app" / "ui"


def calls() -> Iterator[tuple[str, ast.Call]]:
    """(where, call) of every `tr(…)` under app/ui."""
    for path in sorted(UI.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "tr":
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def wrong(call: ast.Call) -> str:
    """What a collector or a translator could not work with, or ""."""
    first = call.args[0] if call.args else None
    if len(call.args) != 1 or not isinstance(first, ast.Constant) or not isinstance(first.value, str):
        return "the text is no literal"
    given = {keyword.arg for keyword in call.keywords}
    if None in given or not given:
        return "" if not given else "the values are not named one by one"
    try:
        used = {name for _, name, _, _ in string.Formatter().parse(first.value) if name is not None}
    except ValueError as error:
        return f"{first.value!r}: {error}"
    return "" if used == given else f"{first.value!r} names {sorted(used)} and is given {sorted(map(str, given))}"


def test_every_text_is_a_literal_with_its_values():
    found = list(calls())
    assert len(found) > 100
    assert {where: why for where, call in found if (why := wrong(call))} == {}


@pytest.mark.parametrize(
    "code",
    [
        "tr(name)",
        "tr(f'{x}')",
        "tr('a {b}', c=1)",
        "tr('a', b=1)",
        "tr('a {b} {c}', b=1)",
        "tr('a', **x)",
        "tr('{', a=1)",
    ],
)
def test_what_cannot_be_collected_would_be_found(code):
    assert wrong(ast.parse(code, mode="eval").body)


class Shout(QTranslator):
    """A language in which everything is shouted."""

    def translate(self, context, source, disambiguation=None, n=-1):
        return source.upper().replace("{TITLE}", "{title}") if context == CONTEXT else ""

    def isEmpty(self):  # noqa: N802  Qt's name
        return False


def test_a_translator_changes_what_is_shown(qapp, qtbot):
    translator = Shout(qapp)
    assert QCoreApplication.installTranslator(translator)
    try:
        listing = ConversationList(themes.install(qapp, "light"))
        qtbot.addWidget(listing)
        assert listing.search.placeholderText() == "SEARCH"
        assert tr("Bring back “{title}”", title="x") == "BRING BACK “x”"
    finally:
        QCoreApplication.removeTranslator(translator)
    assert tr("Search") == "Search"


def test_the_words_are_collected_for_translators(tmp_path):
    out = tmp_path / "tandem.ts"
    collect_words.write(UI, out)
    tree = ElementTree.parse(out)  # our own file
    assert tree.getroot().tag == "TS"
    sources = [node.text for node in tree.iter("source")]
    assert sources == sorted(set(sources))
    assert {call.args[0].value for _, call in calls()} == set(sources)
    assert {node.text for node in tree.iter("name")} == {CONTEXT}


def test_the_list_for_translators_is_up_to_date(tmp_path):
    out = tmp_path / "tandem.ts"
    collect_words.write(UI, out)
    kept = ROOT / "resources" / "languages" / "tandem.ts"
    words = "run: python packaging/collect_words.py"
    assert kept.read_text(encoding="utf-8") == out.read_text(encoding="utf-8"), words


SETTERS = {
    "setText": 0, "setToolTip": 0, "setAccessibleName": 0, "setAccessibleDescription": 0, "setPlaceholderText": 0,
    "setWindowTitle": 0, "setStatusTip": 0, "addAction": 0, "QPushButton": 0, "QCheckBox": 0, "QLabel": 0, "Label": 1,
    "Card": 1, "Chip": 1,
}  # fmt: skip
"""Calls that show a text, and which of their arguments it is."""
NAMES = {"Tandem", "LoRA", "Ctrl+V", "CPU", '{"type": "object", …}'}  # the same in every language


def bare(node: ast.expr | None) -> Iterator[str]:
    """The words of `node` that no translator sees: a literal, or what stands between the values of an f-string."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        if any(c.isalpha() for c in node.value) and node.value not in NAMES:
            yield node.value
    elif isinstance(node, ast.JoinedStr):
        for part in node.values:
            yield from bare(part) if isinstance(part, ast.Constant) else ()
    elif isinstance(node, ast.IfExp):
        yield from (*bare(node.body), *bare(node.orelse))
    elif isinstance(node, ast.BoolOp):
        for value in node.values:
            yield from bare(value)
    elif isinstance(node, ast.BinOp):
        yield from (*bare(node.left), *bare(node.right))


def shown_bare(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, words) of what is shown without `tr`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            place = SETTERS.get(name, len(node.args))
            if place < len(node.args):
                yield from ((node.lineno, words) for words in bare(node.args[place]))


def test_nothing_is_shown_without_a_translator():
    found = {
        f"{path.relative_to(ROOT)}:{line}: {words}"
        for path in sorted(UI.rglob("*.py"))
        for line, words in shown_bare(ast.parse(path.read_text(encoding="utf-8"), str(path)))
    }
    assert found == set()


@pytest.mark.parametrize(
    "code",
    ["b.setText('Go')", "b.setText(x or 'Go')", "b.setToolTip('A' if x else y)", "QPushButton(f'Go to {x}')",
     "Label(theme, 'Words')", "b.setText(x + ' more')"],
)  # fmt: skip
def test_what_is_shown_bare_would_be_found(code):
    assert list(shown_bare(ast.parse(code)))


@pytest.mark.parametrize("code", ["b.setText(tr('Go'))", "b.setText('–')", "b.setObjectName('go')", "QPushButton(x)"])
def test_what_is_translated_or_has_no_words_is_left(code):
    assert not list(shown_bare(ast.parse(code)))
