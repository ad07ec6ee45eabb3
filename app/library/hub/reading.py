"""A few bytes of a file on the hub: for its header, before anybody decides to download it."""

from __future__ import annotations

from app.errors import TandemError
from app.library.hub import failures
from app.library.hub.answers import reply_of
from app.library.hub.listing import HubFile
from app.library.hub.wire import BrokenError, StoppedError, Wire, host_of

TRIES = 3


def read_range(wire: Wire, url: str, file: HubFile, start: int, count: int) -> bytes:
    """`count` bytes from `start`. Raises TandemError `network`, `gated` …"""
    if count <= 0:
        return b""
    for left in reversed(range(TRIES)):
        try:
            return _once(wire, url, file, start, count)
        except (BrokenError, StoppedError) as error:
            if not left or wire.stopped:
                raise failures.unreachable(host_of(url), str(error) or "it was stopped") from None
    raise AssertionError


def size_of(wire: Wire, url: str, file: str) -> int:
    """Bytes of a file by its address, -1 where its server does not say. Raises TandemError."""
    try:
        with wire.get(url, {"Range": "bytes=0-0"}) as answer:
            reply = reply_of(answer)
            if reply.status == 416:
                return 0
            if reply.status not in (200, 206):
                raise failures.of_status(reply.status, reply.code, file, host_of(url), wire.has_token)
            if reply.html:
                raise TandemError("refused_html", f"{file} is refused: {host_of(url)} sent a web page instead of the file.",
                                  "Open the link in a browser: it probably needs a login.")  # fmt: skip
            return reply.total
    except (BrokenError, StoppedError) as error:
        raise failures.unreachable(host_of(url), str(error)) from None


def _once(wire: Wire, url: str, file: HubFile, start: int, count: int) -> bytes:
    with wire.get(url, {"Range": f"bytes={start}-{start + count - 1}"}) as answer:
        reply = reply_of(answer)
        if reply.status not in (200, 206):
            raise failures.of_status(reply.status, reply.code, file.path, host_of(url), wire.has_token)
        if reply.status == 206 and reply.start != start:
            raise BrokenError("another part came than was asked for")
        if reply.status == 200 and start > count:
            raise BrokenError("it does not give parts of files")
        skip, found = (start if reply.status == 200 else 0), bytearray()
        while len(found) < skip + count:
            data = wire.read(answer, 1 << 20)
            if not data:
                break
            found += data
        return bytes(found[skip : skip + count])
