"""Which type llama.cpp gives each tensor when it quantizes a model: the choice rules, without running it.

Follows src/llama-quant.cpp of llama.cpp as shipped in llama-cpp-python 0.3.36 (functions
`tensor_allows_quantization`, `llama_tensor_get_type_impl`, `tensor_type_fallback`), for runs without an
importance matrix; file types that need one are refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from app.library.ggml_types import BY_NAME, UNQUANTIZED
from app.library.gguf_header import Tensor

DEFAULT_TYPES = {
    "f32": "F32", "f16": "F16", "bf16": "BF16", "q8_0": "Q8_0", "q4_0": "Q4_0", "q4_1": "Q4_1", "q5_0": "Q5_0",
    "q5_1": "Q5_1", "q2_k": "Q2_K", "q3_k_s": "Q3_K", "q3_k_m": "Q3_K", "q3_k_l": "Q3_K", "q4_k_s": "Q4_K",
    "q4_k_m": "Q4_K", "q5_k_s": "Q5_K", "q5_k_m": "Q5_K", "q6_k": "Q6_K", "iq4_nl": "IQ4_NL", "iq4_xs": "IQ4_XS",
    "iq3_s": "IQ3_S", "iq3_m": "IQ3_S", "tq1_0": "TQ1_0", "tq2_0": "TQ2_0", "mxfp4_moe": "MXFP4", "q1_0": "Q1_0",
    "q2_0": "Q2_0",
}  # fmt: skip
NEEDS_IMATRIX = frozenset({"iq1_s", "iq1_m", "iq2_xxs", "iq2_xs", "iq2_s", "iq2_m", "iq3_xxs", "iq3_xs", "q2_k_s"})

_FALLBACKS = {
    "IQ3_S": "IQ4_NL", "IQ4_XS": "IQ4_NL", "Q2_0": "Q4_0", "Q2_K": "Q4_0", "Q3_K": "Q4_0", "TQ1_0": "Q4_0",
    "TQ2_0": "Q4_0", "Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0",
}  # fmt: skip
_KEPT = re.compile(
    r"_norm\.weight|ffn_gate_inp\.weight|ffn_gate_tid2eid\.weight|altup|laurel|per_layer_model_proj|ssm_conv1d"
    r"|shortconv\.conv\.weight|indexer\.[kq]_proj\.weight|time_mix_(first|w[012]|v[012]|a[012]|g[12]|decay_w[12]"
    r"|lerp_fused)\.weight|attn_rel_b\.weight|\.position_embd|sam\.pos_embd|sam\.neck\.|sam\.net_|\.rel_pos"
    r"|\.patch_embd|\.patch_merger|a\.rvq\.codebook|mm\.a\.code_embd|^position_embd\.weight$|^token_types\.weight$"
)
_CATEGORIES = (
    ("attn_qkv.weight", "v"), ("attn_kv_b.weight", "v"), ("attn_v.weight", "v"), ("attn_k.weight", "k"),
    ("attn_q.weight", "q"), ("attn_output.weight", "attn_output"), ("ffn_up", "up"), ("ffn_gate", "gate"),
    ("ffn_down", "down"),
)  # fmt: skip
_BLOCK = re.compile(r"blk\.(\d+)\.")


@dataclass(frozen=True, slots=True)
class Model:
    """What the rules ask of a model: its architecture, layers, experts and query heads for one key head."""

    architecture: str
    n_layers: int
    n_experts: int
    n_gqa: int
    n_heads_differ: bool

    @property
    def is_70b(self) -> bool:
        return self.architecture == "llama" and self.n_layers == 80 and self.n_heads_differ


@dataclass(frozen=True, slots=True)
class Choice:
    """wanted: the type that the rules chose. type: what it becomes, another one if the rows do not fit."""

    tensor: Tensor
    wanted: str
    type: str

    @property
    def bytes(self) -> int:
        kind = BY_NAME[self.type]
        return kind.row_bytes(self.tensor.shape[0]) * (self.tensor.elements // self.tensor.shape[0])


@dataclass(slots=True)
class _Run:
    """Counters that the rules keep over the tensors, in llama.cpp's order."""

    model: Model
    file_type: str
    tied: bool
    n_v: int
    seen: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("v", "down", "gate", "up"), 0))

    def next(self, category: str) -> int:
        number = self.seen[category]
        self.seen[category] += 1
        return number

    def layer(self, category: str, name: str) -> int:
        """The layer's number: by counting, or for a mixture of experts from the name."""
        number = self.next(category)
        found = _BLOCK.match(name) if self.model.n_experts > 1 else None
        return int(found.group(1)) if found else number


def choose(tensors: tuple[Tensor, ...], model: Model, file_type: str) -> list[Choice]:
    """One choice a tensor, in the order in which llama.cpp writes them. `file_type` is in DEFAULT_TYPES."""
    ordered = sorted(tensors, key=_order)
    categories = {t.name: _category(t.name) for t in ordered}
    run = _Run(model, file_type, "output" not in categories.values(), list(categories.values()).count("v"))
    return [_choice(run, tensor, categories[tensor.name]) for tensor in ordered]


def _order(tensor: Tensor) -> tuple[int, str]:
    """llama.cpp's `weight_name_comparer`: by layer, then by name."""
    found = _BLOCK.match(tensor.name)
    return (int(found.group(1)) if found else -1, tensor.name)


def _category(name: str) -> str:
    if name == "output.weight":
        return "output"
    if name in ("token_embd.weight", "per_layer_token_embd.weight"):
        return "embd"
    return next((category for part, category in _CATEGORIES if part in name), "other")


