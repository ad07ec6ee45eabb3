"""A verified folder becomes a variant by renames; a refusal moves nothing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from app.errors import TandemError
from app.library import Library, Origin, Variant
from app.library.hub import grouping
from app.paths import Paths
from tests.app.library import builders, layouts
from tests.app.library.hub.setting import opened
from tests.hub_server import HubServer, Repo

HUB = Origin("hub", repo="org/m", revision="0" * 40)


def fetched(tmp: Path, tiny: Path, name: str = "tiny-Q8_0.gguf") -> Path:
    folder = tmp / "fetched"
    folder.mkdir()
    shutil.copy(tiny, folder / name)
    return folder


def test_a_file(home: Path, tmp_path: Path, tiny_gguf: Path) -> None:
    folder, library = fetched(tmp_path, tiny_gguf), Library(Paths(home))
    (made,) = library.take_in(folder, folder / "tiny-Q8_0.gguf", "Tiny", HUB, {}, "mit")
    assert (made.id, made.origin, made.licence) == ("tiny", HUB, "mit")
    assert made.files[0].sha256 == builders.digest(tiny_gguf.read_bytes())
    assert not folder.exists()
    assert not made.problem
    assert library.files(made).path == made.path
    (again,) = Library(Paths(home)).variants()
    assert again == made


def test_the_given_sums_are_kept_and_the_missing_made(home: Path, tmp_path: Path) -> None:
    folder = builders.model_folder(tmp_path / "fetched")
    (made,) = Library(Paths(home)).take_in(folder, folder, "My Model", HUB, {"config.json": "a" * 64}, "mit")
    sums = {Path(f.path).name: f.sha256 for f in made.files}
    assert sums["config.json"] == "a" * 64
    assert sums["model.safetensors"] == builders.digest(Path(made.path, "model.safetensors").read_bytes())
    assert (made.id, made.title, made.licence, made.format) == ("my-model", "My Model", "mit", "safetensors")


def test_a_twin_is_given_back_and_a_namesake_gets_a_number(home: Path, tmp_path: Path, tiny_gguf: Path) -> None:
    library = Library(Paths(home))
    folder = fetched(tmp_path, tiny_gguf)
    first = library.take_in(folder, folder / "tiny-Q8_0.gguf", "Tiny", HUB, {})
    folder = fetched(tmp_path, tiny_gguf)
    assert library.take_in(folder, folder / "tiny-Q8_0.gguf", "Tiny", HUB, {}) == first
    assert not folder.exists()
    folder = fetched(tmp_path, tiny_gguf)
    other = library.take_in(folder, folder / "tiny-Q8_0.gguf", "Tiny", HUB, {"tiny-Q8_0.gguf": "b" * 64})
    assert (first[0].id, other[0].id) == ("tiny", "tiny-2")


def test_a_refusal_moves_nothing(home: Path, tmp_path: Path) -> None:
    folder = builders.model_folder(tmp_path / "fetched", auto_map={"AutoModel": "x.Y"})
    before = sorted(os.listdir(folder))
    library = Library(Paths(home))
    with pytest.raises(TandemError) as found:
        library.take_in(folder, folder, "Evil", HUB, {})
    assert found.value.code == "refused_code"
    assert sorted(os.listdir(folder)) == before
    assert not list((home / "models").glob("*/*")) if (home / "models").exists() else True


def test_a_publish_that_fails_puts_it_back(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, library = builders.model_folder(tmp_path / "fetched"), Library(Paths(home))

    def fails(*_: object) -> Variant:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("app.library.entries.Entries.publish", fails)
    with pytest.raises(TandemError) as found:
        library.take_in(folder, folder, "M", HUB, {})
    assert found.value.code == "disk"
    assert (folder / "model.safetensors").is_file()
    assert library.variants() == []
    assert not list((home / "models").glob("*/.*"))


KINDS = ["ctranslate2", "piper", "diffusers", "checkpoint"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_of_the_hub_ends_in_the_library(
    kind: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Download, inspection and entry agree about what the offer is."""
    monkeypatch.setattr(grouping, "CHECKPOINT_BYTES", 1)
    pipeline, tags = "text-generation", ("ctranslate2",) if kind == "ctranslate2" else ()
    files: dict[str, bytes] = {}
    if kind == "ctranslate2":
        files, pipeline = layouts.whisper_files(), "automatic-speech-recognition"
    elif kind == "piper":
        layouts.voice(tmp_path / "v" / "en" / "joe")
    elif kind == "diffusers":
        layouts.pipeline(tmp_path / "v")
    else:
        files, pipeline = {"xl.safetensors": layouts.weights(layouts.SDXL)}, "text-to-image"
    for path in (tmp_path / "v").rglob("*"):
        if path.is_file():
            files[path.relative_to(tmp_path / "v").as_posix()] = path.read_bytes()
    with (
        HubServer({"org/m": Repo(files, pipeline=pipeline, tags=tags)}) as server,
        opened(home, server) as (library, hub, downloads),
    ):
        (offer,) = hub.offers("org/m").offers
        done = downloads.wait(downloads.start(offer), 60)
        assert done.state == "done", done
        made = library.get(done.ref)
    assert (offer.format, made.format, made.origin.repo) == (kind, kind, "org/m")
    assert not made.problem
    assert Path(made.path).exists()
    assert all(Path(f.path).is_relative_to(home / "models") for f in made.files)
