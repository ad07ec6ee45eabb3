"""The one door for files from outside: what they are, or why they are refused."""

from __future__ import annotations

from pathlib import Path

from app.library.facts import Facts
from app.library.gguf_model import inspect_gguf
from app.library.hf_folder import inspect_folder
from app.library.refusal import Reason, refused
from app.library.sniff import sniff


def inspect(path: Path) -> Facts:
    """Facts of a GGUF file or a folder of safetensors. Raises TandemError `refused_…`."""
    if path.is_dir():
        return inspect_folder(path)
    if sniff(path) == "gguf":
        return inspect_gguf(path)
    if (path.parent / "config.json").is_file():
        return inspect_folder(path.parent)
    raise refused(
        Reason.UNKNOWN,
        path,
        "these weights have no config.json beside them",
        "Add the whole folder, with config.json and the tokenizer's files.",
    )


def model_paths(path: Path) -> list[Path]:
    """What `models add PATH` means: the file, the folder that is a model, or each GGUF file in it."""
    if path.is_dir() and not (path / "config.json").is_file():
        found = sorted(p for p in path.iterdir() if p.is_file() and p.suffix.lower() == ".gguf")
        if found:
            return found
    return [path]
