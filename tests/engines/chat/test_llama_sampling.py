"""Grammar, JSON schema, biases and every further sampler, on a tiny model of random weights."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engines.chat.llama_sampling import schema_grammar
from engines.errors import EngineError
from engines.protocol import FinishReason
from tests.engines.chat.llama_bench import Bench

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 8}, "old": {"type": "boolean"}},
    "required": ["name", "old"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, tiny_gguf: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path_factory.mktemp("sampling"))
    bench.load(tiny_gguf, n_threads=1, n_threads_batch=1)
    yield bench
    bench.adapter.close()


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_schema_rules_even_a_random_model(bench: Bench, temperature: float) -> None:
    ascii_only = json.dumps({str(5 + byte): -1000 for byte in range(128, 256)})  # random bytes are seldom characters
    knobs = {"temperature": temperature, "seed": 1, "max_tokens": 300, "logit_bias": ascii_only}
    done = bench.ask("hello", schema=json.dumps(PERSON), **knobs)
    assert done.reason is FinishReason.STOP
    value = json.loads(done.text)
    assert set(value) == {"name", "old"}
    assert isinstance(value["old"], bool)
    assert len(value["name"]) <= 8


def test_a_grammar_rules(bench: Bench) -> None:
    done = bench.ask("hello", grammar='root ::= ("ab" | "cd") "e"{3}', seed=2, temperature=1.0)
    assert done.text in ("abeee", "cdeee")
    assert done.reason is FinishReason.STOP


@pytest.mark.parametrize(
    ("knobs", "code"),
    [
        ({"grammar": "root = x"}, "bad_grammar"),
        ({"schema": '{"type": "nothing"}'}, "bad_schema"),
        ({"grammar": 'root ::= "a"', "schema": "{}"}, "conflict"),
        ({"grammar": 'root ::= "a"', "ignore_eos": True}, "conflict"),
        ({"logit_bias": "[1]"}, "bad_knob"),
        ({"logit_bias": '{"99999": 1}'}, "bad_knob"),
        ({"schema": "{"}, "bad_knob"),
    ],
)
def test_what_cannot_rule_is_refused(bench: Bench, knobs: dict[str, Any], code: str) -> None:
    with pytest.raises(EngineError) as caught:
        bench.ask("hello", **knobs)
    assert caught.value.code == code


def test_a_schema_never_fetches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("it went to the network"))
    with pytest.raises(EngineError) as caught:
        schema_grammar('{"$ref": "https://example.com/schema.json"}')
    assert caught.value.code == "bad_schema"


@pytest.mark.parametrize(
    "knobs",
    [
        {"top_k": 1},
        {"typical_p": 0.05},
        {"top_n_sigma": 0.5},
        {"min_p": 0.9},
        {"top_p": 0.05},
        {"mirostat_mode": "1"},
        {"mirostat_mode": "2"},
        {"xtc_probability": 1.0, "xtc_threshold": 0.001},
        {"dynatemp_range": 1.9},
        {"adaptive_target": 0.9},
        {"repeat_penalty": 2.0, "last_n_tokens_size": 256},
        {"frequency_penalty": 2.0},
        {"presence_penalty": 2.0},
        {"dry_multiplier": 5.0, "dry_allowed_length": 1, "dry_base": 4.0},
        {"logit_bias": '{"300": 50}'},
    ],
    ids=lambda k: next(iter(k)),
)
def test_every_sampler_acts(bench: Bench, knobs: dict[str, Any]) -> None:
    base = {"temperature": 2.0, "top_p": 1.0, "top_k": 0, "min_p": 0.0, "seed": 5, "max_tokens": 60, "ignore_eos": True}
    ids = [300, 301, 302] * 20
    plain, acted = (bench.ask(ids=ids, clear_cache=True, **(base | more)) for more in ({}, knobs))
    assert plain.ids != acted.ids
    assert plain.metrics["n_out"] == acted.metrics["n_out"] == 60


def test_top_k_1_is_greedy(bench: Bench) -> None:
    greedy, one = (
        bench.ask("hello", max_tokens=20, clear_cache=True, seed=1, **k) for k in ({"temperature": 0.0}, {"top_k": 1})
    )
    assert greedy.ids == one.ids


def test_the_largest_seed_is_a_seed_and_not_random(bench: Bench) -> None:
    first, again = (
        bench.ask("hello", temperature=2.0, seed=2**32 - 1, max_tokens=30, clear_cache=True) for _ in range(2)
    )
    assert first.ids == again.ids
