"""Memory: the KV formula's known values, the estimate's parts, and what is really resident."""

from __future__ import annotations

import dataclasses
import gc
import mmap
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engines import memory
from engines.chat.llama_auto import resolve
from engines.chat.llama_knobs import LOAD_KNOBS
from engines.knobs import settle
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


def llama(**load: Any) -> memory.Estimated:
    return memory.estimate(shape(), "llama-cpp", load)


def test_llama_parts_are_exact_where_they_can_be() -> None:
    found = llama(n_ctx=4096, type_k="q8_0", type_v="auto", flash_attn="on")
    assert found.parts["weights"] == 96_000_000
    assert found.parts["kv"] == memory.kv_bytes(shape(), 4096, "q8_0", "f16")
    assert found.total_bytes == sum(found.parts.values())


@pytest.mark.parametrize(
    ("load", "logged"),
    [
        ({"n_ctx": 512}, 17_175_675),
        ({"n_ctx": 4096}, 90_575_995),
        ({"n_ctx": 8192}, 174_462_075),
        ({"n_ctx": 4096, "n_ubatch": 128}, 22_649_242),
        ({"n_ctx": 4096, "n_batch": 2048, "n_ubatch": 2048}, 362_314_465),
        ({"n_ctx": 4096, "flash_attn": "on"}, 18_360_566),
        ({"n_ctx": 4096, "type_k": "q8_0", "type_v": "q8_0"}, 17_217_618),
        ({"n_ctx": 8192, "type_k": "q4_0", "type_v": "q4_0"}, 21_411_922),
    ],
)
def test_compute_is_the_logs_buffer_and_the_work_space(load: dict[str, Any], logged: int) -> None:
    """logged: “compute buffer size” of llama.cpp 0.3.36 for SmolLM2. The rest is the second matrix as f16, or q8_1."""
    got = memory.settled(shape(), "llama-cpp", load)
    rows, batch = int(got["n_ctx"]), int(got["n_ubatch"])  # type: ignore[arg-type]
    work = batch * rows * 9 * 2 if got["flash_attn"] == "off" else batch * 1536 * 9 // 8
    assert llama(**load).parts["compute"] - work == pytest.approx(logged, rel=0.01)


def test_flash_attention_saves_the_matrix_of_attention() -> None:
    without, with_it = llama(n_ctx=8192, flash_attn="off"), llama(n_ctx=8192, flash_attn="on")
    assert without.parts["compute"] - with_it.parts["compute"] > 8192 * 512 * 9 * 4 * 0.9


@pytest.mark.parametrize(
    ("load", "flash"),
    [
        ({}, "off"),
        ({"type_v": "q8_0"}, "on"),
        ({"type_k": "q8_0"}, "off"),
        ({"prompt_lookup_num_tokens": 4}, "on"),
        ({"n_gpu_layers": -1}, "on"),
        ({"flash_attn": "off", "prompt_lookup_num_tokens": 4}, "off"),
    ],
)
def test_auto_flash_attention_is_what_the_adapter_makes_of_it(load: dict[str, Any], flash: str) -> None:
    asked = settle(LOAD_KNOBS, load)
    real, _ = resolve(asked, 8192, gpu=bool(load.get("n_gpu_layers")))
    got = memory.settled(shape(), "llama-cpp", asked)
    assert got["flash_attn"] == real["flash_attn"] == flash
    assert (got["n_ctx"], got["n_batch"], got["n_ubatch"]) == (real["n_ctx"], real["n_batch"], real["n_ubatch"])


