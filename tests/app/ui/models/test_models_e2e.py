"""The Models page's state over the real library: built copies of other programs' folders, real headers, a real trash."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app import compose
from app.paths import Paths
from app.ui.bridge import Bridge
from app.ui.state.models import ModelsState
from app.ui.state.models_details import totals
from engines.chat.llama_tiny import write_tiny_gguf

Until = Callable[[Callable[[], bool]], None]
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 98362432\n"


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with LM Studio's folder: two models, and a pointer in place of a third."""
    home = tmp_path / "person"
    for name in ("one", "two"):
        folder = home / ".lmstudio" / "models" / "someone" / name
        folder.mkdir(parents=True)
        write_tiny_gguf(folder / f"{name}-F16.gguf", seed=len(name) + ord(name[0]))
    broken = home / ".lmstudio" / "models" / "someone" / "three"
    broken.mkdir()
    (broken / "three-Q4_K_M.gguf").write_bytes(POINTER)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(home))
    for name in ("HF_HOME", "HF_HUB_CACHE", "XDG_CACHE_HOME", "XDG_DATA_HOME", "OLLAMA_MODELS", "XDG_CURRENT_DESKTOP"):
        monkeypatch.delenv(name, raising=False)
    return home


@pytest.fixture
def state(qapp: object, home: Path, person: Path) -> Iterator[ModelsState]:
    with compose.services(Paths(home)) as services:
        bridge = Bridge()
        made = ModelsState(services, bridge)
        yield made
        made.close()
        bridge.close()


def test_the_first_look_finds_other_programs_models_and_says_what_is_broken(state: ModelsState, until: Until) -> None:
    said: list[str] = []
    state.found.connect(said.append)
    state.first_look()
    until(lambda: state.disk is not None and state.is_read)
    assert len(said) == 1
    assert said[0].startswith("Found ")
    assert said[0].endswith("in 1 place")
    assert any(line.title == "LM Studio" and line.present for line in state.places)
    assert {row.where for row in state.rows} == {"LM Studio"}
    assert [found.name for found in state.unusable] == ["three-Q4_K_M.gguf"]
    assert state.unusable[0].reason
    assert state.unusable[0].hint
    row = state.rows[0]
    assert "llama.cpp" in [line.title for line in state.seen[row.ref].loads]
    assert state.seen[row.ref].verdict == "fits"
    others = [line for line in state.seen[row.ref].engines if not line.ok]
    assert others
    assert all(line.why for line in others)


def test_details_come_from_the_files_header(state: ModelsState, until: Until) -> None:
    state.first_look()
    until(lambda: bool(state.rows) and bool(state.seen))
    state.select(state.rows[0].ref)
    until(lambda: state.shown is not None)
    shown = state.shown
    assert shown is not None
    assert shown.details is not None, shown.trouble
    assert dict(shown.details.metadata)["general.architecture"] == "llama"
    assert sum(size for _, _, size in totals(shown.details.tensors)) > 0
    assert shown.details.kv_bytes_per_token
    llama = next(line for line in shown.assessment.engines if line.engine == "llama-cpp")
    assert llama.largest_n_ctx
    assert any(made.spec.id == "llama-cpp" for made in shown.offers)


def test_a_named_folder_is_looked_in_and_goes_again(state: ModelsState, until: Until, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    write_tiny_gguf(folder / "mine-F16.gguf", seed=7)
    state.doing.add([str(folder)])
    until(lambda: any(row.where == "mine" for row in state.rows))
    line = next(line for line in state.places if line.title == "mine")
    assert line.named
    state.doing.remove_folder(line.place, line.title)
    until(lambda: not any(row.where == "mine" for row in state.rows))
    assert (folder / "mine-F16.gguf").is_file()


def test_an_added_file_is_forgotten_and_stays(state: ModelsState, until: Until, tmp_path: Path) -> None:
    file = tmp_path / "added-F16.gguf"
    write_tiny_gguf(file, seed=8)
    state.doing.add([str(file)])
    until(lambda: any(row.place == "added" for row in state.rows))
    state.select(next(row.ref for row in state.rows if row.place == "added"))
    removal = state.removal()
    assert removal is not None
    assert removal.verb == "Forget"
    state.remove()
    until(lambda: state.is_read and not state.doing.busy and not any(row.place == "added" for row in state.rows))
    assert file.is_file()
    assert state.said.endswith("is forgotten; your files stay.")


def test_a_copy_is_made_and_goes_to_the_trash(state: ModelsState, home: Path, until: Until, qtbot: object) -> None:
    state.first_look()
    until(lambda: bool(state.rows) and bool(state.seen))
    source = state.rows[0]
    state.select(source.ref)
    until(lambda: state.shown is not None)
    assert state.shown is not None
    made = next(m for m in state.shown.offers if m.spec.id == "llama-cpp" and m.offer.plan.precision == "q8_0")
    told: list[bool] = []
    state.library_changed.connect(lambda: told.append(True))
    state.make(made)
    assert state.doing.busy
    assert state.doing.kind == "make"
    qtbot.waitUntil(lambda: not state.doing.busy, timeout=60_000)  # type: ignore[attr-defined]
    assert state.problem is None, state.problem
    until(lambda: any(row.place == "tandem" for row in state.rows))
    copy = next(row for row in state.rows if row.place == "tandem")
    assert (copy.variant.id, copy.variant.variant) == (source.variant.id, "q8_0")
    path = Path(copy.variant.files[0].path)
    assert path.is_file()
    assert Path(source.variant.files[0].path).is_file()
    state.select(copy.ref)
    removal = state.removal()
    assert removal is not None
    assert removal.verb == "Move to the trash"
    state.remove()
    until(lambda: not state.doing.busy and not any(row.place == "tandem" for row in state.rows))
    assert not path.exists()
    assert [found.name for found in home.rglob("*.gguf")] == [path.name]  # it lies in Tandem's trash
    assert len(told) == 2
