"""What each kind of server can do beyond the common API, as data, and how it is recognised."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from engines.errors import EngineError
from engines.servers.client import Answer, Client
from engines.servers.errors import answered, no_json

COMMON = {
    "temperature": "temperature", "top_p": "top_p", "max_tokens": "max_tokens", "seed": "seed", "stop": "stop",
    "logprobs": "logprobs", "frequency_penalty": "frequency_penalty", "presence_penalty": "presence_penalty",
    "schema": "response_format",
}  # fmt: skip
WIDE = COMMON | {"top_k": "top_k", "min_p": "min_p", "repeat_penalty": "repetition_penalty", "ignore_eos": "ignore_eos"}


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of server.

    knobs: our name → the field of its request; what is missing here it does not know. extra: sent with every request;
    each: added to `stream_options`. tokenize: "vllm", "llama-server" or "" (it cannot). clear: how a request can go past the
    prefix cache: "salt" (a cache of its own), "off" (a field), "flush" (a request before), "" (it cannot).
    metrics: paths to try. version: where it says its version: (path, key). owners: `owned_by` in its list of models.
    header: a word of its Server header.
    """

    id: str
    title: str
    knobs: dict[str, str] = msgspec.field(default_factory=COMMON.copy)
    extra: dict[str, Any] = {}
    each: dict[str, Any] = {}
    tokenize: str = ""
    clear: str = ""
    metrics: tuple[str, ...] = ("/metrics",)
    version: tuple[str, str] = ("", "")
    owners: tuple[str, ...] = ()
    header: str = ""


