"""Everything that a model's files say of it: metadata, the tensor table, the cache's bytes per token, the template."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from app.errors import TandemError
from app.library.ct2_folder import type_name, variables_of
from app.library.diffusers_folder import INDEX as PIPELINE
from app.library.gguf_header import Array, read_gguf
from app.library.hf_folder import CONFIG_BYTES, JSON_BYTES, inspect_folder, read_json
from app.library.safetensors_header import StoredTensor, metadata, read_safetensors
from app.library.variant import Variant
from engines.protocol import ModelShape

LONG = 400  # characters of one value that are shown
MANY = 12  # items of a list that are shown
F16 = 2  # bytes of a cached value


class TensorLine(msgspec.Struct, frozen=True, gc=False):
    """shape: as the file has it: in GGUF the length of a row first, elsewhere last."""

    name: str
    shape: tuple[int, ...]
    type: str
    bytes: int


class Details(msgspec.Struct, frozen=True):
    """kv_bytes_per_token: of the attention cache at f16, None where there is none. template: "" if there is none."""

    metadata: tuple[tuple[str, str], ...]
    tensors: tuple[TensorLine, ...]
    kv_bytes_per_token: int | None
    template: str


def details(variant: Variant) -> Details:
    """Read a variant's headers whole. Raises TandemError `refused_…`; blocks for up to a second on the largest."""
    readers = {
        "gguf": _gguf, "safetensors": _folder, "ctranslate2": _ct2, "piper": _voice, "onnx": _voice, "diffusers": _pipeline,
        "checkpoint": _checkpoint,
    }  # fmt: skip
    reader = readers.get(variant.format)
    if reader is None:
        return Details(_plain(variant), (), None, "")
    try:
        return reader(variant)
    except OSError as error:
        why = f"{variant.path} cannot be read: {error.strerror or error}."
        raise TandemError("refused_missing", why, "Check the disk.") from error


def kv_bytes(shape: ModelShape | None, values: Mapping[str, Any] | None = None, prefix: str = "") -> int | None:
    """Bytes that one token takes in the attention cache at f16; None for a model without one.

    Σ over layers of KV heads × (key + value) × 2; with latent attention (MLA) layers × (rank + rotary part) × 2
    (reference/inference.md 5b). values: the file's own settings, in which some layers may differ; prefix: of GGUF keys.
    """
    if shape is None or not (shape.n_layers and shape.n_kv_heads and shape.head_dim_k):
        return None
    values = values or {}
    rank = values.get(f"{prefix}attention.kv_lora_rank" if prefix else "kv_lora_rank")
    rope = values.get(f"{prefix}rope.dimension_count" if prefix else "qk_rope_head_dim")
    if isinstance(rank, int) and isinstance(rope, int) and rank > 0:
        return shape.n_layers * (rank + rope) * F16
    heads = values.get(f"{prefix}attention.head_count_kv") if prefix else None
    if isinstance(heads, tuple) and all(isinstance(n, int) for n in heads):
        n_heads = sum(heads)
    else:
        n_heads = shape.n_kv_heads * _attending(shape, values)
    return n_heads * (shape.head_dim_k + shape.head_dim_v) * F16


def _attending(shape: ModelShape, values: Mapping[str, Any]) -> int:
    """Layers that keep keys and values: those of linear attention do not."""
    kinds = values.get("layer_types")
    if isinstance(kinds, list) and len(kinds) == shape.n_layers:
        return sum("linear" not in str(kind) and "mamba" not in str(kind) for kind in kinds)
    return shape.n_layers


def _gguf(variant: Variant) -> Details:
    header = read_gguf(Path(variant.path))
    template = header.values.get("tokenizer.chat_template")
    architecture = header.values.get("general.architecture")
    shown = ((k, _text(v)) for k, v in header.values.items() if k != "tokenizer.chat_template")
    first = (("GGUF version", str(header.version)), ("alignment", f"{header.alignment:,} bytes"))
    return Details(
        (*first, *shown),
        tuple(TensorLine(t.name, t.shape, t.type, t.bytes) for t in header.tensors),
        kv_bytes(variant.shape, header.values, f"{architecture}.") if variant.task == "chat" else None,
        template if isinstance(template, str) else "",
    )


def _folder(variant: Variant) -> Details:
    folder = Path(variant.path)
    config = read_json(folder / "config.json", CONFIG_BYTES)
    lines: list[TensorLine] = []
    said: dict[str, str] = {}
    for file in variant.files:
        if file.path.endswith(".safetensors"):
            said |= metadata(Path(file.path))
            lines += _lines(read_safetensors(Path(file.path)))
    inner = config.get("text_config")
    text = {**config, **inner} if isinstance(inner, dict) else config
    template = variant.template or inspect_folder(folder).template or ""
    return Details(
        (*_flat(config), *((f"weights: {k}", _text(v)) for k, v in said.items())),
        tuple(lines),
        kv_bytes(variant.shape, text) if variant.task == "chat" else None,
        template,
    )


def _ct2(variant: Variant) -> Details:
    folder = Path(variant.path)
    there = folder / "config.json"
    values = read_json(there, CONFIG_BYTES) if there.is_file() else {}
    lines = tuple(TensorLine(name, shape, type_name(kind), size) for name, shape, kind, size in variables_of(folder))
    return Details(tuple(_flat(values)), lines, None, "")


def _voice(variant: Variant) -> Details:
    values = read_json(Path(f"{variant.path}.json"), JSON_BYTES)
    return Details(tuple(_flat({k: v for k, v in values.items() if k != "phoneme_id_map"})), (), None, "")


def _pipeline(variant: Variant) -> Details:
    folder = Path(variant.path)
    lines: list[TensorLine] = []
    for file in variant.files:
        path = Path(file.path)
        if path.suffix == ".safetensors":
            inside = path.parent.relative_to(folder).as_posix()
            lines += _lines(read_safetensors(path), "" if inside == "." else f"{inside}/")
    return Details(tuple(_flat(read_json(folder / PIPELINE, CONFIG_BYTES))), tuple(lines), None, "")


def _checkpoint(variant: Variant) -> Details:
    path = Path(variant.path)
    said = tuple((k, _text(v)) for k, v in metadata(path).items())
    return Details(said, tuple(_lines(read_safetensors(path))), None, "")


def _plain(variant: Variant) -> tuple[tuple[str, str], ...]:
    """Of a model whose files are not here."""
    return (("address", variant.path), ("name there", variant.served), ("lineage", variant.lineage.text))


def _lines(tensors: Mapping[str, StoredTensor], prefix: str = "") -> Iterator[TensorLine]:
    return (TensorLine(f"{prefix}{name}", t.shape, t.dtype, t.bytes) for name, t in tensors.items())


def _flat(values: Mapping[str, Any], prefix: str = "", depth: int = 3) -> Iterator[tuple[str, str]]:
    """Nested settings as ("a.b", "text")."""
    for key, value in values.items():
        if isinstance(value, dict) and value and depth:
            yield from _flat(value, f"{prefix}{key}.", depth - 1)
        else:
            yield f"{prefix}{key}", _text(value)


def _text(value: Any) -> str:
    if isinstance(value, Array):
        return f"{value.count:,} {'texts' if value.kind == 'str' else 'numbers'}"
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, Sequence) and not isinstance(value, str):
        more = f" … {len(value):,} in all" if len(value) > MANY else ""
        return ", ".join(_text(v) for v in value[:MANY]) + more
    text = str(value)
    return text if len(text) <= LONG else f"{text[:LONG]} … {len(text):,} characters"
