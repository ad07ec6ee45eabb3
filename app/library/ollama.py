"""Ollama's folder: manifests/<registry>/<namespace>/<model>/<tag> name layers, each a file in blobs/ by its SHA-256."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from app.library.finder import Candidate, Finder, Item, trouble
from app.library.refusal import Reason
from app.library.seen import Look, Seen, can_be_kept, see, shown

DIGEST = re.compile(r"^sha256:([0-9a-f]{64})$")
MANIFEST_BYTES = 1 << 20
LICENCE_BYTES = 64 << 10
MAX_MANIFESTS = 5_000
MAX_DEPTH = 8
KIND = "application/vnd.ollama.image."
LICENCES = (
    ("apache license", "apache-2.0"), ("mit license", "mit"), ("llama 3", "llama3"), ("llama 2", "llama2"), ("gemma", "gemma"),
    ("qwen", "qwen"), ("deepseek", "deepseek"), ("creative commons", "cc"), ("bsd", "bsd"),
)  # fmt: skip


class _Layer(msgspec.Struct, frozen=True):
    digest: str = ""
    media: str = msgspec.field(name="mediaType", default="")
    size: int = 0


class _Manifest(msgspec.Struct, frozen=True):
    layers: tuple[_Layer, ...] = ()


def ollama_layout(finder: Finder, path: str, here: Look) -> bool:
    """Takes a folder that is Ollama's. True if it is."""
    if not {"manifests", "blobs"} <= set(here.folders):
        return False
    blobs = os.path.join(path, "blobs")
    for number, (tag, file) in enumerate(_manifests(os.path.join(path, "manifests"))):
        if number >= MAX_MANIFESTS:
            break
        finder.items.append(_model(tag, file, blobs))
    finder.items += _unfinished(blobs)
    return True


def _manifests(root: str) -> Iterator[tuple[str, str]]:
    """("model:tag", path of its manifest), in order of names."""
    for folder, folders, files in os.walk(root):
        parts = os.path.relpath(folder, root).split(os.sep)
        folders[:] = sorted(f for f in folders if not f.startswith(".")) if len(parts) < MAX_DEPTH else []
        if len(parts) < 2:
            continue
        for name in sorted(files):
            if not name.startswith("."):
                prefix = [p for p in parts[1:-1] if p != "library"]
                yield "/".join([*prefix, parts[-1]]) + f":{name}", os.path.join(folder, name)


def _model(tag: str, file: str, blobs: str) -> Item:
    if not can_be_kept(file):
        return trouble(file, 0, Reason.NAME, "its name is no valid text")
    try:
        if os.path.getsize(file) > MANIFEST_BYTES:
            return trouble(file, 0, Reason.OVERSIZED, "its manifest is larger than 1 MiB")
        with open(file, "rb") as stream:
            manifest = msgspec.json.decode(stream.read(MANIFEST_BYTES), type=_Manifest)
    except OSError as error:
        return trouble(file, 0, Reason.MISSING, f"its manifest cannot be read ({error.strerror or error})")
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return trouble(file, 0, Reason.DAMAGED, "its manifest is no valid JSON of Ollama's")
    return _from_manifest(tag, file, manifest, blobs)


def _from_manifest(tag: str, file: str, manifest: _Manifest, blobs: str) -> Item:
    kinds: dict[str, list[_Layer]] = {}
    for layer in manifest.layers:
        kinds.setdefault(layer.media.removeprefix(KIND), []).append(layer)
    models = kinds.get("model", [])
    if not models:
        why = (
            "its weights are not one GGUF file"
            if "tensor" in kinds
            else "it has no weights here (it may run in Ollama's cloud)"
        )
        return trouble(file, 0, Reason.UNSUPPORTED, why, "Ollama itself can run it: add Ollama as a server.")
    if len(models) > 1:
        return trouble(
            file,
            0,
            Reason.UNSUPPORTED,
            "its weights lie in several layers",
            "Ollama itself can run it: add Ollama as a server.",
        )
    layer = models[0]
    seen = _blob(blobs, layer)
    if isinstance(seen, str):
        return trouble(
            file,
            layer.size,
            Reason.DAMAGED if seen.startswith("its") else Reason.MISSING,
            seen,
            f"ollama pull {shown(tag)}",
        )
    name, _, mark = tag.rpartition(":")
    words = name.rsplit("/", 1)[-1]
    return Candidate(
        seen.path,
        (seen,),
        name=words if mark == "latest" else f"{words}-{mark}",
        title=tag,
        licence=_licence(blobs, kinds.get("license", [])),
        notes=_notes(kinds),
        sums={seen.path: layer.digest.removeprefix("sha256:")},
    )


def _blob(blobs: str, layer: _Layer) -> Seen | str:
    """The layer's file, or why there is none. The digest is checked before it becomes a name."""
    found = DIGEST.match(layer.digest)
    if found is None:
        return "its manifest names a layer by something that is no SHA-256"
    for name in (f"sha256-{found[1]}", f"sha256:{found[1]}"):  # the second: Ollama before 0.1.30
        seen = see(os.path.join(blobs, name))
        if seen is not None:
            if layer.size and seen.bytes != layer.size:
                return f"its weights have {seen.bytes:,} bytes instead of {layer.size:,}"
            return seen
    return "the file with the weights is missing"


def _licence(blobs: str, layers: list[_Layer]) -> str:
    for layer in layers:
        seen = _blob(blobs, layer)
        if isinstance(seen, str) or seen.bytes > LICENCE_BYTES:
            continue
        try:
            with open(seen.path, "rb") as file:
                text = file.read(600).decode("utf-8", "replace")
        except OSError:
            continue
        known = next((short for words, short in LICENCES if words in text.lower()), "")
        return known or " ".join(text.split())[:60]
    return ""


def _notes(kinds: dict[str, Any]) -> tuple[str, ...]:
    found = []
    if "projector" in kinds:
        found.append("its picture part lies in a file of its own and is not used")
    if "adapter" in kinds:
        found.append("Ollama adds an adapter (LoRA) to these weights, which is not used")
    return tuple(found)


def _unfinished(blobs: str) -> list[Item]:
    try:
        names = sorted(n for n in os.listdir(blobs) if n.endswith("-partial"))
    except OSError:
        return []
    found: list[Item] = []
    for name in names[:100]:
        seen = see(os.path.join(blobs, name))
        if seen is not None:
            found.append(trouble(seen.path, seen.bytes, Reason.INCOMPLETE, "its download is not finished"))
    return found
