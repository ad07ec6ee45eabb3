"""A model's size and shape from the first bytes of its files on the hub, so that its memory is known before the download."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from app.errors import TandemError
from app.library.gguf_header import HEADER_BYTES, parse_head
from app.library.gguf_model import facts_of
from app.library.hf_folder import CONFIG_BYTES, shape_from
from app.library.hub.listing import HubFile, Offer
from app.library.safetensors_header import HEADER_BYTES as SAFETENSORS_HEADER
from app.library.safetensors_header import StoredTensor
from engines.protocol import ModelShape

FIRST_BYTES = 1 << 20
MAX_SHARDS = 200
Read = Callable[[HubFile, int, int], bytes]
"""(file, from where, how many bytes) → those bytes, fewer where the file ends."""


class Head(msgspec.Struct, frozen=True):
    """mix: tensor type → number of tensors."""

    shape: ModelShape
    mix: dict[str, int]


def head_of(offer: Offer, read: Read) -> Head | None:
    """None for a format whose files do not say. Raises TandemError `refused_…`, `network` …"""
    if offer.format == "gguf" and len(offer.files) == 1:
        return _gguf(offer.files[0], read)
    if offer.format == "safetensors":
        return _safetensors(offer, read)
    return None


def _gguf(file: HubFile, read: Read) -> Head:
    name, data = Path(Path(file.path).name), b""
    for wanted in (FIRST_BYTES, *HEADER_BYTES):
        data += read(file, len(data), min(wanted, file.bytes) - len(data))
        header = parse_head(name, data, file.bytes)
        if header is not None:
            facts = facts_of(name, header)
            assert facts.shape is not None
            return Head(facts.shape, facts.mix)
        if len(data) >= file.bytes:
            break
    raise TandemError(
        "refused_oversized", f"{name.name} is refused: its header is larger than 64 MiB.", "Choose another file."
    )


def _safetensors(offer: Offer, read: Read) -> Head | None:
    config = next((f for f in offer.files if f.path == "config.json"), None)
    weights = [f for f in offer.files if f.path.endswith(".safetensors")]
    if config is None or not 0 < config.bytes <= CONFIG_BYTES or not weights or len(weights) > MAX_SHARDS:
        return None
    said = _json(read(config, 0, config.bytes), config)
    tensors = [tensor for file in weights for tensor in _tensors(file, read)]
    return Head(
        shape_from(Path(offer.title or offer.repo), said, tensors),
        dict(Counter(t.dtype for t in tensors).most_common()),
    )


def _tensors(file: HubFile, read: Read) -> list[StoredTensor]:
    data = read(file, 0, min(FIRST_BYTES, file.bytes))
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > min(SAFETENSORS_HEADER, file.bytes - 8):
        raise _damaged(file)
    if len(data) < 8 + length:
        data += read(file, len(data), 8 + length - len(data))
    table = _json(data[8 : 8 + length], file)
    table.pop("__metadata__", None)
    try:
        return list(msgspec.convert(table, dict[str, StoredTensor]).values())
    except msgspec.ValidationError:
        raise _damaged(file) from None


def _json(data: bytes, file: HubFile) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise _damaged(file) from None
    if not isinstance(value, dict):
        raise _damaged(file)
    return value


def _damaged(file: HubFile) -> TandemError:
    return TandemError("refused_damaged", f"{file.path} is refused: its header cannot be read.", "Choose another file.")
