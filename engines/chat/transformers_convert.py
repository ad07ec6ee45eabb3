"""A GGUF unpacked once into a folder of safetensors, with its tokenizer and template.

transformers loads a GGUF only by de-quantizing all of it, each time, for many seconds; a variant pays that once. Its
conversion forgets how the tokenizer cuts numbers and letters (`tokenizer.ggml.pre`), so that is mended here: the ids
must be llama.cpp's.
"""

from __future__ import annotations

import importlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engines.chat.transformers_load import Bar, bars_to, first_line, import_libraries, quiet
from engines.errors import EngineError
from engines.job import Job
from engines.protocol import Convert, Converted

DTYPES = {"bf16": "bfloat16", "f16": "float16", "f32": "float32"}

_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_QWEN2 = _LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
_DIGITS = (r"\p{N}", _GPT2)
SPLITS: dict[str, tuple[str, ...]] = {  # after llama.cpp's llama-vocab.cpp
    "gpt-2": (_GPT2,), "mpt": (_GPT2,), "olmo": (_GPT2,), "smollm": _DIGITS, "starcoder": _DIGITS, "refact": _DIGITS,
    "command-r": _DIGITS, "codeshell": _DIGITS, "exaone": _DIGITS, "minerva-7b": _DIGITS, "llama3": (_LLAMA3,),
    "llama-bpe": (_LLAMA3,), "smaug-bpe": (_LLAMA3,), "dbrx": (_LLAMA3,), "falcon3": (_LLAMA3,), "qwen2": (_QWEN2,),
    "stablelm2": (_QWEN2,), "deepseek-r1-qwen": (_QWEN2,), "megrez": (_QWEN2,),
}  # fmt: skip


def convert(order: Convert, job: Job) -> Converted:
    """Write the folder `order.target`. Raises EngineError `bad_variant`, `bad_model`, `no_memory`, Cancelled."""
    start, source, target = time.perf_counter(), Path(order.files.path), Path(order.target)
    if order.variant not in DTYPES:
        raise EngineError("bad_variant", f"transformers cannot make {order.variant}.", f"It makes {', '.join(DTYPES)}.")
    job.progress(0.0, "starting torch and transformers")
    import_libraries()
    job.check()
    try:
        with quiet():
            notes = _unpack(source, target, DTYPES[order.variant], job)
    except (ValueError, KeyError, NotImplementedError, RuntimeError, OSError, ImportError, AttributeError) as error:
        raise EngineError("bad_model", f"transformers cannot unpack this GGUF: {first_line(error)}.",
                          "It knows the common architectures only; llama.cpp can run the file as it is.") from error  # fmt: skip
    except MemoryError as error:
        raise EngineError(
            "no_memory", "Memory ran out while unpacking.", "Close other programs, or use the GGUF in llama.cpp."
        ) from error
    size = sum(f.stat().st_size for f in target.rglob("*") if f.is_file())
    return Converted(id=order.id, path=str(target), bytes=size, seconds=time.perf_counter() - start, notes=tuple(notes))


def _unpack(source: Path, target: Path, dtype: str, job: Job) -> list[str]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    job.progress(0.02, "reading the header")
    header = read_header(source)
    where: dict[str, Any] = {"gguf_file": source.name, "local_files_only": True}
    with bars_to(job, "unpacking the weights", (0.65, 0.7)), _gguf_bar(job):
        model: Any = AutoModelForCausalLM.from_pretrained(
            str(source.parent), dtype=getattr(torch, dtype), **where,
            quantization_config=GgufConfig(gguf_file=source.name, dequantize=True),
        )  # fmt: skip
    job.check()
    job.progress(0.7, "reading the tokenizer")
    tokenizer: Any = AutoTokenizer.from_pretrained(str(source.parent), **where)
    job.check()
    job.progress(0.9, "writing")
    target.mkdir(parents=True, exist_ok=True)
    model.config._name_or_path = ""
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)
    job.progress(1.0, "written")
    return mend_tokenizer(target / "tokenizer.json", header)


def read_header(source: Path) -> dict[str, Any]:
    """What decides about the tokenizer: `model`, `pre`, `add_bos`, `bos` of the GGUF's metadata; absent ones are None."""
    from gguf import GGUFReader

    reader = GGUFReader(str(source), "r")
    names = {
        "model": "tokenizer.ggml.model", "pre": "tokenizer.ggml.pre", "add_bos": "tokenizer.ggml.add_bos_token",
        "bos": "tokenizer.ggml.bos_token_id",
    }  # fmt: skip
    fields = {short: reader.get_field(name) for short, name in names.items()}
    return {short: None if field is None else field.contents() for short, field in fields.items()}


def mend_tokenizer(file: Path, header: dict[str, Any]) -> list[str]:
    """Make `tokenizer.json` cut texts as llama.cpp does by the header's `pre`; returns notes."""
    if header["model"] != "gpt2" or not file.is_file():
        return []
    splits = SPLITS.get(str(header["pre"]))
    if splits is None:
        return [
            f"The tokenizer's splitting rule “{header['pre']}” is not one that Tandem has checked: ids may differ from llama.cpp's."
        ]
    data = json.loads(file.read_text(encoding="utf-8"))
    data["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [
        *({"type": "Split", "pattern": {"Regex": split}, "behavior": "Isolated", "invert": False} for split in splits),
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False},
    ]}  # fmt: skip
    _mend_bos(data, header)
    file.write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")
    return []


def _mend_bos(data: dict[str, Any], header: dict[str, Any]) -> None:
    """Put BOS in front of a text exactly where the header says so."""
    names = {token["id"]: token["content"] for token in data.get("added_tokens", [])}
    name = names.get(header["bos"])
    if header["add_bos"] is None or (header["add_bos"] and name is None):
        return
    front = [{"SpecialToken": {"id": name, "type_id": 0}}] if header["add_bos"] else []
    texts = [{"Sequence": {"id": letter, "type_id": 0}} for letter in "AB"]
    data["post_processor"] = {
        "type": "TemplateProcessing", "single": [*front, texts[0]], "pair": [*front, *texts],
        "special_tokens": {name: {"id": name, "ids": [header["bos"]], "tokens": [name]}} if front else {},
    }  # fmt: skip


@contextmanager
def _gguf_bar(job: Job) -> Iterator[None]:
    """The GGUF reader makes its bar with tqdm itself, past the library's hook."""
    try:
        reader: Any = importlib.import_module("transformers.modeling_gguf_pytorch_utils")
        before = reader.tqdm
    except (ImportError, AttributeError):  # another version: the bar is lost, no more
        yield
        return
    reader.tqdm = lambda iterable=None, **kwargs: Bar(job, "unpacking the weights", (0.1, 0.65), iterable)
    try:
        yield
    finally:
        reader.tqdm = before
