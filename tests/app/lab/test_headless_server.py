"""A chat without a window on a server that fails in the middle: what had come is not lost."""

from __future__ import annotations

import json
from typing import Any

import msgspec.structs
import pytest

from app.cli.figures import chat_line
from app.cli.program import CODES, FAILED, fail
from app.errors import TandemError
from app.lab.compare.events import Watcher as LaneWatcher
from app.lab.compare.lane import Lane
from app.lab.compare.seat import Ready, Seat
from app.lab.headless import ChatOrder, HeadlessChat, Watcher
from app.lab.services import Services
from engines import registry
from tests.stand_in_server import StandIn, stand_in


def served(services: Services, there: StandIn) -> str:
    """The stand-in's model, as one of the library."""
    made = services.library.servers.add(there.url, "box")
    services.library.servers.put(msgspec.structs.replace(made, models=there.models))
    return "box.stand-in"


def hold(services: Services, model: str) -> dict[str, Any]:
    order = ChatOrder("one two three four", model, registry.spec("openai-server"), {"warm_up": False})
    return HeadlessChat(services.launcher, services.descriptions, order, Watcher()).run()


@pytest.mark.parametrize(
    ("fault", "code"),
    [("cut", "cut_off"), ("half_chunk", "cut_off"), ("error_event", "server_error"), ("bad_json", "bad_stream")],
)
def test_the_text_that_came_is_in_the_error(
    services: Services, fault: str, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with stand_in() as there:
        there.fault = fault
        model = served(services, there)
        with pytest.raises(TandemError) as caught:
            hold(services, model)
    assert caught.value.code == code
    assert len(caught.value.text.split()) == 3, "so many tokens come before the fault"
    fail(caught.value, as_json=True)
    assert json.loads(capsys.readouterr().out)["text"] == caught.value.text


def test_an_error_without_a_text_has_none(capsys: pytest.CaptureFixture[str]) -> None:
    fail(TandemError("usage", "Which model?"), as_json=True)
    assert set(json.loads(capsys.readouterr().out)) == {"error"}


def test_what_a_server_does_not_say_is_a_dash_and_no_nought(services: Services) -> None:
    with stand_in(kind="", fault="no_count") as there:
        found = hold(services, served(services, there))
    assert [found["metrics"][key] for key in ("n_in", "n_cached", "n_out", "decode_tok_s", "load_s")] == [None] * 5
    assert "– in (– new), – out" in chat_line(found["metrics"], found["memory"])
    assert "load –" in chat_line(found["metrics"], found["memory"])
    assert "4 in (4 new), 0 out" in chat_line({"n_in": 4, "n_cached": 0, "n_out": 0}, {})


def test_a_lane_on_a_server_was_loaded_by_nobody_here(services: Services) -> None:
    with stand_in() as there:
        variant = services.library.get(served(services, there))
        ready = Ready(
            0, Lane(name="A", model=variant.id, engine="openai-server"), registry.spec("openai-server"), variant, {}, {}
        )
        with Seat(services.launcher, ready, "x", LaneWatcher()) as seat:
            phases = seat.open().phases
    assert phases["load_s"] is None
    assert phases["read_s"]


def test_a_server_that_ended_is_a_failure_and_no_wrong_input() -> None:
    assert CODES["server_ended"] == FAILED
