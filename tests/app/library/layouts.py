"""Built copies of the folders in which other programs keep models, right or wrong on purpose."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
from pathlib import Path
from typing import Any

from tests.app.library import builders as b

COMMIT, OLDER = "a" * 40, "b" * 40
KIND = "application/vnd.ollama.image."


def named(name: str) -> bytes:
    """A tiny GGUF of its own."""
    return b.gguf(b.settings(name=b.string("general.name", name)))


def put(path: Path, data: bytes | str | Path) -> Path:
    """Bytes, text, or a second name for a real file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(data, Path):
        try:
            os.link(data, path)
        except OSError:  # another disk
            shutil.copyfile(data, path)
    else:
        path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def ollama(root: Path, tag: str, data: bytes | Path, layers: dict[str, bytes] | None = None, **model: Any) -> Path:
    """A model of Ollama's; returns its manifest. tag: "registry/namespace/model/tag". model: changes of its layer."""
    raw = data.read_bytes() if isinstance(data, Path) else data
    digest = hashlib.sha256(raw).hexdigest()
    blob = root / "blobs" / f"sha256-{digest}"
    if not blob.exists():
        put(blob, data)
    made = [{"mediaType": f"{KIND}model", "digest": f"sha256:{digest}", "size": len(raw), **model}]
    for kind, content in (layers or {}).items():
        other = hashlib.sha256(content).hexdigest()
        put(root / "blobs" / f"sha256-{other}", content)
        made.append({"mediaType": f"{KIND}{kind}", "digest": f"sha256:{other}", "size": len(content)})
    return put(root / "manifests" / tag, json.dumps({"schemaVersion": 2, "layers": made}))


def hub(root: Path, repo: str, files: dict[str, bytes | Path], commit: str = COMMIT, main: bool = True) -> Path:
    """A snapshot of a repository in the Hugging Face cache; returns its folder."""
    folder = root / f"models--{repo.replace('/', '--')}"
    snapshot = folder / "snapshots" / commit
    for name, data in files.items():
        raw = data.read_bytes() if isinstance(data, Path) else data
        large = name.endswith((".gguf", ".safetensors", ".bin", ".onnx"))
        mark = hashlib.sha256(raw).hexdigest() if large else hashlib.sha1(raw).hexdigest()
        blob = folder / "blobs" / mark
        if not blob.exists():
            put(blob, data)
        link = snapshot / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(blob, link.parent))
    if main:
        put(folder / "refs" / "main", commit)
    return snapshot


def folder_files(**config: Any) -> dict[str, bytes]:
    """A safetensors folder as transformers writes it."""
    return {
        "config.json": json.dumps({**b.CONFIG, **config}).encode(),
        "model.safetensors": b.safetensors(),
        "tokenizer.json": b"{}",
        "tokenizer_config.json": json.dumps({"chat_template": b.TEMPLATE, "eos_token": "</s>"}).encode(),
        "README.md": b"---\nlicense: mit\n---\n",
    }


def weights(names: list[str], sides: tuple[int, ...] = (4, 8)) -> bytes:
    """A .safetensors file with these tensors; a name may be "name@2x768"."""
    table, at = {}, 0
    for name in names:
        name, _, shape = name.partition("@")
        sides_here = [int(n) for n in shape.split("x")] if shape else list(sides)
        size = 2
        for side in sides_here:
            size *= side
        table[name] = {"dtype": "F16", "shape": sides_here, "data_offsets": [at, at + size]}
        at += size
    return b.safetensors(table, b"\0" * at)


SDXL = [
    "model.diffusion_model.input_blocks.4.1.proj_in.weight", "model.diffusion_model.label_emb.0.0.weight",
    "first_stage_model.decoder.conv_in.weight", "conditioner.embedders.1.model.ln_final.weight",
]  # fmt: skip


def ct2(spec: str = "WhisperSpec", cut: int = 0, **names: tuple[int, ...]) -> bytes:
    """A model.bin as CTranslate2 writes it, of f16 tensors."""

    def text(word: str) -> bytes:
        return struct.pack("<H", len(word) + 1) + word.encode() + b"\0"

    tensors = {"decoder/embeddings/weight": (20, 64), "decoder/layer_0/w": (8, 8), "encoder/layer_0/w": (8, 8), **names}
    out = struct.pack("<I", 6) + text(spec) + struct.pack("<II", 3, len(tensors))
    for name, shape in tensors.items():
        size = 2
        for side in shape:
            size *= side
        out += text(name) + struct.pack(f"<B{len(shape)}I", len(shape), *shape) + struct.pack("<BI", 4, size)
        out += b"\0" * size
    out += struct.pack("<I", 0)
    return out[: len(out) - cut] if cut else out


def whisper_files(**changes: bytes) -> dict[str, bytes]:
    return {"config.json": b"{}", "model.bin": ct2(), "tokenizer.json": b"{}", "vocabulary.txt": b"a\nb\n", **changes}


VOICE = {
    "audio": {"sample_rate": 22050, "quality": "medium"}, "language": {"code": "en_US", "name_english": "English"},
    "dataset": "joe", "num_speakers": 1, "phoneme_id_map": {"_": [0]}, "espeak": {"voice": "en-us"},
}  # fmt: skip


def voice(folder: Path, name: str = "en_US-joe-medium", card: str = "* License: CC0\n") -> Path:
    put(folder / f"{name}.onnx.json", json.dumps(VOICE))
    if card:
        put(folder / "MODEL_CARD", card)
    return put(folder / f"{name}.onnx", b"\x08\x07\x12\x07pytorch" + b"\0" * 200)


def pipeline(folder: Path, **changes: Any) -> Path:
    """A diffusers folder with a unet, a VAE and a text encoder."""
    index = {
        "_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"],
        "text_encoder": ["transformers", "CLIPTextModel"], "tokenizer": ["transformers", "CLIPTokenizer"],
        "scheduler": ["diffusers", "DDIMScheduler"], "safety_checker": [None, None], **changes,
    }  # fmt: skip
    put(folder / "model_index.json", json.dumps(index))
    put(folder / "unet" / "diffusion_pytorch_model.safetensors", weights(["conv_in.weight", "down_blocks.0.x"]))
    put(folder / "vae" / "diffusion_pytorch_model.safetensors", weights(["decoder.conv_in.weight"]))
    put(folder / "text_encoder" / "model.safetensors", weights(["text_model.x"]))
    put(folder / "tokenizer" / "vocab.json", "{}")
    return folder
