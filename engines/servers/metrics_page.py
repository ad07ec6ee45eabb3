"""A server's own figures, from its page of metrics: names drift from version to version, so each figure has many names.

`read` takes Prometheus text or TensorRT-LLM's JSON. What a page does not say is None.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

Found = Mapping[str, float]


class Gauges(msgspec.Struct, frozen=True, kw_only=True):
    """running, waiting: requests now. kv_use: 0–1. prefix_hit_rate, accept_rate: 0–1, since the server's start.

    *_sum_s, *_count: of all requests since the start; the difference around one request is that request's.
    cached_tokens, prompt_tokens, output_tokens: since the start.
    """

    running: float | None = None
    waiting: float | None = None
    kv_use: float | None = None
    prefix_hit_rate: float | None = None
    accept_rate: float | None = None
    ttft_sum_s: float | None = None
    ttft_count: float | None = None
    queue_sum_s: float | None = None
    queue_count: float | None = None
    prefill_sum_s: float | None = None
    prefill_count: float | None = None
    decode_sum_s: float | None = None
    decode_count: float | None = None
    cached_tokens: float | None = None
    prompt_tokens: float | None = None
    output_tokens: float | None = None
    drafted: float | None = None
    accepted: float | None = None


# Figure → names, the newest first: the first that the page has counts. Names without _total: clients of Prometheus add it.
# vLLM: vllm/v1/metrics/loggers.py and v1/spec_decode/metrics.py of 0.32; gpu_cache_usage_perc until 0.9.
# SGLang: docs "Production metrics" (docs.sglang.io/references/production_metrics). Dynamo: docs "Metrics catalog".
# TensorRT-LLM: tensorrt_llm/metrics/collector.py; "trtllm:" is what Dynamo 0.7 put before the names.
# llama-server: tools/server/README.md "GET /metrics"; kv_cache_usage_ratio until b5800.
SUMS: dict[str, tuple[str, ...]] = {
    "running": (
        "vllm:num_requests_running", "sglang:num_running_reqs", "sglang:num_requests_running", "trtllm_num_requests_running",
        "trtllm:num_requests_running", "llamacpp:requests_processing", "dynamo_frontend_active_requests",
        "dynamo_frontend_inflight_requests", "tgi_batch_current_size",
    ),
    "waiting": (
        "vllm:num_requests_waiting", "sglang:num_queue_reqs", "sglang:num_requests_waiting", "trtllm_num_requests_waiting",
        "trtllm:num_requests_waiting", "llamacpp:requests_deferred", "dynamo_frontend_queued_requests", "tgi_queue_size",
    ),
    "ttft_sum_s": tuple(
        f"{p}time_to_first_token_seconds_sum" for p in ("vllm:", "sglang:", "trtllm_", "trtllm:", "", "dynamo_frontend_")
    ),
    "ttft_count": tuple(
        f"{p}time_to_first_token_seconds_count" for p in ("vllm:", "sglang:", "trtllm_", "trtllm:", "", "dynamo_frontend_")
    ),
    "queue_sum_s": (
        "vllm:request_queue_time_seconds_sum", "sglang:queue_time_seconds_sum", "trtllm_request_queue_time_seconds_sum",
        "trtllm:request_queue_time_seconds_sum", "request_queue_time_seconds_sum",
    ),
    "queue_count": (
        "vllm:request_queue_time_seconds_count", "sglang:queue_time_seconds_count", "trtllm_request_queue_time_seconds_count",
        "trtllm:request_queue_time_seconds_count", "request_queue_time_seconds_count",
    ),
    "prefill_sum_s": ("vllm:request_prefill_time_seconds_sum", "trtllm_request_prefill_time_seconds_sum"),
    "prefill_count": ("vllm:request_prefill_time_seconds_count", "trtllm_request_prefill_time_seconds_count"),
    "decode_sum_s": ("vllm:request_decode_time_seconds_sum", "trtllm_request_decode_time_seconds_sum"),
    "decode_count": ("vllm:request_decode_time_seconds_count", "trtllm_request_decode_time_seconds_count"),
    "cached_tokens": (
        "vllm:prompt_tokens_cached", "sglang:cached_tokens", "vllm:prefix_cache_hits", "llamacpp:prompt_tokens_cached", "dynamo_frontend_cached_tokens_sum",
    ),
    "prompt_tokens": ("vllm:prompt_tokens", "sglang:prompt_tokens", "llamacpp:prompt_tokens", "trtllm_prompt_tokens"),
    "output_tokens": (
        "vllm:generation_tokens", "sglang:generation_tokens", "llamacpp:tokens_predicted", "dynamo_frontend_output_tokens",
        "trtllm_generation_tokens",
    ),
    "drafted": ("vllm:spec_decode_num_draft_tokens", "llamacpp:spec_decode_num_draft_tokens", "trtllm_spec_decode_num_draft_tokens"),
    "accepted": ("vllm:spec_decode_num_accepted_tokens", "llamacpp:spec_decode_num_accepted_tokens", "trtllm_spec_decode_num_accepted_tokens"),
}  # fmt: skip
RATIOS: dict[str, tuple[str, ...]] = {
    "kv_use": (
        "vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc", "sglang:token_usage", "sglang:kv_cache_usage_perc",
        "trtllm_kv_cache_utilization", "trtllm:kv_cache_utilization", "kv_cache_utilization", "llamacpp:kv_cache_usage_ratio",
        "dynamo_component_gpu_cache_usage_percent", "dynamo_component_kvstats_gpu_cache_usage_percent",
    ),
    "prefix_hit_rate": (
        "sglang:cache_hit_rate", "trtllm_kv_cache_hit_rate", "trtllm:kv_cache_hit_rate", "kv_cache_hit_rate",
        "vllm:gpu_prefix_cache_hit_rate", "dynamo_component_kvstats_gpu_prefix_cache_hit_rate",
    ),
    "accept_rate": ("sglang:spec_accept_rate", "vllm:spec_decode_draft_acceptance_rate", "trtllm_spec_decode_acceptance_rate"),
}  # fmt: skip
QUOTIENTS: dict[str, tuple[tuple[str, str], ...]] = {
    "prefix_hit_rate": (
        ("vllm:prefix_cache_hits", "vllm:prefix_cache_queries"),
        ("vllm:gpu_prefix_cache_hits", "vllm:gpu_prefix_cache_queries"),
    ),
    "accept_rate": (
        ("vllm:spec_decode_num_accepted_tokens", "vllm:spec_decode_num_draft_tokens"),
        ("llamacpp:spec_decode_num_accepted_tokens", "llamacpp:spec_decode_num_draft_tokens"),
        ("trtllm_spec_decode_num_accepted_tokens", "trtllm_spec_decode_num_draft_tokens"),
    ),
}  # fmt: skip


def read(text: str, kind: str = "") -> Gauges | None:
    """The figures of a page; None for a page without any that is known. kind: of the server, only TensorRT-LLM's matters."""
    stripped = text.lstrip()
    if stripped.startswith(("[", "{")):
        return _iterations(stripped)
    found = samples(text)
    means = _means(found)
    values: dict[str, float] = {}
    for figure, names in SUMS.items():
        _put(values, figure, _first(found, names))
    for figure, names in RATIOS.items():
        _put(values, figure, _share(_first(means, names)))
    for figure, pairs in QUOTIENTS.items():
        _put(values, figure, next((q for a, b in pairs if (q := _quotient(found, a, b)) is not None), None))
    return Gauges(**values) if values else None


