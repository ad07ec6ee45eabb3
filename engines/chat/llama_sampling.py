"""llama.cpp's samplers as one chain a run, in the order of its own command line, with a grammar beside it."""

from __future__ import annotations

import ctypes
import json
import math
import secrets
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from engines.chat.llama_log import Log
from engines.chat.llama_model import Model
from engines.errors import EngineError
from engines.knobs import Settings, Value

MIN_KEEP = 1
RANDOM_SEED = 0xFFFFFFFF  # llama.cpp takes this one for “draw a seed yourself”
MIROSTAT_M = 100  # as llama.cpp's own common/sampling.cpp

# llama-cpp-python's converter lets control characters into strings, which JSON forbids (llama.cpp's own does not)
STRICT_CHAR = (r'char ::= [^"\\] |', r'char ::= [^"\\\x7F\x00-\x1F] |')
NO_PENALTY = (1.0, 0.0, 0.0)


class Sampler:
    """Draws one token after another from the outputs of the last decode. Close it after the run."""

    def __init__(self, model: Model, knobs: Settings, log: Log) -> None:
        seed = knobs["seed"]
        self.seed = min(int(seed) if isinstance(seed, int) else secrets.randbits(32), RANDOM_SEED - 1)
        self._model, self._api = model, model.api
        self._chain = self._api.llama_sampler_chain_init(self._api.llama_sampler_chain_default_params())
        self._grammar: Any = None
        self._remembers = knobs["dry_multiplier"] != 0.0 or _strengths(knobs) != NO_PENALTY
        try:
            self._grammar = _grammar(model, knobs, log)
            for sampler in _chain(model, knobs, self.seed):
                self._api.llama_sampler_chain_add(self._chain, sampler)
        except EngineError:
            self.close()
            raise
        if self._grammar is None:
            self.draw: Callable[[int], int] = self._draw
        else:
            self.draw = self._draw_in_grammar
            self._candidates = _Candidates(self._api, model.n_vocab)
            self._one = _Candidates(self._api, 1)

    def see(self, prompt: Sequence[int]) -> None:
        """Let the penalties count the prompt's tokens too, as llama.cpp's server and transformers do."""
        if self._remembers:
            for token in prompt:
                self._api.llama_sampler_accept(self._chain, token)

    def _draw(self, index: int) -> int:
        """Sample from output `index` (−1: the last) and accept it."""
        token: int = self._api.llama_sampler_sample(self._chain, self._model.ctx, index)
        return token

    def _draw_in_grammar(self, index: int) -> int:
        """Sample freely and check; only where the grammar says no, mask all tokens by it and sample again.

        Masking 49,152 tokens costs as much as decoding; llama.cpp's own tools do it the same way.
        """
        api, logits = self._api, self._model.logits(index)
        token = self._apply(logits, masked=False)
        if not self._allowed(token):
            token = self._apply(logits, masked=True)
            if not self._allowed(token):
                raise EngineError("grammar_stuck", "The grammar allows no token here.", "Make the grammar wider.")
        api.llama_sampler_accept(self._grammar, token)
        api.llama_sampler_accept(self._chain, token)
        return token

    def _apply(self, logits: Any, masked: bool) -> int:
        candidates = self._candidates
        candidates.fill(logits)
        if masked:
            self._api.llama_sampler_apply(self._grammar, candidates.pointer)
        self._api.llama_sampler_apply(self._chain, candidates.pointer)
        return candidates.chosen()

    def _allowed(self, token: int) -> bool:
        self._one.set_one(token)
        self._api.llama_sampler_apply(self._grammar, self._one.pointer)
        return self._one.first_logit() > -math.inf

    def close(self) -> None:
        for name in ("_chain", "_grammar"):
            if getattr(self, name) is not None:
                self._api.llama_sampler_free(getattr(self, name))
                setattr(self, name, None)


