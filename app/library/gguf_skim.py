"""Reads of a GGUF header what a scan needs, in a fraction of the time: lists of texts are jumped over, not walked.

A vocabulary has no length in the file, so the next setting is looked for by the shape of its name. A wrong guess does
no harm: settings and tensors must then add up to exactly the file's end, else the whole header is read (`read_gguf`).
A file that is loaded is always read whole first (`inspect`), so nothing rests on this alone.
"""

from __future__ import annotations

import os
import re
import struct
from pathlib import Path
from typing import IO, Any

from app.errors import TandemError
from app.library.ggml_types import TYPES
from app.library.gguf_header import (
    HEADER_BYTES,
    KEPT_ARRAY,
    MAGIC,
    MAX_KEYS,
    MAX_NAME,
    MAX_STRINGS,
    MAX_TENSORS,
    Array,
    GgufHeader,
    Tensor,
    read_gguf,
)
from app.library.refusal import Reason, refused

WINDOW = 128 << 10  # read at once
LONG_TEXT = 24  # bytes that a text of a long list takes at most on the average
SHORT_LIST = 256  # texts; a shorter list is walked
MAX_TEXT = 1 << 20
LEAST_TEXT, LEAST_MERGE = 9, 11  # bytes that each text of a list takes at least, with its length: "x", "x y"
LIMIT = HEADER_BYTES[-1]

_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_CODES = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_KEYS = (b"tokenizer.", b"general.", b"quantize.", b"split.")  # what follows a vocabulary or its merges
_TENSORS = (b"token_embd", b"output", b"blk.", b"rope_", b"enc.", b"dec.", b"position_embd")
_NAME = re.compile(rb"([\x01-\x7f])\x00{7}([A-Za-z][A-Za-z0-9_.-]*)([\x00-\x0c])\x00{3}")
_u32, _u64 = struct.Struct("<I").unpack_from, struct.Struct("<Q").unpack_from


