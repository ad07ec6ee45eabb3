"""What a conversion will make, computed from the tensors' shapes before anything runs."""

from __future__ import annotations

import struct
from collections import Counter
from pathlib import Path

import msgspec

from app.errors import TandemError
from app.library.ggml_types import FILE_TYPES, UNQUANTIZED
from app.library.gguf_header import GgufHeader, read_gguf
from app.library.gguf_model import n_experts, n_gqa
from app.library.quant_rules import DEFAULT_TYPES, NEEDS_IMATRIX, Choice, Model, choose
from app.library.variant import MADE, Lineage, Variant
from engines import registry
from engines.spec import EngineSpec

FLOATS = {"f32": ("F32", 4), "f16": ("F16", 2), "bf16": ("BF16", 2)}
STORED_HEADER = 100  # about the bytes of one tensor's entry in a safetensors header
GGUF_ALIGNMENT = 32  # llama_model_quantize always writes the default


class Fallback(msgspec.Struct, frozen=True):
    """`count` tensors wanted type `wanted` and become `used`, because their rows do not fit its blocks."""

    count: int
    wanted: str
    used: str

    @property
    def text(self) -> str:
        size = "tensor becomes" if self.count == 1 else "tensors become"
        return f"{self.count:,} {size} {self.used} instead of {self.wanted}"


class ConversionPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One conversion. variant: its name in the library; precision: what the engine is asked for.

    bytes: predicted, of all files. there: it is in the library already.
    """

    source: Variant
    engine: str
    precision: str
    variant: str
    format: str
    bytes: int
    mix: dict[str, int]
    bits_per_weight: float
    lineage: Lineage
    fallbacks: tuple[Fallback, ...] = ()
    notes: tuple[str, ...] = ()
    there: bool = False

    @property
    def id(self) -> str:
        return self.source.id

    @property
    def ref(self) -> str:
        return f"{self.id}:{self.variant}"


def targets(variant: Variant, spec: EngineSpec) -> tuple[str, ...]:
    """The precisions that `spec`'s engine can make of `variant`, without its own."""
    made = spec.converts.get(variant.format, ())
    same = variant.precision if output_format(spec, variant) == variant.format else ""
    return tuple(t for t in made if t != same)


def makers(spec: EngineSpec) -> list[EngineSpec]:
    """The engines that can make what `spec`'s engine loads: itself first, then the visible ones of its task."""
    others = [m for m in registry.visible(spec.task) if m.id != spec.id]
    return [m for m in (spec, *others) if m.converts and m.formats[0] in spec.formats]


def output_format(spec: EngineSpec, variant: Variant) -> str:
    """The format that the engine writes: the one that it loads."""
    if not spec.formats:
        raise AssertionError(f"{spec.id} loads no format")
    return spec.formats[0]


def plan(source: Variant, spec: EngineSpec, precision: str, name: str, there: bool) -> ConversionPlan:
    """The plan. Raises TandemError `cannot_convert` or `needs_imatrix`."""
    allowed = targets(source, spec)
    if precision not in allowed:
        raise _cannot(source, spec, precision, allowed)
    written = output_format(spec, source)
    if written == "gguf":
        size, mix, bits, fallbacks = _gguf(source, precision)
    else:
        size, mix, bits = _stored(source, precision)
        fallbacks = ()
    return ConversionPlan(
        source=source,
        engine=spec.id,
        precision=precision,
        variant=name,
        format=written,
        bytes=size,
        mix=mix,
        bits_per_weight=bits,
        lineage=lineage(source, precision),
        fallbacks=fallbacks,
        notes=_notes(source, precision, size, bits, fallbacks),
        there=there,
    )


def lineage(source: Variant, precision: str) -> Lineage:
    """Where the new variant comes from, in words; an up-cast says that it is none."""
    was, quantized = source.precision, precision not in FLOATS
    if was in FLOATS:
        text = f"quantized from {was}" if quantized else f"converted from {was}"
    elif quantized:
        text = f"re-quantized from {was}: cannot be better than its source"
    else:
        text = f"dequantized from {was}: cannot be better than its source"
    return Lineage(MADE, source.variant, text)


