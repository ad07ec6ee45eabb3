"""Frames between the program and a worker: u32 little-endian length + msgpack of one tagged struct."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import msgspec

from engines.errors import EngineError
from engines.protocol import Command, Event

MAX_FRAME = 64 * 1024 * 1024
_HEAD = struct.Struct("<I")

_encoder = msgspec.msgpack.Encoder()
_commands = msgspec.msgpack.Decoder(Command)
_events = msgspec.msgpack.Decoder(Event)


def encode(message: Command | Event) -> bytes:
    """One whole frame. Raises EngineError `frame_too_large` (such values travel as a Blob), `bad_message`."""
    try:
        body = _encoder.encode(message)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:  # a lone surrogate, a stray object
        raise EngineError("bad_message", f"This cannot be sent to or from an engine: {error}.") from error
    if len(body) > MAX_FRAME:
        raise EngineError("frame_too_large", f"A message of {len(body):,} bytes is over the limit of {MAX_FRAME:,}.")
    return _HEAD.pack(len(body)) + body


def decode_command(body: bytes | memoryview) -> Command:
    """Raises EngineError `bad_frame`."""
    command: Command = _decode(_commands, body)
    return command


def decode_event(body: bytes | memoryview) -> Event:
    """Raises EngineError `bad_frame`."""
    event: Event = _decode(_events, body)
    return event


class Frames:
    """Cuts a byte stream into frame bodies."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Add bytes; yields every body that is now whole. Raises EngineError `bad_frame`."""
        self._buffer += data
        start = 0
        try:
            while len(self._buffer) - start >= _HEAD.size:
                (size,) = _HEAD.unpack_from(self._buffer, start)
                if size > MAX_FRAME:
                    raise EngineError("bad_frame", f"A frame claims {size:,} bytes; the limit is {MAX_FRAME:,}.")
                end = start + _HEAD.size + size
                if end > len(self._buffer):
                    break
                yield bytes(memoryview(self._buffer)[start + _HEAD.size : end])
                start = end
        finally:
            del self._buffer[:start]

    @property
    def rest(self) -> int:
        """Bytes of a frame that is not whole yet."""
        return len(self._buffer)


def _decode(decoder: msgspec.msgpack.Decoder[Any], body: bytes | memoryview) -> Any:
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise EngineError(
            "bad_frame", f"A message could not be understood: {error}.", "Repair this runtime."
        ) from error
