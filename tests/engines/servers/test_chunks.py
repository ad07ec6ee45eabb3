"""Pieces of answers in the shapes of several servers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engines.errors import EngineError
from engines.servers.chunks import Usage, parse


def chunk(value: Any) -> Any:
    return parse(json.dumps(value), 7)


def test_a_chunk_of_vllm() -> None:
    rows = [{"token": "a", "logprob": -0.5}, {"token": "b", "logprob": -1.5}]
    found = chunk({
        "choices": [{
            "index": 0, "delta": {"content": "a"}, "token_ids": [5, 6], "finish_reason": "length",
            "logprobs": {"content": [{"token": "a", "logprob": -0.5, "top_logprobs": rows}] * 2},
        }],
        "prompt_token_ids": [1, 2],
    })  # fmt: skip
    assert (found.text, found.ids, found.n, found.finish, found.prompt_ids) == ("a", (5, 6), 2, "length", (1, 2))
    assert found.logprobs == (-0.5, -0.5)
    assert found.top[0] == {"a": -0.5, "b": -1.5}
    assert found.at_ns == 7


def test_completions_with_the_older_logprobs() -> None:
    logprobs = {"token_logprobs": [-1.0], "top_logprobs": [{"x": -1.0}]}
    found = chunk({"choices": [{"text": "x", "logprobs": logprobs, "finish_reason": None}]})
    assert (found.text, found.n, found.logprobs, found.top, found.finish) == ("x", 1, (-1.0,), ({"x": -1.0},), "")


def test_llama_servers_timings_say_how_many_tokens_there_are() -> None:
    found = chunk(
        {"choices": [{"delta": {"content": "ab"}}], "timings": {"predicted_n": 4, "prompt_ms": 12.5, "x": "y"}}
    )
    assert (found.total, found.timings) == (4, {"predicted_n": 4.0, "prompt_ms": 12.5})


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_a_thought_is_apart(name: str) -> None:
    assert chunk({"choices": [{"delta": {name: "hm", "content": None}}]}).thought == "hm"


@pytest.mark.parametrize(
    ("usage", "wanted"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 4}, Usage(3, None, 4)),
        ({"prompt_tokens": 3, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 2}}, Usage(3, 2, 4)),
        ({"prompt_tokens": 3, "completion_tokens": 4, "prompt_tokens_details": None}, Usage(3, None, 4)),
        ({"prompt_tokens": -3, "completion_tokens": 4}, None),
        ({"prompt_tokens": "3", "completion_tokens": True}, None),
        ([], None),
    ],
)
def test_usage_in_any_shape(usage: Any, wanted: Usage | None) -> None:
    assert chunk({"choices": [], "usage": usage}).usage == wanted


@pytest.mark.parametrize(
    "value",
    [
        {}, {"choices": None}, {"choices": [None]}, {"choices": [{"delta": []}]}, {"choices": [{"delta": {"content": 4}}]},
        {"choices": [{"index": 1, "delta": {"content": "another"}}]}, {"choices": [{"token_ids": ["x"]}]},
        {"choices": [{"logprobs": {"content": [{"logprob": "x"}]}}]},
    ],
)  # fmt: skip
def test_what_is_not_there_is_nothing(value: Any) -> None:
    found = chunk(value)
    assert (found.text, found.n, found.ids, found.logprobs) == ("", 0, (), ())


def test_a_tool_call_counts_and_is_seen() -> None:
    assert chunk({"choices": [{"delta": {"tool_calls": [{"index": 0}]}}]}).tool


@pytest.mark.parametrize("data", ["{nonsense", "[1]", "4", '"text"', "\ud800".encode("utf-8", "surrogatepass")])
def test_what_is_no_json_object_is_said(data: Any) -> None:
    with pytest.raises(EngineError) as caught:
        parse(data, 0)
    assert caught.value.code == "bad_stream"


@pytest.mark.parametrize(
    "error", [{"message": "no memory"}, "no memory", {"detail": "no memory"}, [{"msg": "no memory"}]]
)
def test_an_error_in_the_stream(error: Any) -> None:
    with pytest.raises(EngineError, match="no memory") as caught:
        chunk({"error": error})
    assert caught.value.code == "server_error"
