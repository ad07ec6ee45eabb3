"""Predicted mixes and sizes against what llama.cpp (llama-cpp-python 0.3.36) really wrote for SmolLM2-135M Q4_1."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from app.library.conversion import quantized_sizes
from app.library.gguf_header import Tensor, read_gguf
from app.library.quant_rules import Model, choose

# precision: (bytes of the written file, tensors that fell back, types); measured by running the quantizer
WRITTEN = {
    "f16": (270_885_952, 0, {"F16": 211}),
    "bf16": (270_885_952, 0, {"BF16": 211}),
    "q8_0": (144_811_072, 0, {"Q8_0": 211}),
    "q4_0": (91_726_912, 1, {"Q4_0": 210, "Q8_0": 1}),
    "q5_0": (104_997_952, 1, {"Q5_0": 210, "Q8_0": 1}),
    "iq4_nl": (92_058_688, 1, {"IQ4_NL": 207, "Q5_K": 3, "Q8_0": 1}),
    "iq4_xs": (91_312_192, 180, {"IQ4_NL": 180, "IQ4_XS": 27, "Q5_K": 3, "Q8_0": 1}),
    "q4_k_m": (105_454_144, 180, {"Q5_0": 166, "Q4_K": 16, "Q8_0": 15, "Q6_K": 14}),
    "q4_k_s": (102_039_616, 180, {"Q5_0": 176, "Q4_K": 27, "Q5_1": 4, "Q5_K": 3, "Q8_0": 1}),
    "q5_k_m": (112_103_488, 180, {"Q5_1": 166, "Q5_K": 16, "Q8_0": 15, "Q6_K": 14}),
    "q6_k": (138_382_912, 180, {"Q8_0": 181, "Q6_K": 30}),
    "q3_k_m": (93_510_208, 180, {"Q4_0": 120, "Q5_0": 58, "Q4_K": 29, "Q5_1": 2, "Q8_0": 1, "Q5_K": 1}),
    "q3_k_l": (97_532_992, 180, {"Q4_0": 120, "Q5_1": 60, "Q5_K": 30, "Q8_0": 1}),
    "q2_k": (88_201_792, 180, {"Q4_0": 180, "Q3_K": 30, "Q8_0": 1}),
    "iq3_m": (90_213_184, 180, {"IQ4_NL": 120, "Q5_0": 60, "IQ3_S": 27, "Q4_K": 3, "Q8_0": 1}),
    "tq2_0": (83_639_872, 180, {"Q4_0": 180, "TQ2_0": 30, "Q8_0": 1}),
}


@pytest.mark.parametrize("precision", WRITTEN)
def test_prediction_is_what_llama_cpp_wrote(starter_gguf: Path, precision: str) -> None:
    written, fell_back, types = WRITTEN[precision]
    size, choices = quantized_sizes(read_gguf(starter_gguf), precision)
    assert size == written
    assert sum(c.wanted != c.type for c in choices) == fell_back
    assert Counter(c.type for c in choices) == {**types, "F32": 61}


DENSE = Model("llama", 32, 0, 4, True)


def tensors(**shapes: tuple[int, ...]) -> tuple[Tensor, ...]:
    names = {k.replace("__", "."): v for k, v in shapes.items()}
    return tuple(Tensor(f"{name}.weight", "F16", shape, 0, 0) for name, shape in names.items())


def types(model: Model, precision: str, **shapes: tuple[int, ...]) -> dict[str, str]:
    return {c.tensor.name.removesuffix(".weight"): c.type for c in choose(tensors(**shapes), model, precision)}


def test_untied_models_keep_a_finer_output_only() -> None:
    found = types(DENSE, "q4_k_m", output=(4096, 32000), token_embd=(4096, 32000))
    assert found == {"output": "Q6_K", "token_embd": "Q4_K"}


def test_tied_models_keep_finer_embeddings() -> None:
    assert types(DENSE, "q4_k_m", token_embd=(4096, 32000)) == {"token_embd": "Q6_K"}


def test_grouped_attention_gets_a_finer_value() -> None:
    assert types(DENSE, "q2_k", blk__0__attn_v=(4096, 1024)) == {"blk.0.attn_v": "Q4_K"}
    alone = Model("llama", 32, 0, 1, False)
    assert types(alone, "q2_k", blk__0__attn_v=(4096, 4096)) == {"blk.0.attn_v": "Q3_K"}


def test_norms_and_small_tensors_stay() -> None:
    shapes = {"blk__0__attn_norm": (4096, 2), "blk__0__ffn_gate_inp": (4096, 8), "output_norm": (4096,)}
    assert set(types(DENSE, "q4_0", **shapes).values()) == {"F16"}


def test_rows_that_fit_no_block_become_f16() -> None:
    assert types(DENSE, "q4_k_m", blk__0__attn_q=(33, 64)) == {"blk.0.attn_q": "F16"}


def test_eight_experts_get_q8_keys_and_values() -> None:
    mixture = Model("llama", 32, 8, 4, True)
    found = types(mixture, "q4_k_m", blk__0__attn_k=(4096, 1024), blk__0__attn_v=(4096, 1024),
                  blk__0__attn_output=(4096, 4096))  # fmt: skip
    assert found == {"blk.0.attn_k": "Q8_0", "blk.0.attn_output": "Q5_K", "blk.0.attn_v": "Q8_0"}


def test_layers_are_counted_in_numeric_order() -> None:
    shapes = {f"blk__{n}__ffn_down": (4096, 256) for n in range(32)}
    found = types(DENSE, "q4_k_m", **shapes)
    finer = sorted(int(name.split(".")[1]) for name, kind in found.items() if kind == "Q6_K")
    assert finer == [0, 1, 2, 3, 6, 9, 12, 15, 18, 21, 24, 27, 28, 29, 30, 31]
