"""One run on a server: the answer as it streams, the figures of both sides, and the copies sent beside it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import msgspec.structs

from engines.chat.finish import finish, first_answer_s
from engines.errors import Cancelled
from engines.job import Job
from engines.knobs import Settings, Value, defaults
from engines.metrics import Metrics, prefill_rate
from engines.protocol import ChatRequest, Finished, FinishReason, Memory
from engines.servers.asking import Asked, Asker
from engines.servers.client import Exchange
from engines.servers.copies import Copies, Copy, system_figures
from engines.servers.dialects import Facts
from engines.servers.gauges import Around, GaugeReader
from engines.servers.metrics_page import Gauges
from engines.servers.run_knobs import SERVER_KNOBS

SERVER_FIGURES = (
    "server_ttft_s",
    "network_s",
    "connect_s",
    "headers_s",
    "server_queue_s",
    "server_prefill_s",
    "server_decode_s",
)


def watching(job: Job) -> Callable[[], bool]:
    """Asked every 30 ms while a server is waited for: has the person stopped it? It says too that the work goes on."""

    def stopped() -> bool:
        job.tick()
        return job.cancelled

    return stopped


class ServerRun:
    """One request of a session, from its clock's start to `Finished`."""

    def __init__(self, facts: Facts, asker: Asker, gauges: GaugeReader | None, job: Job) -> None:
        self._facts, self._asker, self._gauges, self._job = facts, asker, gauges, job
        self._first = Copy()
        self._copies: list[Copy] = []
        self._times: Metrics = {}
        self._effective: Settings = {}

    def answer(self, request: ChatRequest) -> Finished:
        """Raises EngineError, once the text that had come is out; a stop is a `Finished`."""
        knobs = defaults(SERVER_KNOBS) | request.knobs
        self._effective = dict(knobs)
        before = self._gauges.latest if self._gauges is not None else None
        stopped = False
        try:
            with self._job.phase("prepare"):
                asked = self._asker.prepare(request, knobs)
            self._exchange(asked, _count(knobs["concurrency"]), request.discard_text)
        except Cancelled:
            stopped = True
        finally:
            self._first.answer.close()
        self._job.clock.t_end = self._first.answer.end_ns or time.perf_counter_ns()
        for note in self._first.answer.notes():
            self._job.note(note)
        after = None if stopped else self._figures_now(before)
        if stopped and self._gauges is not None:
            self._gauges.nudge()
        return self._finished(stopped, Around(before, None if self._copies else after))

    def _exchange(self, asked: Asked, n: int, mute: bool) -> None:
        """Send it, and its copies at the same moment; take in all that comes."""
        stop = watching(self._job)
        with self._job.phase("prepare"):
            copies = Copies(self._asker, asked, n - 1, stop)
        self._copies = copies.all
        try:
            copies.go()
            self._first.start_ns = time.perf_counter_ns()
            with self._job.phase("waiting"):
                asked, exchange = self._asker.send(asked, stop)
            self._took(asked)
            with contextlib.closing(exchange):
                self._times = _times(exchange, self._first.start_ns)
                self._stream(exchange, mute)
        except BaseException:
            copies.give_up()
            raise
        finally:
            copies.wait()

    def _took(self, asked: Asked) -> None:
        self._effective |= asked.effective
        for note in asked.notes:
            self._job.note(note)

    def _stream(self, exchange: Exchange, mute: bool) -> None:
        answer, job = self._first.answer, self._job
        with job.phase("decode"):
            for chunk in exchange:
                delta = answer.take(chunk, job.step)
                if answer.n_in is not None:
                    job.live["n_in"] = float(answer.n_in)
                if not mute:
                    job.text(delta)

    def _figures_now(self, before: Gauges | None) -> Gauges | None:
        """The server's page, if it has one with figures of single requests: asked for after the clock has stopped."""
        if self._gauges is None or self._gauges.latest is None or self._gauges.latest.ttft_count is None:
            return None
        return self._gauges.counted(before, 1 + len(self._copies))

    def _finished(self, stopped: bool, around: Around) -> Finished:
        answer = self._first.answer
        n_cached = answer.n_cached if answer.n_cached is not None else around.n_cached()
        drafted, accepted = answer.speculation() or around.speculation()
        done = finish(
            self._job, FinishReason.CANCELLED if stopped else answer.reason, answer.text, answer.prompt_ids, answer.ids, n_cached,
            answer.n_shown, n_in=answer.n_in, n_out=answer.n_out, offsets=answer.offsets if answer.ids else (),
            drafted=drafted, accepted=accepted, logprobs=answer.logprobs, top_logprobs=answer.top, effective=self._effective,
        )  # fmt: skip
        metrics = done.metrics | self._of_server(done.metrics, around)
        together = system_figures([self._first, *self._copies])
        metrics |= together if self._copies else {"system_tok_s": together["system_tok_s"]}
        return msgspec.structs.replace(
            done, metrics=metrics, memory=Memory(device="server"), notes=self._notes(done.notes)
        )

    def _of_server(self, client: Metrics, around: Around) -> Metrics:
        """The figures that only a server's model has, and those that its own word makes better."""
        answer = self._first.answer
        said: Metrics = {**around.figures(), **answer.server_figures()}
        ttft, server_ttft, prefill = client["ttft_s"], said.get("server_ttft_s"), said.get("server_prefill_s")
        n_in, n_cached = client["n_in"], client["n_cached"]
        new = int(n_in - n_cached) if n_in is not None and n_cached is not None else 0
        nothing: Metrics = dict.fromkeys(SERVER_FIGURES)
        return nothing | self._times | said | {
            "network_s": ttft - server_ttft if ttft is not None and server_ttft is not None else None,
            "decode_tok_s": answer.decode_rate(),
            "prefill_s": prefill,
            "prefill_tok_s": prefill_rate(new, prefill),
            "ttfa_s": first_answer_s(answer.text, answer.offsets, self._job.clock),
        }  # fmt: skip

    def _notes(self, notes: tuple[str, ...]) -> tuple[str, ...]:
        failed = [c.error for c in self._copies if c.error and c.error != "cancelled"]
        if not failed:
            return notes
        return (*notes, f"{len(failed):,} of {len(self._copies) + 1:,} requests failed: {failed[0]}")


def _times(exchange: Exchange, start_ns: int) -> Metrics:
    """connect_s: making the connection, 0 for one that was kept. headers_s: from sending to the answer's head."""
    return {"connect_s": exchange.connect_s, "headers_s": (exchange.headers_ns - start_ns) / 1e9 - exchange.connect_s}


def _count(value: Value) -> int:
    return value if isinstance(value, int) else 1
