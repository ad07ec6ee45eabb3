"""How long a first scan of 500 model files takes, in one process, on built copies of the programs' folders.

python -m tests.bench.scan [--tokens 49152] [--files 500] [--cold]

GGUF headers are the real ones of the starter model where it lies in .cache/starter (49,152 tokens), else, or with another
--tokens, made of words like a vocabulary's; the data behind them is a hole in the file. Folders: LM Studio, Ollama, the
Hugging Face cache (GGUF and sharded safetensors), llama.cpp and ComfyUI. Figures: the first scan, the second (nothing
changed), a list of all variants (first and within a second), and what reading each GGUF header whole would take.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import struct
import tempfile
import time
from pathlib import Path

from app.library import Library
from app.library.gguf_header import read_gguf
from app.library.places import Place, usual_places
from app.paths import Paths
from tests.app.library import builders as b

ROOT = Path(__file__).resolve().parents[2]
STARTER = ROOT / ".cache" / "starter" / "smollm2-135m" / "SmolLM2-135M-Instruct.Q4_1.gguf"
TYPES = {"q4_0": (2, 2, 18, 32), "q8_0": (7, 8, 34, 32)}


def words(count: int, dice: random.Random) -> list[str]:
    letters = "etaoinshrdlucmfwypvbgkqjxz"
    return [
        "".join(dice.choices(letters, k=dice.choice((2, 3, 4, 5, 6, 7, 9, 12)))) + str(n % 97) for n in range(count)
    ]


def made_header(tokens: int) -> tuple[bytes, int]:
    """(header up to its data, bytes of data) of a llama of 32 layers with `tokens` tokens and as many merges."""
    dice = random.Random(7)
    vocabulary = words(tokens, dice)
    merges = [f"{a} {c}" for a, c in zip(vocabulary, reversed(vocabulary), strict=True)]
    parts = b.settings(
        model=b.string("tokenizer.ggml.model", "gpt2"), file_type=b.number("general.file_type", 2),
        block_count=b.number("llama.block_count", 32), embedding_length=b.number("llama.embedding_length", 4096),
        heads=b.number("llama.attention.head_count", 32), kv_heads=b.number("llama.attention.head_count_kv", 8),
        tokens=b.strings("tokenizer.ggml.tokens", vocabulary), token_type=b.numbers("tokenizer.ggml.token_type", b.I32, [1] * tokens),
        merges=b.strings("tokenizer.ggml.merges", merges), bos=None, eos=None, template=None,
        bos2=b.number("tokenizer.ggml.bos_token_id", 1), template2=b.string("tokenizer.chat_template", b.TEMPLATE),
    )  # fmt: skip
    tensors = [("token_embd.weight", [4096, tokens], 2, 4096 // 32 * 18 * tokens)]
    for layer in range(32):
        for name in (
            "attn_q",
            "attn_k",
            "attn_v",
            "attn_output",
            "ffn_gate",
            "ffn_up",
            "ffn_down",
            "attn_norm",
            "ffn_norm",
        ):
            tensors.append((f"blk.{layer}.{name}.weight", [4096, 256], 2, 4096 // 32 * 18 * 256))
    whole = b.gguf(parts, tensors, data=b"")
    return whole, sum((t[3] + 31) // 32 * 32 for t in tensors)


def header(tokens: int) -> tuple[bytes, int]:
    if tokens == 49_152 and STARTER.is_file():
        start = read_gguf(STARTER).data_start
        with STARTER.open("rb") as file:
            return file.read(start), STARTER.stat().st_size - start
    return made_header(tokens)


def sparse(path: Path, head: bytes, data: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + data)


def safetensors_header(layers: int) -> tuple[bytes, int]:
    table, at = {}, 0
    for layer in range(layers):
        for name in ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj",
                     "mlp.down_proj", "input_layernorm", "post_attention_layernorm"):  # fmt: skip
            table[f"model.layers.{layer}.{name}.weight"] = {
                "dtype": "BF16",
                "shape": [4096, 1024],
                "data_offsets": [at, at + (8 << 20)],
            }
            at += 8 << 20
    text = json.dumps({"__metadata__": {"format": "pt"}, **table}).encode()
    return struct.pack("<Q", len(text)) + text, at


def build(home: Path, n: int, tokens: int) -> int:
    """Puts `n` model files into five programs' folders; returns how many."""
    head, data = header(tokens)
    lm = home / ".lmstudio" / "models"
    for i in range(n * 3 // 10):
        sparse(lm / f"publisher{i % 20}" / f"Model-{i}-GGUF" / f"Model-{i}.Q4_0.gguf", head, data)
    ollama = home / ".ollama" / "models"
    for i in range(n * 2 // 10):
        digest = hashlib.sha256(str(i).encode()).hexdigest()
        sparse(ollama / "blobs" / f"sha256-{digest}", head, data)
        manifest = {"schemaVersion": 2, "layers": [
            {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{digest}", "size": len(head) + data}]}  # fmt: skip
        path = ollama / "manifests" / "registry.ollama.ai" / "library" / f"name{i}" / "latest"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(manifest))
    hub = home / ".cache" / "huggingface" / "hub"
    for i in range(n // 10):
        link(hub, f"org/gguf-{i}", {f"gguf-{i}.Q4_0.gguf": (head, data)}, {})
    shard, shard_bytes = safetensors_header(8)
    for i in range(n // 20):
        parts = {f"model-{k:05d}-of-00003.safetensors": (shard, shard_bytes) for k in (1, 2, 3)}
        names = json.loads(shard[8:])
        index = {"weight_map": {name: "model-00001-of-00003.safetensors" for name in names if name != "__metadata__"}
                 | dict.fromkeys(list(names)[1:3], "model-00002-of-00003.safetensors")
                 | dict.fromkeys(list(names)[3:5], "model-00003-of-00003.safetensors")}  # fmt: skip
        link(
            hub,
            f"org/folder-{i}",
            parts,
            {"config.json": b.CONFIG, "model.safetensors.index.json": index, "tokenizer.json": {}},
        )
    for i in range(n // 10):
        sparse(home / ".cache" / "llama.cpp" / f"file-{i}-Q4_0.gguf", head, data)
    unet, unet_bytes = checkpoint_header()
    rest = n - (n * 3 // 10 + n * 2 // 10 + n // 10 + n // 20 * 3 + n // 10)
    for i in range(max(rest, 0)):
        sparse(home / "ComfyUI" / "models" / "checkpoints" / f"image-{i}.safetensors", unet, unet_bytes)
    return sum(len(files) for _, _, files in os.walk(home))


def checkpoint_header() -> tuple[bytes, int]:
    table, at = {}, 0
    names = [f"model.diffusion_model.input_blocks.{k}.1.transformer_blocks.0.attn2.to_k.weight" for k in range(800)]
    names += [
        "model.diffusion_model.label_emb.0.0.weight",
        "first_stage_model.decoder.conv_in.weight",
        "conditioner.embedders.0.x.weight",
    ]
    for name in names:
        table[name] = {"dtype": "F16", "shape": [320, 768], "data_offsets": [at, at + 320 * 768 * 2]}
        at += 320 * 768 * 2
    text = json.dumps(table).encode()
    return struct.pack("<Q", len(text)) + text, at


def link(hub: Path, repo: str, big: dict[str, tuple[bytes, int]], small: dict[str, object]) -> None:
    root, commit = hub / f"models--{repo.replace('/', '--')}", "0123456789abcdef0123456789abcdef01234567"
    snapshot = root / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text(commit)
    (root / "blobs").mkdir()
    for name, (head, data) in big.items():
        blob = hashlib.sha256(f"{repo}{name}".encode()).hexdigest()
        sparse(root / "blobs" / blob, head, data)
        (snapshot / name).symlink_to(f"../../blobs/{blob}")
    for name, value in small.items():
        blob = hashlib.sha1(f"{repo}{name}".encode(), usedforsecurity=False).hexdigest()
        (root / "blobs" / blob).write_text(json.dumps(value))
        (snapshot / name).symlink_to(f"../../blobs/{blob}")


def timed(what: str, call: object) -> object:
    wall, cpu = time.perf_counter(), time.process_time()
    result = call()  # type: ignore[operator]
    print(f"{what:<44} {time.perf_counter() - wall:7.3f} s   {time.process_time() - cpu:7.3f} s CPU")
    return result


def forget_files() -> str:
    """Empty the system's file cache, where this process may (root on Linux)."""
    os.sync()
    try:
        Path("/proc/sys/vm/drop_caches").write_text("3")
    except OSError as error:
        return f"files in memory ({error.strerror})"
    return "file cache emptied first"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=49_152)
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--cold", action="store_true", help="empty the system's file cache first (root)")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tandem-scan-") as folder:
        root = Path(folder)
        total = build(root / "home", wanted.files, wanted.tokens)

        def usual() -> list[Place]:
            return usual_places(root / "home", {}, "linux")

        def library() -> Library:
            return Library(Paths(root / "tandem"), usual=usual)

        print(
            f"{wanted.files} model files ({total} files in all), {wanted.tokens:,} tokens; load {os.getloadavg()[0]:.1f}"
        )
        print(forget_files() if wanted.cold else "files in memory")
        first = library()
        found = timed("first scan", first.scan)
        print(f"  {found.sentence}; {len(found.unusable)} unusable")  # type: ignore[attr-defined]
        timed("second scan, nothing changed", library().scan)
        other = library()
        listed = timed("variants(), another process's first", other.variants)
        timed("variants(), within a second", other.variants)
        ggufs = [v for v in listed if v.format == "gguf"]  # type: ignore[attr-defined]
        timed(f"read_gguf of {len(ggufs)} files, for comparison", lambda: [read_gguf(Path(v.path)) for v in ggufs])


if __name__ == "__main__":
    main()
