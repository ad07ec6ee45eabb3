"""The search: asked when a person pauses, answered for the newest words only, silent before it is wanted."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.errors import TandemError
from app.ui.state import hub_lines
from app.ui.state.hub_newest import MOST, Newest
from tests.app.ui.models.hub_made import QWEN, Opened, model, opened, settle


@pytest.fixture
def hub(qtbot: QtBot, home: Path) -> Iterator[Opened]:
    with opened(home) as made:
        yield made


def test_nothing_is_asked_before_a_person_searches(hub: Opened):
    hub.state.search.set_task("chat")
    hub.state.search.set_sort("likes")
    settle()
    assert hub.services.hub.asked == []
    assert [section.title for section in hub_lines.sections(hub.state.search, hub.state.starters.lines)] == [
        "Starter pack"
    ]


def test_typing_asks_once_it_pauses(hub: Opened, qtbot: QtBot):
    hub.services.hub.models["qwen"] = (model(QWEN, 1_204_331),)
    for text in ("q", "qw", "qwen"):
        hub.state.search.set_query(text)
    assert hub.services.hub.asked == []
    qtbot.waitUntil(lambda: hub.state.search.answered)
    assert hub.services.hub.asked == [("qwen", "", "downloads", 30)]
    line = hub_lines.sections(hub.state.search, ())[0].lines[0]
    assert (line.title, line.chips) == ("Qwen2.5-7B-Instruct-GGUF", ("GGUF", "apache-2.0"))
    assert line.detail == "bartowski · 1.2\xa0M downloads · 3,010 likes · 2025-09-12"


def test_a_newer_search_drops_the_older_ones_answer(hub: Opened, qtbot: QtBot):
    fake, search = hub.services.hub, hub.state.search
    fake.gates["old"] = threading.Event()
    fake.models |= {"old": (model("a/old"),), "new": (model("a/new"),)}
    search.set_query("old")
    search.run()
    qtbot.waitUntil(lambda: len(fake.asked) == 1)
    search.set_query("new")
    search.run()
    qtbot.waitUntil(lambda: search.answered)
    fake.gates["old"].set()
    qtbot.waitUntil(lambda: not search._newest._jobs)
    assert [found.repo for found in search.results] == ["a/new"]


def test_a_hanging_server_collects_no_threads(hub: Opened, qtbot: QtBot):
    gate, answers, asked = threading.Event(), [], []
    newest = Newest("test", hub.bridge)
    newest.answered.connect(answers.append)

    def ask(n: int) -> None:
        def work(*_: object) -> object:
            asked.append(n)
            gate.wait(10)
            return n

        newest.ask(work)

    for n in range(10):
        ask(n)
    qtbot.waitUntil(lambda: len(asked) == MOST)
    assert newest.busy
    gate.set()
    qtbot.waitUntil(lambda: answers != [])
    assert (answers, sorted(asked)) == ([9], [0, 1, 2, 9])
    qtbot.waitUntil(lambda: not newest.busy)
    newest.close()


def test_an_address_is_opened_and_not_sent_as_words(hub: Opened, qtbot: QtBot):
    search = hub.state.search
    search.set_query("https://me:hunter2@x.org/m.gguf?key=hunter3")
    assert not search.busy
    line = hub_lines.sections(search, hub.state.starters.lines)[0].lines[0]
    assert "x.org/m.gguf" in line.title
    assert "hunter" not in repr(line)
    search.set_query(f"{QWEN}:Q4_K_M")
    qtbot.waitUntil(lambda: search.answered)
    assert hub.services.hub.asked == [(QWEN, "", "downloads", 30)]


def test_task_sort_and_more(hub: Opened, qtbot: QtBot):
    search = hub.state.search
    hub.services.hub.models["x"] = tuple(model(f"a/m{n}") for n in range(45))
    search.set_query("x")
    search.run()
    qtbot.waitUntil(lambda: search.answered)
    assert search.more
    search.set_task("speak")
    qtbot.waitUntil(lambda: not search.busy)
    search.set_sort("likes")
    qtbot.waitUntil(lambda: not search.busy)
    search.show_more()
    qtbot.waitUntil(lambda: not search.busy)
    assert hub.services.hub.asked[1:] == [
        ("x", "speak", "downloads", 30),
        ("x", "speak", "likes", 30),
        ("x", "speak", "likes", 60),
    ]
    assert len(search.results) == 45
    assert not search.more


def test_offline_keeps_the_starter_pack_and_can_be_tried_again(hub: Opened, qtbot: QtBot):
    search = hub.state.search
    hub.services.hub.error = TandemError("network", "The hub cannot be reached: no.", "Check the connection.")
    search.set_query("qwen")
    search.run()
    qtbot.waitUntil(lambda: search.problem is not None)
    assert search.offline
    assert search.problem is not None
    assert search.problem.title == "The hub cannot be reached"
    assert len(hub_lines.sections(search, hub.state.starters.lines)[0].lines) == len(hub.state.starters.lines)
    hub.services.hub.error = None
    search.run()
    qtbot.waitUntil(lambda: search.answered)
    assert search.problem is None
    assert hub_lines.sections(search, hub.state.starters.lines) == ()  # nothing found, and no starter of that name
