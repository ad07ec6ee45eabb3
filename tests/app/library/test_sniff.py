"""What is no model is named for what it is, and never opened by anything that could run it."""

from __future__ import annotations

import gzip
import io
import pickle
import zipfile
from pathlib import Path

import pytest

from app.errors import TandemError
from app.library.inspection import inspect, model_paths
from app.library.sniff import sniff
from tests.app.library import builders as b


class Canary:
    """Its pickle makes a file when it is loaded."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return (open, (self.path, "w"))


def zipped(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("archive/data.pkl", data)
    return out.getvalue()


@pytest.mark.parametrize("name", ["m.bin", "m.pt", "m.pth", "m.ckpt", "m.pkl", "m.joblib", "m.npy", "m.zip",
                                  "m.safetensors", "m.gguf", "m"])  # fmt: skip
@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("wrap", [bytes, zipped, gzip.compress])
def test_pickles_are_refused_by_magic_and_by_name(tmp_path: Path, name: str, protocol: int, wrap: type) -> None:
    canary = tmp_path / "canary"
    path = tmp_path / name
    path.write_bytes(wrap(pickle.dumps(Canary(str(canary)), protocol)))
    with pytest.raises(TandemError) as caught:
        inspect(path)
    assert caught.value.code == "refused_pickle"
    assert not canary.exists()


def test_a_gguf_that_is_called_bin_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.bin").write_bytes(b.gguf())
    with pytest.raises(TandemError, match="pickle"):
        sniff(tmp_path / "m.bin")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "lfs"),
        (b"\n<!DOCTYPE html><html>Sign in</html>", "html"),
        (b"\xef\xbb\xbf<html>", "html"),
        (b"something else entirely", "damaged"),
        (b"GGML\x01", "damaged"),
    ],
)
def test_other_things_are_named(tmp_path: Path, data: bytes, reason: str) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(data)
    with pytest.raises(TandemError) as caught:
        inspect(path)
    assert caught.value.code == f"refused_{reason}"
    assert "model.gguf" in caught.value.message


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(TandemError) as caught:
        inspect(tmp_path / "none.gguf")
    assert caught.value.code == "refused_missing"


def test_a_safetensors_header_that_looks_compressed_is_none(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes((0x9C78).to_bytes(8, "little") + b"{" + b" " * 0x9C78)
    assert sniff(path) == "safetensors"


def test_a_folder_of_ggufs_means_each(tmp_path: Path) -> None:
    for name in ("b.gguf", "a.GGUF", "c.txt"):
        (tmp_path / name).write_bytes(b"x")
    assert [p.name for p in model_paths(tmp_path)] == ["a.GGUF", "b.gguf"]
