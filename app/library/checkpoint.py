"""Image weights in one .safetensors file, known by their tensors' names: whole checkpoints and parts of them.

The names are those that ComfyUI, A1111 and diffusers look for when they tell such files apart.
"""

from __future__ import annotations

import bisect
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from app.library.facts import Facts
from app.library.hf_folder import PRECISIONS, SKIM_BYTES
from app.library.refusal import Reason, refused
from app.library.safetensors_header import StoredTensor, read_safetensors
from app.library.sniff import sniff
from engines.protocol import ModelShape


class Family(NamedTuple):
    """marks: beginnings of names, one of them each, that are all there."""

    id: str
    title: str
    marks: tuple[str, ...]
    task: str = "image"


UNET = "model.diffusion_model."
CONTEXT = "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"  # its last side is the text encoder's width
FAMILIES = (
    Family("sd3", "Stable Diffusion 3", ("joint_blocks.0.context_block.",)),
    Family("flux", "FLUX", ("double_blocks.0.img_attn.", "single_blocks.0.")),
    Family("hunyuan-video", "HunyuanVideo", ("txt_in.individual_token_refiner.",), "video"),
    Family("wan", "Wan", ("blocks.0.cross_attn.norm_k.", "head.modulation"), "video"),
    Family("ltx-video", "LTX-Video", ("adaln_single.emb.timestep_embedder.", "patchify_proj."), "video"),
    Family("mochi", "Mochi", ("t5_yproj.",), "video"),
    Family("auraflow", "AuraFlow", ("double_layers.0.attn.", "register_tokens")),
    Family("pixart", "PixArt", ("blocks.0.scale_shift_table", "t_block.")),
    Family("qwen-image", "Qwen-Image", ("transformer_blocks.0.img_mod.",)),
    Family("lumina", "Lumina 2", ("cap_embedder.", "noise_refiner.")),
    Family("cosmos", "Cosmos", ("blocks.block0.blocks.0.",)),
    Family("cascade", "Stable Cascade", ("clip_txt_mapper.",)),
    Family("sd3", "Stable Diffusion 3", ("transformer_blocks.0.ff_context.", "pos_embed.")),
    Family("flux", "FLUX", ("single_transformer_blocks.0.", "x_embedder.")),
    Family("wan", "Wan", ("blocks.0.attn2.norm_k.", "condition_embedder.", "scale_shift_table"), "video"),
    Family(
        "sdxl-refiner", "SDXL refiner", ("input_blocks.4.1.", "label_emb.", "input_blocks.1.0.", "input_blocks.10.0.")
    ),
    Family("sdxl", "SDXL", ("input_blocks.4.1.", "label_emb.")),
    Family("unet", "Stable Diffusion", ("input_blocks.1.1.",)),
    Family("unet", "Stable Diffusion", ("down_blocks.0.attentions.", "mid_block.attentions.", "conv_in.")),
)
"""By the denoiser's names, `model.diffusion_model.` taken off; the first that fits."""
PARTS = (
    ("it is a LoRA, a change to another model",
     ("lora_unet_", "lora_te", "lora_transformer_", "lycoris_", "transformer.single_transformer_blocks.0.attn.to_q.lora")),
    ("it is a ControlNet, which steers another model",
     ("control_model.", "controlnet_cond_embedding.", "input_hint_block.", "controlnet_blocks.", "controlnet_down_blocks.", "pos_embed_input.")),
    ("it is an IP-Adapter, which steers another model", ("ip_adapter.", "image_proj.", "image_proj_model.")),
    ("it is a text encoder of an image model",
     ("text_model.encoder.", "text_model.embeddings.", "encoder.block.0.layer.0.SelfAttention.", "transformer.text_model.",
      "text_projection.")),
    ("it is a picture encoder (CLIP vision)", ("vision_model.encoder.", "visual.transformer.", "visual_projection.")),
    ("it is an upscaler", ("body.0.rdb1.", "RRDB_trunk.", "model.1.sub.0.", "conv_first.", "layers.0.residual_group.")),
    ("it is a textual inversion, words for another model", ("emb_params", "clip_g", "clip_l", "string_to_param")),
    ("it is a motion module for another model", ("down_blocks.0.motion_modules.",)),
    ("it is a hypernetwork for another model", ("320.", "640.")),
    ("it is a VAE, the part that turns numbers into a picture",
     ("first_stage_model.", "vae.decoder.", "decoder.conv_in.", "decoder.up.", "decoder.up_blocks.", "decoder.layers.1.", "decoder.middle.",
      "decoder.conv1.")),
)  # fmt: skip
"""(what it is, beginnings of names: one is enough)."""
LORA_ENDINGS = (".lora_down.weight", ".lora_A.weight", ".lora_up.weight", ".lora_B.weight", ".lora.down.weight", ".hada_w1_a",
                ".lokr_w1", ".dora_scale", ".lora_A.default.weight")  # fmt: skip
