"""ComfyUI's extra_model_paths.yaml: which other folders it reads models from, those of A1111 mostly."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

YAML_BYTES = 128 << 10  # a tenth of a second for each 30 kB
MAX_FOLDERS = 200
NO_MODELS = frozenset({"custom_nodes", "configs"})


def extra_folders(file: Path, env: Mapping[str, str], home: Path) -> tuple[Path, ...]:
    """The folders that it names and that are there. A file that is broken names none.

    Each section has a `base_path` and, by kind, one relative path a line.
    """
    try:
        if file.stat().st_size > YAML_BYTES:
            return ()
        yaml: Any = importlib.import_module("yaml")
        table = yaml.safe_load(file.read_bytes())
    except Exception:  # noqa: BLE001 - missing, unreadable, not YAML, a bomb of aliases, or no yaml library
        return ()
    found: dict[Path, None] = {}
    for section in table.values() if isinstance(table, dict) else ():
        for folder in _folders(section, file.parent, env, home) if isinstance(section, dict) else ():
            if len(found) < MAX_FOLDERS and _is_folder(folder):
                found[folder] = None
    return tuple(found)


def _folders(section: dict[Any, Any], beside: Path, env: Mapping[str, str], home: Path) -> Iterator[Path]:
    base = section.get("base_path")
    root = beside / _expand(str(base), env, home) if isinstance(base, str) and base else beside
    for kind, lines in section.items():
        if kind in ("base_path", "is_default") or kind in NO_MODELS or not isinstance(lines, str):
            continue
        for line in lines.splitlines():
            if line.strip():
                yield Path(os.path.normpath(root / _expand(line.strip(), env, home)))


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _expand(text: str, env: Mapping[str, str], home: Path) -> str:
    """ "~" and $NAME or %NAME% as ComfyUI expands them."""
    if text.startswith("~"):
        text = str(home) + text[1:]
    for name, value in env.items():
        for form in (f"${{{name}}}", f"%{name}%"):
            text = text.replace(form, value)
    return text
