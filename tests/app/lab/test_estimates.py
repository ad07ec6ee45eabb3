"""What past loads teach the estimate."""

from __future__ import annotations

import msgspec
import pytest

from app.lab.estimates import Estimate, errors, overhead, price
from app.library import Lineage, Variant
from app.store import LoadRecord
from engines import registry
from engines.protocol import ModelShape

SHAPE = ModelShape(
    architecture="llama", n_layers=30, n_embd=576, n_heads=9, n_kv_heads=3, head_dim_k=64, head_dim_v=64, n_vocab=49152,
    n_ff=1536, n_ctx_train=8192, n_params=134_515_008, tensor_bytes=96_573_888,
)  # fmt: skip
MODEL = Variant(
    id="m", variant="q4_1", task="chat", title="M", format="gguf", licence="", bytes=98_000_000, bits_per_weight=5.7,
    lineage=Lineage("original"), mix={"Q4_1": 210, "F32": 61, "Q8_0": 1}, path="", files=(), shape=SHAPE,
)  # fmt: skip
LLAMA = registry.spec("llama-cpp")
F16, Q8 = {"type_k": "f16", "type_v": "f16"}, {"type_k": "q8_0", "type_v": "q8_0"}


def past(base: int | None, guess: int | None, real: int | None, model: str = "m", **knobs: str) -> LoadRecord:
    return LoadRecord(
        engine="llama-cpp", model=model, variant="q4_1", base_bytes=base, estimate_bytes=guess, model_bytes=real,
        knobs=knobs,
    )  # fmt: skip


def priced(records: list[LoadRecord], **knobs: str) -> Estimate:
    found = price(records, LLAMA, MODEL, dict(knobs), 10**9)
    assert found is not None
    return found


def own(gap: int, **knobs: str) -> LoadRecord:
    """A load of MODEL that took `gap` bytes more than the formula says."""
    return past(1, 1, priced([], **knobs).at_load_bytes + gap, **knobs)


def test_overhead_is_the_median_gap() -> None:
    assert overhead([10, 30, 300]) == 30
    assert overhead([]) is None


def test_errors_are_relative_to_what_was_measured() -> None:
    assert errors([past(0, 90, 100), past(0, 110, 100), past(0, None, 100)]) == pytest.approx((-0.1, 0.1))


def test_a_first_estimate_is_the_formula_alone() -> None:
    found = priced([])
    assert found.at_load_bytes == found.base_bytes > SHAPE.tensor_bytes
    assert found.total_bytes == sum(found.parts.values()) > found.at_load_bytes


def test_what_loads_here_took_more_is_added_to_other() -> None:
    first, taught = priced([]), priced([own(5_000_000)])
    assert taught.parts["other"] - first.parts["other"] == 5_000_000
    assert taught.at_load_bytes - first.at_load_bytes == taught.total_bytes - first.total_bytes == 5_000_000
    assert taught.base_bytes == first.base_bytes


def test_what_they_took_less_never_makes_a_part_negative() -> None:
    taught = priced([past(10**9, 10**9, 1)])
    assert taught.parts["other"] == 0
    assert taught.total_bytes == sum(taught.parts.values())


def test_the_median_of_the_loads_here_counts() -> None:
    base = priced([]).parts["other"]
    assert priced([own(1000), own(3000), own(10**8), past(None, 1, None)]).parts["other"] - base == 3000


def test_the_nearest_loads_teach() -> None:
    """This variant's own with the same cache, then others' with the same cache, then any of its family."""
    base = priced([]).parts["other"]
    other = past(0, 0, 3000, model="x", **F16)
    assert priced([other, own(1000, **F16)], **F16).parts["other"] - base == 1000
    assert priced([other, past(0, 0, 9, **Q8)], **F16).parts["other"] - base == 3000
    assert priced([past(0, 0, 9, **Q8)], **F16).parts["other"] - base == 9
    assert priced([past(0, 0, 9, **Q8)], use_mmap=False).parts["other"] == base  # type: ignore[arg-type]


def test_own_loads_are_priced_anew_whatever_formula_they_were_stored_with() -> None:
    stored = own(2000)
    for base in (None, 0, 10**9):
        taught = priced([msgspec.structs.replace(stored, base_bytes=base)])
        assert taught.parts["other"] - priced([]).parts["other"] == 2000


def test_a_model_whose_size_nobody_knows_has_no_estimate() -> None:
    unknown = Variant(
        id="m", variant="v", task="chat", title="", format="gguf", licence="", bytes=1, bits_per_weight=None,
        lineage=Lineage("original"), mix={}, path="", files=(),
    )  # fmt: skip
    assert price([], LLAMA, unknown, {}, 10**9) is None


@pytest.mark.parametrize(("total", "word"), [(80, "fits"), (95, "tight"), (101, "no")])
def test_verdict(total: int, word: str) -> None:
    assert Estimate({}, total, 100, ()).verdict == word


def test_experience_names_median_worst_and_count() -> None:
    assert Estimate({}, 1, 2, (0.03, -0.11, 0.04)).experience == "estimates here: +3%, worst -11%, 3 loads"
    assert Estimate({}, 1, 2, ()).experience == ""
