"""Reads the header of a GGUF file, version 2 or 3, and trusts nothing in it.

Native loaders have crashed, or worse, on hostile headers: every count, length, type, offset and size is
checked here before an engine sees the file. The rules are those of gguf.cpp in llama.cpp and tighter:
64 MiB of header at most, 65,536 tensors, no nested arrays, no byte after the last tensor.
"""

from __future__ import annotations

import itertools
import struct
from pathlib import Path
from typing import Any

import msgspec

from app.library.ggml_types import TYPES, GgmlType
from app.library.refusal import Reason, refused

MAGIC = b"GGUF"
HEADER_BYTES = (4 << 20, 16 << 20, 64 << 20)  # read this much; if the header is longer, the next step
MAX_KEYS = 65_536
MAX_TENSORS = 65_536
MAX_NAME = 63  # GGML_MAX_NAME - 1
MAX_DIMS = 4
MAX_ALIGNMENT = 1 << 20
MAX_STRINGS = 1 << 20  # in one array; the largest vocabulary known has 262,144
KEPT_ARRAY = 4096  # numbers of longer arrays are checked and skipped
TOKENS = "tokenizer.ggml.tokens"

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY, _UINT32, _BOOL = 8, 9, 4, 7


class Tensor(msgspec.Struct, frozen=True, gc=False):
    """shape: columns first (ne[0] is the length of a row). offset: from the start of the data."""

    name: str
    type: str
    shape: tuple[int, ...]
    offset: int
    bytes: int

    @property
    def elements(self) -> int:
        product = 1
        for size in self.shape:
            product *= size
        return product


class Array(msgspec.Struct, frozen=True):
    """An array that is not kept: only its element type and how many there are."""

    kind: str
    count: int


class GgufHeader(msgspec.Struct, frozen=True):
    """values: scalars, texts, short arrays of numbers as tuples, tokens as a tuple of bytes, else `Array`.

    info_start: where the tensor table begins, info_bytes: its size, data_start: where the data begins.
    """

    version: int
    values: dict[str, Any]
    tensors: tuple[Tensor, ...]
    alignment: int
    info_start: int
    info_bytes: int
    data_start: int
    file_bytes: int


class _MoreError(Exception):
    """The header goes on after what has been read of it."""


def read_gguf(path: Path) -> GgufHeader:
    """The checked header. Raises TandemError `refused_…` with the reason."""
    try:
        file_bytes = path.stat().st_size
        with path.open("rb") as file:
            for size in HEADER_BYTES:
                file.seek(0)
                data = file.read(size)
                try:
                    return _Parser(path, data, file_bytes).parse()
                except _MoreError:
                    if len(data) == file_bytes:
                        raise refused(Reason.TRUNCATED, path, "it ends in the middle of its header") from None
    except OSError as error:
        raise refused(Reason.MISSING, path, f"it cannot be read ({error.strerror or error})") from error
    raise refused(Reason.OVERSIZED, path, f"its header is larger than {HEADER_BYTES[-1] >> 20} MiB")


def parse_head(name: Path, data: bytes, file_bytes: int) -> GgufHeader | None:
    """The checked header from a file's first bytes; None if it goes on after them. Raises TandemError `refused_…`."""
    try:
        return _Parser(name, data, file_bytes).parse()
    except _MoreError:
        return None


