"""Safetensors and their folders: data is read, code and holes are refused."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from app.errors import TandemError
from app.library.hf_folder import inspect_folder
from app.library.inspection import inspect
from app.library.safetensors_header import read_safetensors
from tests.app.library import builders as b


def code_of(call: Any, *args: Any) -> str:
    with pytest.raises(TandemError) as caught:
        call(*args)
    assert caught.value.hint
    return caught.value.code


def test_a_right_folder_is_read(tmp_path: Path) -> None:
    facts = inspect_folder(b.model_folder(tmp_path / "Tiny-Instruct"))
    assert (facts.format, facts.precision, facts.task, facts.mix) == ("safetensors", "bf16", "chat", {"BF16": 2})
    assert (facts.template, facts.bos, facts.eos) == (b.TEMPLATE, "<s>", "</s>")
    assert facts.shape is not None
    assert (facts.shape.n_params, facts.shape.tensor_bytes, facts.shape.head_dim_k) == (40, 80, 4)
    assert facts.bits_per_weight == 16
    assert facts.files == ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")


def test_what_transformers_itself_writes_privately_is_fine(tmp_path: Path) -> None:
    assert inspect_folder(b.model_folder(tmp_path / "m", _model_name_or_path="x", _sliding_window_pattern=6)).shape


def test_the_template_file_wins(tmp_path: Path) -> None:
    folder = b.model_folder(tmp_path / "m")
    (folder / "chat_template.jinja").write_text("from the file")
    assert inspect_folder(folder).template == "from the file"


def test_weights_lead_to_their_folder(tmp_path: Path) -> None:
    folder = b.model_folder(tmp_path / "m")
    assert inspect(folder / "model.safetensors").path == folder


def test_weights_alone_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b.safetensors())
    assert code_of(inspect, path) == "refused_unknown"


def one(**changes: Any) -> dict[str, Any]:
    return {"t": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16], **changes}}


TWO = one()["t"]
WRONG = {
    "hole": ({"a": TWO, "b": {**TWO, "data_offsets": [20, 36]}}, 36, "damaged"),
    "overlap": ({"a": TWO, "b": {**TWO, "data_offsets": [8, 24]}}, 24, "damaged"),
    "not from zero": (one(data_offsets=[4, 20]), 20, "damaged"),
    "truncated": (one(), 15, "truncated"),
    "oversized": (one(), 17, "oversized"),
    "shape and size differ": (one(shape=[2, 3]), 16, "damaged"),
    "negative": (one(shape=[-2, -2]), 16, "damaged"),
    "huge": (one(shape=[2**60, 2**60]), 16, "damaged"),
    "unknown type": (one(dtype="PY"), 16, "unsupported"),
    "no offsets": ({"t": {"dtype": "F32", "shape": [1]}}, 4, "damaged"),
    "backwards": (one(data_offsets=[16, 0]), 16, "damaged"),
    "no tensors": ({}, 0, "damaged"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_tensor_tables_are_refused(tmp_path: Path, name: str) -> None:
    table, size, reason = WRONG[name]
    path = tmp_path / "model.safetensors"
    path.write_bytes(b.safetensors(table, b"\0" * size))
    assert code_of(read_safetensors, path) == f"refused_{reason}"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "truncated"),
        (struct.pack("<Q", 2**60) + b"{}", "truncated"),
        (struct.pack("<Q", 2) + b"[]", "damaged"),
        (struct.pack("<Q", 9) + b'{"a":{"b"', "damaged"),
        (struct.pack("<Q", 200_000) + b'{"a":' + b"[" * 199_995, "damaged"),
    ],
)
def test_wrong_headers_are_refused(tmp_path: Path, data: bytes, reason: str) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(data)
    assert code_of(read_safetensors, path) == f"refused_{reason}"


def test_a_header_of_commas_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    head = b'{"a":[' + b"1," * 2_100_000 + b"1]}"
    path.write_bytes(struct.pack("<Q", len(head)) + head)
    assert code_of(read_safetensors, path) == "refused_oversized"


def test_mutated_files_are_read_or_refused(tmp_path: Path) -> None:
    path, original = tmp_path / "model.safetensors", b.safetensors()
    outcomes = {"read": 0, "refused": 0}
    for seed in range(200):
        path.write_bytes(b.mutated(original, seed))
        try:
            read_safetensors(path)
            outcomes["read"] += 1
        except TandemError as error:
            outcomes["refused"] += error.code.startswith("refused_")
    assert sum(outcomes.values()) == 200
    assert min(outcomes.values()) > 5, outcomes


@pytest.mark.parametrize(
    "config",
    [
        {"auto_map": {"AutoModel": "x.Y"}},
        {"trust_remote_code": True},
        {"text_config": {"nested": [{"trust_remote_code": True}]}},
        {"_attn_implementation_internal": "evil/kernel"},
        {"_something_new": 1},
        {"custom_pipelines": {}},
    ],
)
def test_a_configuration_that_asks_for_code_is_refused(tmp_path: Path, config: dict[str, Any]) -> None:
    assert code_of(inspect_folder, b.model_folder(tmp_path / "m", **config)) == "refused_code"


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("modeling.py", b"", "code"),
        ("deep/er/kernel.so", b"x", "code"),
        ("pytorch_model.bin", b"PK\x03\x04", "pickle"),
        ("training_args.pt", b"x", "pickle"),
        ("notes.txt", b"\x80\x04\x95", "pickle"),
        ("tokenizer_config.json", b'{"auto_map": {}}', "code"),
        ("tokenizer_config.json", b"[" * 100_000, "damaged"),
        ("config.json", b"not json", "damaged"),
        ("model.safetensors", b"\x80\x02}q", "pickle"),
        ("model.safetensors", b"", "empty"),
        ("model.safetensors", b"version https://git-lfs.github.com/spec/v1\n", "lfs"),
    ],
)
def test_a_file_that_does_not_belong_is_refused(tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    folder = b.model_folder(tmp_path / "m")
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)
    assert code_of(inspect_folder, folder) == f"refused_{reason}"


def test_a_folder_without_config_is_refused(tmp_path: Path) -> None:
    assert code_of(inspect_folder, tmp_path) == "refused_unknown"


def sharded(folder: Path, part: str) -> Path:
    b.model_folder(folder)
    (folder / "model.safetensors").rename(folder / "part-1.safetensors")
    index = {"weight_map": {"model.norm.weight": part, "model.embed_tokens.weight": part}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return folder


def test_shards_in_the_folder_are_read(tmp_path: Path) -> None:
    facts = inspect_folder(sharded(tmp_path / "m", "part-1.safetensors"))
    assert facts.shape is not None
    assert facts.shape.n_params == 40


@pytest.mark.parametrize("part", ["../part-1.safetensors", "/etc/passwd", "other.safetensors", "part-1.bin"])
def test_shards_elsewhere_are_refused(tmp_path: Path, part: str) -> None:
    assert code_of(inspect_folder, sharded(tmp_path / "m", part)).startswith("refused_")
