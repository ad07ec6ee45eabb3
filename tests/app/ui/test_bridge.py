from __future__ import annotations

import gc
import threading
import weakref

import pytest

from app.ui.bridge import Bridge


@pytest.fixture
def bridge(qapp):
    made = Bridge()
    yield made
    made.close()


def test_a_call_from_a_thread_drains_in_the_gui_thread(bridge, qtbot):
    where: list[int] = []
    bridge.add(lambda: where.append(threading.get_ident()))
    thread = threading.Thread(target=bridge.notify)
    thread.start()
    thread.join()
    qtbot.waitUntil(lambda: bool(where))
    assert where == [threading.get_ident()]


def test_many_calls_are_one_drain_a_frame(bridge, qtbot):
    drains: list[None] = []
    bridge.add(lambda: drains.append(None))
    for _ in range(1000):
        bridge.notify()
    qtbot.waitUntil(lambda: bool(drains))
    assert len(drains) == 1
    bridge.notify()
    qtbot.waitUntil(lambda: len(drains) == 2)


def test_a_call_during_a_drain_is_not_lost(bridge, qtbot):
    drains: list[None] = []

    def drain() -> None:
        drains.append(None)
        if len(drains) < 3:
            bridge.notify()

    bridge.add(drain)
    bridge.notify()
    qtbot.waitUntil(lambda: len(drains) == 3)


def test_every_queue_is_drained_also_when_one_raises(bridge, qtbot):
    drained: list[str] = []

    def broken() -> None:
        raise RuntimeError("a bug")

    bridge.add(lambda: drained.append("first"))
    bridge.add(broken)
    bridge.add(lambda: drained.append("last"))
    with qtbot.captureExceptions() as seen:
        bridge.notify()
        qtbot.waitUntil(lambda: len(drained) == 2)
    assert sorted(drained) == ["first", "last"]
    assert [str(error) for _, error, _ in seen] == ["a bug"]


def test_a_removed_drain_is_not_called(bridge, qtbot):
    drained: list[str] = []
    gone = lambda: drained.append("gone")  # noqa: E731
    bridge.add(gone)
    bridge.add(lambda: drained.append("kept"))
    bridge.remove(gone)
    bridge.notify()
    qtbot.waitUntil(lambda: bool(drained))
    assert drained == ["kept"]


def test_notify_holds_no_qobject_and_is_harmless_after_the_end(qapp):
    bridge = Bridge()
    notify, watched = bridge.notify, weakref.ref(bridge)
    bridge.close()
    del bridge
    gc.collect()
    assert watched() is None
    notify()