def _choice(run: _Run, tensor: Tensor, category: str) -> Choice:
    default = DEFAULT_TYPES[run.file_type]
    dims = len(tensor.shape) - next((i for i, n in enumerate(reversed(tensor.shape)) if n > 1), len(tensor.shape) - 1)
    if dims < 2 or not tensor.name.endswith("weight") or _KEPT.search(tensor.name):
        return Choice(tensor, tensor.type, tensor.type)
    if default in UNQUANTIZED:
        return Choice(tensor, default, default)
    wanted = _wanted(run, tensor, category, default)
    return Choice(tensor, wanted, _fitting(wanted, tensor.shape[0]))


def _fitting(wanted: str, columns: int) -> str:
    if columns % BY_NAME[wanted].block == 0:
        return wanted
    other = _FALLBACKS.get(wanted, wanted)
    return "F16" if columns % BY_NAME[other].block else other


def _wanted(run: _Run, tensor: Tensor, category: str, default: str) -> str:
    if category == "output" or (run.tied and category == "embd"):
        return _output(run, tensor, default)
    if run.file_type == "mxfp4_moe":
        return "MXFP4" if len(tensor.shape) > 2 and tensor.shape[2] > 1 else "Q8_0"
    rule = {"embd": _embd, "v": _attn_v, "k": _attn_k, "down": _ffn_down, "attn_output": _attn_output}.get(category)
    return rule(run, tensor, default) if rule else default


def _output(run: _Run, tensor: Tensor, default: str) -> str:
    if run.file_type == "mxfp4_moe" or run.model.architecture == "falcon":
        return "Q8_0"
    if tensor.shape[0] % BY_NAME[default].block:
        return "Q8_0"
    return default if default == "Q8_0" else "Q6_K"


def _embd(run: _Run, tensor: Tensor, default: str) -> str:
    return "Q4_K" if run.file_type in ("tq1_0", "tq2_0", "q2_0") else default


_V_GROUPED = {"q2_k": "Q4_K", "iq3_s": "Q4_K", "iq4_nl": "Q5_K", "iq4_xs": "Q5_K"}  # 4 query heads a key head
_V = {"q2_k": "Q3_K", "iq3_m": "Q4_K", "q3_k_l": "Q5_K"}


def _attn_v(run: _Run, tensor: Tensor, default: str) -> str:
    number, kind = run.next("v"), run.file_type
    wanted = _V.get(kind, default)
    if run.model.n_gqa >= 4:
        wanted = _V_GROUPED.get(kind, wanted)
    if kind == "q3_k_m":
        wanted = "Q5_K" if number < 2 else "Q4_K"
    elif kind in ("q4_k_m", "q5_k_m") and _more_bits(number, run.n_v):
        wanted = "Q6_K"
    elif kind == "q4_k_s" and number < 4:
        wanted = "Q5_K"
    if run.model.is_70b and wanted in ("Q3_K", "Q4_K"):
        wanted = "Q5_K"
    return "Q8_0" if run.model.n_experts == 8 else wanted


def _attn_k(run: _Run, tensor: Tensor, default: str) -> str:
    return "Q8_0" if run.model.n_experts == 8 else default


_DOWN = {"q2_k": "Q3_K", "q3_k_l": "Q5_K"}
_DOWN_FIRST_EIGHTH = {"iq3_m": "Q4_K", "iq4_nl": "Q5_K", "iq4_xs": "Q5_K", "q4_k_s": "Q5_K"}


def _ffn_down(run: _Run, tensor: Tensor, default: str) -> str:
    layer, n, kind = run.layer("down", tensor.name), run.model.n_layers, run.file_type
    if run.model.architecture == "falcon":
        return _falcon_down(kind, layer, n, default)
    if kind == "q3_k_m":
        return "Q5_K" if layer < n // 16 else "Q4_K"
    if kind in ("q4_k_m", "q5_k_m"):
        return "Q6_K" if _more_bits(layer, n) else default
    if kind == "iq3_m" and run.model.n_experts == 8 and _more_bits(layer, n):
        return "Q4_K"
    if layer < n // 8:
        return _DOWN_FIRST_EIGHTH.get(kind, _DOWN.get(kind, default))
    return _DOWN.get(kind, default)


def _falcon_down(kind: str, layer: int, n: int, default: str) -> str:
    more = _more_bits(layer, n)
    table = {
        "q2_k": "Q3_K",
        "q3_k_l": "Q4_K",
        "q3_k_m": "Q5_K" if layer < n // 16 else "Q4_K" if more else "Q3_K",
        "q4_k_m": "Q6_K" if layer < n // 16 else "Q5_K" if more else "Q4_K",
        "q5_k_m": "Q6_K" if more else default,
    }
    if layer < n // 8 and kind in ("iq3_m", "iq4_nl", "iq4_xs"):
        return _DOWN_FIRST_EIGHTH[kind]
    return table.get(kind, default)


_OUT = {"q2_k": "Q3_K", "q3_k_m": "Q4_K", "q3_k_l": "Q5_K", "iq3_m": "Q4_K"}
_OUT_8_EXPERTS = ("q2_k", "q3_k_s", "q3_k_m", "iq4_nl", "q4_k_s", "q4_k_m", "iq3_s", "iq3_m", "iq4_xs")


def _attn_output(run: _Run, tensor: Tensor, default: str) -> str:
    if run.model.architecture == "falcon":
        return "Q4_K" if run.file_type == "q3_k_l" else default
    if run.model.n_experts == 8:
        return "Q5_K" if run.file_type in _OUT_8_EXPERTS else default
    return _OUT.get(run.file_type, default)


def _more_bits(layer: int, n_layers: int) -> bool:
    """The layers that the _M mixtures keep finer: the first and last eighth and every third between."""
    return layer < n_layers // 8 or layer >= 7 * n_layers // 8 or (layer - n_layers // 8) % 3 == 2
