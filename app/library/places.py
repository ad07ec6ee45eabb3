"""Where models lie already: the folders of other programs on this system, and those that a person named."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from app.errors import TandemError
from app.library.checksum import write_atomic
from app.library.extra_paths import extra_folders
from app.locks import FileLock
from app.paths import private_folder

FOLDER = "folder"
TITLES = {
    "lm-studio": "LM Studio", "ollama": "Ollama", "hf-cache": "Hugging Face cache", "llama-cpp": "llama.cpp",
    "comfyui": "ComfyUI", "a1111": "Stable Diffusion web UI", "whisper": "Whisper", "piper": "Piper voices",
}  # fmt: skip
SETTINGS_BYTES = 4 << 20
WEB_UIS = ("stable-diffusion-webui", "stable-diffusion-webui-forge", "stable-diffusion-webui-reForge", "sd-webui")
COMFY = ("ComfyUI", "comfyui", "ComfyUI_windows_portable/ComfyUI")


class Place(msgspec.Struct, frozen=True):
    """A folder with models. kind: a key of TITLES or "folder". named: a person named it, so it may be taken off."""

    id: str
    kind: str
    title: str
    path: str
    named: bool = False


def place(kind: str, path: Path, title: str = "", named: bool = False) -> Place:
    """The place at `path`; its id is made of kind and path, so it stays."""
    mark = hashlib.sha256(str(path).encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return Place(f"{kind}-{mark}", kind, title or TITLES.get(kind, path.name or str(path)), str(path), named)


def usual_places(home: Path, env: Mapping[str, str], system: str = sys.platform) -> list[Place]:
    """The folders of other programs that are there, each once. system: as `sys.platform`."""
    seen: set[str] = set()
    found: list[Place] = []
    for kind, path in _candidates(home, env, system):
        with contextlib.suppress(OSError, ValueError):
            real = os.path.realpath(path)
            if real not in seen and os.path.isabs(path) and os.path.isdir(path) and not _holds(real, home):
                seen.add(real)
                found.append(place(kind, Path(os.path.abspath(path))))
    return found


def _holds(real: str, home: Path) -> bool:
    """True for the whole disk, the home folder or one above it: a setting that means these is a mistake."""
    return f"{os.path.realpath(home)}{os.sep}".startswith(f"{real.rstrip(os.sep)}{os.sep}")


def _expanded(text: str) -> Path:
    """With “~” as the person's home; that of nobody stays as it is written."""
    return Path(os.path.expanduser(text))


def _candidates(home: Path, env: Mapping[str, str], system: str) -> Iterator[tuple[str, Path]]:
    cache = Path(env.get("XDG_CACHE_HOME") or home / ".cache")
    for path in _lm_studio(home):
        yield "lm-studio", path
    for path in _ollama(home, env, system):
        yield "ollama", path
    for path in _hub(env, cache):
        yield "hf-cache", path
    for path in _llama_cpp(home, env, cache, system):
        yield "llama-cpp", path
    yield from _image_programs(home, env, system)
    yield "whisper", cache / "whisper"
    yield "whisper", cache / "faster-whisper"
    data = Path(env.get("XDG_DATA_HOME") or home / ".local" / "share")
    for name in ("piper", "piper-voices", "piper-tts"):
        yield "piper", data / name
    for path in (
        home / "piper-voices",
        home / ".piper",
        home / "piper" / "voices",
        Path(env.get("PIPER_VOICES") or home / ".piper"),
    ):
        yield "piper", path


def _lm_studio(home: Path) -> Iterator[Path]:
    """Its settings name the folder; else where it has been by version. `.lmstudio-home-pointer` moves all of it."""
    roots = [home / ".lmstudio", home / ".cache" / "lm-studio"]
    with contextlib.suppress(OSError, ValueError):
        moved = (home / ".lmstudio-home-pointer").read_text("utf-8")[:4096].strip()
        if moved:
            roots.insert(0, Path(moved))
    for root in roots:
        named = _setting(root / "settings.json", "downloadsFolder")
        if named:
            yield Path(named)
        yield root / "models"


def _ollama(home: Path, env: Mapping[str, str], system: str) -> Iterator[Path]:
    if env.get("OLLAMA_MODELS"):
        yield _expanded(env["OLLAMA_MODELS"])
    yield home / ".ollama" / "models"
    if system.startswith("linux"):
        yield Path("/usr/share/ollama/.ollama/models")
        yield Path("/var/lib/ollama/.ollama/models")


