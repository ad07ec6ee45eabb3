"""Simulated users on one server. Every chunk is stamped at its arrival; figures are made later, by `app.lab.loadtest`.

A user is a thread. In a closed loop it takes the next request once its last one is answered; in an open loop it takes
the next one, waits until that is due, and sends it. A request that has to wait for a free user is sent late and says so:
`due_ns` stays what it was, so that the time in which a stalled server held everybody up is in the figures.
"""

from __future__ import annotations

import contextlib
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from engines.errors import Cancelled, EngineError
from engines.job import Job
from engines.protocol import Address, Finished, FinishReason, LoadTest, Planned, Served, Stats
from engines.servers.client import Client, Exchange
from engines.servers.dialects import Dialect
from engines.servers.errors import HttpError
from engines.servers.requests import body, repaired

MOST_USERS = 256
TICK_S = 1.0
PATIENCE_S = 10.0  # all requests that ended within so long failed: it makes no sense to go on
RETRY_S = 0.2  # a user whose request failed waits so long before the next one
GAUGES = ("server_running", "server_waiting", "server_kv_use", "server_prefix_hit_rate", "server_accept_rate")
Sample = Callable[[], dict[str, float]]


def load_test(
    client: Client, dialect: Dialect, address: Address, order: LoadTest, job: Job, sample: Sample = dict
) -> Finished:
    """What an adapter's `load_test` answers: the system's figures, and every request's times in `detail`.

    sample: the server's gauges now (`Beat.sample` keys), without waiting.
    """
    test = Test(client, dialect, address, order, job, sample)
    served = test.run()
    for note in test.notes:
        job.note(note)
    data = msgspec.msgpack.encode(served)
    return Finished(
        id=job.id, reason=FinishReason.CANCELLED if job.cancelled else FinishReason.STOP,
        metrics=_system(served) | test.greatest, notes=tuple(job.notes), detail=job.blob(data),
        effective=dict(order.knobs),
    )  # fmt: skip


def run_load(
    client: Client, dialect: Dialect, address: Address, order: LoadTest, job: Job, sample: Sample = dict
) -> tuple[Served, ...]:
    """The test alone: what became of each request, in the order of the plan, those of the warm-up left out."""
    return Test(client, dialect, address, order, job, sample).run()


