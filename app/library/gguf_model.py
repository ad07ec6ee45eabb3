"""From a GGUF header to what the library needs to know, with the checks that keep native loaders from aborting."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from app.library.architectures import LLAMA_CPP
from app.library.facts import MAX_TEMPLATE, Facts
from app.library.ggml_types import FILE_TYPES
from app.library.gguf_header import TOKENS, Array, GgufHeader, duplicate, read_gguf
from app.library.gguf_skim import skim_gguf
from app.library.refusal import Reason, refused
from engines.protocol import ModelShape

MAX_BLOCKS = 512  # LLAMA_MAX_LAYERS
MAX_SIZE = 1 << 31
BYTE_TOKEN = 6  # token type of <0xNN>
EMBEDDERS = frozenset(
    {"bert", "nomic-bert", "nomic-bert-moe", "jina-bert-v2", "jina-bert-v3", "modern-bert", "gemma-embedding"}
)
NOT_MODELS = {
    "mmproj": "it is the picture part of another model",
    "adapter": "it is an adapter (LoRA), not a whole model",
    "imatrix": "it is an importance matrix, not a model",
    "vocab": "it is a vocabulary only",
}
PIECES = {
    "clip": NOT_MODELS["mmproj"],
    "t5encoder": "it is the text encoder of an image model",
    "wavtokenizer-dec": "it is the voice part of a speech model",
    "eagle3": "it is a draft for guessing ahead of another model",
    "dflash": "it is a draft for guessing ahead of another model",
} | {
    name: f"it is the image part of {title} alone, without text encoders and VAE"
    for name, title in {
        "sd1": "Stable Diffusion 1", "sdxl": "SDXL", "sd3": "Stable Diffusion 3", "flux": "FLUX", "aura": "AuraFlow",
        "hidream": "HiDream", "cosmos": "Cosmos", "ltxv": "LTX-Video", "hyvid": "HunyuanVideo", "wan": "Wan",
        "lumina2": "Lumina 2", "qwen_image": "Qwen-Image", "pig": "an image model",
    }.items()
}  # fmt: skip
"""Architecture → what the file is, where it is no model by itself (the names of ComfyUI-GGUF among them)."""


def inspect_gguf(path: Path) -> Facts:
    """Facts of one GGUF file. Raises TandemError `refused_…`."""
    header = read_gguf(path)
    return facts_of(path, header)


def skim_facts(path: Path) -> Facts:
    """Facts for a list, without vocabulary and template. Raises TandemError `refused_…`.

    Such a file is inspected whole before an engine gets it.
    """
    header = skim_gguf(path)
    values = header.values
    _kind(path, values)
    architecture = _text(values, "general.architecture")
    if architecture and architecture not in LLAMA_CPP:
        why = f"its architecture “{architecture[:60]}” is not known here"
        raise refused(Reason.ARCHITECTURE, path, why)
    n_tokens = _length(values.get(TOKENS))
    if n_tokens < 1:
        raise refused(Reason.DAMAGED, path, "it has no vocabulary")
    return _facts(path, header, _shape(path, header, n_tokens))


def facts_of(path: Path, header: GgufHeader) -> Facts:
    """Facts from a header that has been read. Raises TandemError `refused_…`."""
    values = header.values
    _kind(path, values)
    tokens = _tokens(path, values)
    facts = _facts(path, header, _shape(path, header, len(tokens)))
    template = values.get("tokenizer.chat_template")
    if isinstance(template, str) and len(template) > MAX_TEMPLATE:
        raise refused(Reason.OVERSIZED, path, "its chat template is larger than 1 MiB")
    return msgspec.structs.replace(
        facts,
        template=template if isinstance(template, str) and template else None,
        bos=_token(tokens, values.get("tokenizer.ggml.bos_token_id")),
        eos=_token(tokens, values.get("tokenizer.ggml.eos_token_id")),
    )


def _facts(path: Path, header: GgufHeader, shape: ModelShape) -> Facts:
    values = header.values
    return Facts(
        path=path,
        files=(path.name,),
        format="gguf",
        task="embed" if shape.architecture in EMBEDDERS else "chat",
        title=_text(values, "general.name") or path.stem,
        licence=_text(values, "general.license"),
        precision=_precision(header),
        mix=dict(Counter(t.type for t in header.tensors).most_common()),
        bits_per_weight=shape.tensor_bytes * 8 / shape.n_params,
        shape=shape,
        template=None,
    )


def n_gqa(header: GgufHeader) -> int:
    """Query heads for one key head in the first layer (llama.cpp's `hparams.n_gqa()`), 0 without attention."""
    heads, kv_heads = (_numbers(header, f"attention.head_count{end}") for end in ("", "_kv"))
    first, first_kv = heads[0] if heads else 0, (kv_heads or heads or (0,))[0]
    return first // first_kv if first_kv else 0


def n_experts(header: GgufHeader) -> int:
    """Experts of a mixture, 0 for a dense model."""
    return next(iter(_numbers(header, "expert_count")), 0)


def _kind(path: Path, values: dict[str, Any]) -> None:
    why = NOT_MODELS.get(_text(values, "general.type"))
    why = why or PIECES.get(_text(values, "general.architecture"))
    if why:
        raise refused(Reason.PART, path, why)
    parts = values.get("split.count", 0)
    if isinstance(parts, int) and parts > 1:
        raise refused(Reason.SPLIT, path, f"it is one of {parts:,} parts of a model")


def _tokens(path: Path, values: dict[str, Any]) -> tuple[bytes, ...]:
    """The vocabulary. llama.cpp aborts the process on a text that is there twice."""
    tokens = values.get(TOKENS)
    if not isinstance(tokens, tuple) or not tokens or not isinstance(tokens[0], bytes):
        raise refused(Reason.DAMAGED, path, "it has no vocabulary")
    twice = duplicate(tokens)
    if twice is not None:
        word = twice.decode("utf-8", "replace")[:40]
        raise refused(Reason.DUPLICATE, path, f"its vocabulary has the token “{word}” twice")
    for key in ("token_type", "scores"):
        per_token = values.get(f"tokenizer.ggml.{key}")
        if per_token is not None and _length(per_token) != len(tokens):
            raise refused(Reason.DAMAGED, path, f"its list “{key}” does not fit its {len(tokens):,} tokens")
    if values.get("tokenizer.ggml.model") == "llama":
        _byte_tokens(path, tokens)
    return tokens


def _byte_tokens(path: Path, tokens: tuple[bytes, ...]) -> None:
    missing = {f"<0x{byte:02X}>".encode() for byte in range(256)}.difference(tokens)
    if missing:
        raise refused(Reason.DAMAGED, path, f"its vocabulary lacks the byte token {min(missing).decode()}")
    strange = [t for t in tokens if t.startswith(b"<0x") and t.endswith(b">") and not _is_byte(t)]
    if strange:
        raise refused(Reason.DAMAGED, path, f"its byte token {strange[0][:20]!r} is malformed")


def _is_byte(token: bytes) -> bool:
    """False only for what looks like a byte token and is none."""
    digits = token[3:-1]
    return len(token) != 6 or all(d in b"0123456789ABCDEFabcdef" for d in digits)


def _shape(path: Path, header: GgufHeader, n_tokens: int) -> ModelShape:
    architecture = _text(header.values, "general.architecture")
    if not architecture:
        raise refused(Reason.DAMAGED, path, "it does not say its architecture")
    layers = _size(path, header, "block_count", required=True)
    if not 1 <= layers <= MAX_BLOCKS:
        raise refused(Reason.DAMAGED, path, f"it claims {layers:,} blocks (1 to {MAX_BLOCKS} are possible)")
    width = _size(path, header, "embedding_length", required=True)
    heads = _size(path, header, "attention.head_count")
    head = width // heads if heads else 0
    return ModelShape(
        architecture=architecture,
        n_layers=layers,
        n_embd=width,
        n_heads=heads,
        n_kv_heads=_size(path, header, "attention.head_count_kv") or heads,
        head_dim_k=_size(path, header, "attention.key_length") or head,
        head_dim_v=_size(path, header, "attention.value_length") or head,
        n_vocab=n_tokens,
        n_ff=_size(path, header, "feed_forward_length"),
        n_ctx_train=_size(path, header, "context_length", required=True),
        n_params=sum(t.elements for t in header.tensors),
        tensor_bytes=sum(t.bytes for t in header.tensors),
    )


def _size(path: Path, header: GgufHeader, name: str, required: bool = False) -> int:
    """One of the architecture's sizes; where it differs by layer, the largest."""
    numbers = _numbers(header, name)
    value = max(numbers, default=0)
    if any(not 0 <= n < MAX_SIZE for n in numbers) or (required and value < 1):
        raise refused(Reason.DAMAGED, path, f"its {name.replace('_', ' ')} is missing or impossible")
    return value


def _numbers(header: GgufHeader, name: str) -> tuple[int, ...]:
    value = header.values.get(f"{_text(header.values, 'general.architecture')}.{name}")
    if isinstance(value, int) and not isinstance(value, bool):
        return (value,)
    if isinstance(value, tuple) and all(isinstance(v, int) for v in value):
        return value
    return ()


def _precision(header: GgufHeader) -> str:
    number = header.values.get("general.file_type")
    if isinstance(number, int) and number in FILE_TYPES:
        return FILE_TYPES[number]
    sizes: Counter[str] = Counter()
    for tensor in header.tensors:
        sizes[tensor.type] += tensor.bytes
    return sizes.most_common(1)[0][0].lower()


def _length(value: Any) -> int:
    return value.count if isinstance(value, Array) else len(value) if isinstance(value, tuple) else -1


def _text(values: dict[str, Any], key: str) -> str:
    value = values.get(key)
    return value.strip()[:200] if isinstance(value, str) else ""


def _token(tokens: tuple[bytes, ...], number: Any) -> str:
    if isinstance(number, int) and 0 <= number < len(tokens):
        return tokens[number].decode("utf-8", "replace")
    return ""
