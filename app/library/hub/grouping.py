"""From a repository's files to the variants that can be downloaded: one a quantization, one a folder, one a voice."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

import msgspec

from app.library.ggml_types import FILE_TYPES
from app.library.hub.listing import HubFile, Offer

PIPELINES = {
    "text-generation": "chat", "image-text-to-text": "chat", "any-to-any": "chat", "text2text-generation": "chat",
    "automatic-speech-recognition": "transcribe", "text-to-speech": "speak", "text-to-image": "image", "image-to-image": "image",
    "text-to-video": "video", "image-to-video": "video", "feature-extraction": "embed", "sentence-similarity": "embed",
}  # fmt: skip
"""The hub's word for what a model is for → ours."""
FOREIGN = frozenset({
    "image-classification", "object-detection", "image-segmentation", "depth-estimation", "zero-shot-image-classification",
    "audio-classification", "voice-activity-detection", "video-classification", "keypoint-detection", "mask-generation",
    "tabular-classification", "tabular-regression", "time-series-forecasting", "reinforcement-learning", "robotics",
    "zero-shot-object-detection", "image-feature-extraction", "graph-ml", "text-to-3d", "image-to-3d",
})  # fmt: skip
"""What the hub's models are for and Tandem does not do."""

_SPLIT = re.compile(r"(.*)-(\d{5})-of-(\d{5})")
_PRECISION = re.compile(
    r"(?<![A-Za-z0-9])((?:UD-)?(?:I?Q\d_[A-Z0-9]+(?:_[A-Z0-9]+)*|TQ\d_0|MXFP4(?:_MOE)?|NVFP4|"
    + "|".join(sorted((n for n in FILE_TYPES.values() if n[0] in "fb"), key=len, reverse=True))
    + r"|fp16|fp32|bf16))(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_NO_MODEL = ("mmproj", "imatrix", "lora", "adapter", "vocab")
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_SIDE = re.compile(r"[^/]+\.(json|txt|jinja|model|tiktoken|md)|LICEN[CS]E[^/]*|NOTICE[^/]*", re.IGNORECASE)
_NOT_SIDE = re.compile(r"(training_args|trainer_state|optimizer|scheduler|.*results|.*\.index)\.json", re.IGNORECASE)
_SHARD = re.compile(r"model-\d{5}-of-(\d{5})\.safetensors")
SIDE_BYTES = 64 << 20
CHECKPOINT_BYTES = 100 << 20
ADAPTER = "It is an adapter (LoRA), not a whole model."
CODE = "It needs code of its own, which Tandem does not run."
PICKLED = "It comes only as a pickle, which can run a stranger's program. Look for a .safetensors or .gguf copy."


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the hub says of a repository besides its files. dtype: of most weights, "bf16", or ""."""

    repo: str
    revision: str
    licence: str = ""
    task: str = ""
    pipeline: str = ""
    tags: frozenset[str] = frozenset()
    code: bool = False
    dtype: str = ""


def offers_of(facts: Facts, files: Sequence[HubFile]) -> tuple[Offer, ...]:
    """Every variant, smallest first within its format; one that says why not, where there is nothing to use."""
    found: list[Offer] = []
    for way in (_ggufs, _diffusers, _ctranslate2, _transformers, _pipers, _checkpoints):
        found += way(facts, files)
    if not found:
        found = [_nothing(facts, files)]
    order = {kind: n for n, kind in enumerate(dict.fromkeys(o.format for o in found))}
    return tuple(sorted(found, key=lambda o: (bool(o.why_not), order[o.format], o.bytes, o.name)))


def _offer(facts: Facts, name: str, format: str, task: str, files: Sequence[HubFile], **more: Any) -> Offer:
    return Offer(
        repo=facts.repo, revision=facts.revision, name=name, format=format, task=facts.task or task, files=tuple(files),
        bytes=sum(max(0, f.bytes) for f in files), licence=facts.licence, **{"title": facts.repo.rpartition("/")[2], **more},
    )  # fmt: skip


# --- GGUF -------------------------------------------------------------------------------------


def _ggufs(facts: Facts, files: Sequence[HubFile]) -> list[Offer]:
    groups: dict[str, list[tuple[int, int, HubFile]]] = defaultdict(list)
    for file in files:
        path = PurePosixPath(file.path)
        if path.suffix.lower() != ".gguf" or any(word in path.stem.lower() for word in _NO_MODEL):
            continue
        whole = str(path.with_suffix(""))
        split = _SPLIT.fullmatch(whole)
        groups[split[1] if split else whole].append((int(split[2]), int(split[3]), file) if split else (1, 1, file))
    names = _names(list(groups))
    return [_gguf(facts, names[key], key, parts) for key, parts in groups.items()]


def _gguf(facts: Facts, name: str, key: str, parts: list[tuple[int, int, HubFile]]) -> Offer:
    parts = sorted(parts, key=lambda part: part[0])
    count, files = parts[0][1], [file for _, _, file in parts]
    why = ""
    if [(n, of) for n, of, _ in parts] != [(n, count) for n in range(1, count + 1)]:
        why = f"Parts of it are missing: {len(parts):,} of {count:,} are there."
    elif count > 1:
        why = f"It lies in {count:,} parts, which cannot be loaded here yet."
    title = PurePosixPath(key).name
    folder = str(PurePosixPath(files[0].path).parent)
    inside = "" if folder == "." else folder
    load = PurePosixPath(files[0].path).name
    return _offer(facts, name, "gguf", "chat", files, why_not=why, title=title, load=load, inside=inside)


def _names(keys: list[str]) -> dict[str, str]:
    """File without its ending → the quantization in its name, or its whole name where that would be said twice."""
    short = {key: _precision(key) or PurePosixPath(key).name for key in keys}
    counts = list(short.values())
    return {key: name if counts.count(name) == 1 else PurePosixPath(key).name for key, name in short.items()}


def _precision(key: str) -> str:
    found = _PRECISION.findall(key)
    return str(found[-1]).upper() if found else ""


# --- folders ----------------------------------------------------------------------------------


def _diffusers(facts: Facts, files: Sequence[HubFile]) -> list[Offer]:
    """A folder with model_index.json; where it has weights in two precisions, both."""
    named = {f.path: f for f in files}
    if "model_index.json" not in named:
        return []
    plain = [f for f in files if "/" in f.path and _of_diffusers(f.path)]
    weights = [f for f in plain if f.path.endswith(".safetensors")]
    rest = [named["model_index.json"], *(f for f in files if f.path in ("README.md", "LICENSE.md", "LICENSE"))]
    rest += [f for f in plain if f not in weights and not f.path.endswith(".index.json")]
    kinds = sorted({_variant(f.path) for f in weights})
    if not weights:
        return [_offer(facts, "diffusers", "diffusers", "image", rest, why_not=PICKLED)]
    return [
        _offer(facts, f"{kind} diffusers".strip(), "diffusers", "image", [*rest, *_choose(plain, weights, kind)],
               why_not=CODE if facts.code else "")
        for kind in kinds
    ]  # fmt: skip


def _choose(plain: Sequence[HubFile], weights: Sequence[HubFile], kind: str) -> Iterator[HubFile]:
    """For each part of the pipeline its weights in that precision, or the ones that it has."""
    for folder in dict.fromkeys(f.path.rpartition("/")[0] for f in weights):
        mine = [f for f in weights if f.path.rpartition("/")[0] == folder]
        kinds = {_variant(f.path) for f in mine}
        taken = kind if kind in kinds else "" if "" in kinds else min(kinds)
        yield from (f for f in mine if _variant(f.path) == taken)
        indexes = [f for f in plain if f.path.rpartition("/")[0] == folder and f.path.endswith(".index.json")]
        yield from (
            f for f in indexes if _variant(f.path.removesuffix(".index.json")) == taken and "safetensors" in f.path
        )


def _variant(path: str) -> str:
    """ "fp16" of "unet/diffusion_pytorch_model.fp16.safetensors", "" of the plain one."""
    found = re.search(r"\.(fp16|bf16|fp32|fp8|non_ema|ema_only)(?:-\d{5}-of-\d{5})?(?:\.safetensors)?$", path)
    found = found or re.search(r"\.(fp16|bf16|fp32|fp8|non_ema|ema_only)\.safetensors", path)
    return found[1] if found else ""


def _of_diffusers(path: str) -> bool:
    if path.startswith(("original/", "onnx/", "openvino/", "flax/", "ckpt/", ".")) or path.endswith(".py"):
        return False
    return path.endswith((".json", ".txt", ".model", ".safetensors")) and "flax" not in path and "openvino" not in path


def _ctranslate2(facts: Facts, files: Sequence[HubFile]) -> list[Offer]:
    """faster-whisper's folder: model.bin of CTranslate2, its config and vocabulary, no pickle."""
    named = {f.path: f for f in files}
    vocabulary = [p for p in ("vocabulary.json", "vocabulary.txt", "tokenizer.json") if p in named]
    marked = "ctranslate2" in facts.tags or any("vocabulary." in p for p in vocabulary)
    if "model.bin" not in named or "config.json" not in named or not vocabulary or not marked:
        return []
    names = ("model.bin", "config.json", "preprocessor_config.json", "README.md", "tokenizer.json", *vocabulary)
    chosen = [named[name] for name in dict.fromkeys(names) if name in named]
    return [_offer(facts, "CTranslate2", "ctranslate2", "transcribe", chosen)]


def _transformers(facts: Facts, files: Sequence[HubFile]) -> list[Offer]:
    """config.json, the tokenizer and the weights at the top; not the same weights again in other forms."""
    top = {f.path: f for f in files if "/" not in f.path}
    if "config.json" not in top or "model_index.json" in top:
        return []
    weights = [top["model.safetensors"]] if "model.safetensors" in top else []
    index = top.get("model.safetensors.index.json")
    shards = [f for f in top.values() if _SHARD.fullmatch(f.path)]
    why = _why_no_folder(facts, "adapter_config.json" in top)
    if not weights and index is not None:
        weights, wanted = [index, *shards], {int(str(_SHARD.fullmatch(f.path)[1])) for f in shards}  # type: ignore[index]
        if wanted != {len(shards)}:
            why = why or f"Parts of its weights are missing: {len(shards):,} are there."
    if not weights:
        return []
    side = [
        f
        for name, f in top.items()
        if _SIDE.fullmatch(name) and not _NOT_SIDE.fullmatch(name) and f.bytes <= SIDE_BYTES
    ]
    name = f"{facts.dtype} safetensors".strip()
    return [_offer(facts, name, "safetensors", "chat", [*side, *weights], why_not=why)]


def _why_no_folder(facts: Facts, adapter: bool) -> str:
    if facts.code:
        return CODE
    if facts.pipeline in FOREIGN:
        return f"It is for {facts.pipeline.replace('-', ' ')}, which Tandem does not do."
    if "mlx" in facts.tags:
        return "It is in MLX's own form, which no engine here loads. Look for a .gguf or the original."
    return ADAPTER if adapter else ""


def _pipers(facts: Facts, files: Sequence[HubFile]) -> list[Offer]:
    """A voice is NAME.onnx with NAME.onnx.json beside it."""
    named = {f.path: f for f in files}
    voices = [f for f in files if f.path.endswith(".onnx") and f"{f.path}.json" in named]
    return [_piper(facts, f, named) for f in voices]


def _piper(facts: Facts, voice: HubFile, named: dict[str, HubFile]) -> Offer:
    path = PurePosixPath(voice.path)
    inside = "" if str(path.parent) == "." else str(path.parent)
    parts = [voice, named[f"{voice.path}.json"]]
    parts += [named[p] for p in (f"{inside}/MODEL_CARD".lstrip("/"),) if p in named]
    return _offer(facts, path.stem, "piper", "speak", parts, title=path.stem, load=path.name, inside=inside)


def _checkpoints(facts: Facts, files: Sequence[HubFile]) -> list[Offer]:
    """Image weights in one file, at the top of a repository that is no folder of transformers."""
    names = {f.path for f in files}
    image = facts.task in ("image", "video") or "model_index.json" in names or "diffusion-single-file" in facts.tags
    if not image or ("config.json" in names and "model_index.json" not in names):
        return []
    found = [f for f in files if "/" not in f.path and f.path.endswith(".safetensors") and f.bytes >= CHECKPOINT_BYTES]
    return [_checkpoint(facts, f) for f in found]


def _checkpoint(facts: Facts, file: HubFile) -> Offer:
    stem = PurePosixPath(file.path).stem
    why = ADAPTER if "lora" in stem.lower() else ""
    return _offer(facts, stem, "checkpoint", "image", [file], why_not=why, title=stem, load=file.path)


def _nothing(facts: Facts, files: Sequence[HubFile]) -> Offer:
    """Why there is nothing to use."""
    pickles = [f for f in files if f.path.endswith(_PICKLES)]
    why = PICKLED if any(f.bytes > 1 << 20 for f in pickles) else "It has no model file of a kind that is known here."
    why = ADAPTER if any(f.path == "adapter_config.json" for f in files) else why
    return _offer(facts, "pickle" if pickles else "other files", "", "", pickles or files, why_not=why)
