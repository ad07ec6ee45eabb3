"""The text of a PDF, through pypdf; bounded in time and size, whatever the file says of itself.

A module of its own, imported by `app.lab.documents` when the first PDF comes: pypdf takes 70 ms to import.
"""

from __future__ import annotations

import io
import logging
import pkgutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pypdf
from pypdf.errors import DependencyError, PyPdfError

from app.errors import TandemError

SECONDS = 60.0  # for the whole file
PAGE_BYTES = 8_000_000  # a page that says more than this is a drawing
DAMAGED = (PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, OSError,
           ArithmeticError, NotImplementedError, AssertionError, MemoryError)  # fmt: skip
"""What pypdf raises on files that are not as they should be."""

Progress = Callable[[str, float | None], None]


class _Over(Exception):  # noqa: N818  it is no error
    """Leaves a page in the middle: time is up, or nobody wants it any more."""


class _Remarks(logging.Filter):
    """Counts pypdf's warnings for the thread that reads, and keeps them out of the log."""

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.local()

    def filter(self, record: logging.LogRecord) -> bool:
        self._thread.count = self.count + 1
        return False

    @property
    def count(self) -> int:
        """Since `forget`, in this thread."""
        return int(getattr(self._thread, "count", 0))

    def forget(self) -> None:
        """A new file."""
        self._thread.count = 0


_remarks = _Remarks()
for _module in pkgutil.walk_packages(pypdf.__path__, "pypdf."):
    logging.getLogger(_module.name).addFilter(_remarks)  # each logs under its own name, some are imported late


def extract(
    name: str, data: bytes, progress: Progress, cancelled: Callable[[], bool], most: int, seconds: float = SECONDS
) -> tuple[str, int, tuple[str, ...]]:
    """(text, pages, notes). most: bytes of text. Raises TandemError password, damaged, no_text or cancelled."""
    _remarks.forget()
    reader, pages = _opened(name, data)
    reading = _Reading(name, reader, pages, progress, cancelled, most, time.monotonic() + seconds)
    reading.work()
    if not reading.size:
        raise reading.nothing()
    return "\n\n".join(text for text in reading.texts if text), pages, tuple(reading.notes())


class _Reading:
    """Page after page, until the end or a limit."""

    def __init__(
        self,
        name: str,
        reader: pypdf.PdfReader,
        pages: int,
        progress: Progress,
        cancelled: Callable[[], bool],
        most: int,
        deadline: float,
    ) -> None:
        self._name, self._reader, self._pages = name, reader, pages
        self._progress, self._cancelled, self._most, self._deadline = progress, cancelled, most, deadline
        self.texts: list[str] = []
        self.size = 0
        self._bad: list[int] = []
        self._drawn: list[int] = []
        self._stopped = ""

    def work(self) -> None:
        """Fill `texts`. Raises TandemError cancelled."""
        for index in range(self._pages):
            self._progress(f"page {index + 1:,} of {self._pages:,}", index / self._pages)
            try:
                self._check()
                text = self._page(index)
            except _Over:
                self._stopped = f"It took over {SECONDS:.0f} s"
                return
            self.size += len(text.encode())
            if self.size > self._most:
                self._stopped = f"It holds over {self._most / 1e6:,.0f} MB of text"
                return
            self.texts.append(text)

    def nothing(self) -> TandemError:
        """Why there is no text."""
        if self._stopped:
            return TandemError("too_large", f"{self._name}: {self._stopped.lower()}.", "Add the pages that matter.")
        if len(self._bad) == self._pages:
            return damaged(self._name)
        return TandemError(
            "no_text",
            f"{self._name} holds pictures of pages ({_pages(self._pages)}) and no text.",
            "It was scanned: recognise its text first (OCR), then add it.",
        )

    def notes(self) -> Iterator[str]:
        """What a person should know of the result."""
        if self._stopped:
            yield f"{self._stopped}: only {len(self.texts):,} of {_pages(self._pages)} were read."
        if self._bad:
            yield f"{_pages(len(self._bad))} could not be read: {_named(self._bad)}."
        if self._drawn:
            yield f"{_pages(len(self._drawn))} left out, a large drawing: {_named(self._drawn)}."
        empty = sum(1 for text in self.texts if not text) - len(self._bad) - len(self._drawn)
        if empty > 0:
            yield f"{_pages(empty)} without text: pictures, or scanned."
        if _remarks.count and not self._bad:
            yield "The file is slightly damaged: some text may be missing."

    def _page(self, index: int) -> str:
        try:
            page = self._reader.pages[index]
            contents = page.get_contents()
            if contents is not None and len(contents.get_data()) > PAGE_BYTES:
                self._drawn.append(index + 1)
                return ""
            text: str = page.extract_text(visitor_operand_before=self._visit)
            return text.encode("utf-8", "replace").decode().replace("\0", "").strip()
        except DAMAGED:
            self._bad.append(index + 1)
            return ""

    def _visit(self, *_: object) -> None:
        """Called for every drawing step of a page: one page alone can take for ever."""
        self._check()

    def _check(self) -> None:
        if self._cancelled():
            raise TandemError("cancelled", f"Reading {self._name} was stopped.")
        if time.monotonic() > self._deadline:
            raise _Over


def damaged(name: str) -> TandemError:
    """The file is no PDF inside."""
    return TandemError(
        "damaged", f"{name} is damaged: no page can be read.", "Open it elsewhere and print it into a new PDF."
    )


@contextmanager
def _as_damaged(name: str) -> Iterator[None]:
    try:
        yield
    except DependencyError as error:
        raise TandemError(
            "password",
            f"{name} is encrypted in a way that cannot be opened here.",
            "Print it into a new PDF without encryption and add that.",
        ) from error
    except DAMAGED as error:
        raise damaged(name) from error


def _opened(name: str, data: bytes) -> tuple[pypdf.PdfReader, int]:
    with _as_damaged(name):
        reader = pypdf.PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise TandemError(
                "password", f"{name} is locked with a password.", "Save a copy without the password and add that."
            )
        pages = len(reader.pages)
        if not pages:
            raise damaged(name)
        return reader, pages


def _pages(count: int) -> str:
    return f"{count:,} page" + ("" if count == 1 else "s")


def _named(numbers: list[int]) -> str:
    shown = ", ".join(str(number) for number in numbers[:5])
    return shown + (" …" if len(numbers) > 5 else "")
