"""Memory: the KV formula's known values, the estimate's parts, and what is really resident."""

from __future__ import annotations

import dataclasses
import mmap
import sys
from pathlib import Path

import msgspec
import pytest

from engines import memory
from engines.protocol import ModelShape


def shape(**more: int) -> ModelShape:
    smollm2 = ModelShape(
        architecture="llama", n_layers=30, n_embd=576, n_heads=9, n_kv_heads=3, head_dim_k=64, head_dim_v=64, n_vocab=49152,
        n_ff=1536, n_ctx_train=8192, n_params=134_515_008, tensor_bytes=96_000_000,
    )  # fmt: skip
    return msgspec.structs.replace(smollm2, **more)


@pytest.mark.parametrize(
    ("layers", "kv_heads", "dim", "bytes_a_token"),
    [
        (32, 8, 128, 131_072),  # Llama-3.1-8B
        (80, 8, 128, 327_680),  # Llama-3.3-70B
        (36, 8, 128, 147_456),  # Qwen3-8B
        (28, 8, 128, 114_688),  # Qwen3-0.6B
        (24, 2, 64, 12_288),  # Qwen2.5-0.5B
        (32, 32, 128, 524_288),  # Llama-2-7B
        (30, 3, 64, 23_040),  # SmolLM2-135M
    ],
)
def test_the_kv_cache_of_known_models(layers: int, kv_heads: int, dim: int, bytes_a_token: int) -> None:
    one = shape(n_layers=layers, n_kv_heads=kv_heads, head_dim_k=dim, head_dim_v=dim)
    assert memory.kv_bytes(one, 1, "bf16", "bf16") == bytes_a_token
    assert memory.kv_bytes(one, 32768, "f16", "f16") == 32768 * bytes_a_token


def test_a_quantized_cache_counts_its_scales() -> None:
    """q8_0: 32 values in 34 bytes; q4_0: 32 values in 18."""
    assert memory.kv_bytes(shape(), 4096, "q8_0", "q8_0") == 4096 * 30 * 3 * 128 * 34 // 32
    assert memory.kv_bytes(shape(), 4096, "f16", "q4_0") == 4096 * 30 * 3 * (64 * 2 + 64 * 18 // 32)


def test_llama_parts_are_exact_where_they_can_be() -> None:
    parts = memory.estimate(
        shape(), "llama-cpp", {"n_ctx": 4096, "type_k": "q8_0", "type_v": "auto", "flash_attn": "on"}
    )
    assert parts["weights"] == 96_000_000
    assert parts["kv"] == memory.kv_bytes(shape(), 4096, "q8_0", "f16")
    assert parts["other"] == 0
    assert memory.total(parts) == sum(parts.values())


def test_flash_attention_saves_the_matrix_of_attention() -> None:
    without = memory.estimate(shape(), "llama-cpp", {"n_ctx": 8192, "flash_attn": "off"})
    with_it = memory.estimate(shape(), "llama-cpp", {"n_ctx": 8192, "flash_attn": "on"})
    assert without["compute"] - with_it["compute"] > 8192 * 512 * 9 * 4 * 0.9


@pytest.mark.parametrize("engine", ["llama-cpp", "transformers", "unheard-of"])
def test_more_context_never_needs_less(engine: str) -> None:
    needs = [memory.total(memory.estimate(shape(), engine, {"n_ctx": n})) for n in (512, 2048, 8192)]
    assert needs == sorted(needs)
    assert needs[0] > 90_000_000


def test_torch_counts_the_weights_in_the_dtype_that_is_asked() -> None:
    full = memory.estimate(shape(), "transformers", {"dtype": "fp32"})["weights"]
    half = memory.estimate(shape(), "transformers", {"dtype": "bf16"})["weights"]
    eighth = memory.estimate(shape(), "transformers", {"dtype": "bf16", "quantization": "torchao-int8"})["weights"]
    assert full == 4 * shape().n_params
    assert half == full // 2
    embedding = 49152 * 576
    assert embedding * 2 + (shape().n_params - embedding) < eighth < half


def test_what_was_learnt_on_this_machine_is_added() -> None:
    assert memory.estimate(shape(), "llama-cpp", {}, 5_000_000)["other"] == 5_000_000
    assert memory.estimate(shape(), "llama-cpp", {}, -5)["other"] == 0


def test_resident_memory_is_that_of_this_process() -> None:
    before = memory.rss()
    held = bytearray(64 << 20)
    held[::4096] = b"x" * len(held[::4096])
    assert memory.rss() - before > 60 << 20


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the peak counts from the process's start")
def test_the_peak_starts_anew() -> None:
    held = bytearray(96 << 20)
    held[::4096] = b"x" * len(held[::4096])
    high = memory.peak() or 0
    del held
    memory.reset_peak()
    assert (memory.peak() or 0) < high - (80 << 20)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says which pages map a file")
def test_mapped_pages_of_a_model_file_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "model with spaces.gguf"
    path.write_bytes(b"x" * (8 << 20))
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        assert sum(view[::4096]) > 0
        assert memory.mapped([str(path)]) == 8 << 20
        assert memory.mapped([str(tmp_path / "another")]) == 0


def test_a_meter_tells_the_model_from_the_runtime() -> None:
    meter = memory.Meter()
    assert meter.read((), "cpu", {}).model_bytes is None
    meter.mark_runtime()
    held = bytearray(32 << 20)
    held[::4096] = b"x" * len(held[::4096])
    found = meter.read((), "cpu", {"weights": 5})
    assert found.runtime_bytes == meter.runtime_bytes
    assert (found.model_bytes or 0) > 30 << 20
    assert found.parts == {"weights": 5}
    assert found.device_bytes is None


def test_a_half_imported_torch_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", dataclasses)  # any module without `cuda`
    memory.reset_peak()
    assert memory.device_bytes() is None or memory.device_bytes() >= 0
