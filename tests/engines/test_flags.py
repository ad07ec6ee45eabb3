"""Settings as a command's arguments."""

from __future__ import annotations

from typing import Any

import pytest

from engines.knobs import AUTO, Kind, Knob, Scope, flags


def knob(name: str, kind: Kind, default: Any, **more: Any) -> Knob:
    return Knob(
        name=name,
        title="T",
        kind=kind,
        scope=Scope.LOAD,
        default=default,
        help="H.",
        concept="c",
        flag=f"--{name}",
        **more,
    )


KNOBS = (
    knob("number", Kind.INT, None, nullable=True),
    knob("share", Kind.FLOAT, 0.5),
    knob("on", Kind.BOOL, False),
    knob("off", Kind.BOOL, True, flag_off="--no-off"),
    knob("both", Kind.CHOICE, AUTO, auto=True, values=("on", "off"), flag_off="--no-both"),
    knob("word", Kind.CHOICE, AUTO, auto=True, values=("on", "off")),
    knob("many", Kind.TEXTS, []),
    Knob(name="silent", title="T", kind=Kind.TEXT, scope=Scope.LOAD, default="", help="H.", concept="c"),
)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, ()),
        ({"number": None, "share": 0.5, "on": False, "off": True, "both": AUTO, "many": []}, ()),
        ({"number": 0, "share": 0.92}, ("--number", "0", "--share", "0.92")),
        ({"on": True, "off": False}, ("--on", "--no-off")),
        ({"both": "on", "word": "off"}, ("--both", "--word", "off")),
        ({"both": "off", "word": "on"}, ("--no-both", "--word", "on")),
        ({"many": ["a b", "c"], "silent": "x"}, ("--many", "a b", "--many", "c")),
    ],
)
def test_only_what_differs_from_the_commands_own_default_is_said(
    settings: dict[str, Any], said: tuple[str, ...]
) -> None:
    assert flags(KNOBS, settings) == said
