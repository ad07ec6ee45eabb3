"""Removing moves to the trash, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.errors import TandemError
from app.library import Library, Variant
from app.library.trash import Trash, system_trash
from app.paths import Paths
from tests.app.library import builders as b
from tests.app.library.test_library import made


def own(home: Path, trash: Trash, tmp_path: Path) -> tuple[Library, Variant]:
    """A library with one variant that was made here, of a file outside."""
    path = tmp_path / "own" / "Tiny-Chat.F32.gguf"
    path.parent.mkdir()
    path.write_bytes(b.gguf())
    library = Library(Paths(home), trash=trash)
    (original,) = library.add(path)
    return library, made(library, original)


def test_without_a_systems_trash_it_lies_in_our_own(home: Path, tmp_path: Path) -> None:
    library, variant = own(home, Trash(home / "trash", lambda: None), tmp_path)
    data = Path(variant.path).read_bytes()
    removed = library.remove(variant.ref)
    (kept,) = (home / "trash").iterdir()
    assert kept.name.endswith("-tiny-chat-q8_0")
    assert [p.read_bytes() for p in kept.rglob("*.gguf")] == [data]
    assert (removed.removed, removed.freed_bytes) == ((variant.path,), variant.bytes)
    assert removed.notes == (f"tiny-chat:q8_0 is in {kept}.",)
    assert not list((home / "models").rglob(".*"))
    assert (library.trash.bytes() > len(data), library.trash.empty() > len(data), library.trash.bytes()) == (
        True,
        True,
        0,
    )


def test_a_systems_trash_gets_it_by_a_name_that_says_what_it_is(home: Path, tmp_path: Path) -> None:
    def move(path: Path) -> None:
        path.rename(tmp_path / "system" / path.name)

    (tmp_path / "system").mkdir()
    library, variant = own(home, Trash(home / "trash", lambda: move), tmp_path)
    assert library.remove(variant.ref).notes == ("tiny-chat:q8_0 is in the trash.",)
    assert [p.name for p in (tmp_path / "system").iterdir()] == ["tiny-chat q8_0"]
    assert not (home / "trash").exists()


def test_a_systems_trash_that_fails_is_as_good_as_none(home: Path, tmp_path: Path) -> None:
    def fail(path: Path) -> None:
        raise OSError(18, "Invalid cross-device link")

    library, variant = own(home, Trash(home / "trash", lambda: fail), tmp_path)
    assert "trash/" in library.remove(variant.ref).notes[0]


def test_a_move_that_fails_leaves_the_model_whole(home: Path, tmp_path: Path) -> None:
    library, variant = own(home, Trash(home / "trash", lambda: None), tmp_path)
    (home / "trash").write_text("a file where the folder should be")
    with pytest.raises(TandemError) as caught:
        library.remove(variant.ref)
    assert caught.value.code == "not_removed"
    assert variant in library.variants()
    assert Path(library.files(variant).path).is_file()
    library.sweep()
    assert variant in library.variants()


def test_a_persons_own_file_is_only_forgotten(home: Path, tmp_path: Path) -> None:
    library, _ = own(home, Trash(home / "trash", lambda: None), tmp_path)
    library.remove("tiny-chat")
    assert (tmp_path / "own" / "Tiny-Chat.F32.gguf").is_file()
    assert len(list((home / "trash").iterdir())) == 1, "the copy that was made here"
    assert library.variants() == []


def test_a_trash_that_nobody_would_look_into_is_none(tmp_path: Path) -> None:
    assert system_trash({}, tmp_path, "linux") is None
    assert system_trash({"XDG_CURRENT_DESKTOP": "GNOME"}, tmp_path, "linux") is not None
    (tmp_path / ".local" / "share" / "Trash").mkdir(parents=True)
    assert system_trash({}, tmp_path, "linux") is not None
