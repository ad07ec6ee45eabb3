"""Images for models that see: the model's own processor turns them into tensors and their places in the prompt into ids.

Only the processors' Pillow side is used: torchvision is not among our packages.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engines.chat.render import Renderer
from engines.chat.transformers_load import first_line
from engines.errors import EngineError
from engines.protocol import Message, ModelFiles


def has_sight(config: Any) -> bool:
    """True for a configuration with a vision part that transformers can run on images and text."""
    from transformers.models.auto import modeling_auto

    known = modeling_auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES
    return getattr(config, "vision_config", None) is not None and config.model_type in known


class Eyes:
    """The processor of one folder. It may be used from any thread."""

    def __init__(self, processor: Any) -> None:
        self._processor = processor

    @classmethod
    def open(cls, folder: Path) -> Eyes:
        """Raises EngineError `no_vision` with the reason as the end of a sentence."""
        try:
            import PIL.Image  # type: ignore[import-not-found, unused-ignore]  # noqa: F401
        except ImportError as error:
            raise EngineError("no_vision", "the package Pillow is missing", "Repair this runtime.") from error
        from transformers import AutoProcessor

        try:
            processor = AutoProcessor.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
        except Exception as error:
            raise EngineError("no_vision", _why(error), "") from error
        if getattr(processor, "image_processor", None) is None:
            raise EngineError("no_vision", "its folder has no image processor (preprocessor_config.json)", "")
        return cls(processor)

    def read(
        self, messages: Sequence[Message], files: ModelFiles, renderer: Renderer
    ) -> tuple[list[int], dict[str, Any]]:
        """(ids of the whole prompt, tensors that go with them). Raises EngineError `no_image`, `bad_images`, `bad_template`."""
        images = [open_image(path) for message in messages for path in message.images]
        text, add_special = self._text(messages, files, renderer)
        try:
            found = self._processor(text=[text], images=[images], return_tensors="pt", add_special_tokens=add_special)
        except (ValueError, TypeError, IndexError) as error:
            raise EngineError("bad_images", f"The model cannot take these images: {first_line(error)}.",
                              "Send fewer of them, or each with a message of its own.") from error  # fmt: skip
        ids: list[int] = found.pop("input_ids")[0].tolist()
        found.pop("attention_mask", None)
        return ids, dict(found)

    def _text(self, messages: Sequence[Message], files: ModelFiles, renderer: Renderer) -> tuple[str, bool]:
        if files.template is not None:
            return renderer.render(files, messages, parts=True), False
        mark = str(getattr(self._processor, "image_token", "<image>"))
        return "\n\n".join(mark * len(m.images) + m.content for m in messages), True


def _why(error: Exception) -> str:
    """Why a processor cannot be used, as the end of a sentence."""
    if "torchvision" in str(error).lower():
        return "its processor also reads video, for which it wants the package torchvision"
    return f"its image processor cannot be used ({first_line(error)})"


def open_image(path: str) -> Any:
    """A prepared PNG as a PIL image in RGB. Raises EngineError `no_image`."""
    from PIL import Image

    try:
        with Image.open(path, formats=("PNG",)) as image:
            return image.convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise EngineError("no_image", f"The image {Path(path).name} cannot be read: {first_line(error)}.",
                          "Attach it again.") from error  # fmt: skip


def to_model(tensors: dict[str, Any], model: Any) -> dict[str, Any]:
    """The tensors on the model's device, those of numbers with a point in its precision."""
    return {
        name: value.to(model.device, model.dtype) if value.is_floating_point() else value.to(model.device)
        for name, value in tensors.items()
    }


def forget_images(model: Any) -> None:
    """Some models (Qwen2-VL and its kin) keep how far an image moved the positions: it must not reach the next text."""
    for part in model.modules():
        if hasattr(part, "rope_deltas"):
            part.rope_deltas = None