class _Candidates:
    """A llama_token_data_array over numpy memory, filled anew for each draw."""

    def __init__(self, api: Any, size: int) -> None:
        kind = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])
        self._ids = np.arange(size, dtype=np.int32)
        self._data = np.zeros(size, kind)
        self._address = self._data.ctypes.data_as(api.llama_token_data_p)
        self._array = api.llama_token_data_array(data=self._address, size=size, selected=-1, sorted=False)
        self.pointer = ctypes.byref(self._array)

    def fill(self, logits: Any) -> None:
        self._data["id"], self._data["logit"] = self._ids, logits
        self._reset(len(self._ids))

    def set_one(self, token: int) -> None:
        self._data[0] = (token, 1.0, 0.0)
        self._reset(1)

    def chosen(self) -> int:
        return int(self._array.data[self._array.selected].id)

    def first_logit(self) -> float:
        return float(self._array.data[0].logit)

    def _reset(self, size: int) -> None:
        self._array.data = self._address  # samplers may point it elsewhere
        self._array.size, self._array.selected, self._array.sorted = size, -1, False


def _chain(model: Model, knobs: Settings, seed: int) -> list[Any]:
    """The samplers that these knobs ask for; those that would do nothing are left out."""
    api = model.api
    number = {k: float(v) for k, v in knobs.items() if isinstance(v, int | float)}
    chain = [*_bias(model, knobs), *_penalties(model, knobs, number)]
    if number["temperature"] <= 0.0:
        return [*chain, api.llama_sampler_init_greedy()]
    if knobs["mirostat_mode"] != "0":
        return [*chain, api.llama_sampler_init_temp(number["temperature"]), _mirostat(model, knobs, number, seed)]
    cuts: list[tuple[bool, Callable[[], Any]]] = [
        ("top_n_sigma" in number, lambda: api.llama_sampler_init_top_n_sigma(number["top_n_sigma"])),
        (number["top_k"] > 0, lambda: api.llama_sampler_init_top_k(int(number["top_k"]))),
        (number["typical_p"] < 1.0, lambda: api.llama_sampler_init_typical(number["typical_p"], MIN_KEEP)),
        (number["top_p"] < 1.0, lambda: api.llama_sampler_init_top_p(number["top_p"], MIN_KEEP)),
        (number["min_p"] > 0.0, lambda: api.llama_sampler_init_min_p(number["min_p"], MIN_KEEP)),
        (number["xtc_probability"] > 0.0, lambda: api.llama_sampler_init_xtc(
            number["xtc_probability"], number["xtc_threshold"], MIN_KEEP, seed)),
    ]  # fmt: skip
    chain += [make() for wanted, make in cuts if wanted]
    chain.append(_temperature(api, number))
    if "adaptive_target" in number:
        return [*chain, api.llama_sampler_init_adaptive_p(number["adaptive_target"], number["adaptive_decay"], seed)]
    return [*chain, api.llama_sampler_init_dist(seed)]


def _temperature(api: Any, number: dict[str, float]) -> Any:
    if number["dynatemp_range"] > 0.0:
        return api.llama_sampler_init_temp_ext(
            number["temperature"], number["dynatemp_range"], number["dynatemp_exponent"]
        )
    return api.llama_sampler_init_temp(number["temperature"])


def _mirostat(model: Model, knobs: Settings, number: dict[str, float], seed: int) -> Any:
    tau, eta = number["mirostat_tau"], number["mirostat_eta"]
    if knobs["mirostat_mode"] == "1":
        return model.api.llama_sampler_init_mirostat(model.n_vocab, seed, tau, eta, MIROSTAT_M)
    return model.api.llama_sampler_init_mirostat_v2(seed, tau, eta)


def _bias(model: Model, knobs: Settings) -> list[Any]:
    """logit_bias, and for ignore_eos no way to end."""
    bias = {}
    if knobs["logit_bias"]:
        bias = parse_bias(str(knobs["logit_bias"]), model.n_vocab)
    if knobs["ignore_eos"]:
        bias |= dict.fromkeys(model.end_ids, -math.inf)
    if not bias:
        return []
    table = (model.api.llama_logit_bias * len(bias))()
    for row, (token, value) in zip(table, bias.items(), strict=True):
        row.token, row.bias = token, value
    return [model.api.llama_sampler_init_logit_bias(model.n_vocab, len(bias), table)]


