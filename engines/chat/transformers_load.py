"""From a folder and knobs to a model in memory: Auto resolved with its reasons, what the library really used read back."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import logging
import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engines import hardware
from engines.chat import transformers_quantization as quantization
from engines.chat.transformers_knobs import CONFLICTS, LOAD_KNOBS
from engines.errors import Cancelled, EngineError
from engines.job import Job
from engines.knobs import AUTO, Settings, settle

AUTO_CTX = 4096
DTYPES = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}
NOISY = (
    "transformers", "torchao", "bitsandbytes", "optimum", "torch._dynamo", "torch._inductor", "torch.utils._pytree",
    "accelerate", "httpx", "filelock",
)  # fmt: skip


@dataclass(slots=True)
class Resolved:
    """effective: no Auto is left in it. why: knob → why it has that value."""

    effective: Settings
    why: dict[str, str]


def import_libraries() -> None:
    """torch and transformers, quietly. Raises EngineError `no_package`."""
    with quiet():
        try:
            import torch  # noqa: F401

            _hush()
            import transformers.generation.utils
            import transformers.modeling_utils  # the package loads its parts lazily: their time is import, not read
            from transformers import AutoModelForCausalLM  # noqa: F401
        except ImportError as error:
            raise EngineError(
                "no_package", f"transformers cannot be imported: {error}.", "Repair this runtime."
            ) from error
    _hush()
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()


def set_threads(settings: Settings, why: dict[str, str]) -> None:
    """Set torch's threads, before any work: it is the setting that matters most on a CPU."""
    import torch

    wanted = settings["num_threads"]
    if wanted == AUTO:
        settings["num_threads"] = wanted = hardware.usable_cores()
        why["num_threads"] = f"{wanted} thread{'s' * (wanted != 1)}: the cores this process may use"
    torch.set_num_threads(int(str(wanted)))
    if torch.get_num_threads() != wanted:
        settings["num_threads"] = torch.get_num_threads()
        why["num_threads"] = f"this build of torch gave {torch.get_num_threads()}"
    interop = int(str(settings["num_interop_threads"]))
    with contextlib.suppress(RuntimeError):  # possible once in a process's life
        torch.set_num_interop_threads(interop)
    if torch.get_num_interop_threads() != interop:
        settings["num_interop_threads"] = torch.get_num_interop_threads()
        why["num_interop_threads"] = "it can be set only once in a worker's life: load in a new session"


def resolve(asked: Settings, config: Any) -> Resolved:
    """Every Auto decided. config: the model's own. Raises EngineError `conflict`, `no_device`."""
    got: Settings = settle(LOAD_KNOBS, asked)
    why: dict[str, str] = {}
    set_threads(got, why)
    _resolve_device(got, why)
    _resolve_dtype(got, why)
    _resolve_cache(got, why)
    _resolve_ctx(got, why, config)
    settle(LOAD_KNOBS, got, CONFLICTS)  # what Auto became may clash with what was asked
    return Resolved(got, why)


def read_config(folder: Path) -> Any:
    """The model's configuration. Raises EngineError `bad_model` for what would need its own code, or is no chat model."""
    from transformers import AutoConfig

    raw = _json(folder / "config.json")
    if "auto_map" in raw:
        raise EngineError("bad_model", "This model brings its own program code, which Tandem does not run.",
                          "Use a model whose architecture transformers knows, or its GGUF in llama.cpp.")  # fmt: skip
    try:
        return AutoConfig.from_pretrained(str(folder), local_files_only=True)
    except (ValueError, KeyError, OSError, TypeError, AttributeError) as error:
        raise EngineError("bad_model", f"The model's config.json cannot be used: {first_line(error)}.",
                          "Use a model whose architecture this transformers knows.") from error  # fmt: skip


