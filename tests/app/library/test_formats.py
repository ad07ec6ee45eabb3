"""Whisper folders, voices, image pipelines and checkpoints: known by what is in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.errors import TandemError
from app.library import Library
from app.library.checkpoint import inspect_checkpoint
from app.library.ct2_folder import inspect_ct2
from app.library.diffusers_folder import inspect_diffusers
from app.library.piper_voice import inspect_voice
from app.paths import Paths
from tests.app.library import layouts as l
from tests.conftest import STARTER

UNET = "model.diffusion_model."
WHOLE = ["first_stage_model.x", "cond_stage_model.x"]
FAMILIES = {
    "sd1": [f"{UNET}input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight@2x768", *WHOLE],
    "sd2": [f"{UNET}input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight@2x1024", *WHOLE],
    "sdxl": l.SDXL,
    "sd3": [f"{UNET}joint_blocks.0.context_block.attn.qkv.weight", *WHOLE],
    "flux": [f"{UNET}double_blocks.0.img_attn.qkv.weight", f"{UNET}single_blocks.0.linear1.weight", "vae.x", "text_encoders.x"],
    "ltx-video": [f"{UNET}adaln_single.emb.timestep_embedder.x", f"{UNET}patchify_proj.weight", "vae.x", "text_encoders.x"],
}  # fmt: skip
PARTS = {
    "LoRA": ["lora_unet_x.lora_down.weight"],
    "a LoRA": ["base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"],
    "ControlNet": ["control_model.input_blocks.1.1.x", "control_model.input_hint_block.0.weight"],
    "VAE": ["decoder.conv_in.weight"],
    "text encoder": ["text_model.encoder.layers.0.x"],
    "picture encoder": ["vision_model.encoder.layers.0.x"],
    "upscaler": ["body.0.rdb1.conv1.weight"],
    "textual inversion": ["emb_params"],
    "IP-Adapter": ["image_proj.x", "ip_adapter.1.x"],
    "Wan alone": ["blocks.0.cross_attn.norm_k.weight", "head.modulation", "blocks.0.self_attn.q.weight"],
    "Qwen-Image alone": ["transformer_blocks.0.img_mod.1.weight"],
}


def refusal(call: object, *args: object) -> TandemError:
    with pytest.raises(TandemError) as caught:
        call(*args)  # type: ignore[operator]
    return caught.value


@pytest.mark.parametrize("family", FAMILIES)
def test_whole_checkpoints_are_known_by_their_names(tmp_path: Path, family: str) -> None:
    facts = inspect_checkpoint(l.put(tmp_path / "m.safetensors", l.weights(FAMILIES[family])))
    assert facts.shape is not None
    assert (facts.format, facts.shape.architecture) == ("checkpoint", family)
    assert facts.task == ("video" if "video" in family else "image")
    assert facts.bits_per_weight == 16


@pytest.mark.parametrize("what", PARTS)
def test_parts_are_called_what_they_are(tmp_path: Path, what: str) -> None:
    error = refusal(inspect_checkpoint, l.put(tmp_path / "m.safetensors", l.weights(PARTS[what])))
    assert (error.code, what in error.message) == ("refused_part", True)


def test_a_language_models_weights_want_their_folder(tmp_path: Path) -> None:
    path = l.put(tmp_path / "m.safetensors", l.weights(["model.layers.0.mlp.up_proj.weight"]))
    assert "config.json beside" in refusal(inspect_checkpoint, path).message


def test_the_real_whisper() -> None:
    if not (STARTER / "whisper-tiny-en").is_dir():
        pytest.skip("the starter's Whisper is not fetched")
    facts = inspect_ct2(STARTER / "whisper-tiny-en")
    assert facts.shape is not None
    assert (facts.task, facts.precision) == ("transcribe", "f16")
    assert (facts.shape.n_layers, facts.shape.n_embd, facts.shape.n_vocab) == (4, 384, 51_864)
    assert facts.shape.n_params == pytest.approx(37.8e6, rel=0.01)


def test_the_real_voice() -> None:
    path = STARTER / "piper-joe" / "en_US-joe-medium.onnx"
    if not path.is_file():
        pytest.skip("the starter's voice is not fetched")
    facts = inspect_voice(path)
    assert (facts.task, facts.format, facts.notes[0]) == ("speak", "piper", "language en_US")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"model.bin": b"\x80\x02}q\x00"}, "pickle"), ({"model.bin": l.ct2("TransformerSpec")}, "unsupported"),
        ({"model.bin": l.ct2(cut=40)}, "truncated"), ({"run.py": b"x"}, "code"),
    ],
)  # fmt: skip
def test_whisper_folders_that_are_refused(tmp_path: Path, changes: dict[str, bytes], code: str) -> None:
    for name, data in l.whisper_files(**changes).items():
        l.put(tmp_path / "w" / name, data)
    assert refusal(inspect_ct2, tmp_path / "w").code == f"refused_{code}"


def test_whisper_without_words(tmp_path: Path) -> None:
    l.put(tmp_path / "model.bin", l.ct2())
    assert refusal(inspect_ct2, tmp_path).code == "refused_missing"


def test_a_pipeline(tmp_path: Path) -> None:
    facts = inspect_diffusers(l.pipeline(tmp_path / "sd"))
    assert (facts.task, facts.format, facts.mix) == ("image", "diffusers", {"F16": 4})
    assert facts.notes == ("StableDiffusionPipeline",)
    video = inspect_diffusers(l.pipeline(tmp_path / "wan", _class_name="WanPipeline"))
    assert video.task == "video"
    l.put(tmp_path / "sd" / "unet" / "diffusion_pytorch_model.fp16.safetensors", l.weights(["conv_in.weight"]))
    l.put(tmp_path / "sd" / "unet" / "diffusion_pytorch_model.bin", b"PK")
    again = inspect_diffusers(tmp_path / "sd")
    assert again.mix == facts.mix, "one precision is loaded, not two"
    assert not any(name.endswith(".bin") for name in again.files)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"image_encoder": ["transformers", "CLIPVisionModel"]}, "shards"), ({"../x": ["diffusers", "X"]}, "code"),
        ({"_class_name": "AudioLDMPipeline"}, "unsupported"), ({"pipe": ["pipeline", "Mine"]}, "code"),
    ],
)  # fmt: skip
def test_pipelines_that_are_refused(tmp_path: Path, changes: dict[str, object], code: str) -> None:
    assert refusal(inspect_diffusers, l.pipeline(tmp_path, **changes)).code == f"refused_{code}"


def test_a_pipeline_of_pickles_is_refused(tmp_path: Path) -> None:
    folder = l.pipeline(tmp_path)
    (folder / "unet" / "diffusion_pytorch_model.safetensors").rename(folder / "unet" / "diffusion_pytorch_model.bin")
    assert refusal(inspect_diffusers, folder).code == "refused_pickle"


def test_each_can_be_added_by_hand_too(home: Path, tmp_path: Path) -> None:
    library = Library(Paths(home), usual=list)
    for name, data in l.whisper_files().items():
        l.put(tmp_path / "ear" / name, data)
    paths = [l.pipeline(tmp_path / "sd"), l.voice(tmp_path / "voice"), tmp_path / "ear",
             l.put(tmp_path / "xl.safetensors", l.weights(l.SDXL))]  # fmt: skip
    added = [library.add(path)[0] for path in paths]
    assert [v.format for v in added] == ["diffusers", "piper", "ctranslate2", "checkpoint"]
    assert all(f.sha256 for v in added for f in v.files)
    assert library.files(added[1]).path == str(paths[1])
