"""A llama of random weights with a byte-level tokenizer, made here: for probes and tests, never for people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

N_VOCAB = 320
END = "<|im_end|>"
SPECIALS = ("<|endoftext|>", "<|im_start|>", END)
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def tiny_model(seed: int = 0) -> Any:
    """A LlamaForCausalLM of 2 layers, 128 wide, in fp32: wide enough for every quantizer's groups."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=N_VOCAB, hidden_size=128, intermediate_size=256, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, max_position_embeddings=4096, tie_word_embeddings=True, bos_token_id=0, eos_token_id=2,
        pad_token_id=0, initializer_range=0.3,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: Any = LlamaForCausalLM(config)
    return model.eval()


def tiny_tokenizer() -> Any:
    """A `tokenizers.Tokenizer` whose tokens are the 256 bytes, three special ones and nothing else."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {token: i for i, token in enumerate([*SPECIALS, *letters])}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in SPECIALS])
    return tokenizer


def write_tiny_folder(folder: Path, seed: int = 0) -> Path:
    """A complete safetensors folder (model, tokenizer, template) of about 1 MB; returns `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    tiny_model(seed).save_pretrained(folder)
    tiny_tokenizer().save(str(folder / "tokenizer.json"))
    (folder / "chat_template.jinja").write_text(TEMPLATE, encoding="utf-8")
    return folder
