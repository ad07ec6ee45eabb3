"""The run knobs that every chat engine shares, under one name each."""

from __future__ import annotations

from typing import Any

from engines.knobs import Effect, Kind, Knob, Scope, Value


def _run(name: str, title: str, kind: Kind, default: Value, help: str, concept: str, **more: Any) -> Knob:
    fields: dict[str, Any] = {"effect": Effect.OUTPUT, "essential": True} | more
    return Knob(
        name=name, title=title, kind=kind, scope=Scope.RUN, default=default, help=help, concept=concept, **fields
    )


TEMPERATURE = _run("temperature", "Temperature", Kind.FLOAT, 0.7,
    "0 always takes the likeliest token; higher values spread the choice.", "temperature",
    minimum=0.0, maximum=2.0)  # fmt: skip
TOP_P = _run("top_p", "Top-p", Kind.FLOAT, 0.95,
    "Keep the likeliest tokens that together reach this probability; 1 keeps all.", "top_p",
    minimum=0.0, maximum=1.0)  # fmt: skip
TOP_K = _run("top_k", "Top-k", Kind.INT, 40,
    "Keep this many of the likeliest tokens; 0 keeps all.", "top_k", minimum=0, maximum=1000)  # fmt: skip
MIN_P = _run("min_p", "Min-p", Kind.FLOAT, 0.05,
    "Drop tokens less likely than this share of the likeliest one; 0 drops none.", "min_p",
    minimum=0.0, maximum=1.0)  # fmt: skip
REPEAT_PENALTY = _run("repeat_penalty", "Repeat penalty", Kind.FLOAT, 1.0,
    "Makes tokens that were already used less likely; 1 leaves them alone.", "repeat_penalty",
    minimum=0.5, maximum=2.0)  # fmt: skip
MAX_TOKENS = _run("max_tokens", "Max tokens", Kind.INT, 512,
    "The answer ends after this many tokens.", "max_tokens", minimum=1, maximum=131072, log=True, unit="tokens")  # fmt: skip
SEED = _run("seed", "Seed", Kind.INT, None,
    "The same seed and settings give the same answer on the same machine.", "seed",
    minimum=0, maximum=2**32 - 1, nullable=True, null_label="random")  # fmt: skip
IGNORE_EOS = _run("ignore_eos", "Ignore end", Kind.BOOL, False,
    "Go on after the model says it is done, to a fixed length: for speed runs.", "ignore_eos", essential=False)  # fmt: skip
STOP = _run("stop", "Stop texts", Kind.TEXTS, [],
    "The answer ends before any of these texts.", "stop", essential=False)  # fmt: skip
LOGPROBS = _run("logprobs", "Token probabilities", Kind.INT, 0,
    "Keep the log-probability of each token and of this many alternatives; 0 keeps none.", "logprobs",
    minimum=0, maximum=20, essential=False, effect=Effect.LOSSLESS)  # fmt: skip
CACHE_PROMPT = _run("cache_prompt", "Keep what was read", Kind.BOOL, True,
    "Keep what was read for the next request: a beginning that is the same is not read again. Off: forgotten before each request.",
    "prefix_cache", essential=False, effect=Effect.LOSSLESS)  # fmt: skip

CHAT_KNOBS = (
    TEMPERATURE, TOP_P, TOP_K, MIN_P, REPEAT_PENALTY, MAX_TOKENS, SEED, IGNORE_EOS, STOP, LOGPROBS, CACHE_PROMPT,
)  # fmt: skip
