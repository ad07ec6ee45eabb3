"""Sliders reach their ends, keep round values, and go both ways."""

from __future__ import annotations

import pytest

from app.ui.widgets.knob_scale import STEPS, number_text, scale
from engines.chat.knobs import MAX_TOKENS, MIN_P, SEED, TEMPERATURE, TOP_K
from engines.knobs import Kind, Knob, Scope

CONTEXT = Knob(
    name="n_ctx", title="Context", kind=Kind.INT, scope=Scope.LOAD, default=4096, help="", concept="n_ctx",
    minimum=256, maximum=131072, log=True,
)  # fmt: skip


@pytest.mark.parametrize("knob", [TEMPERATURE, MIN_P, TOP_K, MAX_TOKENS, CONTEXT], ids=lambda k: k.name)
def test_ends_are_exact_and_values_rise(knob: Knob) -> None:
    found = scale(knob)
    assert found is not None
    values = [found.value(step) for step in range(STEPS + 1)]
    assert (values[0], values[-1]) == (knob.minimum, knob.maximum)
    assert values == sorted(values)
    assert {type(v) for v in values} == {int if knob.kind is Kind.INT else float}


@pytest.mark.parametrize("knob", [TEMPERATURE, MIN_P, TOP_K, MAX_TOKENS, CONTEXT], ids=lambda k: k.name)
def test_a_value_of_the_slider_stays_where_it_is(knob: Knob) -> None:
    found = scale(knob)
    assert found is not None
    for step in range(0, STEPS + 1, 37):
        value = found.value(step)
        assert found.value(found.step(value)) == pytest.approx(value, rel=0.03, abs=0.02)


def test_sizes_are_logarithmic_and_round() -> None:
    found = scale(CONTEXT)
    assert found is not None
    values = {found.value(step) for step in range(STEPS + 1)}
    assert {512, 1024, 2048, 4096, 5120, 8192, 16384} <= values
    assert len(values) < 60
    assert found.step(4096) > 0.3 * STEPS


def test_what_is_outside_stands_at_the_end() -> None:
    found = scale(TEMPERATURE)
    assert found is not None
    assert (found.step(-1), found.step(9.0), found.step(None), found.step("auto")) == (0, STEPS, 0, 0)


def test_a_seed_has_no_slider() -> None:
    assert scale(SEED) is None


@pytest.mark.parametrize(("knob", "value", "text"), [
    (MAX_TOKENS, 4096, "4,096"), (TEMPERATURE, 0.7, "0.70"), (TEMPERATURE, 0.125, "0.125"), (MIN_P, 1e-05, "1e-05"),
    (SEED, None, ""), (CONTEXT, "auto", ""), (TEMPERATURE, 300.0, "300"), (TEMPERATURE, 300.5, "300.50"),
])  # fmt: skip
def test_numbers_as_they_stand_in_the_field(knob: Knob, value: object, text: str) -> None:
    assert number_text(knob, value) == text  # type: ignore[arg-type]
