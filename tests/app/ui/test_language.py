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