def read_model(folder: Path, settings: Settings, job: Job, with_sight: bool = False) -> Any:
    """The model, with_sight with its vision part, on its device, in evaluation mode. Raises EngineError `load_failed`, `no_memory`, Cancelled."""
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForImageTextToText

    kind = AutoModelForImageTextToText if with_sight else AutoModelForCausalLM
    dtype = getattr(torch, DTYPES[str(settings["dtype"])])
    name, device = str(settings["quantization"]), str(settings["device"])
    options: dict[str, Any] = {
        "dtype": dtype,
        "local_files_only": True,
        "use_safetensors": True,
        "trust_remote_code": False,
    }
    if settings["attn_implementation"] != AUTO:
        options["attn_implementation"] = settings["attn_implementation"]
    if device != "cpu":
        options["device_map"] = {"": device}
    with quiet(), bars_to(job, "reading the weights"):
        _prove_quantization(name)
        if quantization.needs_build(settings):
            job.progress(None, "quanto compiles its C++ extension: about 90 s, once")
            quantization.remove_stale_lock()
        if (chosen := quantization.config(name, settings, dtype)) is not None:
            options["quantization_config"] = chosen
        try:
            model, found = kind.from_pretrained(str(folder), output_loading_info=True, **options)
        except (Cancelled, EngineError):
            raise
        except Exception as error:
            raise load_error(error) from error
    if missing := sorted(found["missing_keys"]):
        raise EngineError("bad_model", f"{len(missing)} weights are missing from the files, {missing[0]} for one; "
                          "transformers would fill them with random numbers.", "Get the model again.")  # fmt: skip
    return model.eval()


def read_back(model: Any, got: Resolved) -> None:
    """Correct the effective values by what the model says of itself."""
    import torch

    attention = model.config._attn_implementation
    if got.effective["attn_implementation"] == AUTO:
        got.why["attn_implementation"] = f"{attention}: what transformers picks for this model"
    elif got.effective["attn_implementation"] != attention:
        got.why["attn_implementation"] = f"transformers used {attention} instead"
    got.effective["attn_implementation"] = attention
    if got.effective["quantization"] == "none":
        names = {getattr(torch, long): short for short, long in DTYPES.items()}
        real = names.get(model.dtype, str(model.dtype))
        if real != got.effective["dtype"]:
            got.why["dtype"] = f"the model was loaded in {real}"
            got.effective["dtype"] = real


def forget_defaults(model: Any) -> None:
    """Drop the model's own generation_config.json: what we leave out of a request would silently come from there."""
    from transformers import GenerationConfig

    model.generation_config = GenerationConfig()


def versions() -> str:
    return importlib.metadata.version("transformers")


def build() -> str:
    """What torch was built for, in words: “torch 2.13.0+cpu, AVX2”."""
    import torch

    target = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPU"
    capability = torch.backends.cpu.get_cpu_capability()
    return f"torch {torch.__version__} for {target}, {capability} kernels"


def devices() -> tuple[str, ...]:
    """The devices that this torch can use here, best first."""
    import torch

    found = ["cuda"] if torch.cuda.is_available() else []
    if torch.backends.mps.is_available():
        found.append("mps")
    return (*found, "cpu")


def no_device(name: str) -> str:
    """Why device `name` cannot be used; "" when it can."""
    import torch

    if name in devices():
        return ""
    if name == "mps":
        return "needs an Apple GPU"
    if torch.version.cuda is None and hardware.gpus():
        return "this torch is built for the CPU alone: install a CUDA build of it"
    return "needs a CUDA GPU"


def compiler() -> str:
    """Why torch.compile cannot work here; "" when a C++ compiler is there."""
    names = ("cl",) if shutil.which("cl") else ("g++", "clang++", "c++")
    return "" if any(map(shutil.which, names)) else "needs a C++ compiler (g++, clang++ or cl), and none was found"


def load_error(error: Exception) -> EngineError:
    """A library's failure to load, in words."""
    words = first_line(error)
    if isinstance(error, MemoryError) or "memory" in words.lower():
        return EngineError("no_memory", f"Memory ran out while loading: {words}.",
                           "Load with bf16 or a quantization, a smaller context, or a smaller model.")  # fmt: skip
    return EngineError("load_failed", f"transformers could not load this model: {words}.",
                       "The knob that was changed last is the first suspect; the engine's own output says more.")  # fmt: skip


def first_line(error: BaseException) -> str:
    """The telling line of an exception, at most 300 characters, without its full stop."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300].rstrip(".")


@contextmanager
def quiet() -> Iterator[None]:
    """Python warnings off: they are the library's talk with itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def bars_to(job: Job, message: str, span: tuple[float, float] = (0.0, 1.0)) -> Iterator[None]:
    """The library's progress bars, wherever it makes one, become `job.progress`; each step also hears Cancel.

    span: the part of the whole that one bar stands for."""
    from transformers.utils import logging as talk

    set_hook: Callable[..., Any] | None = getattr(talk, "set_tqdm_hook", None)
    if set_hook is None:
        yield
        return
    before = set_hook(lambda factory, args, kwargs: Bar(job, message, span, *args, **kwargs))
    try:
        yield
    finally:
        set_hook(before)


