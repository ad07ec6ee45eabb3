"""Waiting for a session's events, without sleeping."""

from __future__ import annotations

from collections.abc import Callable

from app.lab.session import ModelSession
from engines.protocol import Event


def follow(session: ModelSession, until: Callable[[], bool], limit: int = 200) -> list[Event]:
    """Events until `until` is true; fails after `limit` tenths of a second without it."""
    events: list[Event] = []
    for _ in range(limit):
        events += session.wait(0.1)
        if until():
            return events
    raise AssertionError(f"it never came; state {session.state}, {events[-5:]}")