def quantized_sizes(header: GgufHeader, precision: str) -> tuple[int, list[Choice]]:
    """(bytes of the file llama.cpp will write, its choice for each tensor)."""
    values = header.values
    architecture = str(values.get("general.architecture", ""))
    layers = values.get(f"{architecture}.block_count", 0)
    heads = n_gqa(header)
    model = Model(architecture, int(layers), n_experts(header), heads, heads != 1)
    choices = choose(header.tensors, model, precision)
    size = _pad(_meta_bytes(header)) + sum(_pad(choice.bytes) for choice in choices)
    return size, choices


def _gguf(source: Variant, precision: str) -> tuple[int, dict[str, int], float, tuple[Fallback, ...]]:
    size, choices = quantized_sizes(read_gguf(Path(source.path)), precision)
    mix = Counter(choice.type for choice in choices)
    fell = Counter((choice.wanted, choice.type) for choice in choices if choice.wanted != choice.type)
    fallbacks = tuple(Fallback(count, wanted, used) for (wanted, used), count in fell.most_common())
    bits = sum(c.bytes for c in choices) * 8 / sum(c.tensor.elements for c in choices)
    return size, dict(mix.most_common()), bits, fallbacks


def _meta_bytes(header: GgufHeader) -> int:
    """Header of the new file: the source's settings, with the two that the quantizer sets, without the split's."""
    size = header.info_start + header.info_bytes
    for key in ("general.quantization_version", "general.file_type"):
        size += 0 if key in header.values else 8 + len(key) + struct.calcsize("<II")
    for key, value_bytes in (("split.no", 2), ("split.count", 2), ("split.tensors.count", 4)):
        size -= 8 + len(key) + 4 + value_bytes if key in header.values else 0
    return size


def _stored(source: Variant, precision: str) -> tuple[int, dict[str, int], float]:
    """A folder of safetensors: every parameter at the same size, plus headers and the tokenizer's files."""
    if source.shape is None:
        raise TandemError("cannot_convert", f"The sizes of {source.ref} are not known.", "Remove it and add it again.")
    if precision not in FLOATS:
        raise TandemError("cannot_convert", f"safetensors cannot be made as {precision} here.", "Choose bf16.")
    kind, width = FLOATS[precision]
    tensors = sum(source.mix.values())
    tokenizer = 2 * max(0, source.bytes - source.shape.tensor_bytes)  # as JSON about twice its size in a GGUF
    size = source.shape.n_params * width + STORED_HEADER * tensors + tokenizer
    return size, {kind: tensors}, width * 8.0


def _notes(source: Variant, precision: str, size: int, bits: float, fallbacks: tuple[Fallback, ...]) -> tuple[str, ...]:
    notes: list[str] = []
    n = sum(f.count for f in fallbacks)
    if n:
        changes = ", ".join(f.text for f in fallbacks)
        notes.append(f"Of {sum(source.mix.values()):,} tensors {n:,} cannot have the type of the mix: {changes}.")
    if n and size >= source.bytes and precision not in FLOATS:
        notes.append(f"It will be larger than {source.variant}: {bits:.2f} bits a weight, whatever its name says.")
    return tuple(notes)


def _cannot(source: Variant, spec: EngineSpec, precision: str, allowed: tuple[str, ...]) -> TandemError:
    if precision in NEEDS_IMATRIX:
        return TandemError(
            "needs_imatrix",
            f"{precision} needs an importance matrix, which Tandem does not make.",
            "Choose another precision, or add a published file of this one.",
        )
    if precision == source.precision:
        return TandemError("cannot_convert", f"{source.ref} is {precision} already.")
    hint = f"It can make: {', '.join(allowed)}." if allowed else f"It converts nothing from {source.format}."
    known = precision in DEFAULT_TYPES or precision in FILE_TYPES.values() or precision.upper() in UNQUANTIZED
    what = f"{spec.title} cannot make {precision} of {source.ref}" if known else f"“{precision}” is no precision"
    return TandemError("cannot_convert", f"{what}.", hint)


def _pad(size: int) -> int:
    return (size + GGUF_ALIGNMENT - 1) // GGUF_ALIGNMENT * GGUF_ALIGNMENT