def _hub(env: Mapping[str, str], cache: Path) -> Iterator[Path]:
    """As huggingface_hub and, before it, transformers looked for it."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "TRANSFORMERS_CACHE"):
        if env.get(name):
            yield _expanded(env[name])
    root = _expanded(env["HF_HOME"]) if env.get("HF_HOME") else cache / "huggingface"
    yield root / "hub"


def _llama_cpp(home: Path, env: Mapping[str, str], cache: Path, system: str) -> Iterator[Path]:
    if env.get("LLAMA_CACHE"):
        yield _expanded(env["LLAMA_CACHE"])
    yield cache / "llama.cpp"
    if system == "darwin":
        yield home / "Library" / "Caches" / "llama.cpp"
    if env.get("LOCALAPPDATA"):
        yield Path(env["LOCALAPPDATA"]) / "llama.cpp"
    yield home / "llama.cpp" / "models"


def _image_programs(home: Path, env: Mapping[str, str], system: str) -> Iterator[tuple[str, Path]]:
    bases = [home, home / "Documents"]
    named = [_expanded(env["COMFYUI_PATH"])] if env.get("COMFYUI_PATH") else []
    for root in [*named, *(base / name for base in bases for name in COMFY)]:
        yield "comfyui", root / "models"
        for folder in extra_folders(root / "extra_model_paths.yaml", env, home):
            yield _whose(folder), folder
    for settings in _comfy_desktop(home, env, system):
        for folder in extra_folders(settings, env, home):
            yield _whose(folder), folder
    for root in (base / name for base in bases for name in WEB_UIS):
        yield "a1111", root / "models"


def _comfy_desktop(home: Path, env: Mapping[str, str], system: str) -> Iterator[Path]:
    name = "extra_models_config.yaml"
    if system == "darwin":
        yield home / "Library" / "Application Support" / "ComfyUI" / name
    elif system == "win32":
        yield Path(env.get("APPDATA") or home / "AppData" / "Roaming") / "ComfyUI" / name
    else:
        yield Path(env.get("XDG_CONFIG_HOME") or home / ".config") / "ComfyUI" / name


def _whose(folder: Path) -> str:
    return "a1111" if any("webui" in part.lower() for part in folder.parts) else "comfyui"


def _setting(path: Path, key: str) -> str:
    try:
        if path.stat().st_size > SETTINGS_BYTES:
            return ""
        value = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.MsgspecError, ValueError, RecursionError):
        return ""
    text = value.get(key) if isinstance(value, dict) else ""
    return text if isinstance(text, str) else ""


class _Kept(msgspec.Struct, frozen=True):
    """places.json. left_out: ids of other programs' folders that a person took off the list."""

    named: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


class NamedPlaces:
    """The folders that a person named, in TANDEM_HOME/places.json. Safe to use from several threads and processes."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._guard = threading.RLock()

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        """Alone among threads and processes, from reading the file to writing it."""
        with self._guard, FileLock(private_folder(self._file.parent / "lock") / "places.lock"):
            yield

    def all(self) -> list[Place]:
        return [place(FOLDER, Path(path), named=True) for path in self._read().named]

    def left_out(self, id: str) -> bool:
        """True if a person took this place off the list."""
        return id in self._read().left_out

    def add(self, path: Path, usual: list[Place]) -> Place:
        """Remember a folder; one that is a usual place is only put back on the list. Raises TandemError `no_such_folder`."""
        path = Path(os.path.abspath(_expanded(str(path))))
        if os.path.isfile(path):
            raise TandemError(
                "no_such_folder", f"{path} is a file, not a folder.",
                f"Name the folder that it lies in, or use it alone: tandem models add {shlex.quote(str(path))}",
            )  # fmt: skip
        if not os.path.isdir(path):
            raise TandemError("no_such_folder", f"There is no folder {path}.", "Name a folder with model files in it.")
        try:
            str(path).encode()
        except UnicodeEncodeError:
            raise TandemError("bad_name", "The folder's name is no valid text.", "Rename it.") from None
        with self._changing():
            kept = self._read()
            known = next((p for p in usual if os.path.realpath(p.path) == os.path.realpath(path)), None)
            if known is not None:
                self._write(_Kept(kept.named, tuple(i for i in kept.left_out if i != known.id)))
                return known
            self._write(_Kept(tuple(dict.fromkeys((*kept.named, str(path)))), kept.left_out))
        return place(FOLDER, path, named=True)

    def remove(self, id: str) -> None:
        """Take a place off the list; nothing in it is touched."""
        with self._changing():
            kept = self._read()
            named = tuple(p for p in kept.named if place(FOLDER, Path(p), named=True).id != id)
            left_out = kept.left_out if len(named) < len(kept.named) else tuple(dict.fromkeys((*kept.left_out, id)))
            self._write(_Kept(named, left_out))

    def _read(self) -> _Kept:
        with self._guard:
            try:
                return msgspec.json.decode(self._file.read_bytes(), type=_Kept)
            except OSError:
                return _Kept()
            except (msgspec.MsgspecError, ValueError, RecursionError):
                with contextlib.suppress(OSError):
                    self._file.replace(self._file.with_suffix(".damaged.json"))
                return _Kept()

    def _write(self, kept: _Kept) -> None:
        try:
            write_atomic(self._file, msgspec.json.format(msgspec.json.encode(kept)))
        except OSError as error:
            words = f"The list of folders cannot be written: {error.strerror or error}."
            raise TandemError("disk", words, "Make room, or see that Tandem's folder can be written.") from error
