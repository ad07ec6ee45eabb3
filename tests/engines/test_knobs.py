"""Knobs: what is given is completed, checked and shown; a mistake says what to do instead."""

from __future__ import annotations

import contextlib
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.errors import EngineError
from engines.knobs import (
    AUTO,
    Conflict,
    Effect,
    Kind,
    Knob,
    Scope,
    check,
    defaults,
    differences,
    parse,
    settle,
    show,
)


def knob(name: str, kind: Kind, default: Any, **more: Any) -> Knob:
    return Knob(name=name, title=name, kind=kind, scope=Scope.RUN, default=default, help="h", concept="c", **more)


N_CTX = knob("n_ctx", Kind.INT, 4096, minimum=16, maximum=131072, auto=True, unit="tokens")
HEAT = knob("heat", Kind.FLOAT, 0.7, minimum=0.0, maximum=2.0)
SEED = knob("seed", Kind.INT, None, minimum=0, nullable=True, null_label="random")
FLASH = knob("flash", Kind.BOOL, True)
TYPE = knob("type", Kind.CHOICE, "f16", values=("f16", "q8_0"))
STOP = knob("stop", Kind.TEXTS, [])
SCHEMA = knob("schema", Kind.JSON, "{}")
NOTE = knob("note", Kind.TEXT, "")
ALL = (N_CTX, HEAT, SEED, FLASH, TYPE, STOP, SCHEMA, NOTE)
CLASH = Conflict({"flash": (False,), "type": ("q8_0",)}, "A quantized cache needs flash attention.")


def test_settle_completes_with_defaults_and_keeps_the_order_of_the_declaration() -> None:
    settings = settle(ALL, {"heat": 1})
    assert settings == defaults(ALL) | {"heat": 1.0}
    assert list(settings) == [k.name for k in ALL]
    assert isinstance(settings["heat"], float)


def test_an_unknown_knob_names_the_known_ones() -> None:
    with pytest.raises(EngineError, match="“temprature”") as caught:
        settle(ALL, {"temprature": 1})
    assert caught.value.code == "unknown_knob"
    assert "n_ctx" in caught.value.hint


def test_values_that_cannot_stand_together_are_refused_with_the_reason() -> None:
    with pytest.raises(EngineError, match="needs flash attention") as caught:
        settle(ALL, {"flash": False, "type": "q8_0"}, [CLASH])
    assert caught.value.code == "conflict"
    assert "flash" in caught.value.hint
    assert "type" in caught.value.hint
    assert settle(ALL, {"flash": False}, [CLASH])["type"] == "f16"


