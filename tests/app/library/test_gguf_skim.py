"""The quick look at a GGUF header says the same as the whole reading, and survives what the whole reading survives."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from app.errors import TandemError
from app.library import gguf_skim
from app.library.gguf_header import Array, read_gguf
from app.library.gguf_model import inspect_gguf, skim_facts
from app.library.gguf_skim import skim_gguf
from tests.app.library import builders as b

MANY = [f"word{n}" for n in range(3000)]
MERGES = [f"{a} {c}" for a, c in zip(MANY, reversed(MANY), strict=True)]
KINDS = [1] * len(MANY)


@pytest.fixture
def whole(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that had to be read whole after all."""
    read: list[Path] = []
    monkeypatch.setattr(gguf_skim, "read_gguf", lambda path: (read.append(path), read_gguf(path))[1])
    return read


def long(**more: bytes | None) -> dict[str, bytes]:
    """The settings of a model with a long vocabulary; the order of llama.cpp's converter."""
    usual: dict[str, bytes | None] = {
        "model": b.string("tokenizer.ggml.model", "gpt2"), "tokens": b.strings("tokenizer.ggml.tokens", MANY),
        "token_type": b.numbers("tokenizer.ggml.token_type", b.I32, KINDS), "template": None,
    }  # fmt: skip
    return b.settings(**{**usual, **more})


def same(path: Path) -> None:
    """Everything but long lists."""
    quick, slow = skim_gguf(path), read_gguf(path)
    assert quick.tensors == slow.tensors
    assert (quick.info_start, quick.info_bytes, quick.data_start) == (slow.info_start, slow.info_bytes, slow.data_start)
    assert list(quick.values) == list(slow.values)
    for key, value in slow.values.items():
        if isinstance(quick.values[key], Array):
            assert quick.values[key].count == (value.count if isinstance(value, Array) else len(value))
        else:
            assert quick.values[key] == value


def test_the_real_model(starter_gguf: Path, whole: list[Path]) -> None:
    same(starter_gguf)
    assert whole == []
    quick, slow = skim_facts(starter_gguf), inspect_gguf(starter_gguf)
    assert (quick.shape, quick.mix, quick.precision, quick.bits_per_weight) == (
        slow.shape, slow.mix, slow.precision, slow.bits_per_weight,
    )  # fmt: skip
    assert quick.template is None


@pytest.mark.parametrize(
    "more",
    [
        {"z": b.strings("tokenizer.ggml.merges", MERGES), "bos": b.number("tokenizer.ggml.bos_token_id", 1)},
        {"bos": b.number("tokenizer.ggml.bos_token_id", 1), "z": b.strings("tokenizer.ggml.merges", MERGES)},
        {"z": b.strings("tokenizer.ggml.merges", MERGES), "zz": b.number("general.quantization_version", 2)},
        {"z": b.strings("tokenizer.ggml.added", MANY), "zz": b.string("tokenizer.chat_template", "x" * 200_000)},
    ],
)
def test_long_lists_are_jumped_over(tmp_path: Path, whole: list[Path], more: dict[str, bytes]) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(b.gguf(long(**{"eos": None, **more})))
    same(path)
    assert whole == []


def test_a_word_that_looks_like_a_setting_misleads_nobody(tmp_path: Path) -> None:
    traps = [
        *MANY,
        "tokenizer.ggml.scores",
        "\x04",
        "tokenizer.x",
        "tokenizer.ggml.bos_token_id",
        *[f"x{n}" for n in range(300)],
    ]
    path = tmp_path / "m.gguf"
    path.write_bytes(b.gguf(long(tokens=None, zz=b.strings("tokenizer.ggml.tokens", traps), token_type=None)))
    same(path)


def test_empty_words_need_the_whole_reading(tmp_path: Path, whole: list[Path]) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(b.gguf(long(zz=b.strings("tokenizer.ggml.blank", [""] * 2000), token_type=None)))
    same(path)
    assert whole == [path]


def test_500_broken_headers_end_in_an_answer(tmp_path: Path, starter_gguf: Path) -> None:
    path = tmp_path / "m.gguf"
    original = b.gguf(long(bos=b.number("tokenizer.ggml.bos_token_id", 1)))
    fine = 0
    for seed in range(500):
        path.write_bytes(b.mutated(original, seed))
        with contextlib.suppress(TandemError):
            skim_facts(path)
            fine += 1
    assert 20 < fine < 400
