"""Small files are written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.library.checksum import write_atomic


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_bytes(b"old and longer")
    write_atomic(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    there = tmp_path / "a folder"
    there.mkdir()
    with pytest.raises(OSError, match="a folder"):
        write_atomic(there, b"new")
    assert list(tmp_path.iterdir()) == [there]
