"""Downloads as lines: told of from any thread, looked at five times a second at most, and not ended by the window."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.errors import TandemError
from app.paths import Paths
from tests.app.ui.models.hub_made import HubServices, Opened, download, opened
from tests.fakes import variant


@pytest.fixture
def hub(qtbot: QtBot, home: Path) -> Iterator[Opened]:
    with opened(home) as made:
        yield made


def test_a_thread_tells_and_the_line_follows(hub: Opened, qtbot: QtBot):
    downloads = hub.state.downloads
    thread = threading.Thread(target=lambda: hub.services.downloads.put(download("a", rate=23.4e6, eta_s=149.0)))
    thread.start()
    qtbot.waitUntil(lambda: downloads.lines != ())
    thread.join()
    line = downloads.lines[0]
    assert (line.title, line.state, line.verbs) == ("Qwen2.5-7B-Instruct-GGUF · Q4_K_M", "running", ("pause", "cancel"))
    assert line.fraction == pytest.approx(1.2 / 4.9)
    assert downloads.summary == "1 running · 23 MB/s · 1.2 GB of 4.9 GB"


def test_a_flood_of_news_is_looked_at_rarely(hub: Opened, qtbot: QtBot):
    looks = []
    hub.services.downloads.all = lambda: looks.append(1) or (download("a", done=len(looks) / 100),)  # type: ignore[assignment]
    before = len(looks)
    for _ in range(200):
        hub.services.downloads.tell()
        hub.state.downloads._drain()  # a frame of the bridge
    assert len(looks) - before == 1
    qtbot.waitUntil(lambda: len(looks) == 2)  # what was told meanwhile is not lost
    qtbot.waitUntil(lambda: not hub.state.downloads._timer.isActive())
    assert len(looks) == 2


def test_what_arrives_is_told_once_and_can_be_talked_to(hub: Opened, qtbot: QtBot):
    refs: list[str] = []
    hub.state.downloads.arrived.connect(refs.append)
    hub.services.downloads.put(download("a"))
    hub.services.library.items.append(variant("q4_k_m", id="qwen"))
    with qtbot.waitSignal(hub.state.library_changed):
        hub.services.downloads.put(download("a", "done", 4.9, ref="qwen:q4_k_m"))
    line = hub.state.downloads.lines[0]
    assert (line.model, line.variant, line.chat, line.verbs) == ("qwen", "q4_k_m", True, ("clear",))
    hub.services.downloads.tell()
    qtbot.waitUntil(lambda: not hub.state.downloads._ear.heard.is_set())
    assert refs == ["qwen:q4_k_m"]


def test_what_was_done_before_does_not_arrive_again(qtbot: QtBot, home: Path):
    services = HubServices.open(Paths(home))
    services.downloads.items = [download("a", "done", 4.9, ref="gone:q4")]
    with opened(home, services=services) as hub:
        refs: list[str] = []
        hub.state.downloads.arrived.connect(refs.append)
        hub.state.downloads.look()
        assert refs == []
        assert not hub.state.downloads.lines[0].chat  # it was removed from the library since


@pytest.mark.parametrize(
    ("state", "verbs"),
    [("queued", ("pause", "cancel")), ("paused", ("resume", "cancel")), ("failed", ("retry", "drop")),
     ("cancelled", ("retry", "clear")), ("checking", ("pause", "cancel"))],
)  # fmt: skip
def test_verbs(hub: Opened, state: str, verbs: tuple[str, ...]):
    hub.services.downloads.put(download("a", state))
    hub.state.downloads.look()
    assert hub.state.downloads.lines[0].verbs == verbs
    hub.state.download(verbs[0], "a")
    assert hub.services.downloads.calls == [(verbs[0], "a")]
    hub.state.download(verbs[1], "a")
    assert hub.services.downloads.calls[-1] == ({"drop": "clear"}.get(verbs[1], verbs[1]), "a")


def test_another_process_carries_it(hub: Opened):
    hub.services.downloads.put(download("a", elsewhere=True))
    hub.state.downloads.look()
    assert hub.state.downloads.lines[0].verbs == ()
    assert hub.state.downloads.lines[0].detail.endswith("another Tandem carries it")


def test_a_verb_that_is_refused_says_why(hub: Opened):
    hub.services.downloads.put(download("a"))
    hub.services.downloads.refuse = TandemError("in_use", "Another Tandem carries it.", "Use that one.")
    hub.state.download("pause", "a")
    assert hub.state.problem is not None
    assert hub.state.problem.message == "Another Tandem carries it."
    hub.state.download("__class__", "a")  # no verb: nothing is called
    assert hub.services.downloads.calls == [("pause", "a")]
    hub.state.dismiss()
    assert hub.state.problem is None


def test_finished_ones_are_cleared_together(hub: Opened):
    hub.services.downloads.put(
        download("a", "done"), download("b"), download("c", "cancelled"), download("d", "failed")
    )
    hub.state.downloads.look()
    assert [line.id for line in hub.state.downloads.lines] == ["d", "c", "b", "a"]  # the newest first
    hub.state.downloads.clear_ended()
    assert [line.id for line in hub.state.downloads.lines] == ["d", "b"]


def test_closing_the_window_ends_no_download(qtbot: QtBot, home: Path):
    services = HubServices.open(Paths(home))
    services.downloads.items = [download("a")]
    with opened(home, services=services):
        pass
    assert services.downloads.calls == []
    assert services.downloads.items[0].state == "running"
    services.downloads.tell()  # nobody listens any more