class Test:
    """One load test while it runs. Makes connections of its own, as many as there are users."""

    __test__ = False  # the name is no invitation to pytest

    def __init__(
        self, client: Client, dialect: Dialect, address: Address, order: LoadTest, job: Job, sample: Sample
    ) -> None:
        self._dialect, self._address, self._order, self._job, self._sample = dialect, address, order, job, sample
        self._timeout_s = client.timeout_s
        self._timed = order.requests[min(order.warmup, len(order.requests)) :]
        self._threads = min(order.users or MOST_USERS, MOST_USERS, max(1, len(self._timed)))
        self._client = Client(client.address, timeout_s=client.timeout_s, pool=self._threads)
        self._stop = threading.Event()
        self._over = threading.Condition()
        self._working = 0
        self._waiting: deque[tuple[int, Planned]] = deque()
        self._done: list[Served] = []
        self._answers: list[_Answer] = []
        self._start_ns = 0
        self._refused: frozenset[str] = frozenset()
        self.notes: list[str] = []
        self.greatest: dict[str, float | None] = {}

    def run(self) -> tuple[Served, ...]:
        """Warm up, then test. Cut short by `job.cancelled`; a server that fails is a result.

        Raises EngineError for settings that no request to this server can have.
        """
        if self._order.requests:
            body(self._dialect, self._address, self._order.requests[0], self._order.knobs)
        try:
            with self._job.phase("warm-up"):
                self._go(self._order.requests[: self._order.warmup], first=0)
            failed = [one.error for one in self._done if one.error]
            if failed:
                self.notes.append(f"{len(failed)} of {self._order.warmup} requests of the warm-up failed: {failed[0]}")
            self._done, self._answers = [], []
            if not self._job.cancelled:
                self._stop.clear()  # a warm-up that failed for long ended itself; the test has its own say
            with self._job.phase("load test"):
                self._go(self._timed, first=self._order.warmup)
            return self._all()
        finally:
            self._client.close()

    # --- the job's own thread ---------------------------------------------------------------

    def _go(self, requests: tuple[Planned, ...], first: int) -> None:
        """Send all of `requests`; back when the last one is over."""
        if not requests or self._job.cancelled:
            return
        self._waiting = deque(enumerate(requests, first))
        users = [
            threading.Thread(target=self._user, name=f"load-user-{i}", daemon=True)
            for i in range(min(self._threads, len(requests)))
        ]
        self._working = len(users)
        self._start_ns = time.perf_counter_ns()
        for user in users:
            user.start()
        while not self._wait(TICK_S):
            self._tick()
        for user in users:
            user.join()

    def _wait(self, seconds: float) -> bool:
        """True once every user has gone; False after `seconds`. A stop is passed on within 50 ms."""
        end = time.monotonic() + seconds
        with self._over:
            while self._working and (left := end - time.monotonic()) > 0:
                self._over.wait(min(left, 0.05))
                if self._job.cancelled:
                    self._stop.set()
            return not self._working

    def _tick(self) -> None:
        self._job.tick()
        self._give_up_if_all_fails()
        now_s = self._now() / 1e9
        gauges = self._gauges()
        done = list(self._done)
        failed = sum(1 for one in done if one.reason == "error")
        answers = list(self._answers)
        tokens = sum(answer.n for answer in answers)
        self._job.emit(
            Stats(
                id=self._job.id,
                stats={
                    "elapsed_s": now_s, "running": float(sum(not answer.over for answer in answers)), "done": float(len(done) - failed), "failed": float(failed),
                    "total": float(len(self._timed)), "system_tok_s": tokens / now_s if now_s > 0 else 0.0, **gauges,
                },
            )
        )  # fmt: skip

    def _gauges(self) -> dict[str, float]:
        found: dict[str, float] = {}
        with contextlib.suppress(Exception):  # a figure that fails must not end the test
            found = {k: v for k, v in self._sample().items() if k in GAUGES}
        for name, value in found.items():
            self.greatest[name] = max(value, self.greatest.get(name) or 0.0)
        return found

    def _give_up_if_all_fails(self) -> None:
        edge = self._now() - round(PATIENCE_S * 1e9)
        late = [one for one in list(self._done) if one.end_ns >= edge]
        if edge > 0 and late and all(one.reason == "error" for one in late) and not self._stop.is_set():
            self.notes.append(f"Stopped: every request of the last {PATIENCE_S:.0f} s failed: {late[-1].error}")
            self._stop.set()

    def _all(self) -> tuple[Served, ...]:
        """All that were sent, and those of an open loop that were due and could not be sent."""
        end = max((one.end_ns for one in self._done), default=self._now())
        for index, planned in self._waiting:
            if planned.at_s is not None and planned.at_s * 1e9 <= min(end, self._limit_ns()):
                self._done.append(_unsent(index, planned, end))
        return tuple(sorted(self._done, key=lambda one: one.index))

    # --- a user's thread --------------------------------------------------------------------

    def _user(self) -> None:
        try:
            while (taken := self._next()) is not None:
                served = self._serve(*taken)
                self._done.append(served)
                if served.reason == "error" and taken[1].at_s is None:
                    self._stop.wait(RETRY_S)
        finally:
            with self._over:
                self._working -= 1
                self._over.notify_all()

    def _next(self) -> tuple[int, Planned] | None:
        """The next request, once it is due; None when nothing more is to be sent. What is not sent stays in line."""
        with self._over:
            if self._stop.is_set() or not self._waiting or self._now() > self._limit_ns():
                return None
            index, planned = self._waiting.popleft()
        late = planned.at_s is None or self._until(round(planned.at_s * 1e9))
        if late and self._now() <= self._limit_ns():
            return index, planned
        with self._over:
            self._waiting.append((index, planned))
        return None

    def _until(self, due_ns: int) -> bool:
        """Wait for a moment of the test's clock; False if the test stopped, or its time was over, before."""
        if due_ns > self._limit_ns():
            return False
        while (left := (due_ns - self._now()) / 1e9) > 0:
            if self._stop.wait(left):
                return False
        return not self._stop.is_set()

    def _serve(self, index: int, planned: Planned) -> Served:
        path, sent_body = body(self._dialect, self._address, planned, self._order.knobs)
        sent = self._now()
        answer = _Answer(sent if planned.at_s is None else round(planned.at_s * 1e9), sent)
        self._answers.append(answer)
        try:
            self._read(path, sent_body, answer)
        except Cancelled:
            answer.reason = "cancelled"
        except EngineError as error:
            answer.reason, answer.error = "error", error.message
        except Exception as error:  # noqa: BLE001 - one request's failure is its own
            traceback.print_exc()
            answer.reason, answer.error = "error", f"{type(error).__name__}: {str(error)[:200]}"
        answer.over = True
        return answer.served(index, self._now())

    def _send(self, path: str, sent_body: dict[str, Any]) -> Exchange:
        """A field that the server refuses is left out, of all requests from then on, and named in the notes."""
        while True:
            fields = {k: v for k, v in sent_body.items() if k not in self._refused}
            if "max_tokens" in self._refused:
                fields["max_completion_tokens"] = sent_body["max_tokens"]
            try:
                return self._client.stream(path, fields, self._stop.is_set)
            except HttpError as error:
                changed = repaired(fields, error)
                if changed is None or not (gone := frozenset(fields) - frozenset(changed[0])):
                    raise
                with self._over:
                    self._refused |= gone
                    if changed[1] and changed[1] not in self.notes:
                        self.notes.append(changed[1])

    def _read(self, path: str, sent_body: dict[str, Any], answer: _Answer) -> None:
        exchange = self._send(path, sent_body)
        try:
            for chunk in exchange:
                if chunk.n or chunk.text or chunk.thought:
                    answer.times.append(chunk.at_ns - self._start_ns)
                    answer.counts.append(chunk.n or 1)
                    answer.n += chunk.n or 1
                    self._job.tick()
                answer.finish = chunk.finish or answer.finish
                if chunk.usage is not None:
                    answer.usage = (chunk.usage.n_in, chunk.usage.n_cached, chunk.usage.n_out)
        finally:
            exchange.close()
        if not answer.times:
            raise EngineError("no_output", "The server ended the answer without any output.", "Look at its log.")
        answer.reason = "length" if answer.finish == "length" else "stop"

    def _now(self) -> int:
        """Nanoseconds after the clock's start."""
        return time.perf_counter_ns() - self._start_ns

    def _limit_ns(self) -> float:
        return float("inf") if self._order.seconds is None else self._order.seconds * 1e9