def parse_bias(text: str, n_vocab: int) -> dict[int, float]:
    """Token id → bias. Raises EngineError `bad_knob`."""
    try:
        bias = {int(token): float(value) for token, value in json.loads(text).items()}
    except (ValueError, TypeError, AttributeError):
        raise EngineError("bad_knob", "logit_bias must map token ids to numbers.", 'Like {"42": -5}.') from None
    if any(not 0 <= token < n_vocab for token in bias):
        raise EngineError(
            "bad_knob", f"logit_bias names a token outside 0 to {n_vocab - 1:,}.", "Use this model's ids."
        )
    return bias


def _penalties(model: Model, knobs: Settings, number: dict[str, float]) -> list[Any]:
    api, chain = model.api, []
    strengths = _strengths(knobs)
    if strengths != NO_PENALTY:
        chain.append(api.llama_sampler_init_penalties(model.n_vocab, int(number["last_n_tokens_size"]), *strengths))
    if number["dry_multiplier"] > 0.0:
        breakers = knobs["dry_sequence_breakers"]
        words = [str(b).encode() for b in breakers] if isinstance(breakers, list) else []
        window = model.n_ctx if number["dry_penalty_last_n"] < 0 else int(number["dry_penalty_last_n"])
        chain.append(api.llama_sampler_init_dry(
            model.vocab, number["dry_multiplier"], number["dry_base"], int(number["dry_allowed_length"]), window,
            (ctypes.c_char_p * len(words))(*words), len(words)))  # fmt: skip
    return chain


def _strengths(knobs: Settings) -> tuple[Value, Value, Value]:
    return knobs["repeat_penalty"], knobs["frequency_penalty"], knobs["presence_penalty"]


def _grammar(model: Model, knobs: Settings, log: Log) -> Any:
    """The grammar's own sampler, or None. Raises EngineError `bad_grammar`, `bad_schema`, `conflict`."""
    if not knobs["grammar"] and not knobs["schema"]:
        return None
    if knobs["grammar"] and knobs["schema"]:
        raise EngineError("conflict", "A grammar and a JSON schema cannot both rule one answer.", "Clear one of them.")
    if knobs["ignore_eos"]:
        raise EngineError("conflict", "ignore_eos goes on after the end, which a grammar or schema forbids.",
                          "Switch ignore_eos off, or clear the grammar and the schema.")  # fmt: skip
    text = str(knobs["grammar"]) if knobs["grammar"] else schema_grammar(str(knobs["schema"]))
    log.clear()
    sampler = model.api.llama_sampler_init_grammar(model.vocab, text.encode(), b"root")
    if not sampler:
        reason = log.reason("llama.cpp does not say why")
        raise EngineError(
            "bad_grammar",
            f"The grammar cannot be used: {reason}.",
            "It must be GBNF with a rule “root”; the engine's last lines say where it went wrong.",
        )
    return sampler


def schema_grammar(schema: str) -> str:
    """A JSON schema as GBNF, by the library. Raises EngineError `bad_schema`."""
    from llama_cpp.llama_grammar import LlamaGrammar

    try:
        grammar: str = LlamaGrammar.from_json_schema(schema, verbose=False)._grammar
    except Exception as error:  # the converter asserts, recurses and indexes
        said = str(error).strip().rstrip(".")[:200]
        why = f" It says: {said}." if isinstance(error, ValueError) and said else ""
        raise EngineError("bad_schema", f"llama.cpp cannot make a grammar of this JSON schema.{why}",
                          "Use a simpler one, with objects, arrays and plain types; references to other files, to the "
                          "network and to the schema itself are not followed.") from error  # fmt: skip
    return grammar.replace(*STRICT_CHAR)
