"""A folder as diffusers writes it: model_index.json names the pipeline and its parts, each in a folder of its own."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

from app.library.checkpoint import shape_of
from app.library.facts import Facts
from app.library.folder_files import licence_of, plain_files
from app.library.hf_folder import CONFIG_BYTES, PRECISIONS, SKIM_BYTES, read_json
from app.library.refusal import Reason, refused
from app.library.safetensors_header import StoredTensor, read_safetensors

INDEX = "model_index.json"
LIBRARIES = frozenset({"diffusers", "transformers", "stable_diffusion", "onnxruntime", "flax"})
WITHOUT_WEIGHTS = re.compile(r"(Scheduler|Tokenizer\w*|Processor|FeatureExtractor\w*)$")
VIDEO = re.compile(r"Video|Wan|LTX|Mochi|AnimateDiff|Latte|Cosmos")
OTHER = re.compile(r"Audio|Music|DanceDiffusion|ShapE")
DENOISERS = ("transformer", "unet", "prior")


def inspect_diffusers(folder: Path) -> Facts:
    """Facts of one pipeline. Raises TandemError `refused_…`."""
    index = read_json(folder / INDEX, CONFIG_BYTES)
    names = plain_files(folder, skip_pickles=True)
    parts = _parts(folder, index)
    kind = str(index.get("_class_name", ""))[:80]
    if OTHER.search(kind):
        raise refused(Reason.UNSUPPORTED, folder, f"it makes neither pictures nor video ({kind})")
    tensors = {part: weights_of(folder / part, names) for part in parts}
    every = [t for found in tensors.values() for t in found]
    if not every:
        raise refused(Reason.UNKNOWN, folder, "it has no weights as .safetensors")
    main = next((tensors[name] for name in DENOISERS if tensors.get(name)), every)
    n_params, tensor_bytes = sum(t.elements for t in every) or 1, sum(t.bytes for t in every)
    return Facts(
        path=folder,
        files=names,
        format="diffusers",
        task="video" if VIDEO.search(kind) else "image",
        title=folder.name,
        licence=licence_of(folder),
        precision=_precision(main),
        mix=dict(Counter(t.dtype for t in every).most_common()),
        bits_per_weight=tensor_bytes * 8 / n_params,
        shape=shape_of(kind.removesuffix("Pipeline") or "diffusers", n_params, tensor_bytes),
        template=None,
        notes=(kind,) if kind else (),
    )


def weights_of(folder: Path, names: tuple[str, ...]) -> list[StoredTensor]:
    """The tensors of one part, one precision of it: the plain one where there are several.

    names: every file of the pipeline. Raises TandemError `refused_…`.
    """
    mine = [n.partition("/")[2] for n in names if n.startswith(f"{folder.name}/") and n.endswith(".safetensors")]
    if not mine:
        raise refused(Reason.PICKLE, folder.parent, f"its part “{folder.name}” has no .safetensors weights")
    plain = [n for n in mine if n.count(".") == 1 and "non_ema" not in n] or _one_kind(mine)
    _whole(folder, plain)
    return [t for name in plain for t in read_safetensors(folder / name, SKIM_BYTES).values()]


def _one_kind(names: list[str]) -> list[str]:
    kind = min(".".join(n.split(".")[1:]) for n in names)
    return [n for n in names if n.split(".", 1)[1] == kind]


def _whole(folder: Path, names: list[str]) -> None:
    """Raises TandemError `refused_shards` if a part of several is not there."""
    for name in names:
        found = re.search(r"-(\d{5})-of-(\d{5})", name)
        if found is None:
            continue
        for n in range(1, min(int(found[2]), 1000) + 1):
            other = name.replace(found[0], f"-{n:05d}-of-{found[2]}")
            if other not in names:
                raise refused(
                    Reason.SHARDS, folder.parent, f"part {n:,} of {int(found[2]):,} of {folder.name} is missing"
                )


def _parts(folder: Path, index: dict[str, Any]) -> list[str]:
    """The parts that have weights. Raises TandemError `refused_code` for one that is no known library's."""
    found = []
    for name, value in index.items():
        if name.startswith("_") or not isinstance(value, list) or len(value) != 2 or value == [None, None]:
            continue
        library, kind = value
        if not re.fullmatch(r"[a-z0-9_]{1,60}", name) or str(library) not in LIBRARIES:
            raise refused(Reason.CODE, folder, f"its part “{name[:60]}” asks for a program of its own")
        if WITHOUT_WEIGHTS.search(str(kind)):
            continue
        if not (folder / name).is_dir():
            raise refused(Reason.SHARDS, folder, f"its part “{name}” is missing")
        found.append(name)
    if not found:
        raise refused(Reason.UNKNOWN, folder, f"{INDEX} names no parts")
    return found


def _precision(tensors: list[StoredTensor]) -> str:
    sizes: Counter[str] = Counter()
    for tensor in tensors:
        sizes[tensor.dtype] += tensor.bytes
    kind = sizes.most_common(1)[0][0]
    return PRECISIONS.get(kind, kind.lower())
