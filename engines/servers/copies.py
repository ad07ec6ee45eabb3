"""The same request several times at once: how a server fares when it is not alone with one person."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec.structs

from engines.errors import Cancelled, EngineError
from engines.metrics import percentile
from engines.servers.answer import Answer
from engines.servers.asking import Asked, Asker


@dataclass(slots=True)
class Copy:
    """One of them. start_ns: when it was sent off. error: in words, if it failed."""

    answer: Answer = field(default_factory=Answer)
    start_ns: int = 0
    error: str = ""
    thread: threading.Thread | None = None


class Copies:
    """All but the first one, each in a thread; the first is the caller's own, which shows its text."""

    def __init__(self, asker: Asker, asked: Asked, n: int, stop: Callable[[], bool]) -> None:
        self._asker, self._asked, self._stop = asker, asked, stop
        self._gate, self._over = threading.Event(), threading.Event()
        self.all = [Copy() for _ in range(n)]
        for number, copy in enumerate(self.all, 1):
            copy.thread = threading.Thread(
                target=self._work, args=(number, copy), name=f"tandem-copy-{number}", daemon=True
            )
            copy.thread.start()

    def go(self) -> None:
        """Send them all."""
        self._gate.set()

    def give_up(self) -> None:
        """End them: the first one failed."""
        self._over.set()
        self._gate.set()

    def wait(self) -> None:
        """Until every one has ended; a stop ends them all."""
        for copy in self.all:
            if copy.thread is not None:
                copy.thread.join()

    def _work(self, number: int, copy: Copy) -> None:
        asked = msgspec.structs.replace(self._asked, body=with_seed(self._asked.body, number))
        self._gate.wait()
        copy.start_ns = time.perf_counter_ns()
        try:
            _, exchange = self._asker.send(asked, lambda: self._over.is_set() or self._stop())
            with contextlib.closing(exchange):
                for chunk in exchange:
                    copy.answer.take(chunk)
        except EngineError as error:
            copy.error = error.message
        except Cancelled:
            copy.error = "cancelled"
        finally:
            copy.answer.close()


def with_seed(made: dict[str, Any], number: int) -> dict[str, Any]:
    """Copy `number` of a request: where a seed is set it has one of its own."""
    return made | {"seed": made["seed"] + number} if isinstance(made.get("seed"), int) else made


def system_figures(copies: Sequence[Copy]) -> dict[str, float | None]:
    """Figures of all requests together: tokens a second from the first sending to the last chunk, and the slow tail."""
    whole = [c for c in copies if not c.error and c.answer.times_ns]
    counts = [c.answer.n_out for c in whole]
    known = [n for n in counts if n is not None]
    span = (max(c.answer.end_ns for c in whole) - min(c.start_ns for c in copies)) / 1e9 if whole else 0.0
    return {
        "system_tok_s": sum(known) / span if span > 0 and len(known) == len(counts) else None,
        "ttft_p95_s": percentile([(c.answer.times_ns[0] - c.start_ns) / 1e9 for c in whole], 95),
        "itl_all_p95_s": percentile([gap for c in whole for gap in c.answer.gaps()], 95),
        "n_requests": float(len(copies)),
        "n_failed": float(sum(bool(c.error) for c in copies)),
    }