@pytest.mark.parametrize(
    ("one", "value"),
    [
        (N_CTX, 15), (N_CTX, 131073), (N_CTX, 4096.0), (N_CTX, True), (N_CTX, None), (N_CTX, "4096"), (N_CTX, 10**400),
        (HEAT, math.nan), (HEAT, math.inf), (HEAT, -0.1), (HEAT, AUTO), (HEAT, 10**400), (HEAT, [1.0]), (FLASH, 1), (FLASH, "on"),
        (TYPE, "q3"), (TYPE, None), (TYPE, AUTO), (STOP, "x"), (STOP, [1]), (SCHEMA, "{"), (SCHEMA, {}), (NOTE, 3), (SEED, -1),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_refused_with_what_would(one: Knob, value: Any) -> None:
    with pytest.raises(EngineError) as caught:
        check(one, value)
    assert caught.value.code == "bad_knob"
    assert one.name in caught.value.message
    assert caught.value.hint.startswith("Give ")


@pytest.mark.parametrize(
    ("one", "value"), [(N_CTX, AUTO), (N_CTX, 16), (N_CTX, 131072), (SEED, None), (SEED, 0), (HEAT, 2.0)]
)
def test_the_edges_are_inside(one: Knob, value: Any) -> None:
    assert check(one, value) == value


@pytest.mark.parametrize(
    ("one", "text", "value"),
    [
        (N_CTX, " Auto ", AUTO), (N_CTX, "32,768", 32768), (N_CTX, "32_768", 32768), (SEED, "random", None), (SEED, "none", None),
        (SEED, "7", 7), (HEAT, "1", 1.0), (HEAT, "1e-1", 0.1), (FLASH, "yes", True), (FLASH, "OFF", False), (TYPE, "q8_0", "q8_0"),
        (STOP, '["a", "b,c"]', ["a", "b,c"]), (STOP, "\\n\\n", ["\n\n"]), (STOP, "ende\\", ["ende\\"]), (STOP, "Größe", ["Größe"]),
        (STOP, "👋\\n", ["👋\n"]), (STOP, "", []), (STOP, "[not json", ["[not json"]), (SCHEMA, '{"a": 1}', '{"a": 1}'), (NOTE, " x ", " x "),
    ],
)  # fmt: skip
def test_what_a_person_types_becomes_the_value(one: Knob, text: str, value: Any) -> None:
    assert parse(one, text) == value


@pytest.mark.parametrize(
    ("one", "text"), [(N_CTX, "many"), (N_CTX, "1e3"), (HEAT, "nan"), (FLASH, "perhaps"), (SCHEMA, "{")]
)
def test_what_cannot_be_typed_is_refused(one: Knob, text: str) -> None:
    with pytest.raises(EngineError, match=one.name):
        parse(one, text)


@given(st.sampled_from(ALL), st.text(max_size=40))
def test_whatever_is_typed_gives_a_valid_value_or_a_bad_knob(one: Knob, text: str) -> None:
    with contextlib.suppress(EngineError):  # anything else fails the test
        value = parse(one, text)
        assert check(one, value) == value
        assert isinstance(show(one, value), str)
        json.dumps(value).encode()


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "n_ctx": st.integers(16, 131072) | st.just(AUTO), "heat": st.floats(0, 2), "seed": st.integers(0, 2**32) | st.none(),
    "flash": st.booleans(), "type": st.sampled_from(["f16", "q8_0"]), "stop": st.lists(st.text(max_size=9), max_size=3),
    "schema": st.dictionaries(st.text(max_size=5), st.integers()).map(json.dumps), "note": st.text(max_size=20),
}  # fmt: skip
SETTINGS = st.fixed_dictionaries({}, optional=VALUES)


@given(SETTINGS)
def test_valid_settings_settle_once_and_for_all(given_values: dict[str, Any]) -> None:
    settings = settle(ALL, given_values)
    assert settings == defaults(ALL) | given_values
    assert settle(ALL, settings) == settings
    assert differences(settings, settings) == {}


@given(SETTINGS, SETTINGS)
def test_differences_lead_from_one_to_the_other(a: dict[str, Any], b: dict[str, Any]) -> None:
    before, after = settle(ALL, a), settle(ALL, b)
    found = differences(before, after)
    assert before | {name: new for name, (_, new) in found.items()} == after
    assert all(old != new and before[name] == old for name, (old, new) in found.items())


def test_differences_sees_what_only_one_side_has() -> None:
    assert differences({"a": 1}, {"b": 2}) == {"a": (1, None), "b": (None, 2)}


@pytest.mark.parametrize(
    ("one", "value", "words"),
    [(N_CTX, 32768, "32,768 tokens"), (N_CTX, AUTO, "Auto"), (SEED, None, "random"), (FLASH, False, "off"), (HEAT, 0.5, "0.5"),
     (STOP, [], "none"), (STOP, ["\n"], '"\\n"'), (TYPE, "f16", "f16")],
)  # fmt: skip
def test_a_value_is_shown_in_words(one: Knob, value: Any, words: str) -> None:
    assert show(one, value) == words


def test_sampling_knobs_say_that_they_change_the_output() -> None:
    from engines.chat.knobs import CHAT_KNOBS, LOGPROBS

    assert {k.effect for k in CHAT_KNOBS} - {LOGPROBS.effect} == {Effect.OUTPUT}


def test_what_is_no_escape_stays_as_it_is_typed() -> None:
    stop = Knob(name="stop", title="s", kind=Kind.TEXTS, scope=Scope.RUN, default=[], help="h", concept="c")
    assert parse(stop, r"a\8\n") == ["a\\8\n"]
