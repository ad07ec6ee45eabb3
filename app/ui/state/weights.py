"""What is inside the weights, read from the files' headers, and what could be made of them: found in the background."""

from __future__ import annotations

import queue
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from app.errors import TandemError
from app.library import Variant
from app.library.gguf_header import read_gguf
from app.library.safetensors_header import read_safetensors
from app.ui.language import tr
from app.ui.state.picks import Offer

LOOK_MS = 30  # how often the window asks a thread that is reading for its answer


@dataclass(frozen=True, slots=True)
class Share:
    """One tensor type. bytes: of all its tensors, None while the header is not read. part: of the weights' bytes, 0–1."""

    kind: str
    tensors: int
    bytes: int | None = None
    part: float | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """offers: None while they are not asked for."""

    shares: tuple[Share, ...]
    offers: tuple[Offer, ...] | None = None


def counted(variant: Variant) -> tuple[Share, ...]:
    """The mix as the library knows it: numbers of tensors, the most first."""
    return tuple(Share(kind, count) for kind, count in sorted(variant.mix.items(), key=lambda item: -item[1]))


def read_shares(variant: Variant) -> tuple[Share, ...]:
    """The mix with its bytes, the largest first; only the numbers where a file cannot be read."""
    try:
        sizes = _sizes(variant)
    except (OSError, TandemError):
        return counted(variant)
    tensors, bytes_of = Counter(kind for kind, _ in sizes), Counter[str]()
    for kind, size in sizes:
        bytes_of[kind] += size
    whole = sum(bytes_of.values()) or 1
    return tuple(Share(kind, tensors[kind], size, size / whole) for kind, size in bytes_of.most_common())


def fallback_words(offer: Offer) -> str:
    """Which tensors cannot have the type: "180 of 272 tensors cannot have Q6_K: Q8_0 instead"."""
    total = sum(offer.plan.mix.values())
    said = [
        tr(
            "{n} of {total} tensors cannot have {wanted}: {used} instead",
            n=f"{fall.count:,}", total=f"{total:,}", wanted=fall.wanted, used=fall.used,
        )
        for fall in offer.plan.fallbacks
    ]  # fmt: skip
    return "; ".join(said)


_Answer = tuple[tuple[str, ...], Found | BaseException]


def _run(answers: queue.SimpleQueue[_Answer], key: tuple[str, ...], work: Callable[[], Found]) -> None:
    """In the thread; it holds nothing of Qt."""
    try:
        answers.put((key, work()))
    except BaseException as bug:  # noqa: BLE001 - raised again in the window's thread
        answers.put((key, bug))


class WeightsLook(QObject):
    """`changed` when more is known of what was asked for last. One short thread at a time; its answers are remembered."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._known: dict[tuple[str, ...], Found] = {}
        self._answers: queue.SimpleQueue[_Answer] = queue.SimpleQueue()
        self._reading: tuple[str, ...] | None = None
        self._next: Callable[[], None] | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self._look)

    @property
    def busy(self) -> bool:
        """True while a header is read."""
        return self._reading is not None

    def shares(self, variant: Variant) -> tuple[Share, ...]:
        """The mix: at first only counted; `changed` tells when its bytes are known."""
        return self._ask(
            ("mix", variant.ref, variant.path), lambda: Found(read_shares(variant)), counted(variant)
        ).shares

    def offers(self, of: tuple[str, ...], work: Callable[[], Sequence[Offer]]) -> tuple[Offer, ...] | None:
        """What could be made, or None until `changed`. of: everything that the answer of `work` depends on."""
        return self._ask(("offers", *of), lambda: Found((), tuple(work())), ()).offers

    def _ask(self, key: tuple[str, ...], work: Callable[[], Found], meanwhile: tuple[Share, ...]) -> Found:
        if key in self._known:
            return self._known[key]
        if self._reading is None:
            self._begin(key, work)
        elif self._reading != key:
            self._next = lambda: self._begin(key, work)
        return Found(meanwhile)

    def _begin(self, key: tuple[str, ...], work: Callable[[], Found]) -> None:
        self._reading = key
        threading.Thread(target=_run, args=(self._answers, key, work), name="weights", daemon=True).start()
        self._timer.start()

    def _look(self) -> None:
        if self._answers.empty():
            return
        key, found = self._answers.get_nowait()
        self._timer.stop()
        self._reading = None
        if isinstance(found, BaseException):
            raise found
        self._known[key] = found
        following, self._next = self._next, None
        if following is not None:
            following()
        self.changed.emit()


def _sizes(variant: Variant) -> list[tuple[str, int]]:
    """(type, bytes) of every tensor of a GGUF file, of its parts, or of a folder of safetensors."""
    path = Path(variant.path)
    if path.is_dir():
        stored = [read_safetensors(part) for part in sorted(path.glob("*.safetensors"))]
        return [(tensor.dtype, tensor.bytes) for part in stored for tensor in part.values()]
    parts = [Path(file.path) for file in variant.files if file.path.endswith(".gguf")] or [path]
    return [(tensor.type, tensor.bytes) for part in parts for tensor in read_gguf(part).tensors]
