"""A library of many models in many places, for the Models page's tests, pictures and figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from app.errors import TandemError
from app.library import File, Lineage, Origin, Removed, Variant
from tests.fakes import SHAPE, FakeLibrary, variant


@dataclass(frozen=True)
class MadePlace:
    """As `app.library.places.Place`."""

    id: str
    kind: str
    title: str
    path: str
    named: bool = False


@dataclass(frozen=True)
class MadeSummary:
    place: MadePlace
    present: bool
    models: int
    bytes: int
    unusable: int


@dataclass(frozen=True)
class MadeFound:
    place: str
    path: str
    bytes: int
    variant: Variant | None
    code: str
    reason: str
    hint: str


@dataclass(frozen=True)
class MadeScan:
    """As `app.library.scan.Scan`."""

    places: tuple[MadeSummary, ...] = ()
    found: tuple[MadeFound, ...] = ()
    seconds: float = 0.4
    at: float = 0.0

    @property
    def sentence(self) -> str:
        models = len({f.variant.id for f in self.found if f.variant is not None})
        size = sum(f.bytes for f in self.found if f.variant is not None)
        return f"Found {models} models, {size / 1e9:,.0f} GB, in {len(self.places)} places"


PLACES = (
    MadePlace("lm", "lm-studio", "LM Studio", "/data/ada/.lmstudio/models"),
    MadePlace("ol", "ollama", "Ollama", "/data/ada/.ollama/models"),
    MadePlace("hf", "hf-cache", "Hugging Face cache", "/data/ada/.cache/huggingface/hub"),
    MadePlace("comfy", "comfyui", "ComfyUI", "/data/ada/ComfyUI"),
    MadePlace("usb", "folder", "Models on the travel drive", "/media/ada/travel/models", named=True),
)


class MadeLibrary(FakeLibrary):
    """FakeLibrary with places and a scan. `calls` says what was asked of it."""

    def __init__(self, variants: Iterable[Variant], scan: MadeScan | None, places: tuple[MadePlace, ...] = PLACES) -> None:  # fmt: skip
        super().__init__(variants)
        self._scan, self._places = scan, list(places)
        self.next_scan = scan
        self.calls: list[str] = []
        self.error: TandemError | None = None
        self.broken: list[str] = []

    def scan(self, progress: Callable[[str, int, int], None], cancelled: Callable[[], bool]) -> MadeScan:
        self.calls.append("scan")
        progress("LM Studio", 1, 2)
        if self.error is not None:
            raise self.error
        self._scan = self.next_scan or MadeScan()
        self.items += [f.variant for f in self._scan.found if f.variant is not None and f.variant not in self.items]
        return self._scan

    def scanned(self) -> MadeScan | None:
        return self._scan

    def places(self) -> tuple[MadePlace, ...]:
        return tuple(self._places)

    def add_place(self, path: Path) -> MadePlace:
        self.calls.append(f"add_place {path}")
        self._places.append(MadePlace(f"n{len(self._places)}", "folder", path.name, str(path), named=True))
        return self._places[-1]

    def remove_place(self, id: str) -> None:
        self.calls.append(f"remove_place {id}")
        self._places = [p for p in self._places if p.id != id]

    def add(self, path: Path, progress: Any = None, cancelled: Any = None) -> list[Variant]:
        self.calls.append(f"add {path}")
        if self.error is not None:
            raise self.error
        made = variant("q8_0", id=path.stem, title=path.stem, outside=True, origin=Origin("added"), path=str(path))
        self.items.append(made)
        return [made]

    def remove(self, ref: str) -> Removed:
        self.calls.append(f"remove {ref}")
        self.items = [v for v in self.items if v.ref != ref]
        return Removed((), 0)

    def problems(self) -> list[str]:
        return self.broken


@dataclass
class Kind:
    """One published model to make variants of."""

    title: str
    task: str = "chat"
    arch: str = "llama"
    params: float = 7.2e9
    licence: str = "Apache-2.0"
    format: str = "gguf"
    bits: tuple[tuple[str, float], ...] = (("q4_k_m", 4.85),)
    origin: Origin = field(default_factory=lambda: Origin("place", place="lm"))


CHAT = (
    Kind("SmolLM2-135M-Instruct", params=134_515_008, origin=Origin("starter"), bits=(("q4_1", 5.74), ("bf16", 16.0))),
    Kind("Qwen2.5-7B-Instruct", arch="qwen2", params=7.6e9, bits=(("q4_k_m", 4.9), ("q6_k", 6.6), ("q8_0", 8.5))),
    Kind("Mistral-7B-Instruct-v0.3", params=7.25e9, origin=Origin("place", place="ol")),
    Kind("Llama-3.1-8B-Instruct", params=8.03e9, licence="Llama 3.1", bits=(("q4_k_m", 4.89), ("q5_k_m", 5.7))),
    Kind("gemma-2-9b-it", arch="gemma2", params=9.24e9, licence="Gemma", origin=Origin("place", place="ol")),
    Kind("Phi-3.5-mini-instruct", arch="phi3", params=3.8e9, licence="MIT", bits=(("q4_k_m", 4.9),)),
    Kind("DeepSeek-R1-Distill-Qwen-32B", arch="qwen2", params=32.8e9, licence="MIT"),
    Kind("Qwen2.5-0.5B-Instruct", arch="qwen2", params=494e6, format="safetensors", bits=(("bf16", 16.0),),
         origin=Origin("place", place="hf", repo="Qwen/Qwen2.5-0.5B-Instruct", revision="7ae557604adf67be50417f59c2c2f167def9a775")),
    Kind("TinyLlama-1.1B-Chat-v1.0", params=1.1e9, origin=Origin("added"), bits=(("q8_0", 8.5),)),
    Kind("A model with a name so long that it cannot stand in one line of a table, whatever its width", params=1.5e9),
)  # fmt: skip
OTHERS = (
    Kind("whisper-large-v3", "transcribe", "whisper", 1.55e9, "MIT", "ctranslate2", (("float16", 16.0),), Origin("place", place="hf")),
    Kind("whisper-base.en", "transcribe", "whisper", 74e6, "MIT", "ctranslate2", (("int8", 8.0),), Origin("starter")),
    Kind("en_GB-alba-medium", "speak", "vits", 15.7e6, "CC BY 4.0", "piper", (("f32", 32.0),), Origin("place", place="usb")),
    Kind("sd_xl_base_1.0", "image", "sdxl", 3.5e9, "OpenRAIL++", "checkpoint", (("f16", 16.0),), Origin("place", place="comfy")),
    Kind("FLUX.1-schnell", "image", "flux", 11.9e9, "Apache-2.0", "diffusers", (("bf16", 16.0),), Origin("place", place="comfy")),
)  # fmt: skip
BAD = (
    ("lm", "Meta-Llama-3-70B-Instruct-00001-of-00004.gguf", 9_900_000_000, "shards_missing",
     "2 of its 4 parts are missing: 00003, 00004.", "Download them again in LM Studio."),
    ("hf", "models--bigscience--bloom/snapshots/1a2b/model.safetensors", 135, "lfs_pointer",
     "This is a Git LFS pointer, not the weights.", "Run `git lfs pull` in that folder, or download the model."),
    ("hf", "models--google--flan-t5-base", 0, "broken_link", "Its snapshot points to a blob that is gone.",
     "Download it again, or delete the snapshot."),
    ("ol", "sha256-4f3c", 4_100_000_000, "unknown_architecture", "Its architecture “nemotron_h” is not known here.",
     "A newer Tandem may know it."),
    ("usb", "notes.gguf", 12_000, "not_gguf", "It ends in .gguf and is a text file.", "Delete it, or give it its real name."),
)  # fmt: skip


def variants_of(kind: Kind) -> list[Variant]:
    """A variant a precision."""
    return [_variant(kind, name, bits) for name, bits in kind.bits]


def _variant(kind: Kind, name: str, bits: float) -> Variant:
    size = int(kind.params * bits / 8)
    scale = (kind.params / SHAPE.n_params) ** (1 / 3)
    shape = msgspec.structs.replace(
        SHAPE, architecture=kind.arch, n_params=int(kind.params), tensor_bytes=size, n_layers=round(SHAPE.n_layers * min(2, scale)),
        n_embd=round(SHAPE.n_embd * scale), n_ctx_train=32768,
    )  # fmt: skip
    name_ = kind.title.lower().replace(" ", "-")[:60]
    made = name == "bf16" and kind.origin.kind == "starter"
    path = f"/data/ada/models/{name_}/{name}.{kind.format}"
    return variant(
        name, id=name_, title=kind.title, task=kind.task, format="safetensors" if made else kind.format, licence=kind.licence, bytes=size,
        bits_per_weight=bits, path=path, files=(File(path, size, "", 1_700_000_000_000_000_000 + size),),
        shape=shape if kind.task == "chat" else None, mix={name.upper(): 210, "F32": 61},
        outside=kind.origin.kind in ("place", "added"), origin=Origin("made") if made else kind.origin,
        lineage=Lineage("made", "q4_1", "dequantized from q4_1: cannot be better than its source") if made else Lineage("original"),
    )  # fmt: skip


def realistic() -> list[Variant]:
    """Models of every task, in every place, one of them gone."""
    found = [v for kind in (*CHAT, *OTHERS) for v in variants_of(kind)]
    lost = found[-1]
    gone = "/media/ada/travel is not there now."
    found[-1] = lost
    return [msgspec.structs.replace(v, problem=gone) if v.origin.place == "usb" else v for v in found]


def scan_of(variants: Iterable[Variant]) -> MadeScan:
    """A scan that found these, and what cannot be used."""
    good = [MadeFound(v.origin.place, v.path, v.bytes, v, "", "", "") for v in variants if v.origin.kind == "place"]
    bad = [MadeFound(p, f"/data/ada/{n}", size, None, code, why, hint) for p, n, size, code, why, hint in BAD]
    found = (*good, *bad)
    places = []
    for place in PLACES:
        mine = [f for f in found if f.place == place.id]
        here = [f for f in mine if f.variant is not None]
        size = sum(f.bytes for f in here)
        places.append(MadeSummary(place, place.id != "usb", len(here), size, len(mine) - len(here)))
    return MadeScan(tuple(places), found)


def library() -> MadeLibrary:
    """A realistic one."""
    variants = realistic()
    return MadeLibrary(variants, scan_of(variants))


def many(count: int) -> MadeLibrary:
    """count variants, five a model, as a machine full of models has."""
    kinds = []
    bits = (("q2_k", 2.9), ("q4_k_m", 4.9), ("q5_k_m", 5.7), ("q8_0", 8.5), ("f16", 16.0))
    for n in range(count // len(bits)):
        base = CHAT[n % len(CHAT)]
        kinds.append(
            Kind(f"{base.title[:30]}-{n:03}", params=base.params, arch=base.arch, bits=bits, origin=base.origin)
        )
    variants = [v for kind in kinds for v in variants_of(kind)]
    return MadeLibrary(variants, scan_of(variants))
