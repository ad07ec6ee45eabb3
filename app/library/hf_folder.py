"""A folder of safetensors with config.json, as transformers writes it: read as data, refused if it brings code."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from app.library.architectures import TRANSFORMERS
from app.library.facts import MAX_TEMPLATE, Facts
from app.library.folder_files import CODE_ENDINGS, MAX_FILES, licence_of, plain_files
from app.library.refusal import Reason, refused
from app.library.safetensors_header import HEADER_BYTES, StoredTensor, read_safetensors
from app.library.sniff import first_bytes, pickled, sniff
from engines.protocol import ModelShape

JSON_BYTES = 64 << 20  # tokenizer.json of the largest vocabularies has about 35 MB
CONFIG_BYTES = 4 << 20
SKIM_BYTES = 32 << 20  # of one header, where it is only listed
CODE_KEYS = {"auto_map", "custom_pipelines", "custom_pipeline", "custom_code"}
PLAIN_PRIVATE = {
    "_name_or_path", "_model_name_or_path", "_commit_hash", "_diffusers_version", "_class_name",
    "_attn_implementation_autoset", "_sliding_window_pattern", "_pad_token_id",
}  # fmt: skip
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
PRECISIONS = {"F32": "f32", "F16": "f16", "BF16": "bf16", "F64": "f64", "I8": "int8", "U8": "u8"}


def inspect_folder(folder: Path) -> Facts:
    """Facts of one folder. Raises TandemError `refused_…`."""
    config = _config(folder)
    names = _names(folder)
    facts = _facts(folder, config, names, _weights(folder))
    tokenizer = read_json(folder / "tokenizer_config.json") if "tokenizer_config.json" in names else {}
    _no_code(folder / "tokenizer_config.json", tokenizer)
    specials = {**_specials(folder, names), **tokenizer}
    return msgspec.structs.replace(
        facts,
        template=_template(folder, tokenizer),
        bos=_token(specials.get("bos_token")),
        eos=_token(specials.get("eos_token")),
    )


def skim_folder(folder: Path) -> Facts:
    """Facts for a list: the configuration, the names and the weights' headers. Raises TandemError `refused_…`.

    Such a folder is inspected whole before an engine gets it.
    """
    config = _config(folder)
    kind = str(config.get("model_type", ""))
    if kind not in TRANSFORMERS:
        why = f"its architecture “{kind[:60]}” is not known here" if kind else "its config.json names no architecture"
        raise refused(Reason.ARCHITECTURE, folder, why)
    return _facts(folder, config, list(plain_files(folder)), _weights(folder, SKIM_BYTES))


def _facts(folder: Path, config: dict[str, Any], names: list[str], tensors: list[StoredTensor]) -> Facts:
    shape = _shape(folder, config, tensors)
    return Facts(
        path=folder,
        files=tuple(names),
        format="safetensors",
        task=_task(config),
        title=folder.name,
        licence=licence_of(folder),
        precision=_precision(tensors),
        mix=dict(Counter(t.dtype for t in tensors).most_common()),
        bits_per_weight=shape.tensor_bytes * 8 / shape.n_params,
        shape=shape,
        template=None,
    )


def read_json(path: Path, limit: int = JSON_BYTES) -> dict[str, Any]:
    """A JSON object. Raises TandemError `refused_…` for anything else."""
    try:
        if path.stat().st_size > limit:
            raise refused(Reason.OVERSIZED, path, f"it is larger than {limit >> 20} MiB")
        value = msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise refused(Reason.MISSING, path, f"it cannot be read ({error.strerror or error})") from error
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise refused(Reason.DAMAGED, path, f"it is not valid JSON ({str(error)[:120]})") from None
    if not isinstance(value, dict):
        raise refused(Reason.DAMAGED, path, "it is no JSON object")
    return value


def _names(folder: Path) -> list[str]:
    """Every file, relative to the folder. Code and pickles anywhere below it are refused."""
    found: list[str] = []
    for path in sorted(itertools.islice(folder.rglob("*"), MAX_FILES + 1)):
        inside = path.relative_to(folder)
        if path.is_dir() or any(part.startswith(".") for part in inside.parts):
            continue
        if path.suffix.lower() in CODE_ENDINGS:
            raise refused(Reason.CODE, folder, f"it brings a program of its own ({inside})")
        if path.suffix.lower() != ".safetensors" and pickled(path, first_bytes(path)):
            hint = f"If the folder has .safetensors weights, move {inside} out of it and add the folder again."
            raise refused(Reason.PICKLE, folder, f"{inside} is a pickle, which can run a stranger's program", hint)
        found.append(inside.as_posix())
    if len(found) > MAX_FILES:
        raise refused(Reason.OVERSIZED, folder, f"it holds more than {MAX_FILES:,} files")
    return found


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    if not path.is_file():
        raise refused(Reason.UNKNOWN, folder, "it has no config.json")
    config = read_json(path, CONFIG_BYTES)
    _no_code(path, config)
    return config


def _no_code(path: Path, value: Any) -> None:
    """Refuse keys by which a configuration makes a library run something else than its own code."""
    if isinstance(value, list):
        for item in value:
            _no_code(path, item)
    if not isinstance(value, dict):
        return
    for key, item in value.items():
        if key in CODE_KEYS or (key == "trust_remote_code" and item):
            raise refused(Reason.CODE, path, f"it asks for code of its own (“{key}”)")
        if key.startswith("_") and key not in PLAIN_PRIVATE:
            raise refused(Reason.CODE, path, f"it sets the private option “{key[:60]}”")
        _no_code(path, item)


def _weights(folder: Path, limit: int = HEADER_BYTES) -> list[StoredTensor]:
    if (folder / WEIGHTS).is_file():
        sniff(folder / WEIGHTS)
        return list(read_safetensors(folder / WEIGHTS, limit).values())
    if not (folder / INDEX).is_file():
        raise refused(Reason.UNKNOWN, folder, f"it has neither {WEIGHTS} nor {INDEX}")
    return _shards(folder, limit)


def _shards(folder: Path, limit: int) -> list[StoredTensor]:
    path = folder / INDEX
    names = read_json(path).get("weight_map")
    if not isinstance(names, dict) or not names:
        raise refused(Reason.DAMAGED, path, "it lists no tensors")
    parts: dict[str, dict[str, StoredTensor]] = {}
    for tensor, part in names.items():
        if not isinstance(part, str) or not re.fullmatch(r"[\w.-]+\.safetensors", part):
            raise refused(Reason.DAMAGED, path, "it points to a file that is not in this folder")
        if part not in parts:
            if not (folder / part).is_file():
                raise refused(
                    Reason.SHARDS, folder, f"its part {part} is missing ({len(set(names.values())):,} belong to it)"
                )
            sniff(folder / part)
            parts[part] = read_safetensors(folder / part, limit)
        if tensor not in parts[part]:
            raise refused(Reason.DAMAGED, path, f"the tensor “{tensor[:80]}” is not in {part}")
    return [tensor for table in parts.values() for tensor in table.values()]


def shape_from(folder: Path, config: dict[str, Any], tensors: list[StoredTensor]) -> ModelShape:
    """The model's size from its configuration and the tensors of all its files. Raises TandemError `refused_damaged`."""
    return _shape(folder, config, tensors)


