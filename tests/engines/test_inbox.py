"""The program's queue of a session: merges, keeps the order, stops its reader, wakes once."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from engines.inbox import LIMIT_BYTES, OVERHEAD_BYTES, Inbox
from engines.protocol import Beat, CancelSeen, Ended, Finished, FinishReason, Text, Unresponsive

DONE = Finished(id=1, reason=FinishReason.STOP)
ENDED = Ended(code=0, words="", expected=True)
BIG = LIMIT_BYTES - OVERHEAD_BYTES + 1  # one of these fills the queue


def beat(counter: int) -> Beat:
    return Beat(phase="decode", counter=counter, cpu_s=0, rss=0)


@pytest.fixture
def woken() -> list[int]:
    return []


@pytest.fixture
def inbox(woken: list[int]) -> Iterator[Inbox]:
    one = Inbox(lambda: woken.append(1))
    yield one
    one.open_wide()


def reader(inbox: Inbox, *events: Text) -> threading.Thread:
    thread = threading.Thread(target=lambda: [inbox.put(e, 10) for e in events], name="tandem-test-reader", daemon=True)
    thread.start()
    return thread


def until_blocked(inbox: Inbox) -> None:
    gate = threading.Event()
    while not inbox.blocked:
        gate.wait(0.005)


def test_texts_of_one_request_become_one_with_the_newest_figures(inbox: Inbox) -> None:
    for word, n in (("a", 1.0), ("b", 2.0), ("c", 3.0)):
        inbox.put(Text(id=1, text=word, stats={"n_out": n}), 10)
    assert inbox.drain() == [Text(id=1, text="abc", stats={"n_out": 3.0})]


def test_nothing_overtakes(inbox: Inbox) -> None:
    events = [
        Text(id=1, text="a"),
        Text(id=2, text="b"),
        Text(id=1, text="c"),
        CancelSeen(id=1),
        Text(id=1, text="d"),
        DONE,
    ]
    for event in events:
        inbox.put(event, 10)
    assert inbox.drain() == events
    assert inbox.drain() == []


def test_a_text_without_figures_keeps_those_before_it(inbox: Inbox) -> None:
    inbox.put(Text(id=1, text="a", stats={"n_out": 1.0}), 10)
    inbox.put(Text(id=1, text="b"), 10)
    assert inbox.drain() == [Text(id=1, text="ab", stats={"n_out": 1.0})]


def test_of_beats_in_a_row_the_newest_stays(inbox: Inbox) -> None:
    for n in range(100):
        inbox.put(beat(n), 10**6)
    inbox.put(DONE, 10)
    inbox.put(beat(100), 10)
    assert inbox.drain() == [beat(99), DONE, beat(100)]


def test_it_wakes_its_reader_once_for_each_time_it_fills(inbox: Inbox, woken: list[int]) -> None:
    for _ in range(5):
        inbox.put(CancelSeen(id=1), 10)
    assert len(woken) == 1
    inbox.drain()
    inbox.put(CancelSeen(id=1), 10)
    assert len(woken) == 2


def test_it_may_be_drained_from_inside_the_wake_up() -> None:
    taken: list[object] = []
    one = Inbox(lambda: taken.extend(one.drain()))
    for _ in range(3):
        one.put(CancelSeen(id=1), 10)
    assert len(taken) == 3


def test_the_reader_waits_above_the_limit_and_goes_on_after_a_drain(inbox: Inbox) -> None:
    inbox.put(Text(id=1, text="big"), BIG)
    thread = reader(inbox, Text(id=1, text=" more"))
    until_blocked(inbox)
    assert inbox.drain() == [Text(id=1, text="big")]
    thread.join(5)
    assert not thread.is_alive()
    assert inbox.drain() == [Text(id=1, text=" more")]
    assert not inbox.blocked


def test_at_the_limit_it_does_not_wait(inbox: Inbox) -> None:
    inbox.put(Text(id=1, text="a"), BIG - 1)
    thread = reader(inbox, Text(id=1, text="b"))
    thread.join(5)
    assert not thread.is_alive()


def test_the_clients_own_events_never_wait(inbox: Inbox) -> None:
    inbox.put(Text(id=1, text="big"), BIG)
    inbox.post(Unresponsive(seconds=10, phase="read"))
    inbox.post(ENDED)
    assert inbox.drain() == [Text(id=1, text="big"), Unresponsive(seconds=10, phase="read"), ENDED]


def test_at_the_end_everything_fits(inbox: Inbox) -> None:
    inbox.put(Text(id=1, text="big"), BIG)
    thread = reader(inbox, *[Text(id=1, text="x")] * 3)
    until_blocked(inbox)
    inbox.open_wide()
    thread.join(5)
    assert not thread.is_alive()
    assert inbox.drain() == [Text(id=1, text="bigxxx")]


def test_wait_returns_at_once_what_is_there_and_nothing_when_nothing_comes(inbox: Inbox) -> None:
    assert inbox.wait(0.001) == []
    inbox.put(DONE, 10)
    assert inbox.wait(60) == [DONE]


def test_wait_is_woken_by_a_put(inbox: Inbox) -> None:
    thread = reader(inbox, Text(id=1, text="x"))
    assert inbox.wait(60) == [Text(id=1, text="x")]
    thread.join(5)
