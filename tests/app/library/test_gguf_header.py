"""The GGUF reader: right files are read, wrong ones are refused with the reason, nothing else ever happens."""

from __future__ import annotations

import struct
import time
import tracemalloc
from pathlib import Path

import pytest

from app.errors import TandemError
from app.library.gguf_header import read_gguf
from app.library.gguf_model import inspect_gguf
from tests.app.library import builders as b


def refusal(path: Path, data: bytes) -> TandemError:
    path.write_bytes(data)
    with pytest.raises(TandemError) as caught:
        inspect_gguf(path)
    assert path.name in caught.value.message
    assert caught.value.hint
    return caught.value


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "model.gguf"


@pytest.mark.parametrize("version", [2, 3])
def test_a_right_file_is_read(file: Path, version: int) -> None:
    file.write_bytes(b.gguf(version=version))
    facts = inspect_gguf(file)
    assert (facts.title, facts.licence, facts.precision, facts.task) == ("Tiny", "mit", "f32", "chat")
    assert (facts.template, facts.bos, facts.eos) == (b.TEMPLATE, "<s>", "</s>")
    assert facts.mix == {"F32": 2}
    assert facts.bits_per_weight == 32
    shape = facts.shape
    assert shape is not None
    assert (shape.n_layers, shape.n_embd, shape.n_heads, shape.n_kv_heads, shape.n_vocab) == (1, 32, 4, 2, 261)
    assert (shape.n_params, shape.tensor_bytes) == (32 * 261 + 32, (32 * 261 + 32) * 4)
    assert (shape.head_dim_k, shape.n_ctx_train, shape.n_ff) == (8, 128, 64)


def test_the_real_model_is_read_exactly(starter_gguf: Path) -> None:
    facts = inspect_gguf(starter_gguf)
    assert facts.mix == {"Q4_1": 210, "F32": 61, "Q8_0": 1}
    assert facts.shape is not None
    assert (facts.shape.n_params, facts.shape.n_vocab) == (134_515_008, 49_152)
    assert facts.bits_per_weight == pytest.approx(5.7437, abs=1e-4)
    assert (facts.bos, facts.eos, facts.licence, facts.precision) == (
        "<|im_start|>", "<|im_end|>", "apache-2.0", "q4_1",
    )  # fmt: skip
    assert facts.template is not None
    assert "<|im_start|>" in facts.template


def test_the_engines_tiny_model_is_read(tiny_gguf: Path) -> None:
    assert inspect_gguf(tiny_gguf).shape is not None


@pytest.mark.parametrize("keep", [4, 20, 30, 300, 5000, -200, -1])
def test_a_truncated_file_is_refused(file: Path, keep: int) -> None:
    assert refusal(file, b.gguf()[:keep]).code == "refused_truncated"


def test_bytes_after_the_end_are_refused(file: Path) -> None:
    error = refusal(file, b.gguf() + b"x" * 100)
    assert error.code == "refused_oversized"
    assert "100 bytes follow" in error.message


def test_a_missing_pad_after_the_last_tensor_is_fine(file: Path) -> None:
    file.write_bytes(b.gguf(tensors=[("a.weight", [5], 0, 20)])[:-12])
    assert read_gguf(file).tensors[0].bytes == 20


DUPLICATE = ["<unk>", "<s>", "</s>", *b.BYTE_TOKENS, "a", "a"]
ONE_BYTE_EDIT = [t if t != "<0x79>" else "<0x69>" for t in ["<unk>", "<s>", "</s>", *b.BYTE_TOKENS, "a", "b"]]


@pytest.mark.parametrize("tokens", [DUPLICATE, ONE_BYTE_EDIT])
def test_a_token_that_is_there_twice_is_refused(file: Path, tokens: list[str]) -> None:
    error = refusal(file, b.gguf(b.settings(tokens=b.strings("tokenizer.ggml.tokens", tokens))))
    assert error.code == "refused_duplicate"


def test_missing_byte_tokens_are_refused(file: Path) -> None:
    parts = b.settings(tokens=b.strings("tokenizer.ggml.tokens", ["a", "b"]), token_type=None)
    assert "byte token" in refusal(file, b.gguf(parts)).message


