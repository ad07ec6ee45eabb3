"""The one door for files from outside: what they are, or why they are refused."""

from __future__ import annotations

from pathlib import Path

from app.library.checkpoint import inspect_checkpoint
from app.library.ct2_folder import inspect_ct2, is_ct2
from app.library.diffusers_folder import INDEX as PIPELINE
from app.library.diffusers_folder import inspect_diffusers
from app.library.facts import Facts
from app.library.gguf_model import inspect_gguf, skim_facts
from app.library.hf_folder import inspect_folder, skim_folder
from app.library.piper_voice import inspect_voice
from app.library.refusal import Reason, refused
from app.library.sniff import sniff


def inspect(path: Path) -> Facts:
    """Facts of a model file or folder, every check made. Raises TandemError `refused_…`."""
    if path.is_dir():
        return _folder(path, whole=True)
    if path.suffix.lower() == ".onnx":
        return inspect_voice(path)
    if sniff(path) == "gguf":
        return inspect_gguf(path)
    if (path.parent / "config.json").is_file():
        return inspect_folder(path.parent)
    return inspect_checkpoint(path)


def skim(path: Path) -> Facts:
    """Facts for a list, from headers alone and quickly. Raises TandemError `refused_…`."""
    if path.is_dir():
        return _folder(path, whole=False)
    if path.suffix.lower() == ".onnx":
        return inspect_voice(path)
    return skim_facts(path) if sniff(path) == "gguf" else inspect_checkpoint(path)


def _folder(path: Path, whole: bool) -> Facts:
    if (path / PIPELINE).is_file():
        return inspect_diffusers(path)
    if is_ct2(path / "model.bin"):
        return inspect_ct2(path)
    if not (path / "config.json").is_file():
        raise refused(Reason.UNKNOWN, path, "it has no config.json")
    return inspect_folder(path) if whole else skim_folder(path)


def model_paths(path: Path) -> list[Path]:
    """What `models add PATH` means: the file, the folder that is a model, or each GGUF file in it."""
    if path.is_dir() and not any((path / name).is_file() for name in ("config.json", PIPELINE)):
        found = sorted(p for p in path.iterdir() if p.is_file() and p.suffix.lower() == ".gguf")
        if found:
            return found
    return [path]
