"""Found models beside everything else: drives that go during a scan, other programs, names of strangers, models of our own."""

from __future__ import annotations

import errno
import json
import os
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from app.errors import TandemError
from app.library import Library
from app.library.inspection import inspect
from app.library.seen import see
from app.library.trash import Trash
from app.library.variant import Origin
from app.paths import Paths
from tests.app.library import builders as b
from tests.app.library import layouts as l
from tests.app.library.test_scan import Open, opened, root

__all__ = ["opened", "root"]  # fixtures


HALF = [("token_embd.weight", [32, 261], 1, 32 * 261 * 2), ("output_norm.weight", [32], 0, 128)]


def once(what: Callable[[], object], after: int = 0) -> Callable[[str, int, int], None]:
    """Progress that does something in the middle of a scan, one time."""
    left = [what]

    def progress(step: str, done: int, total: int) -> None:
        if left and done > after:
            left.pop()()

    return progress


def fetched(library: Library, home: Path, name: str, data: bytes) -> str:
    """A download's end: its folder goes into the library; the reference there."""
    folder = home / "downloads" / "one"
    l.put(folder / f"{name}.gguf", data)
    return library.take_in(folder, folder / f"{name}.gguf", name, Origin("hub"), {})[0].ref


def test_a_drive_that_goes_during_a_scan(opened: Open, root: Path, tmp_path: Path) -> None:
    l.put(root / "a" / "one.gguf", l.named("one"))
    l.put(root / "b" / "two.gguf", l.named("two"))
    library = opened(("lm-studio", root))
    library.scan()
    away = tmp_path / "away"
    scan = library.scan(once(lambda: root.rename(away)))
    assert [s.present for s in scan.places] == [False]
    assert [v.ref for v in library.variants()] == ["one:f32", "two:f32"]
    assert all("not there now" in v.problem for v in library.variants())
    away.rename(root)
    library.scan()
    assert [(v.ref, v.problem) for v in library.variants()] == [("one:f32", ""), ("two:f32", "")]


