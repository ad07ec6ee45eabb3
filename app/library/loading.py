"""Which engines can load a model here, and why the others cannot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from app.library import conversion
from app.library.variant import Variant
from engines.protocol import Described
from engines.spec import EngineSpec

FORMATS = {
    "gguf": "GGUF", "safetensors": "safetensors folders", "ctranslate2": "CTranslate2 folders", "piper": "Piper voices",
    "onnx": "ONNX", "diffusers": "diffusers folders", "checkpoint": "single-file checkpoints", "server": "models on a server",
}  # fmt: skip
TASKS = {
    "chat": "chat", "transcribe": "transcribing", "speak": "speaking", "image": "pictures", "video": "video",
    "embed": "embeddings",
}  # fmt: skip


class CanLoad(msgspec.Struct, frozen=True):
    """why: "" if ok, else a sentence."""

    engine: str
    title: str
    ok: bool
    why: str


def engines_of(
    variant: Variant, specs: Sequence[EngineSpec], described: Mapping[str, Described]
) -> tuple[CanLoad, ...]:
    """One line an engine, in the order of `specs`. described: what the engines said of this machine, as far as known."""
    return tuple(_line(variant, spec, described.get(spec.id)) for spec in specs if not spec.for_tests)


def _line(variant: Variant, spec: EngineSpec, said: Described | None) -> CanLoad:
    why = _format(variant, spec) or _installed(said) or variant.problem
    return CanLoad(spec.id, spec.title, not why, why)


def _format(variant: Variant, spec: EngineSpec) -> str:
    if variant.task != spec.task.value:
        return f"It does {TASKS.get(spec.task.value, spec.task.value)}; this model is for {TASKS.get(variant.task, variant.task)}."
    if variant.format in spec.formats:
        return ""
    loads = " or ".join(FORMATS.get(f, f) for f in spec.formats)
    return f"It loads {loads}; this is {_this(variant)}{_way_out(variant, spec)}."


def _this(variant: Variant) -> str:
    return {
        "gguf": "GGUF", "safetensors": "a safetensors folder", "ctranslate2": "a CTranslate2 folder", "piper": "a Piper voice",
        "onnx": "ONNX", "diffusers": "a diffusers folder", "checkpoint": "a single-file checkpoint", "server": "on a server",
    }.get(variant.format, variant.format)  # fmt: skip


def _way_out(variant: Variant, spec: EngineSpec) -> str:
    """The conversion that would help, if there is one."""
    for maker in conversion.makers(spec):
        targets = conversion.targets(variant, maker)
        if targets:
            return f": make a copy with “tandem models convert {variant.ref} --to {targets[0]}”"
    return ""


def _installed(said: Described | None) -> str:
    return "" if said is None or said.available else said.reason or "It cannot run here."