def _shape(folder: Path, config: dict[str, Any], tensors: list[StoredTensor]) -> ModelShape:
    inner = config.get("text_config")
    text = {**config, **inner} if isinstance(inner, dict) else config
    width = _number(text, "hidden_size", "n_embd", "d_model")
    heads = _number(text, "num_attention_heads", "n_head", "encoder_attention_heads")
    head = _number(text, "head_dim") or (width // heads if heads else 0)
    n_params = sum(t.elements for t in tensors)
    if not n_params:
        raise refused(Reason.DAMAGED, folder, "its tensors are empty")
    return ModelShape(
        architecture=str(config.get("model_type", ""))[:80],
        n_layers=_number(text, "num_hidden_layers", "n_layer", "encoder_layers"),
        n_embd=width,
        n_heads=heads,
        n_kv_heads=_number(text, "num_key_value_heads") or heads,
        head_dim_k=head,
        head_dim_v=_number(text, "v_head_dim") or head,
        n_vocab=_number(text, "vocab_size"),
        n_ff=_number(text, "intermediate_size", "n_inner", "encoder_ffn_dim"),
        n_ctx_train=_number(text, "max_position_embeddings", "n_positions"),
        n_params=n_params,
        tensor_bytes=sum(t.bytes for t in tensors),
    )


def _number(config: dict[str, Any], *names: str) -> int:
    values = (config.get(name) for name in names)
    return next((v for v in values if isinstance(v, int) and not isinstance(v, bool) and 0 < v < 1 << 40), 0)


def _task(config: dict[str, Any]) -> str:
    kinds = config.get("architectures")
    kind = str(kinds[0]) if isinstance(kinds, list) and kinds else ""
    if "Whisper" in kind or "CTC" in kind or "SpeechSeq2Seq" in kind:
        return "transcribe"
    return "chat" if kind.endswith(("CausalLM", "LMHeadModel", "ConditionalGeneration")) else "embed"


def _precision(tensors: list[StoredTensor]) -> str:
    sizes: Counter[str] = Counter()
    for tensor in tensors:
        sizes[tensor.dtype] += tensor.bytes
    kind = sizes.most_common(1)[0][0]
    return PRECISIONS.get(kind, kind.lower())


def _template(folder: Path, tokenizer: dict[str, Any]) -> str | None:
    path = folder / "chat_template.jinja"
    if path.is_file():
        if path.stat().st_size > MAX_TEMPLATE:
            raise refused(Reason.OVERSIZED, path, "a chat template larger than 1 MiB is not read")
        return path.read_text("utf-8", "replace") or None
    value = tokenizer.get("chat_template")
    if isinstance(value, list):  # several, by name
        named = {str(v.get("name")): v.get("template") for v in value if isinstance(v, dict)}
        value = named.get("default")
    return value if isinstance(value, str) and 0 < len(value) <= MAX_TEMPLATE else None


def _specials(folder: Path, names: list[str]) -> dict[str, Any]:
    name = "special_tokens_map.json"
    return read_json(folder / name) if name in names else {}


def _token(value: Any) -> str:
    text = value.get("content") if isinstance(value, dict) else value
    return text if isinstance(text, str) and len(text) < 200 else ""
