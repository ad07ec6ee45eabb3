"""The searching picker's sections, and what stands beside a model in it."""

from __future__ import annotations

import msgspec

from app.library import Lineage
from app.ui.state import knob_book, picks
from app.ui.state.picks import PickerModel
from app.ui.state.sessions import Opened
from tests.fakes import N_CTX, N_THREADS, OTHER, SPEC, FakeLibrary, variant

MODELS = [PickerModel(f"m{i}", f"Model {i}", "Q4_K" if i % 2 else "bf16") for i in range(500)]
REMOTE = msgspec.structs.replace(SPEC, id="remote", title="Remote engine", formats=("server", "other"))
OPENED = [
    Opened("s1", "Model 7", "llama.cpp · q4 · 90 MB", True),
    Opened("s2", "Model 9", "transformers · bf16", False),
]


def titles(query: str = "", recent: tuple[str, ...] = (), current: str = "") -> dict[str, list[str]]:
    found = picks.picker_sections(MODELS, recent, OPENED, query, current)
    return {section.title: [line.title for line in section.lines] for section in found}


def test_loaded_then_recent_then_the_rest():
    found = titles(recent=("m3", "gone", "m1", "m3"))
    assert list(found) == ["Loaded", "Recent", "All models"]
    assert found["Loaded"] == ["Model 7", "Model 9"]
    assert found["Recent"] == ["Model 3", "Model 1"]
    assert len(found["All models"]) == 498
    assert "Model 3" not in found["All models"]


def test_every_word_must_be_found_in_title_id_or_precision():
    odd = [f"Model {i}" for i in range(1, 500, 2) if "49" in str(i)]
    assert titles("model 49 q4_k") == {"All models": odd}
    assert len(titles("m49")["All models"]) == 11  # by id: m49 and m490 to m499
    assert all("4" in title for title in titles("model 4")["All models"])  # not every Q4_K
    assert titles("TRANSFORMERS") == {"Loaded": ["Model 9"]}
    assert titles("nothing like it") == {}


def test_a_loaded_line_has_its_key_and_the_chosen_model_its_mark():
    sections = picks.picker_sections(MODELS, [], OPENED, "", "m2")
    assert [(line.kind, line.id, line.current) for line in sections[0].lines] == [
        ("loaded", "s1", True), ("loaded", "s2", False),
    ]  # fmt: skip
    assert [line.id for line in sections[1].lines if line.current] == ["m2"]


def test_a_model_says_its_precision_size_and_whether_it_fits():
    variants = [variant(), variant("q8_0", bytes=143_000_000)]
    [small] = picks.picker_models(variants, SPEC, 10**9)
    assert (small.chip, small.detail, small.off) == ("Q4_1", "98 MB · fits · 2 precisions", "")
    [chosen] = picks.picker_models(variants, SPEC, 100_000_000, variants[1])
    assert (chosen.chip, chosen.detail) == ("Q8_0", "143 MB · larger than what is free · 2 precisions")


def test_a_model_that_the_engine_cannot_load_says_why():
    assert picks.picker_models([variant()], OTHER, 0)[0].off == "Other engine needs a copy of it: it is gguf"
    assert picks.picker_models([variant(format="onnx")], SPEC, 0)[0].off == "Fake engine cannot load onnx"
    assert picks.picker_models([variant(problem="The file is gone.")], SPEC, 0)[0].off == "The file is gone."


def test_one_offer_is_found_by_its_precision_and_none_that_is_there():
    library = FakeLibrary([variant()])
    made = picks.offer_of(library, library.items, variant(), OTHER, "bf16")
    assert made is not None
    assert made == picks.other_precisions(library, library.items, variant(), OTHER)[0]
    assert picks.offer_of(library, library.items, variant(), OTHER, "q2_k") is None
    both = [variant(), variant("bf16", format="safetensors")]
    assert picks.offer_of(library, both, variant(), OTHER, "bf16") is None


def test_what_an_engine_made_of_a_setting_is_said_where_it_differs():
    asked = {"n_ctx": 4096, "n_threads": "auto"}
    why = {"n_threads": "2 threads: the cores this process may use"}
    effective = {"n_ctx": 2048, "n_threads": 2}
    assert knob_book.effective_words((N_CTX, N_THREADS), asked, effective, why) == {
        "n_ctx": "4,096 tokens → 2,048 tokens",
        "n_threads": "Auto → 2 threads: the cores this process may use",
    }
    assert knob_book.effective_words((N_CTX,), asked, {"n_ctx": 4096}, {}) == {}


def test_another_engine_that_would_load_it_is_named():
    sections = picks.picker_models([variant(format="other")], SPEC, 0, None, [SPEC, REMOTE])
    assert sections[0].off == "opens in Remote engine"


def test_a_model_on_a_server_has_no_size_here():
    served = variant(
        "served",
        format="server",
        bytes=0,
        bits_per_weight=None,
        mix={},
        lineage=Lineage("original", "", "served by Box"),
    )
    assert (picks.chip(served), picks.mix(served)) == ("served", "")
    [found] = picks.picker_models([served], REMOTE, 0)
    assert (found.detail, found.off) == ("served by Box", "")