VAES = ("first_stage_model.", "vae.")
ENCODERS = ("cond_stage_model.", "conditioner.", "text_encoders.", "text_encoder.")


def inspect_checkpoint(path: Path) -> Facts:
    """Facts of a whole checkpoint. Raises TandemError `refused_…`, also for a part of one (`refused_part`)."""
    if sniff(path) != "safetensors":
        raise refused(Reason.UNKNOWN, path, "it is no .safetensors file")
    tensors = read_safetensors(path, SKIM_BYTES)
    family, names = family_of(tensors), sorted(tensors)
    if family is None:
        raise _not_whole(path, names)
    wanted = (("VAE", VAES), ("text encoders", ENCODERS))
    lacks = " and ".join(name for name, marks in wanted if not _any(names, marks))
    if lacks:
        raise refused(Reason.PART, path, f"it is the denoiser of {family.title} alone, without {lacks}")
    n_params = sum(t.elements for t in tensors.values()) or 1
    tensor_bytes = sum(t.bytes for t in tensors.values())
    return Facts(
        path=path,
        files=(path.name,),
        format="checkpoint",
        task=family.task,
        title=path.stem,
        licence="",
        precision=_precision(tensors),
        mix=dict(Counter(t.dtype for t in tensors.values()).most_common()),
        bits_per_weight=tensor_bytes * 8 / n_params,
        shape=shape_of(family.id, n_params, tensor_bytes),
        template=None,
        notes=(family.title,),
    )


def shape_of(architecture: str, n_params: int, tensor_bytes: int) -> ModelShape:
    """A shape of which only the size is known: image models have no layers in the sense of a language model."""
    return ModelShape(
        architecture=architecture, n_layers=0, n_embd=0, n_heads=0, n_kv_heads=0, head_dim_k=0, head_dim_v=0, n_vocab=0, n_ff=0,
        n_ctx_train=0, n_params=n_params, tensor_bytes=tensor_bytes,
    )  # fmt: skip


def family_of(tensors: dict[str, StoredTensor]) -> Family | None:
    """Which kind of image model's denoiser is in it, or None."""
    names = sorted(tensors)
    if _lora(names) or _any(names, PARTS[1][1]):
        return None
    bare = {name.removeprefix(UNET).removeprefix("diffusion_model."): t for name, t in tensors.items()}
    names = sorted(bare)
    found = next((f for f in FAMILIES if all(_any(names, (mark,)) for mark in f.marks)), None)
    if found is None or found.id != "unet":
        return found
    width = bare[CONTEXT].shape[-1:] if CONTEXT in bare else ()
    titles = {768: ("sd1", "Stable Diffusion 1"), 1024: ("sd2", "Stable Diffusion 2")}
    return Family(*titles.get(width[0] if width else 0, ("sd", "Stable Diffusion")), found.marks)


def _not_whole(path: Path, names: list[str]) -> Exception:
    if _lora(names):
        return refused(Reason.PART, path, PARTS[0][0])
    for what, marks in PARTS:
        if _any(names, marks):
            return refused(Reason.PART, path, what)
    if _any(names, ("model.layers.0.", "model.embed_tokens.", "transformer.h.0.", "bert.", "encoder.layer.0.")):
        return refused(
            Reason.UNKNOWN, path, "these weights have no config.json beside them",
            "Get the whole folder, with config.json and the tokenizer's files.",
        )  # fmt: skip
    return refused(Reason.ARCHITECTURE, path, f"its {len(names):,} tensors are those of no architecture known here")


def _lora(names: list[str]) -> bool:
    return any(name.endswith(LORA_ENDINGS) for name in names)


def _any(names: list[str], beginnings: tuple[str, ...]) -> bool:
    """True if one of the sorted `names` begins with one of them."""
    for word in beginnings:
        place = bisect.bisect_left(names, word)
        if place < len(names) and names[place].startswith(word):
            return True
    return False


def _precision(tensors: dict[str, StoredTensor]) -> str:
    sizes: Counter[str] = Counter()
    for tensor in tensors.values():
        sizes[tensor.dtype] += tensor.bytes
    kind = sizes.most_common(1)[0][0]
    return PRECISIONS.get(kind, kind.lower())
