"""Weights in fewer bits: the library's own configuration for each of our words, and what proves it on this machine.

Through transformers a quantizer's failure surfaces only as "issues during automatic conversion"; each probe
therefore quantizes one small layer first, which gives the true reason in a moment.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engines.errors import EngineError
from engines.knobs import Settings

PACKAGES = {"torchao": "torchao", "quanto": "optimum.quanto", "bnb": "bitsandbytes", "hqq": "hqq"}
DISTRIBUTIONS = {"torchao": "torchao", "quanto": "optimum-quanto", "bnb": "bitsandbytes", "hqq": "hqq"}
NEED_BUILD = ("quanto-int4", "quanto-int2")
STALE_LOCK_S = 600.0  # a build takes about 90 s
QUANTO_BUILD = (
    "It compiles a C++ extension of quanto at first use (about 90 s), which Tandem does not start by itself; "
    "and its 4- and 2-bit weights are slower than int8 and much less exact on a CPU."
)


def family(name: str) -> str:
    """The library behind a quantization: torchao, quanto, bnb, hqq; "" for none."""
    return "" if name == "none" else name.split("-", 1)[0]


def missing(name: str) -> str:
    """Why the library of quantization `name` is not there; "" when it is."""
    package = PACKAGES.get(family(name))
    try:
        found = package is None or importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:  # the parent of a dotted name
        found = False
    return "" if found else f"The package {DISTRIBUTIONS[family(name)]} is not installed in this runtime."


def config(name: str, settings: Settings, dtype: Any) -> Any:
    """transformers' quantization_config for `name`, None for "none". dtype: the compute dtype (torch).

    Raises EngineError `no_package`, or what the library raises.
    """
    if name == "none":
        return None
    if reason := missing(name):
        raise EngineError("no_package", reason, "Choose another quantization, or repair the runtime.")
    makers: dict[str, Callable[[str, Settings, Any], Any]] = {
        "torchao": _torchao, "quanto": _quanto, "bnb": _bitsandbytes, "hqq": _hqq,
    }  # fmt: skip
    return makers[family(name)](name, settings, dtype)


def quanto_extension_built() -> bool:
    """True if quanto's C++ extension was compiled before (its build folder holds the library and no lock)."""
    return any(
        (any(build.glob("*.so")) or any(build.glob("*.pyd"))) and not (build / "lock").exists()
        for build in _quanto_builds()
    )


def needs_build(settings: Settings) -> bool:
    """True if these load knobs make quanto compile its extension now."""
    cache = settings["cache_implementation"] == "quantized" and settings["cache_backend"] == "quanto"
    return (cache or settings["quantization"] in NEED_BUILD) and not quanto_extension_built()


def remove_stale_lock() -> None:
    """A process that was ended while it compiled leaves a lock that makes every later one wait for ever."""
    for build in _quanto_builds():
        lock = build / "lock"
        if lock.exists() and time.time() - lock.stat().st_mtime > STALE_LOCK_S:
            lock.unlink(missing_ok=True)


def probe(name: str) -> None:
    """Quantize one small layer with torchao itself and run it; raises the true reason. Others have no such veil."""
    if family(name) != "torchao":
        return
    import torch
    from torchao.quantization import quantize_

    layer = torch.nn.Sequential(torch.nn.Linear(128, 128, bias=False)).to(torch.bfloat16)
    quantize_(layer, _torchao_kind(name))
    with torch.no_grad():
        layer(torch.zeros(2, 128, dtype=torch.bfloat16))


def _quanto_builds() -> list[Path]:
    spec = importlib.util.find_spec("optimum") if not missing("quanto-int4") else None
    places = (spec.submodule_search_locations or ()) if spec else ()
    return [Path(place) / "quanto" / "library" / "extensions" / "cpp" / "build" for place in places]


def _torchao(name: str, settings: Settings, dtype: Any) -> Any:
    from transformers import TorchAoConfig

    return TorchAoConfig(_torchao_kind(name))


def _torchao_kind(name: str) -> Any:
    from torchao import quantization as q

    if name == "torchao-int8":
        return q.Int8WeightOnlyConfig()
    if name == "torchao-int8-dynamic":
        return q.Int8DynamicActivationInt8WeightConfig()
    if name == "torchao-fp8":
        return q.Float8WeightOnlyConfig()
    from torchao.prototype.quantization.int4 import PrototypeInt4WeightOnlyConfig

    return PrototypeInt4WeightOnlyConfig(group_size=32, set_inductor_config=False)


def _quanto(name: str, settings: Settings, dtype: Any) -> Any:
    from transformers import QuantoConfig

    return QuantoConfig(weights={"fp8": "float8"}.get(name.split("-")[1], name.split("-")[1]))


def _bitsandbytes(name: str, settings: Settings, dtype: Any) -> Any:
    from transformers import BitsAndBytesConfig

    if name == "bnb-8bit":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type=name.split("-")[1], bnb_4bit_compute_dtype=dtype,
        bnb_4bit_use_double_quant=bool(settings.get("bnb_4bit_use_double_quant", True)),
    )  # fmt: skip


def _hqq(name: str, settings: Settings, dtype: Any) -> Any:
    from transformers import HqqConfig

    return HqqConfig(nbits=int(name.split("-")[1].removesuffix("bit")), group_size=64)
