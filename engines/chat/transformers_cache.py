"""The KV cache of a session: made by our words, re-used between turns only for ids that are really the same.

`generate` slices by length and never compares ids: a cache whose prefix was changed gives wrong text without an
error. Every re-use therefore goes through the longest common prefix.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engines.knobs import Settings


def make_cache(model: Any, settings: Settings) -> Any:
    """An empty cache of transformers. settings: effective load knobs (no Auto). Raises what the library raises."""
    import transformers

    kind, config = settings["cache_implementation"], model.config.get_text_config(decoder=True)
    if kind in ("static", "offloaded_static"):
        size = settings["n_ctx"]
        return transformers.StaticCache(config=config, max_cache_len=size, offloading=kind == "offloaded_static")
    if kind == "quantized":
        return transformers.QuantizedCache(config=config, **_quantized(settings))
    return transformers.DynamicCache(config=config, offloading=kind == "offloaded")


class PrefixCache:
    """One cache and the ids that it holds."""

    def __init__(self, model: Any, settings: Settings) -> None:
        self._model, self._settings = model, settings
        self.cache = make_cache(model, settings)
        self.ids: list[int] = []

    def length(self) -> int:
        """Tokens in the cache."""
        return int(self.cache.get_seq_length())

    def begin(self, ids: Sequence[int], fresh: bool) -> int:
        """Make the cache ready for the prompt `ids`; returns how many of them it holds already.

        At least one id is left to compute, since its logits are needed.
        """
        kept = 0 if fresh else min(common_prefix(self.ids, ids), len(ids) - 1)
        if not kept or not self.cut(kept):
            self.clear()
            return 0
        return kept

    def cut(self, length: int) -> bool:
        """Forget all after the first `length` tokens; False if this kind of cache cannot."""
        surplus = self.length() - length
        if surplus < 0:
            return False
        if surplus:
            if _all_static(self.cache):
                for layer in self.cache.layers:
                    layer.cumulative_length.fill_(length)  # what lies behind is masked and overwritten
            elif _croppable(self.cache):
                self.cache.crop(-surplus)
            else:
                return False
        self.ids = self.ids[:length]
        return True

    def end(self, ids: Sequence[int]) -> None:
        """Note what the cache holds after a run over `ids` (prompt and answer); drop it if that cannot be said."""
        held = self.length()
        self.ids = list(ids)
        if held >= len(ids):  # a verify step ended early: rejected guesses are still in
            if not self.cut(len(ids) - 1):
                self.clear()
            return
        self.ids = self.ids[:held]

    def clear(self) -> None:
        """Empty it. A static cache keeps its memory, which compiled code points at."""
        if _all_static(self.cache):
            for layer in self.cache.layers:
                layer.cumulative_length.zero_()
        else:
            self.cache = make_cache(self._model, self._settings)
        self.ids = []

    def bytes(self) -> int:
        """Bytes of keys and values now held."""
        total = 0
        for layer in self.cache.layers:
            parts = (getattr(layer, n, None) for n in ("keys", "values", "_quantized_keys", "_quantized_values"))
            total += sum(tensor_bytes(part) for part in parts if part is not None)
        return total


def common_prefix(a: Sequence[int], b: Sequence[int]) -> int:
    """Length of the longest common beginning."""
    for index, (x, y) in enumerate(zip(a, b, strict=False)):
        if x != y:
            return index
    return min(len(a), len(b))


def tensor_bytes(value: Any) -> int:
    """Bytes that a tensor (or a nest of them) really holds; of a quantized one its inner tensors."""
    if isinstance(value, tuple | list):
        return sum(tensor_bytes(v) for v in value)
    if isinstance(value, dict):
        return sum(tensor_bytes(v) for v in value.values())
    if not hasattr(value, "numel"):
        return 0
    data = getattr(value, "data", value)
    flatten = getattr(data, "__tensor_flatten__", None)
    if flatten is not None:
        return sum(tensor_bytes(getattr(data, name)) for name in flatten()[0])
    return int(data.numel() * data.element_size())


def weights_bytes(model: Any) -> int:
    """Bytes of all parameters and buffers, shared ones once, with a quantizer's scales."""
    seen: dict[int, int] = {}
    for tensor in [*model.parameters(), *model.buffers()]:
        seen[id(tensor)] = tensor_bytes(tensor) + _state_bytes(tensor)
    return sum(seen.values())


def _state_bytes(tensor: Any) -> int:
    """bitsandbytes keeps its scales beside the weight."""
    state = getattr(tensor, "quant_state", None)
    parts = [state, getattr(state, "state2", None)] if state is not None else []
    found = [getattr(part, name, None) for part in parts for name in ("absmax", "code")]
    return sum(int(t.numel() * t.element_size()) for t in [*found, getattr(tensor, "SCB", None)] if t is not None)


def _all_static(cache: Any) -> bool:
    return all(type(layer).__name__ == "StaticLayer" for layer in cache.layers) and bool(cache.layers)


def _croppable(cache: Any) -> bool:
    """Only plain layers: a quantized layer's `crop` forgets its exact tail alone, a sliding one has lost the past."""
    return all(type(layer).__name__ in ("DynamicLayer", "DummyLayer") for layer in cache.layers)


def _quantized(settings: Settings) -> dict[str, Any]:
    backend = str(settings["cache_backend"])
    if backend == "fp8":
        return {"backend": backend}
    options: dict[str, Any] = {"backend": backend, "nbits": int(str(settings["cache_nbits"]))}
    axis = 1 if backend == "hqq" else 0  # hqq groups along the channels only with axis 1
    return options | {
        "axis_key": axis, "axis_value": axis, "q_group_size": int(str(settings["q_group_size"])),
        "residual_length": settings["residual_length"],
    }  # fmt: skip
