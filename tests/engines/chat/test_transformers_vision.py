"""Images in a conversation: two kinds of tiny models of random weights that really look at them."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("PIL")

from engines.chat.transformers_load import quiet
from engines.chat.transformers_tiny import END, tiny_tokenizer
from engines.chat.transformers_vision import Eyes
from engines.errors import EngineError
from engines.protocol import ChatRequest, Finished, FinishReason, Message, ModelFiles
from tests.engines.chat.transformers_kit import Engine, tiny_files

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}<image>{% else %}{{ c['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
GREEDY: dict[str, Any] = {"temperature": 0.0, "max_tokens": 12, "ignore_eos": True}
SPECIALS = ["<image>", "<fake_token_around_image>"]
TEXT: dict[str, Any] = {
    "model_type": "llama", "hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 1, "vocab_size": 320, "max_position_embeddings": 2048, "pad_token_id": 0,
    "initializer_range": 0.3,
}  # fmt: skip
VISION: dict[str, Any] = {
    "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 32,
    "patch_size": 8, "initializer_range": 0.3,
}  # fmt: skip


def _idefics(tokenizer: Any, image: int) -> tuple[Any, Any]:
    import transformers
    from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil

    config = transformers.Idefics3Config(text_config=TEXT, vision_config=VISION, scale_factor=2, image_token_id=image)
    eyes = Idefics3ImageProcessorPil(size={"longest_edge": 64}, max_image_size={"longest_edge": 32})
    processor = transformers.Idefics3Processor(eyes, tokenizer, image_seq_len=4)
    return transformers.Idefics3ForConditionalGeneration(config), processor


def _llava(tokenizer: Any, image: int) -> tuple[Any, Any]:
    import transformers
    from transformers.models.llava.image_processing_pil_llava import LlavaImageProcessorPil

    config = transformers.LlavaConfig(
        text_config=TEXT, vision_config=VISION | {"model_type": "clip_vision_model", "projection_dim": 32},
        image_token_index=image, vision_feature_layer=-1, vision_feature_select_strategy="default", image_seq_length=16,
    )  # fmt: skip
    eyes = LlavaImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    processor = transformers.LlavaProcessor(
        eyes, tokenizer, patch_size=8, vision_feature_select_strategy="default", num_additional_image_tokens=1
    )
    return transformers.LlavaForConditionalGeneration(config), processor


KINDS = {"idefics3": _idefics, "llava": _llava}


@cache
def seeing_folder(kind: str) -> Path:
    """A complete folder: model, tokenizer, processor."""
    import torch
    from transformers import PreTrainedTokenizerFast

    folder = Path(tempfile.mkdtemp(prefix="tandem-sees-"))
    with quiet(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=tiny_tokenizer(), eos_token=END, pad_token=END, additional_special_tokens=SPECIALS
        )
        model, processor = KINDS[kind](tokenizer, tokenizer.convert_tokens_to_ids("<image>"))
        model.save_pretrained(folder)
        processor.save_pretrained(folder)
    return folder


def seeing_files(kind: str) -> ModelFiles:
    folder = str(seeing_folder(kind))
    return ModelFiles(id="sees", variant="fp32", format="safetensors", path=folder, template=TEMPLATE, eos=END)


@pytest.fixture(params=sorted(KINDS))
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    made = Engine(tmp_path, seeing_files(request.param), dtype="fp32")
    yield made
    made.adapter.close()


def picture(folder: Path, seed: int, name: str = "") -> str:
    from PIL import Image  # type: ignore[import-not-found, unused-ignore]

    path = folder / f"{name or seed}.png"
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (50, 80, 3), dtype=np.uint8)).save(path)
    return str(path)


def look(engine: Engine, text: str, *images: str, **more: Any) -> Finished:
    request = ChatRequest(messages=(Message("user", text, images),), knobs=GREEDY | more)
    return engine.adapter.run(request, engine.job())


def test_what_is_answered_depends_on_the_image_and_is_the_librarys_own_answer(engine: Engine, tmp_path: Path) -> None:
    import torch
    from PIL import Image
    from transformers import AutoProcessor

    assert engine.loaded.sees
    one, other = picture(tmp_path, 1), picture(tmp_path, 2)
    seen = look(engine, "what?", one)
    assert len(seen.ids) == 12
    assert look(engine, "what?", other).ids != seen.ids
    assert look(engine, "what?", one).ids == seen.ids
    processor = AutoProcessor.from_pretrained(engine.adapter._files.path)
    text = "<|im_start|>user\n<image>what?<|im_end|>\n<|im_start|>assistant\n"
    inputs = processor(text=[text], images=[[Image.open(one)]], return_tensors="pt", add_special_tokens=False)
    with torch.no_grad(), quiet():
        theirs = engine.adapter._model.generate(**inputs, max_new_tokens=12, do_sample=False, eos_token_id=None)
    assert seen.prompt_ids == tuple(inputs["input_ids"][0].tolist())
    assert seen.ids == tuple(theirs[0, inputs["input_ids"].shape[1] :].tolist())


def test_an_image_takes_its_place_in_the_context_and_is_counted(engine: Engine, tmp_path: Path) -> None:
    messages = (Message("user", "what?", (picture(tmp_path, 1), picture(tmp_path, 2))),)
    counted = engine.adapter.tokenize("", messages)
    done = engine.adapter.run(ChatRequest(messages=messages, knobs=GREEDY), engine.job())
    assert tuple(counted) == done.prompt_ids
    assert done.metrics["n_in"] == len(counted)
    assert len(counted) > len(look(engine, "what?", picture(tmp_path, 1)).prompt_ids) + 10
    assert done.metrics["prepare_s"]
    assert len(done.offsets) == len(done.ids)


def test_nothing_of_an_image_is_left_for_the_next_request(engine: Engine, tmp_path: Path) -> None:
    before = look(engine, "a few plain words", logprobs=1)
    look(engine, "a few plain words", picture(tmp_path, 1))
    after = look(engine, "a few plain words", logprobs=1)
    assert (after.ids, after.metrics["n_cached"]) == (before.ids, 0)
    assert after.logprobs == pytest.approx(before.logprobs, abs=1e-4)
    assert look(engine, "a few plain words").metrics["n_cached"] == len(before.prompt_ids) - 1


@pytest.mark.parametrize(
    "knobs",
    [
        {"prompt_lookup_num_tokens": 3},
        {"cache_implementation": "static", "n_ctx": 512},
        {"prefill_chunk_size": 16},
    ],
    ids=lambda k: next(iter(k.values())),
)
def test_lossless_settings_see_the_same(tmp_path: Path, knobs: dict[str, Any]) -> None:
    plain, other = (Engine(tmp_path, seeing_files("llava"), dtype="fp32", **more) for more in ({}, knobs))
    image = picture(tmp_path, 1)
    seen = look(plain, "what?", image)
    done, again = (look(other, "what?", image) for _ in range(2))
    assert done.ids == again.ids == seen.ids
    assert ("prompt lookup rests while images are read" in done.notes) == ("prompt_lookup_num_tokens" in knobs)
    assert look(other, "what?").ids == look(plain, "what?").ids
    for engine in (plain, other):
        engine.adapter.close()


@pytest.mark.parametrize("part", ["vision", "text"])
def test_cancel_is_heard_while_an_image_is_read(engine: Engine, tmp_path: Path, part: str) -> None:
    """In the layers of either part: the next one looks."""
    job, image, ran = engine.job(), picture(tmp_path, 1), []
    layers = {name: m for name, m in engine.adapter._model.named_modules() if name.endswith(("layers.0", "layers.1"))}
    mine = {name[-1]: m for name, m in layers.items() if ("vision" in name) == (part == "vision")}
    first, second = mine["0"], mine["1"]
    handle = first.register_forward_hook(lambda *_: job.cancel())
    second.register_forward_hook(lambda *_: ran.append(job.cancelled))
    try:
        request = ChatRequest(messages=(Message("user", "what?", (image,)),), knobs=GREEDY)
        done = engine.adapter.run(request, job)
    finally:
        handle.remove()
    assert (done.reason, done.ids, ran) == (FinishReason.CANCELLED, (), [])
    assert len(look(engine, "what?", image).ids) == 12


def test_a_processor_that_also_reads_video_needs_more_and_says_so(tmp_path: Path) -> None:
    from transformers.utils import is_torchvision_available

    if is_torchvision_available():
        pytest.skip("torchvision is here")
    tiny_tokenizer().save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "config.json").write_text('{"model_type": "qwen2_vl"}')
    kinds = '{"image_processor_type": "Qwen2VLImageProcessor", "processor_class": "Qwen2VLProcessor"}'
    (tmp_path / "preprocessor_config.json").write_text(kinds)
    with pytest.raises(EngineError) as caught:
        Eyes.open(tmp_path)
    assert caught.value.message.endswith("wants the package torchvision")


@pytest.mark.parametrize("what", ["missing", "broken", "another kind"])
def test_an_image_that_cannot_be_read_is_told(tmp_path: Path, what: str) -> None:
    engine = Engine(tmp_path, seeing_files("llava"))
    path = tmp_path / "x.png"
    if what == "broken":
        path.write_bytes(Path(picture(tmp_path, 1)).read_bytes()[:200])
    elif what == "another kind":
        from PIL import Image

        Image.new("RGB", (4, 4)).save(path, format="BMP")
    with pytest.raises(EngineError) as caught:
        look(engine, "what?", str(path))
    assert caught.value.code == "no_image"
    assert "x.png" in caught.value.message
    assert look(engine, "go on").ids
    engine.adapter.close()


def test_a_model_whose_processor_is_missing_answers_text_and_says_why_it_is_blind(tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "blind"
    shutil.copytree(seeing_folder("llava"), folder)
    for name in ("processor_config.json", "preprocessor_config.json"):
        (folder / name).unlink(missing_ok=True)
    files = ModelFiles(id="b", variant="fp32", format="safetensors", path=str(folder), template=TEMPLATE, eos=END)
    engine = Engine(tmp_path, files)
    assert not engine.loaded.sees
    assert "processor" in engine.loaded.blind
    assert any("processor" in note for note in engine.loaded.notes)
    assert len(look(engine, "words").ids) == 12
    engine.adapter.close()


def test_a_model_for_text_alone_does_not_see(tmp_path: Path) -> None:
    engine = Engine(tmp_path, tiny_files())
    assert not engine.loaded.sees
    assert engine.loaded.blind == "the model was made for text alone"
    engine.adapter.close()