def test_a_repacked_copy_lies_beside_the_mapped_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "repacked_types", lambda: frozenset({"Q4_0"}))
    body = (shape().n_params - 49152 * 576) * 18 // 32
    mix = {"F32": 61, "Q4_0": 210, "Q8_0": 1}
    assert memory.estimate(shape(), "llama-cpp", {}, mix).parts["weights"] == pytest.approx(96_000_000 + body, abs=2)
    assert memory.estimate(shape(), "llama-cpp", {"use_mmap": False}, mix).parts["weights"] == 96_000_000
    assert memory.estimate(shape(), "llama-cpp", {}, {"Q4_1": 210}).parts["weights"] == 96_000_000
    with_output = memory.repacked_bytes(shape(), {"Q4_0": 211})
    assert with_output == pytest.approx(shape().n_params * 18 // 32, abs=2)


@pytest.mark.parametrize(
    ("load", "measured"),
    [
        ({"n_ctx": 512}, 155_213_824),
        ({"n_ctx": 4096}, 239_603_712),
        ({"n_ctx": 8192}, 333_900_000),
        ({"n_ctx": 8192, "type_k": "q8_0", "type_v": "q8_0"}, 239_316_992),
        ({"n_ctx": 4096, "flash_attn": "on"}, 233_287_680),
        ({"n_ctx": 4096, "n_batch": 2048, "n_ubatch": 2048}, 490_700_000),
    ],
)
def test_at_load_is_what_was_measured(load: dict[str, Any], measured: int) -> None:
    """`model_bytes` of SmolLM2 Q4_1 in fresh workers (tests/bench/estimate.py)."""
    smollm2 = memory.estimate(shape(tensor_bytes=96_573_888), "llama-cpp", load)
    assert smollm2.at_load_bytes == pytest.approx(measured, rel=0.02)


@pytest.mark.parametrize("engine", ["llama-cpp", "transformers", "unheard-of"])
def test_more_context_never_needs_less(engine: str) -> None:
    needs = [memory.estimate(shape(), engine, {"n_ctx": n}).total_bytes for n in (512, 2048, 8192)]
    assert needs == sorted(set(needs))
    assert needs[0] > 90_000_000


@pytest.mark.parametrize("engine", ["llama-cpp", "transformers"])
def test_a_load_takes_no_more_than_the_full_context(engine: str) -> None:
    for n in (256, 512, 8192):
        found = memory.estimate(shape(), engine, {"n_ctx": n})
        assert found.at_load_bytes <= found.total_bytes


def test_a_dynamic_cache_is_empty_at_load_and_a_static_one_is_not() -> None:
    grows = memory.estimate(shape(), "transformers", {"dtype": "bf16", "n_ctx": 8192})
    static = memory.estimate(
        shape(), "transformers", {"dtype": "bf16", "n_ctx": 8192, "cache_implementation": "static"}
    )
    assert static.at_load_bytes - grows.at_load_bytes == grows.parts["kv"] == 8192 * 23_040
    assert static.total_bytes == grows.total_bytes


def test_torch_counts_the_weights_in_the_dtype_that_is_asked() -> None:
    def weights(**load: Any) -> int:
        return memory.estimate(shape(), "transformers", load).parts["weights"]

    full, half = weights(dtype="fp32"), weights(dtype="bf16")
    assert full == 4 * shape().n_params
    assert half == full // 2
    embedding = 49152 * 576
    assert embedding * 2 + (shape().n_params - embedding) < weights(dtype="bf16", quantization="torchao-int8") < half


def test_quantizing_while_loading_leaves_the_source_beside_it() -> None:
    plain = memory.estimate(shape(), "transformers", {"dtype": "bf16"})
    small = memory.estimate(shape(), "transformers", {"dtype": "bf16", "quantization": "torchao-int8"})
    assert small.parts["other"] - plain.parts["other"] > 2 * shape().n_params


def test_the_kind_of_a_load_is_the_same_asked_and_effective() -> None:
    """Records keep what Auto became; an estimate is asked for with Auto."""
    asked = settle(LOAD_KNOBS, {"type_k": "q8_0", "type_v": "q8_0"})
    real, _ = resolve(asked, 8192, gpu=False)
    assert memory.kind("llama-cpp", asked) == memory.kind("llama-cpp", real) == ("mapped", "on", "q8_0", "q8_0")
    assert memory.kind("transformers", {"dtype": "fp32"}) != memory.kind("transformers", {"dtype": "bf16"})


def test_resident_memory_is_that_of_this_process() -> None:
    gc.collect()  # what other tests left must not go while this one counts
    before = memory.rss()
    held = bytearray(256 << 20)
    held[::4096] = b"x" * len(held[::4096])
    assert memory.rss() - before > 200 << 20


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
    with mmap.mmap(-1, 96 << 20) as held:  # pages of its own: a bytearray may get some that were resident before
        for at in range(0, len(held), 4096):
            held[at] = 1
        found = meter.read((), "cpu", {"weights": 5})
    assert found.runtime_bytes == meter.runtime_bytes
    assert (found.model_bytes or 0) > 64 << 20
    assert found.parts == {"weights": 5}
    assert found.device_bytes is None


def test_a_half_imported_torch_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", dataclasses)  # any module without `cuda`
    memory.reset_peak()
    assert memory.device_bytes() is None or memory.device_bytes() >= 0
