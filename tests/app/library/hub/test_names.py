"""Names from outside: what may become a path or an address, and what may not."""

from __future__ import annotations

import pytest

from app.errors import TandemError
from app.library.hub.names import checked_repo, checked_revision, collisions, shown, why_bad_path

GOOD = [
    "model.gguf",
    "a/b/c.json",
    "unet/diffusion_pytorch_model.fp16.safetensors",
    ".gitattributes",
    "Ümlaut.md",
    "a b.txt",
    "console.txt",
]
BAD = [
    "", "../x", "a/../../x", "/etc/passwd", "a//b", "a/./b", "..", ".", "a\\..\\b", "C:/x", "c:x", "con", "a/NUL.txt", "COM1.gguf",
    "x\0y", "x\ny", "x\u202egpj", "a:b", "a?b", "a*b", "a|b", 'a"b', "<a>", "end.", "end ", " x", "~/x", "a/~root", "x" * 250,
    "/".join("abcdefghijk"), "é" * 150, "\ud800", "a/", "lpt¹",
]  # fmt: skip


@pytest.mark.parametrize("path", GOOD)
def test_usual_names(path: str) -> None:
    assert why_bad_path(path) == ""


@pytest.mark.parametrize("path", BAD)
def test_names_that_are_never_written(path: str) -> None:
    assert why_bad_path(path)


@pytest.mark.parametrize("name", ["gpt2", "org/name", "Qwen/Qwen2.5-0.5B-Instruct-GGUF", "a_b/c.d-e", "0/1"])
def test_repositories(name: str) -> None:
    assert checked_repo(f" {name} ") == name


@pytest.mark.parametrize(
    "name", ["", "a/b/c", "../x", "a/..", "-a/b", "a/b-", "a/.b", "a/b.", "a b/c", "a/b..c", "a/b--c", "a/b.git", "x" * 97, "a/é", "a/b\n", "a\0"]
)  # fmt: skip
def test_repositories_that_are_none(name: str) -> None:
    if name.strip() == "a/b":
        return
    with pytest.raises(TandemError) as found:
        checked_repo(name)
    assert found.value.code == "bad_name"


def test_revisions() -> None:
    assert checked_revision("refs/pr/1") == "refs/pr/1"
    for bad in ("", "../main", "a..b", "-x", "a b", "/x", "a//b", "x?y"):
        with pytest.raises(TandemError):
            checked_revision(bad)


def test_names_that_meet_on_a_disk_without_case() -> None:
    assert set(collisions(["A.gguf", "a.GGUF", "b"])) == {"A.gguf", "a.GGUF"}
    assert set(collisions(["é.txt", "e\u0301.txt"])) == {"é.txt", "e\u0301.txt"}
    assert set(collisions(["x", "X/y", "z"])) == {"x", "X/y"}
    assert collisions(["a/b", "a/c", "b"]) == {}


def test_a_strangers_name_in_an_error_is_one_line() -> None:
    assert shown("a\n\x1b[31m" + "b" * 200).startswith("a··[31m")
    assert len(shown("b" * 200)) == 81
