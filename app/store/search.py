"""Finding words in the history: parts of words too, whatever the case.

A query is words that must all be there, in one message or in one title; words in double quotes belong together.
The index holds groups of three letters, so shorter words are looked for in the texts themselves.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.store import index
from app.store.database import Database, clean
from app.store.records import Hit

_INDEXED = 3  # letters
_BEFORE, _AFTER = 40, 120  # letters of a snippet around what was found
_WORD = re.compile(r'"([^"]+)"|([^\s"]+)')
_NEWEST = " ORDER BY c.updated DESC, c.seq DESC LIMIT :limit"
_TITLES = "SELECT c.id, c.title, c.updated, NULL AS seq FROM conversations AS c WHERE c.deleted IS NULL AND {title}"
# The index knows no message that was put away. The newest message of each conversation stands for it.
_MATCHED = """
SELECT c.id, c.title, c.updated, best.seq FROM (
  SELECT m.conversation_id, max(m.seq) AS seq FROM message_index JOIN messages AS m ON m.seq = message_index.rowid
  WHERE message_index MATCH :match AND {content} GROUP BY m.conversation_id) AS best
JOIN conversations AS c ON c.id = best.conversation_id WHERE c.deleted IS NULL
"""
_SCANNED = """
SELECT c.id, c.title, c.updated, m.seq FROM conversations AS c JOIN messages AS m ON m.seq = (
  SELECT seq FROM messages AS m WHERE m.conversation_id = c.id AND m.status <> 'streaming' AND m.deleted IS NULL
    AND {content} ORDER BY seq DESC LIMIT 1)
WHERE c.deleted IS NULL
"""


@dataclass(frozen=True, slots=True)
class _Found:
    id: str
    title: str
    updated: float
    seq: int | None


class Search(Database):
    def search(self, query: str, limit: int = 50) -> list[Hit]:
        """At most `limit` conversations: those whose title has it first, then the newest. "" finds nothing."""
        words = _words(query)
        if not words:
            return []
        return self.read(lambda c: _hits(c, words, limit, self._mend_index))

    def _mend_index(self) -> None:
        """The writer makes it again, after this search has managed without it."""
        if self._writer is not None:
            self._writer.defer(_Mending())


class _Mending:
    """What the writer is asked for."""

    def write(self, connection: sqlite3.Connection) -> None:
        index.rebuild(connection)

    def committed(self) -> None:
        """Nobody waits for it."""

    def failed(self, error: Exception) -> None:
        """The writer tries again."""


def _words(query: str) -> list[str]:
    found = (quoted or single for quoted, single in _WORD.findall(clean(query).replace("\x00", " ")))
    return list(dict.fromkeys(word.strip() for word in found if word.strip()))


def _hits(connection: sqlite3.Connection, words: list[str], limit: int, mend: Callable[[], None]) -> list[Hit]:
    titles = _find(connection, _TITLES, words, words, limit)
    texts = {each.id: each for each in _in_texts(connection, words, limit, mend)}
    both = [texts.pop(each.id, each) for each in titles]
    found = [*both, *texts.values()][:limit]
    content = _contents(connection, [each.seq for each in found if each.seq is not None])
    return [_hit(each, content.get(each.seq), words) for each in found]


def _in_texts(connection: sqlite3.Connection, words: list[str], limit: int, mend: Callable[[], None]) -> list[_Found]:
    if all(len(word) < _INDEXED for word in words):
        return _find(connection, _SCANNED, words, words, limit)
    try:
        return _find(connection, _MATCHED, words, [word for word in words if len(word) < _INDEXED], limit)
    except sqlite3.DatabaseError as error:
        if not index.broken(error):
            raise
        mend()
        return _find(connection, _SCANNED, words, words, limit)


def _find(
    connection: sqlite3.Connection, query: str, words: Sequence[str], inside: Sequence[str], limit: int
) -> list[_Found]:
    """inside: those words that are looked for in the texts themselves."""
    names = [f"w{number}" for number in range(len(inside))]
    titles = [f"instr(fold(c.title), :{name})" for name in names]
    contents = [_inside(word, name) for word, name in zip(inside, names, strict=True)]
    values = {name: word.casefold() for name, word in zip(names, inside, strict=True)}
    match = " AND ".join(f'"{word}"' for word in words if len(word) >= _INDEXED)
    sql = query.format(title=" AND ".join(titles) or "1", content=" AND ".join(contents) or "1") + _NEWEST
    rows = connection.execute(sql, {**values, "match": match, "limit": limit})
    return [_Found(**dict(row)) for row in rows]


def _inside(word: str, name: str) -> str:
    """Five times as fast for plain letters: LIKE knows their two cases by itself."""
    if word.isascii() and word.isalnum():
        return f"m.content LIKE '%' || :{name} || '%'"
    return f"instr(fold(m.content), :{name})"


def _contents(connection: sqlite3.Connection, numbers: list[int]) -> dict[int | None, tuple[str, str]]:
    """(id, text) of the messages with these numbers."""
    places = ", ".join("?" * len(numbers))
    rows = connection.execute(f"SELECT seq, id, content FROM messages WHERE seq IN ({places})", numbers)  # noqa: S608
    return {row["seq"]: (row["id"], row["content"]) for row in rows}


def _hit(found: _Found, message: tuple[str, str] | None, words: list[str]) -> Hit:
    message_id, text = message or (None, found.title)
    return Hit(
        conversation_id=found.id, message_id=message_id, title=found.title, snippet=snippet(text, words),
        updated=found.updated,
    )  # fmt: skip


def snippet(text: str, words: Sequence[str]) -> str:
    """One line around the first of `words` in `text`, each word found between \\x02 and \\x03; "…" where it was cut."""
    text = text.replace("\x02", " ").replace("\x03", " ")
    pattern = re.compile("|".join(map(re.escape, sorted(words, key=len, reverse=True))), re.IGNORECASE)
    first = pattern.search(text)
    at = first.start() if first else 0
    start, end = _word_start(text, max(0, at - _BEFORE), at), min(len(text), at + _AFTER)
    marked = " ".join(pattern.sub("\x02\\g<0>\x03", text[start:end]).split())
    return f"{'… ' if start else ''}{marked}{' …' if end < len(text) else ''}"


def _word_start(text: str, start: int, at: int) -> int:
    """Where the first whole word after `start` begins, if that is before `at`."""
    gap = re.search(r"\s", text[start:at]) if start else None
    return start + gap.end() if gap else start