def skim_gguf(path: Path) -> GgufHeader:
    """The header with every long list as `Array`. Raises TandemError `refused_…`, as `read_gguf` does."""
    try:
        with path.open("rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            return _Skimmer(path, file, size).read()
    except (_LostError, struct.error, IndexError, UnicodeDecodeError, OverflowError):
        return read_gguf(path)
    except TandemError:
        raise
    except OSError as error:
        raise refused(Reason.MISSING, path, f"it cannot be read ({error.strerror or error})") from error


class _LostError(Exception):
    """What was read does not add up: read the header whole."""


class _Skimmer:
    """A window of bytes over the file that moves forward. base: where it begins, at: the place inside it."""

    def __init__(self, path: Path, file: IO[bytes], file_bytes: int) -> None:
        self.path, self.file, self.file_bytes = path, file, file_bytes
        self.base, self.at, self.data = 0, 0, b""

    def read(self) -> GgufHeader:
        self._want(24)
        magic, version, n_tensors, n_keys = struct.unpack_from("<4sIQQ", self.data, 0)
        if magic != MAGIC or version not in (2, 3) or n_tensors > MAX_TENSORS or n_keys > MAX_KEYS or not n_tensors:
            raise _LostError
        self.at = 24
        values: dict[str, Any] = {}
        for left in range(n_keys - 1, -1, -1):
            key = self._text(65_535).decode("utf-8")
            if not key or key in values:
                raise _LostError
            values[key] = self._value(key, left)
        alignment = values.get("general.alignment", 32)
        if not isinstance(alignment, int) or alignment < 8 or alignment & (alignment - 1):
            raise _LostError
        start = self.base + self.at
        tensors = self._tensors(n_tensors, alignment)
        end = self.base + self.at
        data_start = _pad(end, alignment)
        last = tensors[-1].offset + tensors[-1].bytes
        if not data_start + last <= self.file_bytes <= data_start + _pad(last, alignment):
            raise _LostError
        return GgufHeader(version, values, tensors, alignment, start, end - start, data_start, self.file_bytes)

    def _value(self, key: str, keys_left: int) -> Any:
        kind = self._number(_u32, 4)
        if kind == _STRING:
            return self._text(MAX_TEXT).decode("utf-8", "replace")
        if kind != _ARRAY:
            return self._numbers(kind, 1)[0]
        kind, count = self._number(_u32, 4), self._number(_u64, 8)
        if kind == _STRING:
            return self._strings(key, count, keys_left)
        return self._numbers(kind, count)

    def _numbers(self, kind: int, count: int) -> Any:
        if kind not in _CODES:
            raise _LostError
        size = count * _SIZES[kind]
        if count > KEPT_ARRAY:
            self._jump(size)
            return Array(_CODES[kind], count)
        self._want(size)
        start, self.at = self.at, self.at + size
        return struct.unpack_from(f"<{count}{_CODES[kind]}", self.data, start)

    def _strings(self, key: str, count: int, keys_left: int) -> Array:
        if count > MAX_STRINGS:
            raise _LostError
        if count <= SHORT_LIST:
            for _ in range(count):
                self._text(MAX_TEXT)
        else:
            self._jump(count * (LEAST_MERGE if key.endswith(".merges") else LEAST_TEXT))
            reach = count * LONG_TEXT + WINDOW
            if not (keys_left and self._find(_KEYS[:1], reach)) and not self._find(
                _KEYS if keys_left else _TENSORS, LIMIT
            ):
                raise _LostError
        return Array("str", count)

    def _find(self, beginnings: tuple[bytes, ...], reach: int) -> bool:
        """Move to the next name that begins so, stands behind its own length and before a number below 13.

        reach: how many bytes to look at. False, and nowhere else, if there is none.
        """
        origin = self.base + self.at
        while True:
            for place in sorted(self._places(beginnings)):
                found = _NAME.match(self.data, place)
                if found is not None and found[1][0] == len(found[2]):
                    self.at = place
                    return True
            end = self.base + len(self.data)
            if end >= min(self.file_bytes, origin + reach):
                self.base, self.at, self.data = origin, 0, b""
                return False
            self._move(max(self.at, len(self.data) - 256), WINDOW)

    def _places(self, beginnings: tuple[bytes, ...]) -> list[int]:
        """Where a name could stand in the window, its length included."""
        found, end = [], len(self.data)
        for word in beginnings:
            place = self.data.find(word, self.at + 8, end)
            while place >= 0:
                found.append(place - 8)
                if _NAME.match(self.data, place - 8):
                    end = place  # none behind it is wanted
                    break
                place = self.data.find(word, place + 1, end)
        return found

    def _tensors(self, count: int, alignment: int) -> tuple[Tensor, ...]:
        found: list[Tensor] = []
        names: set[str] = set()
        expected = 0
        for _ in range(count):
            name, shape, number, offset = self._entry()
            kind = TYPES.get(number)
            if kind is None or offset != expected or not name or name in names or shape[0] % kind.block:
                raise _LostError
            names.add(name)
            size = kind.row_bytes(shape[0])
            for rows in shape[1:]:
                size *= rows
            if size <= 0:
                raise _LostError
            found.append(Tensor(name, kind.name, shape, offset, size))
            expected = _pad(offset + size, alignment)
        return tuple(found)

    def _entry(self) -> tuple[str, tuple[int, ...], int, int]:
        """(name, shape, type, offset) of one line of the tensor table."""
        if len(self.data) - self.at < MAX_NAME + 56:
            self._want(min(MAX_NAME + 56, self.file_bytes - self.base - self.at))
        data, at = self.data, self.at
        (length,) = _u64(data, at)
        if length > MAX_NAME:
            raise _LostError
        at += 8 + length
        name = data[at - length : at].decode("utf-8")
        (n_dims,) = _u32(data, at)
        if not 1 <= n_dims <= 4:
            raise _LostError
        *shape, number, offset = _ENTRY[n_dims](data, at + 4)
        self.at = at + 16 + 8 * n_dims
        return name, tuple(shape), number, offset

    def _text(self, limit: int) -> bytes:
        length = self._number(_u64, 8)
        if length > limit:
            raise _LostError
        self._want(length)
        start, self.at = self.at, self.at + length
        return self.data[start : self.at]

    def _number(self, unpack: Any, size: int) -> int:
        self._want(size)
        self.at += size
        return int(unpack(self.data, self.at - size)[0])

    def _want(self, size: int) -> None:
        if self.at + size > len(self.data):
            self._move(self.at, max(size, WINDOW))
            if self.at + size > len(self.data):
                raise _LostError

    def _jump(self, size: int) -> None:
        """Over bytes that are not looked at."""
        if self.at + size <= len(self.data):
            self.at += size
        else:
            target = self.base + self.at + size
            if target > self.file_bytes:
                raise _LostError
            self.base, self.at, self.data = target, 0, b""

    def _move(self, keep: int, more: int) -> None:
        """Drop what lies before `keep` in the window, and read on."""
        kept = self.data[keep:]
        self.base, self.at = self.base + keep, max(self.at - keep, 0)
        if self.base > LIMIT:
            raise _LostError
        self.file.seek(self.base + len(kept))
        self.data = kept + (self.file.read(more) or b"")


_ENTRY = {n: struct.Struct(f"<{n}QIQ").unpack_from for n in (1, 2, 3, 4)}


def _pad(size: int, alignment: int) -> int:
    return (size + alignment - 1) // alignment * alignment
