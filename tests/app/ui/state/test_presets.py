"""Presets are kept in a shape that earlier versions read, carried in files, and applied as far as an engine goes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.errors import TandemError
from app.ui.state import presets
from app.ui.state.kept import Kept
from app.ui.state.knob_book import KnobBook
from app.ui.state.presets import STARTING, Preset, Shelf
from engines.knobs import Scope
from tests.fakes import OTHER, SPEC, FakeServices

LONG = Preset(name="Long", run={"temperature": 0.2, "stop": ["a", "b"]})
MINE = Preset(name="Mine", model="smollm2-135m", engine="fake", run={"temperature": 0.3}, load={"n_ctx": 8192})


@pytest.fixture
def shelf(services: FakeServices) -> Shelf:
    return Shelf(Kept(services.store))


def test_presets_of_earlier_versions_are_read_and_plain_ones_written_like_them(shelf, services):
    services.store.set("presets", {"Old": {"temperature": 0.1}})
    assert shelf.own() == [Preset(name="Old", run={"temperature": 0.1})]
    shelf.keep(LONG)
    shelf.keep(MINE)
    assert services.store.get("presets", {}) == {
        "Old": {"temperature": 0.1},
        "Long": {"temperature": 0.2, "stop": ["a", "b"]},
        "Mine": {"model": "smollm2-135m", "engine": "fake", "run": {"temperature": 0.3}, "load": {"n_ctx": 8192}},
    }
    assert shelf.own()[1:] == [LONG, MINE]


def test_what_is_stored_wrongly_is_left_out(shelf, services):
    services.store.set("presets", {"": {"a": 1}, "Odd": {"a": {"b": 1}, "temperature": 0.4}, "No": 3})
    assert shelf.own() == [Preset(name="Odd", run={"temperature": 0.4})]


def test_a_model_sees_its_own_and_those_for_all(shelf):
    shelf.keep(LONG)
    shelf.keep(MINE)
    assert [p.name for p in shelf.for_model("smollm2-135m")] == [*(p.name for p in STARTING), "Long", "Mine"]
    assert "Mine" not in [p.name for p in shelf.for_model("another")]


def test_a_forgotten_preset_comes_back_to_its_place_with_later_changes_kept(shelf):
    for name in ("A", "B", "C"):
        shelf.keep(Preset(name=name, run={"temperature": 0.5}))
    undo = shelf.drop("B")
    assert [p.name for p in shelf.own()] == ["A", "C"]
    shelf.keep(Preset(name="C", run={"temperature": 0.9}))
    shelf.keep(Preset(name="D"))
    undo()
    assert [(p.name, p.run.get("temperature")) for p in shelf.own()] == [
        ("A", 0.5),
        ("B", 0.5),
        ("C", 0.9),
        ("D", None),
    ]


def test_renaming_keeps_the_place_and_refuses_a_taken_name(shelf):
    shelf.keep(LONG)
    shelf.keep(MINE)
    shelf.rename("Long", "  Very   long ")
    assert [p.name for p in shelf.own()] == ["Very long", "Mine"]
    for bad in ("Mine", "   "):
        with pytest.raises(TandemError) as told:
            shelf.rename("Very long", bad)
        assert told.value.code == "bad_preset"


def test_values_that_an_engine_lacks_are_named_unless_they_were_defaults():
    preset = Preset(
        name="p", engine="fake", run={"temperature": 0.2}, load={"n_ctx": 8192, "flash_attn": True, "n_threads": 4}
    )
    values, skipped = presets.fits(preset, OTHER, [SPEC, OTHER])
    assert values == {"temperature": 0.2, "n_ctx": 8192}
    assert skipped == ["Threads"]  # flash attention was at its default
    assert presets.fits(preset, SPEC, [SPEC, OTHER]) == ({**preset.run, **preset.load}, [])
    assert presets.fits(Preset(name="p", run={"temperature": 99.0, "what": 1}), SPEC) == ({}, ["Temperature", "what"])


def test_what_is_set_now_without_the_seed(shelf):
    run = {"temperature": 0.2, "seed": 42}
    made = presets.of_settings("  a  b ", SPEC, run, None, "")
    assert made == Preset(name="a b", engine="fake", run={"temperature": 0.2})
    assert presets.of_settings("a", SPEC, run, {"n_ctx": 1}, "m").load == {"n_ctx": 1}


def test_a_file_brings_back_what_was_written(shelf, tmp_path: Path):
    presets.export(tmp_path / "p.json", [LONG, MINE])
    shelf.keep(LONG)
    shelf.keep(Preset(name="Mine", run={"temperature": 1.0}))
    added = shelf.add(presets.read_file(tmp_path / "p.json"))
    assert [p.name for p in added] == ["Mine (2)"]  # Long is here already; another Mine stays as it is
    assert shelf.get("Mine (2)").load == {"n_ctx": 8192}
    assert shelf.get("Mine").run == {"temperature": 1.0}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('{"temperature": 0.5}', ["file"]),
        ('{"name": "One", "run": {"temperature": 0.5}}', ["One"]),
        ('{"A": {"temperature": 0.5}, "B": {"top_k": 3}}', ["A", "B"]),
        ('[{"name": "A", "temperature": 0.5}, 3, {"run": {}}]', ["A"]),
        ('{"presets": [{"name": "A", "run": {"temperature": 0.5, "odd": {"x": 1}}, "extra": 1}]}', ["A"]),
    ],
)
def test_files_of_other_shapes_are_read(text: str, names: list[str]):
    found = presets.from_text(text.encode(), "file")
    assert [p.name for p in found] == names
    assert all("odd" not in p.run for p in found)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "3", '"x"', '{"presets": {}}', "\xff\xfe", "[" * 100_000])
def test_a_file_that_is_none_says_so(text: str, tmp_path: Path):
    path = tmp_path / "odd.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(TandemError) as told:
        presets.read_file(path)
    assert told.value.code == "bad_preset"
    assert "odd" in told.value.message


def test_a_file_that_is_not_there_or_cannot_be_written_says_so(tmp_path: Path):
    with pytest.raises(TandemError, match="no file of presets"):
        presets.read_file(tmp_path / "gone.json")
    with pytest.raises(TandemError, match="cannot be written"):
        presets.export(tmp_path / "no" / "such" / "p.json", [LONG])


def test_an_exported_file_is_plain_json(tmp_path: Path):
    presets.export(tmp_path / "p.json", [LONG])
    body = json.loads((tmp_path / "p.json").read_text("utf-8"))
    assert body["presets"][0]["run"] == {"temperature": 0.2, "stop": ["a", "b"]}


def test_the_book_shares_the_shelf(services: FakeServices):
    book = KnobBook(Kept(services.store))
    book.shelf.keep(LONG)
    assert book.presets()["Long"]["temperature"] == 0.2
    assert set(book.settings(SPEC, Scope.LOAD)) == {"n_ctx", "n_threads", "flash_attn"}