class Bar:
    """Enough of tqdm for transformers; says at most every hundredth."""

    def __init__(
        self,
        job: Job,
        message: str,
        span: tuple[float, float],
        iterable: Any = None,
        *args: Any,
        total: int | None = None,
        **kwargs: Any,
    ) -> None:
        self._job, self._message, self._iterable = job, message, iterable
        self._low, self._high = span
        self._total = total if total is not None else len(iterable) if hasattr(iterable, "__len__") else 0
        self._done, self._said = 0, -1.0

    def __iter__(self) -> Iterator[Any]:
        for item in self._iterable:
            yield item
            self.update()

    def update(self, n: int = 1) -> None:
        self._done += n
        self._job.check()
        fraction = min(1.0, self._done / self._total) if self._total else None
        if fraction is None or fraction - self._said >= 0.01:
            self._said = fraction or 0.0
            whole = None if fraction is None else self._low + (self._high - self._low) * fraction
            self._job.progress(whole, self._message)

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is drawn."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *args, **kwargs: None


def _hush() -> None:
    """The libraries' talk with themselves stays out of the log; their errors do not."""
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.ERROR)


def _resolve_device(got: Settings, why: dict[str, str]) -> None:
    if got["device"] == AUTO:
        got["device"] = devices()[0]
        gpu = (
            "the GPU that this torch can use" if got["device"] != "cpu" else "no GPU that this torch can use was found"
        )
        why["device"] = f"{got['device']}: {gpu}"
    elif reason := no_device(str(got["device"])):
        raise EngineError("no_device", f"{got['device']} cannot be used: {reason}.", "Load with device=auto.")


def _resolve_dtype(got: Settings, why: dict[str, str]) -> None:
    if got["dtype"] != AUTO:
        return
    flags = hardware.bf16_flags()
    if got["device"] != "cpu":
        got["dtype"], why["dtype"] = "bf16", "bf16: GPUs compute it fast"
    elif got["quantization"] == "torchao-int4":
        got["dtype"], why["dtype"] = "bf16", "bf16: torchao's 4-bit kernel computes in nothing else"
    elif flags:
        got["dtype"], why["dtype"] = "bf16", f"bf16: this processor computes it fast ({', '.join(flags)})"
    else:
        got["dtype"] = "fp32"
        why["dtype"] = (
            "fp32: this processor lacks bf16 arithmetic (no avx512_bf16, no AMX), which makes bf16 prefill several times slower"
        )


def _resolve_cache(got: Settings, why: dict[str, str]) -> None:
    if got["cache_implementation"] == AUTO:
        got["cache_implementation"] = "static" if got["compile"] else "dynamic"
        why["cache_implementation"] = (
            "static: compile needs it" if got["compile"] else "dynamic: it grows with the conversation"
        )
    if got["cache_nbits"] == AUTO:
        got["cache_nbits"] = "8" if got["cache_backend"] == "fp8" else "4"
        if got["cache_implementation"] == "quantized":
            why["cache_nbits"] = f"{got['cache_nbits']}: what {got['cache_backend']} does best"


def _resolve_ctx(got: Settings, why: dict[str, str], config: Any) -> None:
    trained = int(getattr(config.get_text_config(decoder=True), "max_position_embeddings", 0) or 0)
    if got["n_ctx"] == AUTO:
        got["n_ctx"] = min(trained or AUTO_CTX, AUTO_CTX)
        why["n_ctx"] = f"{got['n_ctx']:,} tokens: trained with {trained:,}, at most {AUTO_CTX:,} unless asked for"
    elif trained and int(str(got["n_ctx"])) > trained:
        why["n_ctx"] = f"more than the {trained:,} tokens that the model was trained for: its answers may break down"


def _prove_quantization(name: str) -> None:
    """Raises EngineError `quantization_failed` with torchao's true reason, which transformers hides."""
    try:
        quantization.probe(name)
    except Exception as error:
        raise EngineError("quantization_failed", f"{name} does not work here: {first_line(error)}.",
                          "Choose another quantization: `tandem engines` lists those that work.") from error  # fmt: skip


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EngineError(
            "bad_model", f"{path.name} cannot be read: {first_line(error)}.", "Is the folder complete?"
        ) from error
    return value if isinstance(value, dict) else {}
