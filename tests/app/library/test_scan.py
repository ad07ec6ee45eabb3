"""What a scan finds in built copies of the programs' folders: once each, by the right name, with its origin."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from app.errors import TandemError
from app.library import Library
from app.library.places import Place, place
from app.library.scan import Found, Scan
from app.paths import Paths
from tests.app.library import builders as b
from tests.app.library import layouts as l

Open = Callable[..., Library]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return folder


@pytest.fixture
def opened(home: Path) -> Open:
    """A library that looks into these places, as (kind, path), and no others."""

    def make(*places: tuple[str, Path]) -> Library:
        def usual() -> list[Place]:
            return [place(kind, path) for kind, path in places if path.is_dir()]

        return Library(Paths(home), usual=usual)

    return make


def only(scan: Scan) -> Found:
    (found,) = scan.found
    return found


def lost(scan: Scan) -> dict[str, tuple[str, str]]:
    """Name → (code, reason) of what cannot be used."""
    return {Path(f.path).name: (f.code, f.reason) for f in scan.unusable}


def test_lm_studio(opened: Open, root: Path) -> None:
    path = l.put(root / "bartowski" / "Tiny-GGUF" / "Tiny-Chat-Q4_0.gguf", b.gguf())
    l.put(
        root / "bartowski" / "Tiny-GGUF" / "mmproj-Tiny.gguf", b.gguf(b.settings(x=b.string("general.type", "mmproj")))
    )
    library = opened(("lm-studio", root))
    scan = library.scan()
    variant = library.get("tiny-chat")
    assert (variant.path, variant.bytes, variant.outside, variant.ours) == (str(path), path.stat().st_size, True, False)
    assert (variant.origin.kind, variant.origin.place, variant.files[0].sha256) == (
        "place",
        scan.places[0].place.id,
        "",
    )
    assert (variant.licence, variant.task, variant.template) == ("mit", "chat", None)
    assert variant.shape is not None
    assert variant.shape.n_vocab == 261
    assert lost(scan) == {"mmproj-Tiny.gguf": ("part", "It is the picture part of another model.")}
    assert scan.sentence.startswith("Found 1 model, ")
    assert scan.sentence.endswith("in 1 place")
    assert library.files(variant).template == b.TEMPLATE, "the first use reads it whole"


def test_ollama(opened: Open, root: Path) -> None:
    layers = {"license": b"Apache License\nVersion 2.0", "template": b"{{ .Prompt }}", "adapter": b"x", "params": b"{}"}
    l.ollama(root, "registry.ollama.ai/library/llama3.2/3b-instruct-q4_K_M", l.named("A"), layers)
    l.ollama(root, "registry.ollama.ai/library/llama3.2/latest", l.named("A"))
    l.ollama(root, "hf.co/bartowski/Some-GGUF/Q8_0", l.named("B"))
    library = opened(("ollama", root))
    scan = library.scan()
    first, second = sorted(library.variants(), key=lambda v: v.title)
    assert (first.title, second.title) == ("bartowski/Some-GGUF:Q8_0", "llama3.2:3b-instruct-q4_K_M"), (
        "one blob is one model"
    )
    assert (second.id, second.variant) == ("llama3.2-3b-instruct", "f32")
    assert (first.licence, second.licence) == ("mit", "mit"), "the file's own word comes first"
    assert any("adapter" in note for note in second.notes)
    assert second.files[0].sha256 == b.digest(l.named("A"))
    assert Path(second.path).name == f"sha256-{b.digest(l.named('A'))}"
    assert (scan.models, scan.bytes) == (2, len(l.named("A")) + len(l.named("B")))
    assert library.files(second).path == second.path


def test_the_hugging_face_cache(opened: Open, root: Path) -> None:
    snapshot = l.hub(root, "org/Tiny-Chat", l.folder_files())
    l.hub(root, "org/Tiny-Chat", {**l.folder_files(), "README.md": b"older"}, l.OLDER, main=False)
    l.hub(root, "other/Some-GGUF", {"Some-Q8_0.gguf": l.named("S")})
    l.hub(root, "Systran/faster-whisper-tiny", l.whisper_files())
    l.put(root / "datasets--x--y" / "snapshots" / l.COMMIT / "x.gguf", b.gguf())
    l.put(root / "models--z--w" / "blobs" / f"{'c' * 64}.incomplete", b"x" * 7)
    (root / "models--z--w" / "snapshots").mkdir()
    library = opened(("hf-cache", root))
    scan = library.scan()
    assert {v.ref: v.format for v in library.variants()} == {
        "tiny-chat:bf16": "safetensors", "some:f32": "gguf", "faster-whisper-tiny:f16": "ctranslate2",
    }  # fmt: skip
    chat = library.get("tiny-chat")
    assert (chat.path, chat.title, chat.licence) == (str(snapshot), "Tiny-Chat", "mit")
    assert (chat.origin.repo, chat.origin.revision) == ("org/Tiny-Chat", l.COMMIT)
    assert {Path(f.path).name: f.sha256 for f in chat.files}["model.safetensors"] == b.digest(b.safetensors())
    assert lost(scan)["models--z--w"] == ("incomplete", "The download of z/w is not finished.")
    assert library.files(chat).eos == "</s>"
    assert library.get("faster-whisper-tiny").task == "transcribe"


def test_an_older_snapshot_counts_if_its_weights_differ(opened: Open, root: Path) -> None:
    l.hub(root, "org/Tiny-GGUF", {"Tiny-F32.gguf": l.named("new")})
    l.hub(root, "org/Tiny-GGUF", {"Tiny-F32.gguf": l.named("old")}, l.OLDER, main=False)
    library = opened(("hf-cache", root))
    library.scan()
    assert [(v.title, v.origin.revision) for v in library.variants()] == [("new", l.COMMIT), ("old", l.OLDER)]


def test_image_programs(opened: Open, root: Path) -> None:
    l.put(root / "checkpoints" / "juggernaut.safetensors", l.weights(l.SDXL))
    l.put(root / "loras" / "style.safetensors", l.weights(["lora_unet_down.lora_down.weight"]))
    l.put(root / "vae" / "vae.safetensors", l.weights(["decoder.conv_in.weight", "encoder.conv_in.weight"]))
    l.put(root / "controlnet" / "canny.safetensors", l.weights(["controlnet_cond_embedding.conv_in.weight"]))
    l.put(root / "clip" / "t5.safetensors", l.weights(["encoder.block.0.layer.0.SelfAttention.q.weight"]))
    l.put(
        root / "unet" / "flux.safetensors",
        l.weights(["double_blocks.0.img_attn.qkv.weight", "single_blocks.0.linear1.weight"]),
    )
    l.put(root / "odd" / "odd.safetensors", l.weights(["something.else"]))
    l.put(root / "upscale_models" / "4x.pth", b"\x80\x02}")
    l.pipeline(root / "diffusers" / "my-sd")
    library = opened(("comfyui", root))
    scan = library.scan()
    assert {v.ref: (v.format, v.task) for v in library.variants()} == {
        "juggernaut:f16": ("checkpoint", "image"), "my-sd:f16": ("diffusers", "image"),
    }  # fmt: skip
    assert library.get("juggernaut").notes == ("SDXL",)
    reasons = lost(scan)
    assert {name for name, (code, _) in reasons.items() if code == "part"} == {
        "style.safetensors", "vae.safetensors", "canny.safetensors", "t5.safetensors", "flux.safetensors",
    }  # fmt: skip
    assert "FLUX alone, without VAE and text encoders" in reasons["flux.safetensors"][1]
    assert reasons["odd.safetensors"][0] == "unknown_architecture"
    assert reasons["4x.pth"][0] == "pickle"


def test_whisper_and_piper(opened: Open, root: Path) -> None:
    l.put(root / "whisper" / "small.pt", b"PK\x03\x04" + b"x" * 50)
    for name, data in l.whisper_files().items():
        l.put(root / "voices-and-ears" / "faster-whisper-small" / name, data)
    l.voice(root / "voices-and-ears" / "piper")
    l.put(root / "voices-and-ears" / "kokoro-v1.0.onnx", b"\x08\x07" + b"\0" * 50)
    library = opened(("whisper", root / "whisper"), ("folder", root / "voices-and-ears"))
    scan = library.scan()
    ears, voice = library.get("faster-whisper-small"), library.get("en_us-joe-medium")
    assert (ears.task, ears.format, ears.precision) == ("transcribe", "ctranslate2", "f16")
    assert (voice.task, voice.format, voice.licence, len(voice.files)) == ("speak", "piper", "CC0", 2)
    assert voice.notes == ("language en_US", "quality medium", "22,050 Hz", "1 speaker")
    small = next(f for f in scan.unusable if f.path.endswith("small.pt"))
    assert (small.code, "faster-whisper" in small.hint) == ("pickle", True)
    assert "Kokoro" in lost(scan)["kokoro-v1.0.onnx"][1]


def test_parts_of_one_model_are_one_line(opened: Open, root: Path) -> None:
    for n in (1, 2, 3):
        l.put(root / f"Whole-{n:05d}-of-00003.gguf", b.gguf())
    for n in (1, 3):
        l.put(root / f"Half-{n:05d}-of-00003.gguf", b.gguf())
    l.put(root / "lone" / "model-00001-of-00002.safetensors", b.safetensors())
    scan = opened(("folder", root)).scan()
    found = {Path(f.path).name: f for f in scan.unusable}
    whole, half = found["Whole-00001-of-00003.gguf"], found["Half-00001-of-00003.gguf"]
    assert (whole.code, whole.bytes, "--merge" in whole.hint) == ("split", 3 * len(b.gguf()), True)
    assert (half.code, half.reason) == ("shards", "Part 2 of 3 is missing.")
    assert found["model-00001-of-00002.safetensors"].code == "shards"
    assert len(scan.found) == 3


def test_a_folder_whose_shards_are_missing(opened: Open, root: Path) -> None:
    l.put(root / "m" / "config.json", '{"model_type": "llama", "hidden_size": 8}')
    l.put(root / "m" / "model.safetensors.index.json", '{"weight_map": {"a": "model-00001-of-00002.safetensors"}}')
    found = only(opened(("folder", root)).scan())
    assert (found.code, "model-00001-of-00002.safetensors is missing" in found.reason) == ("shards", True)


def test_broken_files_are_listed_with_their_reasons(opened: Open, root: Path) -> None:
    (root / "gone.gguf").symlink_to("nowhere.gguf")
    l.put(root / "lfs.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    l.put(root / "empty.gguf", b"")
    l.put(root / "cut.gguf", b.gguf()[:-9])
    l.put(root / "page.gguf", "<!doctype html>")
    l.put(root / "half.gguf.part", b"GGUF")
    l.put(root / "odd.gguf", b.gguf(b.settings(architecture=b.string("general.architecture", "frobnicate"))))
    l.put(root / "flux.gguf", b.gguf(b.settings(architecture=b.string("general.architecture", "flux"))))
    l.put(root / "ggml-base.bin", b"lmgg" + b"\0" * (1 << 20))
    l.put(root / "old" / "config.json", '{"model_type": "llama"}')
    l.put(root / "old" / "pytorch_model.bin", b"PK\x03\x04")
    l.put(root / "odd-folder" / "config.json", '{"model_type": "frobnicate"}')
    l.put(root / "odd-folder" / "model.safetensors", b.safetensors())
    reasons = lost(opened(("folder", root)).scan())
    assert {name: code for name, (code, _) in reasons.items()} == {
        "gone.gguf": "missing", "lfs.safetensors": "lfs", "empty.gguf": "empty", "cut.gguf": "truncated", "page.gguf": "html",
        "half.gguf.part": "incomplete", "odd.gguf": "unknown_architecture", "flux.gguf": "part", "ggml-base.bin": "unsupported",
        "old": "pickle", "odd-folder": "unknown_architecture",
    }  # fmt: skip
    assert reasons["odd.gguf"][1] == "Its architecture “frobnicate” is not known here."


def test_one_file_reached_several_ways_is_counted_once(opened: Open, root: Path, tmp_path: Path) -> None:
    path = l.put(root / "a" / "Tiny-F32.gguf", b.gguf())
    l.put(root / "b" / "Linked-F32.gguf", path)
    (root / "c.gguf").symlink_to(path)
    (root / "again").symlink_to(root / "a")
    l.ollama(tmp_path / "ollama", "registry.ollama.ai/library/tiny/latest", path)
    library = opened(("lm-studio", root), ("ollama", tmp_path / "ollama"), ("folder", root / "a"))
    scan = library.scan()
    assert (scan.models, scan.bytes) == (1, path.stat().st_size)
    assert [s.models for s in scan.places] == [1, 0, 0]


def test_what_the_library_has_is_not_found_again(opened: Open, root: Path) -> None:
    path = l.put(root / "Tiny-F32.gguf", b.gguf())
    library = opened(("folder", root))
    library.scan()
    assert library.get("tiny").origin.kind == "place"
    (added,) = library.add(path)
    assert [v.ref for v in library.variants()] == [added.ref] == ["tiny:f32"], "the entry wins before the next scan too"
    assert library.scan().models == 0


def test_names_stay_and_never_meet(opened: Open, root: Path, tmp_path: Path, home: Path) -> None:
    l.put(root / "a" / "Tiny-F32.gguf", l.named("1"))
    l.put(root / "b" / "Tiny-F32.gguf", l.named("2"))
    l.put(tmp_path / "other" / "Tiny-Q8_0.gguf", b.gguf(b.settings(file_type=b.number("general.file_type", 7))))
    places = (("lm-studio", root), ("folder", tmp_path / "other"))
    opened(*places).scan()
    names = {v.path: v.ref for v in opened(*places).variants()}
    assert sorted(names.values()) == ["tiny-2:f32", "tiny-3:q8_0", "tiny:f32"]
    l.put(root / "0" / "Tiny-F32.gguf", l.named("0"))
    opened(*places).scan()
    later = {v.path: v.ref for v in opened(*places).variants()}
    assert {path: later[path] for path in names} == names
    assert len(set(later.values())) == 4


def test_a_made_variant_keeps_the_name_of_its_found_source(opened: Open, root: Path) -> None:
    l.put(root / "Tiny-F32.gguf", b.gguf())
    library = opened(("folder", root))
    library.scan()
    source = library.get("tiny")
    plan = library.plan_conversion(source, b.LLAMA, "q8_0")
    temporary = library.begin_conversion(plan)
    temporary.write_bytes(b.gguf(b.settings(file_type=b.number("general.file_type", 7))))
    library.adopt(plan, temporary)
    library.scan()
    assert [v.ref for v in library.variants()] == ["tiny:f32", "tiny:q8_0"]
    assert library.remove("tiny").removed, "only what was made here goes"
    assert [v.ref for v in library.variants()] == ["tiny:f32"]


def test_an_unchanged_file_is_not_read_again(opened: Open, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = l.put(root / "Tiny-F32.gguf", b.gguf())
    l.put(root / "Other-F32.gguf", l.named("Other"))
    before = opened(("folder", root)).scan()
    read: list[Path] = []
    real = __import__("app.library.recognise", fromlist=["skim"]).skim
    monkeypatch.setattr("app.library.recognise.skim", lambda p: (read.append(p), real(p))[1])
    again = opened(("folder", root)).scan()
    assert (again.found, read) == (before.found, [])
    os.utime(path, ns=(1, 1))
    opened(("folder", root)).scan()
    assert read == [path]


def test_a_scan_can_be_stopped(opened: Open, root: Path) -> None:
    l.put(root / "Tiny-F32.gguf", b.gguf())
    library = opened(("folder", root))
    with pytest.raises(TandemError) as caught:
        library.scan(cancelled=lambda: True)
    assert caught.value.code == "cancelled"
    assert library.scanned() is None


def test_nothing_is_written_where_it_looks(opened: Open, root: Path) -> None:
    l.ollama(root / "ollama", "registry.ollama.ai/library/tiny/latest", b.gguf())
    l.hub(root / "hub", "org/Tiny-Chat", l.folder_files())
    before = {p: p.lstat().st_mtime_ns for p in root.rglob("*")}
    library = opened(("folder", root))
    library.scan()
    for variant in library.variants():
        library.files(variant)
    assert {p: p.lstat().st_mtime_ns for p in root.rglob("*")} == before
    assert library.scan().models == 2, "a named folder may hold whole caches"