NESTED = b.setting("x", b.ARR, struct.pack("<IQ", b.ARR, 1) + struct.pack("<IQI", b.U32, 1, 1))
WRONG = {
    "no key": (b.gguf(b.settings(x=b.number("", 1))), "damaged"),
    "key twice": (b.gguf(b.settings(x=b.number("llama.block_count", 1))), "damaged"),
    "key is no text": (b.gguf(b.settings(x=b.text(b"\xff\xfe") + struct.pack("<II", b.U32, 1))), "damaged"),
    "unknown type": (b.gguf(b.settings(x=b.setting("x", 99, b""))), "damaged"),
    "list of lists": (b.gguf(b.settings(x=NESTED)), "damaged"),
    "strange bool": (b.gguf(b.settings(x=b.setting("x", b.BOOL, b"\x07"))), "damaged"),
    "huge text": (b.gguf(b.settings(x=b.setting("x", b.STR, struct.pack("<Q", 2**63)))), "oversized"),
    "text past the end": (b.gguf(b.settings(x=b.setting("x", b.STR, struct.pack("<Q", 2**20)))), "truncated"),
    "huge list": (b.gguf(b.settings(x=b.setting("x", b.ARR, struct.pack("<IQ", b.STR, 2**40)))), "oversized"),
    "list past the end": (b.gguf(b.settings(x=b.setting("x", b.ARR, struct.pack("<IQ", b.U32, 2**40)))), "truncated"),
    "too many tensors": (b.gguf(n_tensors=2**63), "oversized"),
    "too many keys": (b.gguf(n_keys=2**63), "oversized"),
    "no tensors": (b.gguf(tensors=[]), "damaged"),
    "alignment 3": (b.gguf(b.settings(x=b.number("general.alignment", 48))), "damaged"),
    "alignment 2 MiB": (b.gguf(b.settings(x=b.number("general.alignment", 1 << 21))), "damaged"),
    "alignment text": (b.gguf(b.settings(x=b.string("general.alignment", "32"))), "damaged"),
    "no blocks": (b.gguf(b.settings(block_count=None)), "damaged"),
    "513 blocks": (b.gguf(b.settings(block_count=b.number("llama.block_count", 513))), "damaged"),
    "no architecture": (b.gguf(b.settings(architecture=None)), "damaged"),
    "no tokens": (b.gguf(b.settings(tokens=None)), "damaged"),
    "tokens are numbers": (b.gguf(b.settings(tokens=b.numbers("tokenizer.ggml.tokens", b.I32, [1]))), "damaged"),
    "short scores": (b.gguf(b.settings(x=b.numbers("tokenizer.ggml.scores", b.I32, [1]))), "damaged"),
    "tensor twice": (b.gguf(tensors=[("a.weight", [8], 0, 32)] * 2), "damaged"),
    "5 dimensions": (b.gguf(tensors=[("a", [1] * 5, 0, 4)]), "damaged"),
    "no dimensions": (b.gguf(tensors=[("a", [], 0, 4)]), "damaged"),
    "size 0": (b.gguf(tensors=[("a", [0], 0, 0)]), "damaged"),
    "huge shape": (b.gguf(tensors=[("a", [2**62, 4], 0, 4)]), "damaged"),
    "wrapping shape": (b.gguf(tensors=[("a", [65536] * 4, 0, 4)]), "damaged"),
    "removed type": (b.gguf(tensors=[("a", [32], 4, 4)]), "unsupported"),
    "unknown tensor type": (b.gguf(tensors=[("a", [32], 2**31, 4)]), "unsupported"),
    "half a block": (b.gguf(tensors=[("a", [33], 8, 68)]), "damaged"),
    "long name": (b.gguf(tensors=[("a" * 64, [8], 0, 32)]), "oversized"),
    "version 1": (b.gguf(version=1), "unsupported"),
    "big endian": (b.gguf(version=0x03000000), "unsupported"),
    "a projector": (b.gguf(b.settings(x=b.string("general.type", "mmproj"))), "part"),
    "one part": (b.gguf(b.settings(x=b.number("split.count", 3))), "split"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_header_is_refused(file: Path, name: str) -> None:
    data, reason = WRONG[name]
    assert refusal(file, data).code == f"refused_{reason}"


def test_a_tensor_that_overlaps_is_refused(file: Path) -> None:
    good = b.gguf(tensors=[("a.weight", [8], 0, 32), ("b.weight", [8], 0, 32)])
    entry = b.tensor_entry("b.weight", [8], 0, 32)
    assert "stands at 0" in refusal(file, good.replace(entry, entry[:-8] + bytes(8))).message


def test_mutated_files_are_read_or_refused_within_bounds(file: Path) -> None:
    original = b.gguf()
    outcomes = {"read": 0, "refused": 0}
    tracemalloc.start()
    try:
        for seed in range(250):
            file.write_bytes(b.mutated(original, seed))
            begun = time.process_time()
            try:
                inspect_gguf(file)
                outcomes["read"] += 1
            except TandemError as error:
                outcomes["refused"] += error.code.startswith("refused_")
            assert time.process_time() - begun < 1.0, seed
        assert tracemalloc.get_traced_memory()[1] < 200_000_000
    finally:
        tracemalloc.stop()
    assert sum(outcomes.values()) == 250
    assert min(outcomes.values()) > 5, outcomes