# Sources: vLLM 0.32 vllm/entrypoints/openai/*/protocol.py (return_token_ids, cache_salt, continuous_usage_stats);
# llama.cpp tools/server/README.md (timings_per_token, cache_prompt, /props, /tokenize, /apply-template); SGLang
# python/sglang/srt/entrypoints/openai/protocol.py and docs/advanced_features/server_arguments (flush_cache);
# TensorRT-LLM tensorrt_llm/serve/openai_{protocol,server}.py; Dynamo docs "Frontend" and nvext; Ollama docs/openai.md;
# LM Studio docs "OpenAI compatibility" and "REST API v0".
DIALECTS = (
    Dialect(
        id="vllm", title="vLLM", knobs=WIDE, extra={"return_token_ids": True}, tokenize="vllm", clear="salt",
        version=("/version", "version"), owners=("vllm",),
    ),
    Dialect(
        id="sglang", title="SGLang", knobs=WIDE, each={"continuous_usage_stats": True}, clear="flush",
        version=("/get_server_info", "version"), owners=("sglang",),
    ),
    Dialect(
        id="tensorrt-llm", title="TensorRT-LLM", knobs=WIDE, metrics=("/prometheus/metrics", "/metrics"),
        version=("/version", "version"), owners=("tensorrt_llm",),
    ),
    Dialect(id="dynamo", title="Dynamo frontend", knobs=WIDE, owners=("nvidia",)),
    Dialect(
        id="llama-server", title="llama-server", knobs=WIDE | {"repeat_penalty": "repeat_penalty"},
        extra={"timings_per_token": True}, tokenize="llama-server", clear="off", version=("/props", "build_info"),
        owners=("llamacpp",), header="llama.cpp",
    ),
    Dialect(id="ollama", title="Ollama", metrics=(), version=("/api/version", "version"), owners=("library",)),
    Dialect(
        id="lm-studio", title="LM Studio", knobs=COMMON | {"top_k": "top_k", "repeat_penalty": "repeat_penalty"},
        metrics=(), owners=("organization_owner",),
    ),
    Dialect(id="", title="OpenAI-compatible server"),
)  # fmt: skip
BY_ID = {d.id: d for d in DIALECTS}


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a server says of itself. n_ctx: 0 unknown. sees: None unknown. software: its Server header."""

    dialect: Dialect
    models: tuple[str, ...]
    model: str
    n_ctx: int = 0
    n_parallel: int | None = None
    version: str = ""
    software: str = ""
    sees: bool | None = None


def dialect_of(kind: str) -> Dialect:
    """The dialect of that id; the common one for an unknown word."""
    return BY_ID.get(kind, BY_ID[""])


def recognise(client: Client, stop: Callable[[], bool] = lambda: False) -> Dialect:
    """Which server it is: as the address says, else as its list of models and its header say. Raises EngineError; Cancelled."""
    return _kind(client, *_models(client, stop))


def facts(client: Client, stop: Callable[[], bool] = lambda: False) -> Facts:
    """Ask the server what it is and what it serves; `address.model` "" means the only one.

    Raises EngineError `unknown_model`, `no_model`, `not_a_server` …; Cancelled.
    """
    answer, rows = _models(client, stop)
    dialect = _kind(client, answer, rows)
    model = _chosen(client.address.model, [str(r["id"]) for r in rows], dialect)
    row = next((r for r in rows if r["id"] == model), {})
    props = _object(client, "/props", stop) if dialect.id == "llama-server" else {}
    return Facts(
        dialect=dialect, models=tuple(str(r["id"]) for r in rows), model=model, n_ctx=_n_ctx(client, dialect, row, props, stop),
        n_parallel=_whole(props.get("total_slots")), version=_version(client, dialect, props, stop),
        software=answer.headers.get("server", ""), sees=_sees(props),
    )  # fmt: skip


def _models(client: Client, stop: Callable[[], bool]) -> tuple[Answer, list[dict[str, Any]]]:
    answer = client.get("/v1/models", timeout_s=15.0, stop=stop)
    if answer.status >= 300:
        raise answered(answer.status, answer.headers, answer.body, client.address, "/v1/models")
    found = answer.json()
    rows = found.get("data", found.get("models")) if isinstance(found, dict) else found
    if rows is None and isinstance(found, dict) and found.get("object") == "list":
        rows = []  # Ollama without a model
    if not isinstance(rows, list):
        raise no_json(client.address, "/v1/models", answer.body, answer.headers.get("content-type", ""))
    return answer, [r for r in rows if isinstance(r, dict) and isinstance(r.get("id"), str)]


def _kind(client: Client, answer: Answer, rows: list[dict[str, Any]]) -> Dialect:
    owners = {str(r.get("owned_by", "")) for r in rows}
    server = answer.headers.get("server", "").lower()
    found = next((d for d in DIALECTS if owners & set(d.owners) or (d.header and d.header in server)), None)
    if found is not None and (not client.address.kind or found.id in ("vllm", "sglang", "llama-server")):
        return found
    return dialect_of(client.address.kind)


def _chosen(wanted: str, served: list[str], dialect: Dialect) -> str:
    names = ", ".join(served[:8]) + ("…" if len(served) > 8 else "")
    if not wanted and len(served) == 1:
        return served[0]
    if not wanted:
        message = (
            f"The server serves {len(served):,} models, and none was chosen."
            if served
            else "The server serves no model."
        )
        raise EngineError("no_model", message, f"Choose one of: {names}." if served else "Load one there first.")
    if served and wanted not in served and not (dialect.id == "ollama" and f"{wanted}:latest" in served):
        raise EngineError("unknown_model", f"The server has no model “{wanted[:200]}”.", f"It serves: {names}.")
    return wanted


def _n_ctx(
    client: Client, dialect: Dialect, row: dict[str, Any], props: dict[str, Any], stop: Callable[[], bool]
) -> int:
    if dialect.id == "llama-server":
        defaults = props.get("default_generation_settings")
        meta = row.get("meta")
        found = _whole(defaults.get("n_ctx")) if isinstance(defaults, dict) else None
        return found or (_whole(meta.get("n_ctx")) if isinstance(meta, dict) else None) or 0
    if dialect.id == "lm-studio":
        about = _object(client, f"/api/v0/models/{row.get('id', '')}", stop)
        return _whole(about.get("loaded_context_length")) or _whole(about.get("max_context_length")) or 0
    return (
        _whole(row.get("max_model_len")) or _whole(row.get("context_length")) or _whole(row.get("context_window")) or 0
    )


def _version(client: Client, dialect: Dialect, props: dict[str, Any], stop: Callable[[], bool]) -> str:
    path, key = dialect.version
    found = props if path == "/props" else _object(client, path, stop) if path else {}
    return str(found.get(key) or "")


def _object(client: Client, path: str, stop: Callable[[], bool]) -> dict[str, Any]:
    """A JSON object that the server may have; {} where it has not."""
    try:
        found = client.json(path, timeout_s=5.0, stop=stop)
    except EngineError:
        return {}
    return found if isinstance(found, dict) else {}


def _sees(props: dict[str, Any]) -> bool | None:
    found = props.get("modalities")
    return bool(found.get("vision")) if isinstance(found, dict) else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