class _Parser:
    """Walks once over the bytes that were read; raises `_MoreError` where they end."""

    def __init__(self, path: Path, data: bytes, file_bytes: int) -> None:
        self.path = path
        self.data = data
        self.file_bytes = file_bytes
        self.at = 0

    def parse(self) -> GgufHeader:
        version = self._version()
        n_tensors, n_keys = self._unpack("<QQ")
        if n_tensors > MAX_TENSORS or n_keys > MAX_KEYS:
            raise self._bad(f"it claims {n_tensors:,} tensors and {n_keys:,} settings", Reason.OVERSIZED)
        values: dict[str, Any] = {}
        for _ in range(n_keys):
            key = self._text("a setting's name", 65_535)
            if not key or key in values:
                raise self._bad(f"the setting “{key[:80]}” is there twice" if key else "a setting has no name")
            values[key] = self._value(key)
        alignment = self._alignment(values)
        info_start = self.at
        names: set[str] = set()
        entries = [self._tensor(names) for _ in range(n_tensors)]
        if not entries:
            raise self._bad("it holds no tensors")
        data_start = _pad(self.at, alignment)
        tensors = self._place(entries, alignment, data_start)
        return GgufHeader(
            version, values, tensors, alignment, info_start, self.at - info_start, data_start, self.file_bytes
        )

    def _version(self) -> int:
        magic, version = self._unpack("<4sI")
        if magic != MAGIC:
            raise self._bad("it does not begin with GGUF", Reason.UNKNOWN)
        if version not in (2, 3):
            if version & 0xFFFF == 0:
                raise self._bad("it was written for big-endian machines", Reason.UNSUPPORTED)
            raise self._bad(f"GGUF version {version} is not supported (2 and 3 are)", Reason.UNSUPPORTED)
        return int(version)

    def _alignment(self, values: dict[str, Any]) -> int:
        value = values.get("general.alignment", 32)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._bad("its alignment is no number")
        if not 8 <= value <= MAX_ALIGNMENT or value & (value - 1):
            raise self._bad(f"its alignment {value:,} is no power of two from 8 to {MAX_ALIGNMENT:,}")
        return value

    def _value(self, key: str) -> Any:
        (kind,) = self._unpack("<I")
        if kind == _STRING:
            return self._bytes(f"the setting “{key}”").decode("utf-8", "replace")
        if kind == _ARRAY:
            return self._array(key)
        return self._scalar(key, kind)

    def _scalar(self, key: str, kind: int) -> Any:
        code = _SCALARS.get(kind)
        if code is None:
            raise self._bad(f"the setting “{key[:80]}” has the unknown type {kind}")
        if kind == _BOOL and self._peek() > 1:
            raise self._bad(f"the setting “{key[:80]}” is neither true nor false")
        return self._unpack("<" + code)[0]

    def _peek(self) -> int:
        self._need(1, "a setting")
        return self.data[self.at]

    def _array(self, key: str) -> Any:
        kind, count = self._unpack("<IQ")
        if kind == _STRING:
            if count > MAX_STRINGS:
                raise self._bad(f"the list “{key[:80]}” claims {count:,} texts", Reason.OVERSIZED)
            return self._strings(key, count) if key == TOKENS else self._skip_strings(key, count)
        code = _SCALARS.get(kind)
        if code is None:
            what = "is a list of lists" if kind == _ARRAY else f"has the unknown type {kind}"
            raise self._bad(f"the setting “{key[:80]}” {what}")
        size = struct.calcsize(code)
        self._need(count * size, f"the list “{key[:80]}”")
        start, self.at = self.at, self.at + count * size
        if count > KEPT_ARRAY:
            return Array(code, count)
        return struct.unpack_from(f"<{count}{code}", self.data, start)

    def _strings(self, key: str, count: int) -> tuple[bytes, ...]:
        self._need(count * 8, f"the list “{key}”")
        data, at, end = self.data, self.at, len(self.data)
        unpack = struct.Struct("<Q").unpack_from
        found: list[bytes] = []
        for _ in range(count):
            if at + 8 > end:
                raise _MoreError
            stop = at + 8 + unpack(data, at)[0]
            if stop > end:
                self._beyond(stop, key)
            found.append(data[at + 8 : stop])
            at = stop
        self.at = at
        return tuple(found)

    def _skip_strings(self, key: str, count: int) -> Array:
        self._need(count * 8, f"the list “{key}”")
        data, at, end = self.data, self.at, len(self.data)
        unpack = struct.Struct("<Q").unpack_from
        for _ in range(count):
            if at + 8 > end:
                raise _MoreError
            at += 8 + unpack(data, at)[0]
            if at > end:
                self._beyond(at, key)
        self.at = at
        return Array("str", count)

    def _tensor(self, names: set[str]) -> tuple[str, GgmlType, tuple[int, ...], int]:
        name = self._text("a tensor's name", MAX_NAME)
        if not name or name in names:
            raise self._bad(f"the tensor “{name}” is there twice" if name else "a tensor has no name")
        names.add(name)
        (n_dims,) = self._unpack("<I")
        if not 1 <= n_dims <= MAX_DIMS:
            raise self._bad(f"the tensor “{name}” has {n_dims} dimensions")
        *shape, number, offset = self._unpack(f"<{n_dims}QIQ")
        kind = TYPES.get(number)
        if kind is None:
            raise self._bad(f"the tensor “{name}” has the unknown type {number}", Reason.UNSUPPORTED)
        if min(shape) < 1 or max(shape) > self.file_bytes * 8:
            raise self._bad(f"the tensor “{name}” has the impossible shape {shape}")
        if shape[0] % kind.block:
            raise self._bad(f"the tensor “{name}” has rows of {shape[0]:,}, no multiple of {kind.block}")
        return name, kind, tuple(shape), offset

    def _place(
        self, entries: list[tuple[str, GgmlType, tuple[int, ...], int]], alignment: int, data_start: int
    ) -> tuple[Tensor, ...]:
        """Every tensor right after the one before, all of them inside the file, and nothing behind."""
        tensors: list[Tensor] = []
        expected = end = 0
        for name, kind, shape, offset in entries:
            size = kind.row_bytes(shape[0])
            for rows in shape[1:]:
                size *= rows
            if offset != expected:
                raise self._bad(f"the tensor “{name}” stands at {offset:,} instead of {expected:,}")
            end = offset + size
            if data_start + end > self.file_bytes:
                missing = data_start + end - self.file_bytes
                raise self._bad(f"at least {missing:,} bytes are missing at its end", Reason.TRUNCATED)
            tensors.append(Tensor(name, kind.name, shape, offset, size))
            expected = _pad(end, alignment)
        if self.file_bytes > data_start + _pad(end, alignment):
            extra = self.file_bytes - data_start - end
            raise self._bad(f"{extra:,} bytes follow its last tensor", Reason.OVERSIZED)
        return tuple(tensors)

    def _text(self, what: str, limit: int) -> str:
        raw = self._bytes(what, limit)
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            raise self._bad(f"{what} is no text") from None

    def _bytes(self, what: str, limit: int = HEADER_BYTES[-1]) -> bytes:
        (length,) = self._unpack("<Q")
        if length > limit:
            raise self._bad(f"{what} claims {length:,} bytes", Reason.OVERSIZED)
        self._need(length, what)
        start, self.at = self.at, self.at + length
        return self.data[start : self.at]

    def _unpack(self, form: str) -> tuple[Any, ...]:
        size = struct.calcsize(form)
        self._need(size, "its header")
        values = struct.unpack_from(form, self.data, self.at)
        self.at += size
        return values

    def _need(self, size: int, what: str) -> None:
        if self.at + size > len(self.data):
            self._beyond(self.at + size, what)

    def _beyond(self, stop: int, what: str) -> None:
        if stop > self.file_bytes:
            raise self._bad(f"{what[:100]} goes on after the end of the file", Reason.TRUNCATED)
        raise _MoreError

    def _bad(self, why: str, reason: Reason = Reason.DAMAGED) -> Exception:
        return refused(reason, self.path, why)


def duplicate(values: tuple[bytes, ...]) -> bytes | None:
    """The first text that is there twice, or None."""
    if len(set(values)) == len(values):
        return None
    ordered = sorted(values)
    return next((a for a, b in itertools.pairwise(ordered) if a == b), None)


def _pad(size: int, alignment: int) -> int:
    return (size + alignment - 1) // alignment * alignment
