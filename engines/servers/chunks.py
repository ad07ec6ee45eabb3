"""One piece of a streamed answer, from the JSON of any OpenAI-compatible server: nothing in it is trusted to be there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from engines.errors import EngineError

THOUGHTS = ("reasoning_content", "reasoning")  # DeepSeek, SGLang, llama-server, vLLM < 0.12; vLLM, OpenRouter, Ollama
Json = Mapping[str, Any]


class Usage(msgspec.Struct, frozen=True):
    """Tokens as the server counts them. n_cached: None where it does not say."""

    n_in: int
    n_cached: int | None
    n_out: int


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """at_ns: `perf_counter_ns` right after the read that brought it. thought: reasoning text, which some servers keep apart.

    n: tokens in it: as the server says, else 1 where there is any text; 0 of a chunk that carries none. ids: their ids, where
    it tells. logprobs, top: one entry a token. finish: the server's word in its last chunk ("stop", "length" …).
    total: tokens made so far, where it says so. prompt_ids: of the prompt, where it tells. timings: llama-server's, milliseconds.
    """

    at_ns: int
    text: str = ""
    thought: str = ""
    ids: tuple[int, ...] = ()
    n: int = 0
    logprobs: tuple[float, ...] = ()
    top: tuple[dict[str, float], ...] = ()
    finish: str = ""
    usage: Usage | None = None
    timings: dict[str, float] = {}
    total: int | None = None
    prompt_ids: tuple[int, ...] = ()
    tool: bool = False


def parse(data: bytes | str, at_ns: int) -> Chunk:
    """A chunk of `chat.completion.chunk`, `text_completion`, or of a whole answer that was not streamed.

    Raises EngineError `bad_stream` for what is no JSON object, `server_error` for an error that the server put there.
    """
    try:
        found = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise EngineError("bad_stream", f"The server sent a piece that is no JSON: {_start(data)}.", ADVICE) from error
    if not isinstance(found, dict):
        raise EngineError("bad_stream", f"The server sent a piece that is no object: {_start(data)}.", ADVICE)
    if found.get("error"):
        raise EngineError(
            "server_error", f"The server reports an error: {error_text(found)}.", "Its own log says more."
        )
    return _chunk(found, at_ns)


ADVICE = "Check that the address is one of an OpenAI-compatible server."


def error_text(found: Any) -> str:
    """The message of an error in any of the shapes that servers use, one line of at most 400 characters."""
    for _ in range(3):
        if isinstance(found, dict):
            found = next((found[k] for k in ("error", "message", "detail", "msg") if found.get(k)), str(found))
        elif isinstance(found, list) and found:
            found = found[0]
    return " ".join(str(found).split())[:400].rstrip(".")


def usage_of(found: Any) -> Usage | None:
    """Usage of an answer; None for a wrong shape."""
    if not isinstance(found, dict):
        return None
    n_in, n_out = whole(found.get("prompt_tokens")), whole(found.get("completion_tokens"))
    if n_in is None or n_out is None:
        return None
    details = found.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    return Usage(n_in, whole(cached), n_out)


def whole(value: Any) -> int | None:
    """A count: a whole number of 0 or more, else None."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _chunk(found: Json, at_ns: int) -> Chunk:
    choice = _choice(found)
    delta = choice.get("delta") or choice.get("message") or choice
    delta = delta if isinstance(delta, dict) else {}
    text = _text(delta.get("content")) or _text(choice.get("text"))
    thought = next((t for name in THOUGHTS if (t := _text(delta.get(name)))), "")
    ids = _ids(choice.get("token_ids"))
    logprobs, top = _logprobs(choice.get("logprobs"))
    tool = bool(delta.get("tool_calls"))
    timings = numbers(found.get("timings"))
    usage = usage_of(found.get("usage"))
    return Chunk(
        at_ns=at_ns, text=text, thought=thought, ids=ids, n=len(ids) or len(logprobs) or int(bool(text or thought or tool)),
        logprobs=logprobs, top=top, finish=_text(choice.get("finish_reason")), usage=usage, timings=timings,
        total=_total(timings, usage if choice else None), tool=tool,
        prompt_ids=_ids(found.get("prompt_token_ids")) or _ids(choice.get("prompt_token_ids")),
    )  # fmt: skip


def _choice(found: Json) -> Json:
    choices = found.get("choices")
    if not isinstance(choices, list):
        return {}
    return next((c for c in choices if isinstance(c, dict) and c.get("index", 0) == 0), {})


def _total(timings: Mapping[str, float], usage: Usage | None) -> int | None:
    """Tokens so far: llama-server's `timings.predicted_n`, or the usage that some servers add to each chunk."""
    if "predicted_n" in timings:
        return int(timings["predicted_n"])
    return usage.n_out if usage is not None else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _ids(value: Any) -> tuple[int, ...]:
    if isinstance(value, list) and all(isinstance(v, int) and not isinstance(v, bool) for v in value):
        return tuple(value)
    return ()


def numbers(value: Any) -> dict[str, float]:
    """The entries of an object that are numbers."""
    if not isinstance(value, dict):
        return {}
    return {str(k): float(v) for k, v in value.items() if isinstance(v, int | float) and not isinstance(v, bool)}


def _logprobs(found: Any) -> tuple[tuple[float, ...], tuple[dict[str, float], ...]]:
    """(of each token, its alternatives), from the chat form or the older form of completions."""
    if not isinstance(found, dict):
        return (), ()
    content = found.get("content")
    if isinstance(content, list):
        rows = [row for row in content if isinstance(row, dict) and _is_number(row.get("logprob"))]
        return tuple(float(r["logprob"]) for r in rows), tuple(_alternatives(r.get("top_logprobs")) for r in rows)
    plain = found.get("token_logprobs")
    if not isinstance(plain, list) or not all(map(_is_number, plain)):
        return (), ()
    tops = found.get("top_logprobs")
    tops = tops if isinstance(tops, list) and len(tops) == len(plain) else [{}] * len(plain)
    return tuple(map(float, plain)), tuple(numbers(t) for t in tops)


def _alternatives(found: Any) -> dict[str, float]:
    rows = found if isinstance(found, list) else []
    return {
        str(r["token"]): float(r["logprob"])
        for r in rows
        if isinstance(r, dict) and "token" in r and _is_number(r.get("logprob"))
    }


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _start(data: bytes | str) -> str:
    text = data if isinstance(data, str) else data[:200].decode("utf-8", "replace")
    return "“" + " ".join(text[:80].split()) + ("…”" if len(text) > 80 else "”")
