"""What the installed llama-cpp-python was built for."""

from __future__ import annotations

import ctypes
import re
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from engines import hardware

FIX = (
    "Build it for the GPU: CMAKE_ARGS=-DGGML_CUDA=on pip install --force-reinstall --no-cache-dir --no-binary "
    "llama-cpp-python llama-cpp-python (CUDA; -DGGML_VULKAN=on or -DGGML_METAL=on for others)."
)
_BACKENDS = ("CUDA", "Vulkan", "Metal", "ROCm", "SYCL", "CANN", "OpenCL")
_IS_GPU = (1, 2)  # enum ggml_backend_dev_type: GPU, IGPU
_FLAG = re.compile(r"(\w+) = 1")


@dataclass(frozen=True, slots=True)
class Build:
    """version: of the package. words: for people. gpus: devices that it can compute on, like CUDA0."""

    version: str
    words: str
    gpus: tuple[str, ...]
    can_offload: bool

    @property
    def gpu(self) -> bool:
        return self.can_offload and bool(self.gpus)


def build() -> Build:
    """Asks the library itself."""
    from llama_cpp import llama_cpp as api

    info = api.llama_print_system_info().decode("utf-8", "replace")
    parts = dict(part.split(" : ", 1) for part in re.findall(r"\w+ : [^:]*?(?=\w+ : |$)", info))
    cpu = " ".join(_FLAG.findall(parts.get("CPU", info)))
    others = [name for name in _BACKENDS if any(name.lower() == found.lower() for found in parts)]
    gpus = tuple(_gpu_devices())
    found = [*others, *[name for name in _BACKENDS if any(g.lower().startswith(name.lower()) for g in gpus)]]
    kinds = ", ".join(["CPU", *dict.fromkeys(found)])
    engine = api.llama_version().decode() if hasattr(api, "llama_version") else ""
    words = f"{kinds}; llama.cpp {engine}; {cpu}".strip("; ")
    return Build(metadata.version("llama-cpp-python"), words, gpus, bool(api.llama_supports_gpu_offload()))


def advice(found: Build) -> str:
    """What to tell someone who has a GPU and a build without one; "" otherwise."""
    if found.can_offload or not hardware.gpus():
        return ""
    return f"There is a GPU ({hardware.gpus()[0].name}), but this build of llama-cpp-python computes on the CPU alone. {FIX}"


def _gpu_devices() -> list[str]:
    try:
        from llama_cpp._ggml import libggml as lib

        lib.ggml_backend_dev_count.restype = ctypes.c_size_t
        lib.ggml_backend_dev_get.restype = ctypes.c_void_p
        lib.ggml_backend_dev_get.argtypes = [ctypes.c_size_t]
        for name, result in (("ggml_backend_dev_name", ctypes.c_char_p), ("ggml_backend_dev_type", ctypes.c_int)):
            function: Any = getattr(lib, name)
            function.restype, function.argtypes = result, [ctypes.c_void_p]
        devices = [lib.ggml_backend_dev_get(i) for i in range(lib.ggml_backend_dev_count())]
        return [lib.ggml_backend_dev_name(d).decode() for d in devices if lib.ggml_backend_dev_type(d) in _IS_GPU]
    except (AttributeError, OSError, ImportError):
        return []