def test_a_place_that_is_taken_off_during_a_scan_stays_off(home: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        l.put(tmp_path / name / f"{name}.gguf", l.named(name))
    here, other = Library(Paths(home), usual=list), Library(Paths(home), usual=list)
    first = here.add_place(tmp_path / "one")
    here.add_place(tmp_path / "two")
    here.scan()
    scan = here.scan(once(lambda: other.remove_place(first.id)))
    assert [s.place.title for s in scan.places] == ["two"]
    assert [v.ref for v in other.variants()] == [v.ref for v in here.variants()] == ["two:f32"]


def test_another_model_by_an_old_path_gets_a_name_of_its_own(opened: Open, root: Path) -> None:
    file = l.put(root / "tiny.gguf", l.named("A"))
    library = opened(("lm-studio", root))
    library.scan()
    assert [v.ref for v in library.variants()] == ["tiny:f32"]
    file.unlink()
    l.put(file, b.gguf(b.settings(file_type=b.number("general.file_type", 1)), HALF))
    library.scan()
    assert [v.ref for v in library.variants()] == ["tiny:f16"]


def test_what_is_fetched_does_not_hide_what_was_found(opened: Open, root: Path, home: Path) -> None:
    l.put(root / "some.gguf", l.named("found"))
    library = opened(("lm-studio", root))
    library.scan()
    assert fetched(library, home, "some", l.named("fetched")) == "some-2:f32"
    assert [(v.ref, v.origin.kind) for v in library.variants()] == [("some:f32", "place"), ("some-2:f32", "hub")]


def test_a_found_file_that_is_added_by_another_way_is_one_model(opened: Open, root: Path, tmp_path: Path) -> None:
    l.put(root / "one.gguf", l.named("one"))
    linked = tmp_path / "linked"
    linked.symlink_to(root)
    library = opened(("lm-studio", linked))
    library.scan()
    library.add(linked / "one.gguf")
    assert [(v.ref, v.origin.kind == "place") for v in library.variants()] == [("one:f32", False)]


def test_a_file_of_the_hub_cache_keeps_its_name(opened: Open, root: Path) -> None:
    snapshot = l.hub(root, "org/X-GGUF", {"X-Q8_0.gguf": l.named("x")})
    (added,) = opened().add(snapshot / "X-Q8_0.gguf")
    assert (added.id, added.path) == ("x", str(snapshot / "X-Q8_0.gguf"))


@pytest.mark.parametrize("folder", ["models", "downloads", "trash"])
def test_a_folder_inside_our_own_is_not_looked_at(home: Path, folder: str) -> None:
    library = Library(Paths(home), usual=list)
    l.put(home / folder / "x" / "y.gguf", l.named("y"))
    library.add_place(home / folder)
    assert library.scan().found == ()


def test_a_strangers_title_is_one_line(opened: Open, root: Path, home: Path) -> None:
    evil = b.gguf(b.settings(name=b.string("general.name", "\x1b[2JTitle\nline\u202e")))
    l.put(root / "stranger.gguf", evil)
    library = opened(("lm-studio", root))
    library.scan()
    ref = fetched(library, home, "other", evil + b"")
    assert {library.get("stranger").title, library.get(ref).title} == {"[2JTitle line"}


def test_a_checkpoint_beside_a_config_can_be_used(opened: Open, root: Path) -> None:
    l.put(root / "wan.safetensors", l.weights(l.SDXL))
    l.put(root / "config.json", json.dumps({"_class_name": "UNet2DConditionModel"}))
    library = opened(("comfyui", root))
    library.scan()
    (variant,) = library.variants()
    assert variant.format == "checkpoint"
    assert library.files(variant).path == str(root / "wan.safetensors")


def test_a_file_is_no_place(home: Path, tmp_path: Path) -> None:
    with pytest.raises(TandemError) as caught:
        Library(Paths(home), usual=list).add_place(l.put(tmp_path / "a b.gguf", l.named("x")))
    assert caught.value.code == "no_such_folder"
    assert f"tandem models add '{tmp_path}/a b.gguf'" in caught.value.hint


@pytest.mark.parametrize("list_name", ["found.json", "cache/scan.json", "servers.json", "places.json"])
def test_lists_that_are_bombs_are_made_anew(opened: Open, root: Path, home: Path, list_name: str) -> None:
    l.put(root / "one.gguf", l.named("one"))
    l.put(home / list_name, "[" * 200_000)
    library = opened(("lm-studio", root))
    library.scan()
    assert [v.ref for v in library.variants()] == ["one:f32"]


def other_disk(old: Path, new: Path, rename: Callable[[Path, Path], Path] = Path.rename) -> Path:
    """As `Path.rename` where the library is a link to another disk than Tandem's home."""
    if "trash" in Path(new).parts:
        raise OSError(errno.EXDEV, "Invalid cross-device link")
    return rename(old, new)


def test_the_trash_takes_from_another_disk(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library(Paths(home), usual=list, trash=Trash(home / "trash", lambda: None))
    ref = fetched(library, home, "one", l.named("one"))
    monkeypatch.setattr(Path, "rename", other_disk)
    assert "trash" in library.remove(ref).notes[0]
    assert library.variants() == []
    assert [p.read_bytes() for p in (home / "trash").rglob("*.gguf")] == [l.named("one")]


def test_a_full_trash_leaves_the_model_where_it_is(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library(Paths(home), usual=list, trash=Trash(home / "trash", lambda: None))
    ref = fetched(library, home, "one", l.named("one"))
    monkeypatch.setattr(Path, "rename", other_disk)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("shutil.copytree", full)
    with pytest.raises(TandemError) as caught:
        library.remove(ref)
    assert caught.value.code == "not_removed"
    assert [(v.ref, v.problem) for v in library.variants()] == [(ref, "")]
    assert list((home / "trash").iterdir()) == []


def test_a_link_that_goes_while_it_is_looked_at(root: Path) -> None:
    link = root / "link"
    link.symlink_to(l.put(root / "blob", b"x"))
    seen = see(str(link))
    assert seen is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.path.realpath", gone)
        assert (seen.real, seen.sha256) == (str(link), "")


def gone(*_: object, **__: object) -> str:
    raise FileNotFoundError(errno.ENOENT, "No such file or directory")


def test_a_model_that_goes_during_a_sweep(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process removes the last variant of a model between two looks."""
    library = Library(Paths(home), usual=list, trash=Trash(home / "trash", lambda: None))
    fetched(library, home, "one", l.named("one"))
    real = os.scandir
    empty = home / "models" / "empty"
    empty.mkdir()

    def scandir(path: Any = ".") -> Any:
        if Path(path) == empty:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    library.sweep()
    assert fetched(library, home, "two", l.named("two")) == "two:f32"


def test_a_models_folder_that_goes_before_its_variant_is_made(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process removes the empty folder of a model just when this one has made it."""
    library = Library(Paths(home), usual=list, trash=Trash(home / "trash", lambda: None))
    real, left = os.mkdir, [True]

    def mkdir(path: Any, *rest: Any, **more: Any) -> None:
        real(path, *rest, **more)
        if left and Path(path) == home / "models" / "one":
            left.pop()
            os.rmdir(path)

    monkeypatch.setattr(os, "mkdir", mkdir)
    assert fetched(library, home, "one", l.named("one")) == "one:f32"
    assert not left


def test_two_downloads_that_end_at_once_under_one_name_are_two_models(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = Library(Paths(home), usual=list)
    both, move = threading.Barrier(2, timeout=20), shutil.move

    def meet(*way: Any) -> object:
        both.wait()
        return move(*way)

    monkeypatch.setattr("app.library.taking_in.shutil.move", meet)

    def take(word: str) -> str:
        folder = home / "downloads" / word
        l.put(folder / "some.gguf", l.named(word))
        return library.take_in(folder, folder / "some.gguf", "some", Origin("hub"), {})[0].ref

    with ThreadPoolExecutor(2) as pool:
        refs = sorted(pool.map(take, ("A", "B")))
    assert refs == ["some-2:f32", "some:f32"]
    assert len({library.get(ref).files[0].sha256 for ref in refs}) == 2


@pytest.mark.parametrize("part", [[{"a": 1}, "X"], [["diffusers"], "X"], [None, "X"]])
def test_a_pipeline_that_names_a_library_by_nonsense(root: Path, part: list[Any]) -> None:
    with pytest.raises(TandemError) as caught:
        inspect(l.pipeline(root / "pipe", unet=part))
    assert caught.value.code == "refused_code"


def test_a_link_to_all_the_disk_is_not_followed(opened: Open, root: Path) -> None:
    l.put(root / "place" / "one.gguf", l.named("one"))
    l.put(root / "two.gguf", l.named("two"))
    for name, target in {"disk": Path("/"), "above": root, "system": Path("/proc")}.items():
        (root / "place" / name).symlink_to(target)
    library = opened(("lm-studio", root / "place"))
    library.scan()
    assert [v.ref for v in library.variants()] == ["one:f32"]


@pytest.mark.parametrize("path", ["~nobody-of-this-name/models", "~nobody-of-this-name"])
def test_the_home_of_nobody_is_no_folder(home: Path, path: str) -> None:
    library = Library(Paths(home), usual=list)
    with pytest.raises(TandemError) as caught:
        library.add_place(Path(path))
    with pytest.raises(TandemError) as added:
        library.add(Path(path))
    assert (caught.value.code, added.value.code) == ("no_such_folder", "refused_missing")
