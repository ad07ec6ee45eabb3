"""Cutting an answer into pieces draws what drawing it whole would draw, at any size of the chunks."""

from __future__ import annotations

import random

import pytest
from PySide6.QtGui import QTextCursor, QTextDocument, QTextFormat
from PySide6.QtWidgets import QApplication

from app.ui.theme import Theme
from app.ui.widgets.markdown import HARD_CHARS, Cutter, Piece, PieceKind, cut, definitions
from app.ui.widgets.rendering import FEATURES, render

BLOCKS = (
    "# Head", "## Two **b**", "Setext\n======", "one\nstill one", "para *it* `code` [l](http://x)", "- a\n- b\n- c",
    "- a\n\n- b\n\n  more", "1. x\n2. y", "1. x\n   - n\n   - m\n2. z", "> quote\n> more", "> q\n\n> q2",
    "```python\nx = 1\n\ny = 2\n```", "~~~\nraw ``` in\n~~~", "````\n```\ninner\n```\n````", "| a | b |\n|---|---|\n| 1 | 2 |",
    "a | b\n--|--\n1 | 2", "---", "***", "    indented\n\n    code", "- item\n\n  ```js\n  f()\n\n  g()\n  ```\n- next",
    "- [ ] todo\n- [x] done", "hard  \nbreak", "<b>html</b>", "text\n```sh\nls\n```\nafter", "* star\n+ plus", "10) ten\n11) el",
    "```\nunclosed",
)  # fmt: skip

Line = tuple[object, ...]


def _lines(document: QTextDocument) -> list[Line]:
    """What is drawn of each block: text, heading, list, indent, code, quote, table, rule."""
    found: list[Line] = []
    block = document.begin()
    while block.isValid():
        shape, items = block.blockFormat(), block.textList()
        listed = (items.format().style().value, items.format().indent()) if items else None
        rule = shape.hasProperty(QTextFormat.Property.BlockTrailingHorizontalRulerWidth)
        code = shape.hasProperty(QTextFormat.Property.BlockCodeFence)
        quote = shape.intProperty(QTextFormat.Property.BlockQuoteLevel)
        table = QTextCursor(block).currentTable() is not None
        if block.text() or rule:
            found.append((block.text(), shape.headingLevel(), listed, shape.indent(), code, quote, table, rule))
        block = block.next()
    return found


def _drawn(text: str) -> list[Line]:
    document = QTextDocument()
    document.setMarkdown("\n" + text, FEATURES)
    return _lines(document)


def _drawn_in_pieces(pieces: list[Piece]) -> list[Line]:
    found: list[Line] = []
    for piece in pieces:
        if piece.kind is PieceKind.PROSE:
            found += _drawn(piece.text)
        else:
            found += [(line, 0, None, 0, True, 0, False, False) for line in piece.text.split("\n") if line]
    return found


@pytest.mark.parametrize("seed", range(4))
def test_pieces_draw_the_same_as_the_whole(qapp: QApplication, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(200):
        text = "\n\n".join(chance.choice(BLOCKS) for _ in range(chance.randint(2, 9)))
        cutter, size = Cutter(chance.choice([0, 0, 20, 60])), chance.choice([1, 3, 7, 20])
        for start in range(0, len(text), size):
            cutter.feed(text[start : start + size])
        cutter.finish()
        assert _drawn_in_pieces(cutter.pieces) == _drawn(text), text


def test_prose_is_cut_only_where_nothing_can_reach_back() -> None:
    pieces = cut("one\n\ntwo\n\n- a\n\n  a2\n- b\n\nthree", piece_chars=0)
    assert [p.text.strip() for p in pieces] == ["one", "two\n\n- a\n\n  a2", "- b", "three"]


def test_a_long_list_goes_on_in_the_next_piece_with_its_number() -> None:
    pieces = cut("".join(f"1. item\n   - inner {n}\n" for n in range(6)), piece_chars=40)
    assert [(p.start, p.in_list) for p in pieces] == [(0, False), (3, True), (5, True)]
    assert cut("text\n2. no list\n2. still none", piece_chars=0) == cut("text\n2. no list\n2. still none")


@pytest.mark.parametrize("text", ["1. a\n2. b\n\n10. c\n3. d", "7) a\n7) b\n7) c", "- a\n- b\n\n1. c\n1. d\n1. e"])
def test_numbers_are_those_of_the_whole_list(qapp: QApplication, theme: Theme, text: str) -> None:
    drawn = []
    for piece in cut(text, piece_chars=0):
        document = QTextDocument()
        render(document, piece.text, theme, piece.start)
        drawn += _numbers(document)
    whole = QTextDocument()
    render(whole, text, theme)
    assert drawn == _numbers(whole)


def _numbers(document: QTextDocument) -> list[str]:
    blocks = [document.findBlockByNumber(n) for n in range(document.blockCount())]
    return [items.itemText(block) for block in blocks if (items := block.textList()) is not None]


def test_a_fence_is_a_piece_with_its_language() -> None:
    before, code, after = cut("see\n```python title=x\nif a:\n\n    b\n```\nend")
    assert (before.kind, code.kind, after.kind) == (PieceKind.PROSE, PieceKind.CODE, PieceKind.PROSE)
    assert (code.language, code.text) == ("python", "if a:\n\n    b\n")
    assert after.text == "end\n"


def test_a_line_that_may_become_a_fence_is_held_back() -> None:
    cutter = Cutter()
    cutter.feed("words\n``")
    assert cutter.tail() == "words\n"
    cutter.feed("x`` more")
    assert cutter.tail() == "words\n``x`` more"


def test_code_within_a_line_opens_no_fence() -> None:
    assert [p.kind for p in cut("```like this``` it is\n\nmore")] == [PieceKind.PROSE]


def test_a_runaway_paragraph_is_cut_and_loses_nothing() -> None:
    text = "word " * 20_000
    cutter = Cutter()
    for start in range(0, len(text), 997):
        cutter.feed(text[start : start + 997])
        assert len(cutter.tail()) <= HARD_CHARS + 997
    cutter.finish()
    assert "".join(p.text for p in cutter.pieces).rstrip("\n") == text.rstrip("\n")
    assert all(p.closed for p in cutter.pieces)


def test_what_was_added_since_is_found_without_joining() -> None:
    piece = Piece(PieceKind.CODE)
    for part in ("ab", "cde", "f"):
        piece.add(part)
    assert [piece.since(n) for n in range(7)] == ["abcdef", "bcdef", "cdef", "def", "ef", "f", ""]


def test_definitions_are_found() -> None:
    assert definitions("see [a]\n\n[a]: http://x 'T'\ntext [b]: no") == "[a]: http://x"
