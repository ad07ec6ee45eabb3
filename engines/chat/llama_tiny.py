"""A whole llama model of random weights in a file under 1 MB: for trying what a build can do, and for tests."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

N_LAYERS, N_HEADS, N_KV_HEADS, HEAD_DIM, N_FF, N_CTX = 2, 2, 1, 64, 256, 512
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_SPECIAL = ("<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>")
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6  # enum llama_token_type


def write_tiny_gguf(
    path: str | os.PathLike[str], seed: int = 0, n_vocab: int = 320, template: str | None = CHATML
) -> Path:
    """Write the file (f32 norms, f16 weights) and return its path. n_vocab ≥ 300; template None: a base model."""
    import gguf

    tokens, scores, types = _vocabulary(n_vocab)
    writer = gguf.GGUFWriter(os.fspath(path), "llama")
    writer.add_name("tiny")
    writer.add_context_length(N_CTX)
    writer.add_embedding_length(N_HEADS * HEAD_DIM)
    writer.add_block_count(N_LAYERS)
    writer.add_feed_forward_length(N_FF)
    writer.add_head_count(N_HEADS)
    writer.add_head_count_kv(N_KV_HEADS)
    writer.add_rope_dimension_count(HEAD_DIM)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores(scores)
    writer.add_token_types(types)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(_SPECIAL.index("</s>"))
    writer.add_eot_token_id(_SPECIAL.index("<|im_end|>"))
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(True)
    if template is not None:
        writer.add_chat_template(template)
    for name, tensor in _tensors(len(tokens), seed):
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return Path(path)


def _vocabulary(n_vocab: int) -> tuple[list[str], list[float], list[int]]:
    """Special tokens, all 256 bytes, then letters and pairs; all texts differ, or llama.cpp aborts."""
    tokens = [*_SPECIAL, *(f"<0x{i:02X}>" for i in range(256))]
    types = [_UNKNOWN, *[_CONTROL] * (len(_SPECIAL) - 1), *[_BYTE] * 256]
    letters = "▁etaoinshrdlucmfwypvbgkjqxz.,?!'0123456789"
    words = [*letters, *(a + b for a in "▁aeiou" for b in "nrstlm"), *(f"▁word{i}" for i in range(n_vocab))]
    words = words[: max(0, n_vocab - len(tokens))]
    scores = [0.0] * len(tokens) + [-float(i + 1) for i in range(len(words))]
    return [*tokens, *words], scores, [*types, *[_NORMAL] * len(words)]


def _tensors(n_vocab: int, seed: int) -> Sequence[tuple[str, np.ndarray]]:
    random = np.random.default_rng(seed)
    width, kv = N_HEADS * HEAD_DIM, N_KV_HEADS * HEAD_DIM

    def weights(*shape: int) -> np.ndarray:
        values: np.ndarray = random.standard_normal(shape) * (2.0 / shape[-1] ** 0.5)
        return values.astype(np.float16)

    ones = np.ones(width, np.float32)
    tensors = [
        ("token_embd.weight", weights(n_vocab, width)),
        ("output_norm.weight", ones),
        ("output.weight", weights(n_vocab, width)),
    ]
    for i in range(N_LAYERS):
        tensors += [
            (f"blk.{i}.attn_norm.weight", ones), (f"blk.{i}.attn_q.weight", weights(width, width)),
            (f"blk.{i}.attn_k.weight", weights(kv, width)), (f"blk.{i}.attn_v.weight", weights(kv, width)),
            (f"blk.{i}.attn_output.weight", weights(width, width)), (f"blk.{i}.ffn_norm.weight", ones),
            (f"blk.{i}.ffn_gate.weight", weights(N_FF, width)), (f"blk.{i}.ffn_up.weight", weights(N_FF, width)),
            (f"blk.{i}.ffn_down.weight", weights(width, N_FF)),
        ]  # fmt: skip
    return tensors