class _Answer:
    """One answer as it comes in."""

    def __init__(self, due_ns: int, sent_ns: int) -> None:
        self.due_ns, self.sent_ns = due_ns, sent_ns
        self.times: list[int] = []
        self.counts: list[int] = []
        self.n, self.over = 0, False
        self.usage: tuple[int | None, int | None, int | None] = (None, None, None)
        self.finish = self.error = ""
        self.reason = "stop"

    def served(self, index: int, end_ns: int) -> Served:
        n_in, n_cached, n_out = self.usage
        if n_out is not None and n_out < self.n:  # an impossible usage: what came counts
            n_out = None
        return Served(
            index=index, due_ns=self.due_ns, sent_ns=self.sent_ns, end_ns=end_ns, times_ns=tuple(self.times),
            counts=tuple(self.counts), n_in=n_in, n_cached=n_cached, n_out=n_out, reason=self.reason, error=self.error,
        )  # fmt: skip


def _unsent(index: int, planned: Planned, end_ns: int) -> Served:
    due = round((planned.at_s or 0.0) * 1e9)
    return Served(
        index=index, due_ns=due, sent_ns=end_ns, end_ns=end_ns, reason="cancelled", error="It was due, and not sent."
    )


def _system(served: tuple[Served, ...]) -> dict[str, float | None]:
    whole = [one for one in served if one.reason in ("stop", "length")]
    end = max((one.end_ns for one in served), default=0)
    tokens = sum(one.n_out if one.n_out is not None else sum(one.counts) for one in whole)
    return {
        "system_tok_s": tokens * 1e9 / end if end else None, "n_requests": float(len(whole)),
        "n_failed": float(sum(1 for one in served if one.reason == "error")), "n_out": float(tokens),
    }  # fmt: skip
