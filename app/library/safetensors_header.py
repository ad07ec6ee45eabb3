"""Reads the header of a safetensors file and trusts nothing in it.

The format: u64 little-endian length, that much JSON, then the tensors without gaps. Checked: a header of
100 MB at most, known types, sizes that fit shapes, no overlap, no hole, and the last tensor ends the file.
"""

from __future__ import annotations

import math
from pathlib import Path

import msgspec

from app.library.refusal import Reason, refused

HEADER_BYTES = 100_000_000  # the format's own limit
MAX_COMMAS = 2_000_000  # bounds what parsing the JSON can cost
MAX_TENSORS = 65_536
MAX_DIMS = 16
BITS = {
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32,
    "F32": 32, "I64": 64, "U64": 64, "F64": 64, "C64": 64,
}  # fmt: skip


class StoredTensor(msgspec.Struct, frozen=True, gc=False):
    """One tensor; `data_offsets` counts from the end of the header. The defaults stand for what is missing."""

    dtype: str = ""
    shape: tuple[int, ...] = ()
    data_offsets: tuple[int, int] = (-1, -1)

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        return self.data_offsets[1] - self.data_offsets[0]


_TABLE = msgspec.json.Decoder(dict[str, StoredTensor])
_RAW_TABLE = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read_safetensors(path: Path, limit: int = HEADER_BYTES) -> dict[str, StoredTensor]:
    """Tensor name → what is stored. limit: of the header, in bytes. Raises TandemError `refused_…` with the reason."""
    raw, data_bytes = _header(path, limit)
    try:
        tensors = _decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise refused(Reason.DAMAGED, path, f"its header cannot be read ({str(error)[:120]})") from None
    if not tensors:
        raise refused(Reason.DAMAGED, path, "it holds no tensors")
    if len(tensors) > MAX_TENSORS:
        raise refused(Reason.OVERSIZED, path, f"it claims {len(tensors):,} tensors")
    for name, tensor in tensors.items():
        _check(path, name, tensor)
    _gapless(path, tensors, data_bytes)
    return tensors


def metadata(path: Path) -> dict[str, str]:
    """The texts that the file says of itself. Raises TandemError `refused_…`."""
    try:
        return msgspec.json.decode(_RAW_TABLE.decode(_header(path)[0]).get("__metadata__", b"{}"), type=dict[str, str])
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return {}


def _decode(raw: bytes) -> dict[str, StoredTensor]:
    """In one go; one by one where the metadata happen to have a tensor's words. Raises msgspec's errors."""
    try:
        table = _TABLE.decode(raw)
        table.pop("__metadata__", None)
    except msgspec.ValidationError:
        parts = _RAW_TABLE.decode(raw)
        parts.pop("__metadata__", None)
        table = {name: msgspec.json.decode(item, type=StoredTensor) for name, item in parts.items()}
    return table


def _header(path: Path, limit: int = HEADER_BYTES) -> tuple[bytes, int]:
    """(the JSON, bytes of data behind it)."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(8)
            length = int.from_bytes(head, "little")
            if len(head) < 8 or 8 + length > size:
                raise refused(Reason.TRUNCATED, path, "it ends in the middle of its header")
            if length > limit:
                raise refused(Reason.OVERSIZED, path, f"its header claims {length:,} bytes")
            raw = file.read(length)
    except OSError as error:
        raise refused(Reason.MISSING, path, f"it cannot be read ({error.strerror or error})") from error
    if raw.count(b",") > MAX_COMMAS:
        raise refused(Reason.OVERSIZED, path, "its header has too many entries")
    return raw, size - 8 - length


def _check(path: Path, name: str, tensor: StoredTensor) -> None:
    bits = BITS.get(tensor.dtype)
    if bits is None:
        raise refused(Reason.UNSUPPORTED, path, f"the tensor “{name[:80]}” has the unknown type {tensor.dtype[:20]}")
    if len(tensor.shape) > MAX_DIMS or any(not 0 <= side < 1 << 48 for side in tensor.shape):
        raise refused(Reason.DAMAGED, path, f"the tensor “{name[:80]}” has an impossible shape")
    if tensor.data_offsets[0] < 0 or tensor.elements * bits != tensor.bytes * 8:
        raise refused(Reason.DAMAGED, path, f"the tensor “{name[:80]}” does not have the size of its shape")


def _gapless(path: Path, tensors: dict[str, StoredTensor], data_bytes: int) -> None:
    end = 0
    for name, tensor in sorted(tensors.items(), key=lambda item: item[1].data_offsets):
        if tensor.data_offsets[0] != end:
            what = "overlaps the one before" if tensor.data_offsets[0] < end else "leaves a hole before it"
            raise refused(Reason.DAMAGED, path, f"the tensor “{name[:80]}” {what}")
        end = tensor.data_offsets[1]
    if end > data_bytes:
        raise refused(Reason.TRUNCATED, path, f"{end - data_bytes:,} bytes are missing at its end")
    if end < data_bytes:
        raise refused(Reason.OVERSIZED, path, f"{data_bytes - end:,} bytes follow its last tensor")
