"""What differs between two lanes, and how a lane is changed."""

from __future__ import annotations

import pytest

from app.lab.compare.lane import Lane, changed, differences, words
from engines.errors import EngineError

A = Lane(name="A", model="m", engine="llama-cpp")


def but(**changes: object) -> Lane:
    fields = {"name": "B", "model": "m", "engine": "llama-cpp"} | changes
    return Lane(**fields)  # type: ignore[arg-type]


def test_a_default_that_is_written_out_is_no_difference() -> None:
    assert differences(but(knobs={"type_k": "f16", "temperature": 0.7}), A) == ()
    assert words(()) == "the same settings"


def test_one_knob_is_named_with_its_values() -> None:
    (found,) = differences(but(knobs={"type_k": "q8_0"}), A)
    assert (found.name, found.before, found.after, found.concept) == ("type_k", "f16", "q8_0", "kv_type")
    assert words((found,)) == "K cache f16 → q8_0"
    assert words(differences(but(knobs={"n_threads": 2}), but(knobs={"n_threads": 1}))) == "Threads 1 → 2"
    assert words(differences(but(knobs={"n_ctx": 8192}), but(knobs={"n_ctx": 4096}))) == "Context 4,096 → 8,192 tokens"


def test_several_differences_are_listed_as_such() -> None:
    found = differences(but(variant="q8_0", knobs={"n_threads": 2, "flash_attn": "on"}), A)
    assert [d.name for d in found] == ["variant", "n_threads", "flash_attn"]
    assert words(found).startswith("several things differ: Variant Auto → q8_0, Threads Auto → 2")


def test_of_two_engines_shared_knobs_and_those_that_were_set_count() -> None:
    other = but(engine="transformers", knobs={"temperature": 0.0, "quantization": "bnb-nf4"})
    found = {d.name: d for d in differences(other, A)}
    assert set(found) == {"engine", "temperature", "quantization"}
    assert found["engine"].after == "Transformers"
    assert found["quantization"].weights
    assert not found["temperature"].weights


def test_changing_a_knob_checks_it_and_forgets_defaults() -> None:
    assert changed(A, "type_k", "q8_0").knobs == {"type_k": "q8_0"}
    assert changed(but(knobs={"type_k": "q8_0"}), "type_k", "f16").knobs == {}
    with pytest.raises(EngineError, match="no knob"):
        changed(A, "dtype", "bf16")
    with pytest.raises(EngineError, match="cannot be"):
        changed(A, "type_k", "q9")
    with pytest.raises(EngineError, match="flash attention"):
        changed(but(knobs={"flash_attn": "off"}), "type_v", "q8_0")


def test_an_unknown_engine_hides_nothing_else() -> None:
    found = differences(but(engine="gone", model="n"), A)
    assert [d.name for d in found] == ["model", "engine"]
    assert found[1].after == "gone"
