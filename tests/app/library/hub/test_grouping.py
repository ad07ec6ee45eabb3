"""From file lists as they are on the hub to offers."""

from __future__ import annotations

from app.library.hub.grouping import Facts, offers_of
from app.library.hub.listing import HubFile, Offer

MB = 1 << 20


def offers(names: dict[str, int] | list[str], **more: object) -> tuple[Offer, ...]:
    sizes = names if isinstance(names, dict) else dict.fromkeys(names, 200 * MB)
    facts = Facts(repo="org/model", revision="0" * 40, **more)  # type: ignore[arg-type]
    return offers_of(facts, [HubFile(path, size, "0" * 64) for path, size in sizes.items()])


def paths(offer: Offer) -> set[str]:
    return {f.path for f in offer.files}


def test_one_offer_a_quantization() -> None:
    found = offers({
        "README.md": 1, "m-Q4_K_M.gguf": 400 * MB, "m-Q8_0.gguf": 800 * MB, "m-UD-IQ2_XXS.gguf": 100 * MB, "m-f16.gguf": 1600 * MB,
        "mmproj-m-f16.gguf": 9 * MB, "m.imatrix.gguf": MB, "m-bf16.gguf": 1600 * MB,
    })  # fmt: skip
    assert [o.name for o in found] == ["UD-IQ2_XXS", "Q4_K_M", "Q8_0", "BF16", "F16"]
    assert all(o.format == "gguf" and o.task == "chat" and not o.why_not and len(o.files) == 1 for o in found)
    assert found[1].load == "m-Q4_K_M.gguf"
    assert found[1].bytes == 400 * MB


def test_parts_are_one_offer_that_says_why_not() -> None:
    split = [f"Q6_K/m-Q6_K-{n:05d}-of-00003.gguf" for n in (1, 2, 3)]
    found = offers([*split, "m-Q4_0.gguf", "x-Q5_0-00001-of-00002.gguf"])
    by_name = {o.name: o for o in found}
    assert paths(by_name["Q6_K"]) == set(split)
    assert "3 parts" in by_name["Q6_K"].why_not
    assert by_name["Q6_K"].place(by_name["Q6_K"].files[0]) == "m-Q6_K-00001-of-00003.gguf"
    assert "missing" in by_name["Q5_0"].why_not
    assert not by_name["Q4_0"].why_not


def test_two_models_of_one_quantization_keep_their_names() -> None:
    assert {o.name for o in offers(["a-Q4_0.gguf", "b-Q4_0.gguf", "plain.gguf"])} == {"a-Q4_0", "b-Q4_0", "plain"}


def test_a_folder_without_the_same_weights_again() -> None:
    keep = {"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "README.md", "LICENSE",
            "model.safetensors.index.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"}  # fmt: skip
    sizes = dict.fromkeys(keep, 1000) | dict.fromkeys([
        "pytorch_model.bin", "pytorch_model.bin.index.json", "original/consolidated.00.pth", "onnx/model.onnx", "flax_model.msgpack",
        "tf_model.h5", "consolidated.safetensors", ".gitattributes", "run.py", "trainer_state.json",
    ], 1000)  # fmt: skip
    (found,) = offers(sizes, dtype="bf16", task="chat")
    assert (found.name, found.format, found.task, found.load) == ("bf16 safetensors", "safetensors", "chat", "")
    assert paths(found) == keep


def test_a_folder_that_cannot_be_used_says_why() -> None:
    (code,) = offers(["config.json", "model.safetensors"], code=True)
    assert "code of its own" in code.why_not
    (mlx,) = offers(["config.json", "model.safetensors"], tags=frozenset({"mlx"}))
    assert "MLX" in mlx.why_not
    (eyes,) = offers(["config.json", "model.safetensors"], pipeline="image-classification")
    assert "image classification" in eyes.why_not
    (part,) = offers(["config.json", "model.safetensors.index.json", "model-00001-of-00002.safetensors"])
    assert "missing" in part.why_not
    (pickle,) = offers(["config.json", "pytorch_model.bin"])
    assert "pickle" in pickle.why_not
    (nothing,) = offers(["README.md"])
    assert nothing.why_not
    (empty,) = offers([])
    assert empty.why_not


def test_diffusers_in_its_two_precisions_and_the_single_file() -> None:
    weights = [f"{part}/{name}{kind}.safetensors" for kind in ("", ".fp16")
               for part, name in (("unet", "diffusion_pytorch_model"), ("text_encoder", "model"))]  # fmt: skip
    side = [
        "model_index.json",
        "unet/config.json",
        "text_encoder/config.json",
        "tokenizer/vocab.json",
        "scheduler/scheduler_config.json",
    ]
    found = offers(
        [
            *weights,
            *side,
            "vae/diffusion_pytorch_model.safetensors",
            "vae/config.json",
            "unet/diffusion_pytorch_model.bin",
            "v1.safetensors",
        ],
        task="image",
    )
    by_name = {o.name: o for o in found}
    assert set(by_name) == {"diffusers", "fp16 diffusers", "v1"}
    assert by_name["v1"].format == "checkpoint"
    small = paths(by_name["fp16 diffusers"])
    assert {"unet/diffusion_pytorch_model.fp16.safetensors", "vae/diffusion_pytorch_model.safetensors", *side} <= small
    assert not any(p.endswith(".bin") or p == "unet/diffusion_pytorch_model.safetensors" for p in small)


def test_speech() -> None:
    (whisper,) = offers(
        ["model.bin", "config.json", "vocabulary.txt", "tokenizer.json", "README.md"], task="transcribe"
    )
    assert (whisper.format, whisper.task, whisper.why_not) == ("ctranslate2", "transcribe", "")
    voice = "en/en_US/amy/low/en_US-amy-low.onnx"
    (piper,) = offers([voice, f"{voice}.json", "en/en_US/amy/low/MODEL_CARD", "other.onnx"])
    assert (piper.name, piper.format, piper.load) == ("en_US-amy-low", "piper", "en_US-amy-low.onnx")
    assert len(piper.files) == 3
