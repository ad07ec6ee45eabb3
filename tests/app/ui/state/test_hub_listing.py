"""A repository's offers: read in a thread, each with its verdict, and started as downloads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.errors import TandemError
from app.library import File
from app.ui.state import hub_fit, hub_listing
from app.ui.state.hub_address import Address
from app.ui.state.hub_fit import FitLine
from tests.app.ui.models.hub_made import QWEN, Opened, line, listing, offer, opened
from tests.fakes import variant


@pytest.fixture
def hub(qtbot: QtBot, home: Path) -> Iterator[Opened]:
    with opened(home, free=9.0) as made:
        made.services.hub.listings[QWEN] = listing(
            offer("Q4_K_M", 4.68), offer("Q6_K", 6.25), offer("Q8_0", 8.1), offer("F16", 15.2),
            offer("F32", 30.4, why_not="It lies in 2 parts, which cannot be loaded here yet."),
        )  # fmt: skip
        yield made


def show(hub: Opened, qtbot: QtBot, address: Address | None = None) -> None:
    hub.state.open_address(address or Address(QWEN))
    state = hub.state.listing
    qtbot.waitUntil(lambda: not state.busy and not state.estimating)


def test_offers_with_verdicts_and_the_one_to_take(hub: Opened, qtbot: QtBot):
    show(hub, qtbot)
    lines = hub.state.listing.lines
    assert [(line.name, line.fit.word, line.best) for line in lines] == [
        ("Q4_K_M", "fits", False), ("Q6_K", "fits", True), ("Q8_0", "too large", False), ("F16", "too large", False),
        ("F32", "not known", False),
    ]  # fmt: skip
    assert lines[0].fit.detail == "needs 5.5 GB, 9.0 GB free"
    assert lines[0].fit.tip == "llama.cpp: needs 5.5 GB, 9.0 GB free"
    assert lines[4].why_not.startswith("It lies in 2 parts")


def test_verdicts_come_one_after_the_other(hub: Opened, qtbot: QtBot):
    gates = {
        "Q4_K_M": threading.Event(),
        "Q6_K": threading.Event(),
        "Q8_0": threading.Event(),
        "F16": threading.Event(),
    }

    def slow(found: object) -> FitLine:
        gates[found.name].wait(10)
        if found.name == "Q6_K":
            raise TandemError("network", "It broke.", "Try again.")
        return line("fits")

    hub.state.listing._estimates = hub_fit.each(slow)
    hub.state.open_address(Address(QWEN))
    state = hub.state.listing
    qtbot.waitUntil(lambda: state.estimating)
    assert {line.fit.verdict for line in state.lines if not line.why_not} == {"waiting"}
    gates["Q4_K_M"].set()
    qtbot.waitUntil(lambda: state.lines[0].fit.verdict == "fits")
    assert state.lines[1].fit.word == "estimating…"
    for gate in gates.values():
        gate.set()
    qtbot.waitUntil(lambda: not state.estimating)
    assert (state.lines[1].fit.verdict, state.lines[1].fit.detail) == ("unknown", "It broke. Try again.")


def test_another_repository_ends_the_estimates_of_the_first(hub: Opened, qtbot: QtBot):
    gate, seen = threading.Event(), []

    def slow(found: object) -> FitLine:
        seen.append((found.repo, found.name))
        gate.wait(10)
        return line("fits" if found.repo == QWEN else "no")

    other = "a/other"
    hub.services.hub.listings[other] = listing(offer("Q4_K_M", 1, other), repo=other)
    hub.state.listing._estimates = hub_fit.each(slow)
    hub.state.open_repo(QWEN)
    qtbot.waitUntil(lambda: (QWEN, "Q4_K_M") in seen)
    hub.state.open_repo(other)
    qtbot.waitUntil(lambda: (other, "Q4_K_M") in seen)
    gate.set()
    qtbot.waitUntil(lambda: not hub.state.listing.estimating)
    assert [line.fit.verdict for line in hub.state.listing.lines] == ["no"]
    assert len(seen) == 2


def test_get_starts_a_download_once(hub: Opened, qtbot: QtBot):
    show(hub, qtbot)
    hub.state.listing.get("F32")  # it cannot be used
    hub.state.listing.get("Q6_K")
    assert [(verb, of.name) for verb, of in hub.services.downloads.calls] == [("start", "Q6_K")]
    assert [line.state for line in hub.state.listing.lines] == ["", "queued", "", "", ""]


def test_a_refused_download_says_why(hub: Opened, qtbot: QtBot):
    show(hub, qtbot)
    hub.services.downloads.refuse = TandemError("disk_full", "The disk is nearly full.", "Free some space.")
    hub.state.listing.get("Q6_K")
    refused = hub.state.listing.refused
    assert refused is not None
    assert (refused.title, refused.message) == ("The download cannot begin", "The disk is nearly full.")
    hub.services.downloads.refuse = None
    hub.state.listing.get("Q6_K")
    assert hub.state.listing.refused is None


def test_what_is_in_the_library_is_known_by_its_digests(hub: Opened, qtbot: QtBot):
    files = hub.services.hub.listings[QWEN].offers[0].files
    hub.services.library.items.append(variant("q4_k_m", id="qwen", files=(File("/x/y.gguf", 1, files[0].sha256),)))
    show(hub, qtbot)
    first = hub.state.listing.lines[0]
    assert (first.state, first.model, first.variant) == ("here", "qwen", "q4_k_m")
    hub.services.library.items.clear()
    hub.state.refresh()
    assert hub.state.listing.lines[0].state == ""


def test_a_disk_that_is_too_small(hub: Opened, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(hub_listing, "free_bytes", lambda _folder: 5_000_000_000)
    show(hub, qtbot)
    lines = hub.state.listing.lines
    assert lines[0].room == ""
    assert lines[1].room == "The disk has too little room: 6.6 GB are needed and 5.0 GB are free."
    assert lines[4].room == ""  # it says already why not
    hub.state.listing.get("Q4_K_M")  # what is still to be written is not free
    assert hub.state.listing.lines[1].room.endswith("320 MB are free.")


def test_an_address_points_to_a_variant_or_a_file(hub: Opened, qtbot: QtBot):
    show(hub, qtbot, Address(QWEN, wanted="q8_0"))
    assert [line.name for line in hub.state.listing.lines if line.wanted] == ["Q8_0"]
    show(hub, qtbot, Address(QWEN, "main", "Qwen2.5-7B-Instruct-GGUF-F16.gguf"))
    assert [line.name for line in hub.state.listing.lines if line.wanted] == ["F16"]


def test_the_address_of_a_file_elsewhere(hub: Opened, qtbot: QtBot):
    url = "https://x.org/m.gguf?key=hunter2"
    hub.services.hub.urls[url] = offer("m", 1.5, "x.org", url=url)
    hub.state.search.set_query(url)
    hub.state.enter()
    state = hub.state.listing
    qtbot.waitUntil(lambda: not state.busy and not state.estimating)
    assert [(line.name, line.fit.verdict) for line in state.lines] == [("m", "fits")]
    assert "hunter2" not in repr(state.lines)
    assert state.address.shown == "x.org/m.gguf"


def test_what_is_not_there_can_be_tried_again(hub: Opened, qtbot: QtBot):
    hub.state.open_repo("a/missing")
    state = hub.state.listing
    qtbot.waitUntil(lambda: state.problem is not None)
    assert state.problem is not None
    assert state.problem.title == "a/missing cannot be shown"
    hub.services.hub.listings["a/missing"] = listing(offer("Q4_K_M", 1, "a/missing"), repo="a/missing")
    state.retry()
    assert state.problem is None
    qtbot.waitUntil(lambda: state.offers != ())


def test_a_starter_takes_the_place_of_a_repository(hub: Opened, qtbot: QtBot):
    show(hub, qtbot)
    hub.state.open_starter("smollm2-135m")
    assert not hub.state.listing.opened
    assert hub.state.shown_starter is not None
    hub.state.open_repo(QWEN)
    assert hub.state.shown_starter is None
