"""The Models page's state: what is here, what a search leaves, what is known of one, what is being done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from app.errors import TandemError
from app.library import Origin, Variant
from app.ui.bridge import Bridge
from app.ui.state.models import ModelsState
from app.ui.state.models_assess import Assessment, EngineLine
from app.ui.state.models_details import facts, origin_words, totals, totals_words
from app.ui.state.models_latest import Latest
from app.ui.state.models_places import PlaceLine
from app.ui.state.models_removing import removal
from app.ui.state.models_rows import SORTS, Wanted, params_words, rows_of, select
from app.ui.state.models_table import VariantTable
from tests.app.ui.models import made
from tests.app.ui.models.conftest import DETAILS
from tests.app.ui.models.made import MadeLibrary
from tests.fakes import FakeServices, variant

Until = Callable[[Callable[[], bool]], None]


def refs(state: ModelsState) -> list[str]:
    return [row.ref for row in state.table.rows]


# --- what is here ---------------------------------------------------------------------------


def test_everything_is_read(read: ModelsState, library: MadeLibrary) -> None:
    assert read.is_read
    assert sorted(refs(read)) == sorted(v.ref for v in library.items)
    assert read.sentence == "Found 12 models, 98 GB, in 5 places"


def test_places_count_models_and_bytes_and_say_what_is_gone(read: ModelsState) -> None:
    lines = {line.title: line for line in read.places}
    assert list(lines)[:3] == ["Everything", "Tandem’s own", "Added by you"]
    assert lines["LM Studio"].detail == "5 models · 52.8 GB"
    assert lines["Models on the travel drive"].detail == "not there now"
    assert lines["Models on the travel drive"].named
    assert lines["Everything"].models == 15


def test_what_cannot_be_used_has_its_reason(read: ModelsState, library: MadeLibrary, until: Until) -> None:
    reasons = {found.name: found.reason for found in read.unusable}
    assert reasons["Meta-Llama-3-70B-Instruct-00001-of-00004.gguf"] == "2 of its 4 parts are missing: 00003, 00004."
    assert reasons["f32.piper"] == "/media/ada/travel is not there now."
    library.broken = ["x:q4 has a damaged entry.json (…)."]
    read.refresh()
    until(lambda: any("damaged" in found.reason for found in read.unusable))


def test_a_library_that_cannot_be_read_says_so(state: ModelsState, library: MadeLibrary, until: Until, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    def fails() -> object:
        raise TandemError("no_folder", "The folder is gone.", "Bring it back.")

    monkeypatch.setattr(library, "places", fails)
    state.refresh()
    until(lambda: state.problem is not None)
    assert state.problem is not None
    assert state.problem.message == "The folder is gone."
    monkeypatch.undo()
    state.refresh()
    until(lambda: bool(state.rows))
    assert state.problem is None


def test_the_first_look_scans_once(state: ModelsState, library: MadeLibrary, until: Until) -> None:
    library.next_scan, library._scan = library._scan, None
    said: list[str] = []
    state.found.connect(said.append)
    state.first_look()
    until(lambda: bool(said) and state.is_read)
    assert said == ["Found 12 models, 98 GB, in 5 places"]
    assert library.calls == ["scan"]
    state.first_look()
    until(lambda: not state._first.busy)
    assert library.calls == ["scan"]
    assert len(said) == 1


def test_a_first_look_tells_the_program(state: ModelsState, library: MadeLibrary, until: Until) -> None:
    library.next_scan, library._scan = library._scan, None
    told: list[bool] = []
    state.library_changed.connect(lambda: told.append(True))
    state.first_look()
    until(lambda: bool(told))


# --- which of it is shown -------------------------------------------------------------------


def test_every_word_of_a_search_counts(read: ModelsState) -> None:
    read.want(query="qwen2 q6")
    assert refs(read) == ["qwen2.5-7b-instruct:q6_k"]
    read.want(query="MIT transcribe")
    assert {row.variant.task for row in read.table.rows} == {"transcribe"}
    read.want(query="travel drive")
    assert refs(read) == ["en_gb-alba-medium:f32"]


def test_filters_by_task_format_place_fit_and_engine(read: ModelsState) -> None:
    read.want(task="image")
    assert len(read.table.rows) == 2
    read.want(task="", format="safetensors")
    assert set(refs(read)) == {"qwen2.5-0.5b-instruct:bf16", "smollm2-135m-instruct:bf16"}
    read.want(format="", place="place:ol")
    assert {row.where for row in read.table.rows} == {"Ollama"}
    read.want(place="", loads=True)
    assert {row.variant.task for row in read.table.rows} == {"chat"}
    read.want(loads=False, fits=True)
    assert {read.seen[ref].verdict for ref in refs(read)} <= {"fits", "tight"}
    read.clear_filters()
    assert len(read.table.rows) == len(read.rows)


def test_a_sort_keeps_a_models_variants_together(read: ModelsState) -> None:
    for key in SORTS:
        for descending in (False, True):
            ids = [row.variant.id for row in select(read.rows, Wanted(sort=key, descending=descending), read.seen)]
            seen = list(dict.fromkeys(ids))
            assert sorted(ids, key=seen.index) == ids, key


def test_sizes_sort_from_the_greatest_and_turn_round(read: ModelsState) -> None:
    read.sort_by("size")
    assert read.table.rows[0].variant.title == "FLUX.1-schnell"
    read.sort_by("size")
    assert read.table.rows[0].variant.title == "en_GB-alba-medium"


def test_what_nobody_knows_stands_last_both_ways(read: ModelsState) -> None:
    for descending in (False, True):
        rows = select(read.rows, Wanted(sort="params", descending=descending), read.seen)
        known = [row.params is not None for row in rows]
        assert known == sorted(known, reverse=True)


def test_the_sort_is_remembered(read: ModelsState, services: FakeServices) -> None:
    read.sort_by("bits")
    bridge = Bridge()
    again = ModelsState(services, bridge, [])
    assert (again.wanted.sort, again.wanted.descending) == ("bits", True)
    again.close()
    bridge.close()


def test_a_place_that_is_gone_filters_no_longer(read: ModelsState, library: MadeLibrary, until: Until) -> None:
    read.want(place="place:usb")
    library.remove_place("usb")
    library.items = [v for v in library.items if v.origin.place != "usb"]
    read.refresh()
    until(lambda: read.wanted.place == "")
    assert len(read.table.rows) == len(library.items)


# --- words ----------------------------------------------------------------------------------


def test_numbers_of_weights() -> None:
    assert [params_words(n) for n in (None, 0, 1_408, 40_000, 134_515_008, 7_241_732_096)] == [
        "–",
        "–",
        "1,408",
        "40 k",
        "135 M",
        "7.2 B",
    ]


def test_the_table_says_each_cell(read: ModelsState) -> None:
    table = read.table
    row = next(row for row in read.rows if row.ref == "smollm2-135m-instruct:bf16")
    said = {column.id: table.text(row, column.id) for column in table.columns}
    assert said["precision"] == "bf16"
    assert said["params"] == "135 M"
    assert said["bits"] == "16.00"
    assert said["size"] == "269 MB"
    assert said["loads"] == "Other engine"
    assert said["where"] == "Tandem’s own"
    assert said["lineage"] == "dequantized from q4_1: cannot be better than its source"
    assert said["fit"] in ("fits", "tight", "too large")


def test_a_lost_one_says_unusable_and_why(read: ModelsState) -> None:
    table = read.table
    index = table.index(table.line_of("en_gb-alba-medium:f32"), 0)
    assert table.text(read.table.rows[index.row()], "fit") == "unusable"
    assert table.data(index, 3) == "/media/ada/travel is not there now."


def test_only_the_first_variant_of_a_model_is_first(read: ModelsState) -> None:
    read.want(query="qwen2.5-7b")
    assert [read.table.is_first(line) for line in range(3)] == [True, False, False]


def test_the_same_lines_are_painted_anew_without_a_reset(read: ModelsState) -> None:
    table = VariantTable()
    resets: list[bool] = []
    table.modelReset.connect(lambda: resets.append(True))
    table.set_rows(read.rows, {})
    table.set_rows(read.rows, read.seen)
    assert len(resets) == 1
    assert table.data(table.index(0, 7)) != "–" or not read.seen[read.rows[0].ref].loads


def test_origins() -> None:
    hub = variant(origin=Origin("hub", repo="Qwen/Qwen2.5", revision="7ae557604adf67be50417f59"))
    assert origin_words(hub) == "Qwen/Qwen2.5 @ 7ae557604a"
    assert origin_words(variant(origin=Origin("place", place="lm"))) == "found where it lies"
    assert origin_words(variant()) == ""


def test_totals_by_type_have_the_most_bytes_first() -> None:
    assert totals(DETAILS.tensors) == [("Q8_0", 1, 30_081_024), ("Q4_1", 2, 1_105_920), ("F32", 1, 2304)]
    assert totals_words(DETAILS.tensors).startswith("4 tensors, 31 MB: Q8_0 ×1 30 MB · Q4_1 ×2 1 MB")


# --- what fits ------------------------------------------------------------------------------


def test_the_best_engine_is_the_one_it_fits_best_in(read: ModelsState) -> None:
    fitting = next(a for a in read.seen.values() if a.verdict == "fits").loads[0]
    cannot = EngineLine("x", "X", False, "It is GGUF.")
    unknown = EngineLine("y", "Y", True)
    both = Assessment((cannot, unknown, fitting))
    assert both.best is fitting
    assert both.verdict == "fits"
    assert Assessment((cannot,)).verdict == ""
    assert Assessment((unknown,)).loads_words == "Y"


def test_answers_are_kept_by_variant_and_engine(read: ModelsState, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr("app.ui.state.models_assess.price", lambda *a: asked.append(a[2].ref))
    assessor = read._assessor
    assessor.assess(read.variants, lambda: False)
    assert asked == []
    assessor.assess([msgspec.structs.replace(read.variants[0], bytes=1)], lambda: False)
    assert asked == [read.variants[0].ref]


# --- the selected one -----------------------------------------------------------------------


def test_details_are_read_of_the_last_one_selected(read: ModelsState, until: Until) -> None:
    read.select("qwen2.5-7b-instruct:q8_0")
    read.select("qwen2.5-7b-instruct:q6_k")
    until(lambda: read.shown is not None)
    assert read.shown is not None
    assert read.shown.ref == "qwen2.5-7b-instruct:q6_k"
    assert read.shown.details is DETAILS
    assert [made_.title for made_ in read.shown.offers] == []  # no engine here has the verb


def test_a_header_that_cannot_be_read_says_why(read: ModelsState, until: Until) -> None:
    read.select("gemma-2-9b-it:q4_k_m")
    until(lambda: read.shown is not None)
    assert read.shown is not None
    assert read.shown.trouble == "The header is cut off. Get the file again."


def test_facts_leave_out_what_nobody_says(read: ModelsState) -> None:
    voice = next(row for row in read.rows if row.variant.task == "speak")
    assert "Architecture" not in dict(facts(voice, None))
    assert dict(facts(voice, None))["Format"] == "Piper"


def test_a_chat_is_asked_for_by_model_and_variant(read: ModelsState, qtbot: object) -> None:
    asked: list[tuple[str, str]] = []
    read.chat_wanted.connect(lambda *a: asked.append(a))
    read.select("en_gb-alba-medium:f32")
    read.chat()  # it is not there
    read.select("mistral-7b-instruct-v0.3:q4_k_m")
    read.chat()
    assert asked == [("mistral-7b-instruct-v0.3", "q4_k_m")]


# --- removing -------------------------------------------------------------------------------


def of(found: Variant, places: tuple[PlaceLine, ...] = ()) -> object:
    return removal(rows_of([found], {"place:lm": "LM Studio", "place:usb": "Travel"})[0], places)


def test_what_removing_means() -> None:
    ours = of(variant())
    assert ours.possible
    assert "moved to the trash" in ours.words
    added = of(variant(outside=True, origin=Origin("added")))
    assert added.verb == "Forget"
    assert "Your files stay" in added.words
    found = of(variant(outside=True, origin=Origin("place", place="lm")))
    assert not found.possible
    assert found.words == "It belongs to LM Studio: remove it there, and look again."
    named = of(
        variant(outside=True, origin=Origin("place", place="usb")),
        (PlaceLine("place:usb", "Travel", 1, 1, named=True),),
    )
    assert "take the folder off the list" in named.words  # type: ignore[attr-defined]
    served = of(variant("served", format="server", origin=Origin("server", server="s")))
    assert "Servers page" in served.words  # type: ignore[attr-defined]


def test_a_found_one_is_never_removed(read: ModelsState, library: MadeLibrary) -> None:
    read.select("mistral-7b-instruct-v0.3:q4_k_m")
    read.remove()
    assert not read.doing.busy
    assert library.calls == []


def test_removing_tells_and_reads_again(read: ModelsState, library: MadeLibrary, until: Until) -> None:
    told: list[str] = []
    read.notice.connect(told.append)
    read.select("smollm2-135m-instruct:bf16")
    read.remove()
    until(lambda: "smollm2-135m-instruct:bf16" not in refs(read))
    assert library.calls == ["remove smollm2-135m-instruct:bf16"]
    assert told
    assert "Removed “SmolLM2-135M-Instruct bf16” (269 MB)." in told[0]
    assert read.selected == ""


# --- doing ----------------------------------------------------------------------------------


def test_a_file_and_a_models_folder_are_added_another_folder_is_looked_in(read: ModelsState, library: MadeLibrary, until: Until, tmp_path: Path) -> None:  # fmt: skip
    file, model, folder = tmp_path / "a.gguf", tmp_path / "model", tmp_path / "many"
    file.write_bytes(b"GGUF")
    model.mkdir()
    (model / "config.json").write_text("{}")
    folder.mkdir()
    read.doing.add([str(file), str(model), str(folder)])
    until(lambda: not read.doing.busy)
    assert library.calls == [f"add {file}", f"add {model}", f"add_place {folder}", "scan"]
    until(lambda: "a:q8_0" in refs(read))
    assert any(line.title == "many" for line in read.places)


def test_what_fails_can_be_tried_again(read: ModelsState, library: MadeLibrary, until: Until) -> None:
    library.error = TandemError("refused_text", "It is a text file.", "Choose a model.")
    read.doing.add(["/nowhere/x.gguf"])
    until(lambda: read.problem is not None)
    assert read.problem is not None
    assert read.problem.hint == "Choose a model."
    library.error = None
    read.doing.again()
    until(lambda: "x:q8_0" in refs(read))
    assert read.problem is None
    assert read.said == "Added 1 model"
    read.doing.look()
    assert read.said == ""  # that was before
    until(lambda: not read.doing.busy)


def test_one_thing_at_a_time(read: ModelsState, library: MadeLibrary, until: Until) -> None:
    read.doing.look()
    read.doing.add(["/nowhere/x.gguf"])
    until(lambda: not read.doing.busy)
    assert library.calls == ["scan"]


def test_a_look_says_what_it_found(read: ModelsState, until: Until) -> None:
    read.doing.look()
    assert read.looking
    until(lambda: read.said != "")
    assert read.said == "Found 12 models, 98 GB, in 5 places"
    assert not read.looking


def test_the_disk_is_measured(read: ModelsState) -> None:
    assert read.disk is not None
    assert read.disk.free_bytes == 212_000_000_000


# --- the newest asking ----------------------------------------------------------------------


def test_only_the_newest_asking_is_answered(qtbot: object, qapp: object, until: Until) -> None:
    bridge = Bridge()
    latest = Latest("x", bridge)
    found: list[object] = []
    latest.done.connect(found.append)
    for n in range(5):
        latest.ask(lambda _report, _cancelled, n=n: n)
    until(lambda: not latest.busy)
    assert found == [4]
    latest.ask(lambda _report, _cancelled: 9)
    latest.drop()
    until(lambda: not latest.busy)
    assert found == [4]
    latest.close()
    bridge.close()


def test_many_variants_are_those_that_were_asked_for() -> None:
    assert len(made.many(500).items) == 500
