"""Re-quantizing a GGUF with llama.cpp's own quantizer, told with what it really did."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import time
from typing import Final

from engines import hardware
from engines.chat.llama_log import Log
from engines.errors import EngineError
from engines.job import Job
from engines.protocol import Convert, Converted

# variant → enum llama_ftype. Left out: those that need an importance matrix (iq1_*, iq2_*, iq3_xxs, q2_k_s) and
# those for other kinds of model (mxfp4, tq*).
FTYPES: Final = {
    "f32": 0, "f16": 1, "bf16": 32, "q8_0": 7, "q6_k": 18, "q5_k_m": 17, "q5_k_s": 16, "q5_1": 9, "q5_0": 8,
    "q4_k_m": 15, "q4_k_s": 14, "q4_1": 3, "q4_0": 2, "iq4_nl": 25, "iq4_xs": 30, "q3_k_l": 13, "q3_k_m": 12,
    "q3_k_s": 11, "iq3_m": 27, "iq3_s": 26, "q2_k": 10,
}  # fmt: skip
CONVERTS = tuple(FTYPES)

_TENSOR = re.compile(r"\[\s*(\d+)/\s*(\d+)\]")
_FALLBACK = re.compile(r"(\d+) of (\d+) tensor\(s\) required fallback")
_ONE_FALLBACK = re.compile(r"falling back to\s+(\w+)")
_SIZE = re.compile(r"quant size\s*=\s*([\d.]+) MiB \(([\d.]+) BPW\)")


def convert(order: Convert, job: Job, log: Log) -> Converted:
    """Write `order.files` as `order.variant` to `order.target`. Raises EngineError `convert_failed`, `no_conversion`.

    The library cannot be stopped in between: cancelling ends the worker. No file stays behind after an error.
    """
    from llama_cpp import llama_cpp as api

    if order.variant not in FTYPES:
        raise EngineError(
            "no_conversion", f"llama.cpp cannot make {order.variant}.", "It makes " + ", ".join(FTYPES) + "."
        )
    watch = _Watch(job)
    log.clear()
    log.on_line = watch
    start = time.perf_counter()
    api.llama_backend_init()
    params = api.llama_model_quantize_default_params()
    params.ftype, params.allow_requantize, params.nthread = FTYPES[order.variant], True, hardware.usable_cores()
    try:
        code = api.llama_model_quantize(order.files.path.encode(), order.target.encode(), ctypes.byref(params))
    finally:
        log.on_line = None
    if code != 0:
        with contextlib.suppress(FileNotFoundError):
            os.remove(order.target)
        reason = log.reason(f"llama_model_quantize returned {code}")
        raise EngineError(
            "convert_failed", f"The file could not be made: {reason}.", "Choose another variant or source."
        )
    return Converted(
        id=job.id, path=order.target, bytes=os.path.getsize(order.target), seconds=time.perf_counter() - start,
        notes=tuple(watch.notes()),
    )  # fmt: skip


class _Watch:
    """Reads the quantizer's lines as they come: progress, and what fell back."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._made: dict[str, int] = {}
        self._summary: list[str] = []

    def __call__(self, line: str) -> None:
        if found := _TENSOR.search(line):
            self._job.progress(int(found[1]) / int(found[2]), "quantizing")
        if found := _ONE_FALLBACK.search(line):
            self._made[found[1].lower()] = self._made.get(found[1].lower(), 0) + 1
        if found := _FALLBACK.search(line):
            self._summary.append(f"{found[1]} of {found[2]} tensors do not fit the type's blocks{self._types()}")
        if found := _SIZE.search(line):
            self._summary.append(f"{found[2]} bits per weight")

    def notes(self) -> list[str]:
        return self._summary

    def _types(self) -> str:
        if not self._made:
            return " and were made in another"
        return " and fell back: " + ", ".join(f"{n} to {name}" for name, n in self._made.items())
