"""Details, disk use and which engine can load what."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from app.library import Library, Variant
from app.library.details import details, kv_bytes
from app.library.disk import disk_use
from app.library.inspection import inspect
from app.library.loading import engines_of
from app.library.places import place
from app.paths import Paths
from engines import registry
from engines.protocol import Described, ModelShape
from engines.spec import EngineSpec, Task
from tests.app.library import builders as b
from tests.app.library import layouts as l
from tests.app.library.test_library import made


@pytest.fixture
def library(home: Path, tmp_path: Path) -> Library:
    """A library over one place with a model of each format."""
    root = tmp_path / "place"
    l.put(root / "Tiny-F32.gguf", b.gguf())
    for name, data in l.folder_files().items():
        l.put(root / "Folder" / name, data)
    for name, data in l.whisper_files().items():
        l.put(root / "ear" / name, data)
    l.voice(root / "voices")
    l.pipeline(root / "sd")
    l.put(root / "xl.safetensors", l.weights(l.SDXL))
    made = Library(Paths(home), usual=lambda: [place("folder", root)])
    made.scan()
    return made


def shape(**changes: int) -> ModelShape:
    usual = {"n_layers": 32, "n_embd": 4096, "n_heads": 32, "n_kv_heads": 8, "head_dim_k": 128, "head_dim_v": 128, "n_vocab": 1,
             "n_ff": 1, "n_ctx_train": 1, "n_params": 1, "tensor_bytes": 1}  # fmt: skip
    return ModelShape(architecture="llama", **{**usual, **changes})


def test_the_cache_of_known_models() -> None:
    """The check values of reference/inference.md, 5b."""
    assert kv_bytes(shape()) == 131_072  # Llama-3.1-8B
    assert kv_bytes(shape(n_layers=80)) == 327_680  # Llama-3.3-70B
    assert kv_bytes(shape(n_kv_heads=32)) == 524_288  # Llama-2-7B
    assert kv_bytes(shape(n_layers=61), {"kv_lora_rank": 512, "qk_rope_head_dim": 64}) == 70_272  # DeepSeek-V3
    assert kv_bytes(shape(n_layers=28, n_kv_heads=8)) == 114_688  # Qwen3-0.6B
    assert kv_bytes(shape(n_layers=0)) is None
    assert kv_bytes(None) is None
    hybrid = {"layer_types": ["linear_attention"] * 24 + ["full_attention"] * 8}
    assert kv_bytes(shape(), hybrid) == 131_072 // 4
    assert kv_bytes(shape(), {"x.attention.head_count_kv": (8,) * 16 + (0,) * 16}, "x.") == 131_072 // 2


def test_a_gguf_file(library: Library) -> None:
    found = details(library.get("tiny"))
    said = dict(found.metadata)
    assert (said["general.name"], said["llama.context_length"], said["tokenizer.ggml.tokens"][:5]) == (
        "Tiny",
        "128",
        "<unk>",
    )
    assert "261 in all" in said["tokenizer.ggml.tokens"]
    assert [(t.name, t.shape, t.type, t.bytes) for t in found.tensors] == [
        ("token_embd.weight", (32, 261), "F32", 33_408), ("output_norm.weight", (32,), "F32", 128),
    ]  # fmt: skip
    assert (found.kv_bytes_per_token, found.template) == (1 * 2 * (8 + 8) * 2, b.TEMPLATE)


def test_a_safetensors_folder(library: Library) -> None:
    found = details(library.get("folder"))
    assert dict(found.metadata)["hidden_size"] == "8"
    assert dict(found.metadata)["weights: format"] == "pt"
    assert [t.name for t in found.tensors] == ["model.embed_tokens.weight", "model.norm.weight"]
    assert (found.kv_bytes_per_token, found.template) == (1 * 1 * (4 + 4) * 2, b.TEMPLATE)


def test_the_other_formats(library: Library) -> None:
    ear, voice, sd, xl = (details(library.get(name)) for name in ("ear", "en_us-joe-medium", "sd", "xl"))
    assert (ear.tensors[0].name, ear.tensors[0].type, ear.kv_bytes_per_token) == (
        "decoder/embeddings/weight",
        "F16",
        None,
    )
    assert dict(voice.metadata)["audio.sample_rate"] == "22,050"
    assert "unet/conv_in.weight" in {t.name for t in sd.tensors}
    assert len(xl.tensors) == len(l.SDXL)


def test_a_served_model_says_what_is_known(library: Library) -> None:
    server = library.servers.add("http://127.0.0.1:9/v1")
    library.servers.put(msgspec.structs.replace(server, models=("m",)))
    served = next(v for v in library.variants() if v.format == "server")
    assert dict(details(served).metadata)["name there"] == "m"


def test_disk_use_counts_each_by_where_it_came_from(library: Library, home: Path, tmp_path: Path) -> None:
    mine = l.put(tmp_path / "mine" / "Own-F32.gguf", l.named("Own"))
    (own,) = library.add(mine)
    copy = made(library, own)
    (home / "downloads" / "x").mkdir(parents=True)
    (home / "downloads" / "x" / "part").write_bytes(b"x" * 1000)
    use = disk_use(library, Paths(home))
    parts = {p.id: p.bytes for p in use.parts}
    scan = library.scanned()
    assert scan is not None
    assert (parts["own"], parts["made"], parts["elsewhere"], parts["downloads"]) == (
        own.bytes,
        copy.bytes,
        scan.bytes,
        1000,
    )
    assert "fetched" not in parts
    assert use.own_bytes >= copy.bytes + 1000
    assert 0 < use.free_bytes <= use.total_bytes
    library.remove(copy.ref)
    assert {p.id: p.bytes for p in disk_use(library, Paths(home)).parts}["trash"] > copy.bytes


def engine(id: str, task: Task, *formats: str) -> EngineSpec:
    return EngineSpec(id=id, task=task, title=id.title(), formats=formats, load=(), run=(), adapter="a:b")


def why(variant: Variant, spec: EngineSpec, **described: Described) -> str:
    (line,) = engines_of(variant, [spec], described)
    assert line.ok == (not line.why)
    return line.why


def test_which_engine_can_load_it_and_why_not(library: Library) -> None:
    tiny, folder, voice = (library.get(name) for name in ("tiny", "folder", "en_us-joe-medium"))
    llama = registry.spec("llama-cpp")
    assert why(tiny, llama) == ""
    assert why(voice, llama) == "It does chat; this model is for speaking."
    assert why(folder, llama).startswith("It loads GGUF; this is a safetensors folder")
    hint = why(tiny, registry.spec("transformers"))
    assert "make a copy with “tandem models convert tiny:f32 --to bf16”" in hint
    gone = Described(
        id=0, engine="llama-cpp", version="", build="", available=False, reason="llama-cpp-python is not installed."
    )
    assert why(tiny, llama, **{"llama-cpp": gone}) == "llama-cpp-python is not installed."
    assert why(msgspec.structs.replace(tiny, problem="It is gone."), llama) == "It is gone."
    assert why(voice, engine("piper", Task.SPEAK, "piper")) == ""


def test_every_visible_engine_has_a_line_and_no_other(library: Library) -> None:
    lines = engines_of(library.get("tiny"), list(registry.specs().values()), {})
    assert [line.engine for line in lines] == [s.id for s in registry.visible()]


def test_facts_of_real_and_skimmed_agree(library: Library) -> None:
    for variant in library.variants():
        facts = inspect(Path(variant.path))
        assert (facts.format, facts.shape, facts.mix, facts.precision) == (
            variant.format, variant.shape, variant.mix, variant.precision,
        )  # fmt: skip
