"""Server-sent events, byte by byte as they arrive: lines may be cut anywhere, also inside a character."""

from __future__ import annotations

from engines.errors import EngineError

MAX_LINE = 16 << 20
BOM = b"\xef\xbb\xbf"


class Events:
    """Feed it bytes, get back the data of each complete event. Comments and fields without a use are dropped."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._searched = 0  # so much of the rest is known to hold no end of a line
        self._data: list[bytes] = []
        self._start = True
        self._after_cr = False

    def feed(self, piece: bytes) -> list[bytes]:
        """Data of the events that `piece` completes. Raises EngineError `too_long_line` over 16 MiB."""
        self._rest += piece
        if self._start and not BOM.startswith(bytes(self._rest[:3])[: len(self._rest)]):
            self._start = False
        elif self._start and len(self._rest) >= len(BOM):
            del self._rest[: len(BOM)]
            self._start = False
        elif self._start:
            return []
        found: list[bytes] = []
        for line in self._lines():
            if (event := self._line(line)) is not None:
                found.append(event)
        if len(self._rest) > MAX_LINE:
            raise EngineError("too_long_line", f"The server sent a line of more than {MAX_LINE >> 20} MiB.",
                              "Ask for fewer token probabilities, or look at the server's log.")  # fmt: skip
        return found

    def end(self) -> bytes | None:
        """The data of an event that the stream's end left without its empty line."""
        if self._rest:
            self._line(bytes(self._rest))
            self._rest.clear()
        return self._take()

    def _lines(self) -> list[bytes]:
        """Whole lines; the rest waits. A line ends with CRLF, LF or CR."""
        if b"\n" not in self._rest[self._searched :] and b"\r" not in self._rest[self._searched :]:
            self._searched = len(self._rest)
            return []
        data = bytes(self._rest)
        if self._after_cr and data.startswith(b"\n"):
            data = data[1:]
        self._after_cr = data.endswith(b"\r")
        *lines, rest = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._rest = bytearray(rest)
        self._searched = len(self._rest)
        return lines

    def _line(self, line: bytes) -> bytes | None:
        if not line:
            return self._take()
        name, _, value = line.partition(b":")
        if name in (b"data", b"error"):  # "error:" is how older llama-servers end a stream that failed
            self._data.append(value.removeprefix(b" "))
        return None

    def _take(self) -> bytes | None:
        data, self._data = self._data, []
        return b"\n".join(data) if data else None