def samples(text: str) -> dict[str, float]:
    """Name → value, summed over all labels; a trailing `_total` is dropped. "mean of" a gauge is under "name#n" (how many)."""
    found: dict[str, float] = {}
    for line in text.splitlines():
        if not line or line[0] == "#":
            continue
        name, value = _sample(line)
        if name and "_bucket" not in name:
            found[name] = found.get(name, 0.0) + value
            found[f"{name}#n"] = found.get(f"{name}#n", 0.0) + 1
    return found


def _sample(line: str) -> tuple[str, float]:
    head, brace, rest = line.partition("{")
    if brace:
        fields = rest[rest.rfind("}") + 1 :].split()
        name = head.strip()
    else:
        name, *fields = line.split()
    try:
        value = float(fields[0]) if fields else math.nan
    except ValueError:
        value = math.nan
    return (name.removesuffix("_total"), value) if math.isfinite(value) else ("", 0.0)


def _means(found: Found) -> dict[str, float]:
    """Ratios are not added up over labels (data-parallel ranks): their mean counts."""
    return {n: v / found[f"{n}#n"] for n, v in found.items() if not n.endswith("#n")}


def _first(found: Found, names: Iterable[str]) -> float | None:
    return next((found[n] for n in names if n in found), None)


def _share(value: float | None) -> float | None:
    """A share as 0–1; some servers write it as a percentage."""
    if value is None or value < 0:
        return None
    return value if value <= 1 else min(value / 100, 1.0)


def _quotient(found: Found, above: str, below: str) -> float | None:
    return found[above] / found[below] if above in found and found.get(below, 0) > 0 else None


def _put(values: dict[str, float], figure: str, value: float | None) -> None:
    if value is not None and figure not in values:
        values[figure] = value


def _iterations(text: str) -> Gauges | None:
    """TensorRT-LLM's JSON: statistics of the latest iterations, the newest last (docs "trtllm-serve", metrics endpoint)."""
    try:
        rows: Any = msgspec.json.decode(text)
    except msgspec.MsgspecError:
        return None
    row = rows[-1] if isinstance(rows, list) and rows else rows
    if not isinstance(row, dict):
        return None
    kv = row.get("kvCacheStats")
    kv = kv if isinstance(kv, dict) else {}
    spec = row.get("specDecodingStats")
    spec = spec if isinstance(spec, dict) else {}
    used, most = _number(kv.get("usedNumBlocks")), _number(kv.get("maxNumBlocks"))
    drafted, accepted = _number(spec.get("numDraftTokens")), _number(spec.get("numAcceptedTokens"))
    found = Gauges(
        running=_number(row.get("numActiveRequests")), waiting=_number(row.get("numQueuedRequests")),
        kv_use=used / most if used is not None and most else None, prefix_hit_rate=_share(_number(kv.get("cacheHitRate"))),
        accept_rate=accepted / drafted if accepted is not None and drafted else None,
    )  # fmt: skip
    return found if found != Gauges() else None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
