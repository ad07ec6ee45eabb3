"""What is sent to each kind of server, and what becomes of a request that one refuses."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from engines.errors import EngineError
from engines.knobs import Settings, defaults
from engines.protocol import Address, ChatRequest, Message, Planned
from engines.servers.dialects import BY_ID, DIALECTS, Dialect
from engines.servers.errors import HttpError
from engines.servers.requests import body, extra_body, is_too_long, left_out, repaired
from engines.servers.run_knobs import SERVER_KNOBS

ADDRESS = Address(url="http://127.0.0.1:8000/v1", model="m")
HELLO = (Message("user", "Hello"),)
KNOBS = defaults(SERVER_KNOBS)


def sent(kind: str, request: ChatRequest | Planned | None = None, **knobs: Any) -> dict[str, Any]:
    return body(BY_ID[kind], ADDRESS, request or ChatRequest(messages=HELLO), KNOBS | knobs)[1]


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda d: d.id or "unknown")
def test_every_server_gets_what_every_server_knows(dialect: Dialect) -> None:
    path, made = body(dialect, ADDRESS, ChatRequest(messages=HELLO), KNOBS | {"seed": 4, "stop": ["x"]})
    assert path == "/v1/chat/completions"
    assert made["messages"] == [{"role": "user", "content": "Hello"}]
    assert (made["model"], made["stream"], made["stream_options"]["include_usage"]) == ("m", True, True)
    assert (made["temperature"], made["max_tokens"], made["seed"], made["stop"]) == (0.7, 512, 4, ["x"])
    assert "logprobs" not in made
    assert "frequency_penalty" not in made


def test_each_dialect_has_its_own_words() -> None:
    assert sent("vllm", repeat_penalty=1.1)["repetition_penalty"] == 1.1
    assert sent("llama-server", repeat_penalty=1.1)["repeat_penalty"] == 1.1
    assert sent("vllm")["return_token_ids"] is True
    assert sent("llama-server")["timings_per_token"] is True
    assert sent("sglang")["stream_options"] == {"include_usage": True, "continuous_usage_stats": True}
    assert "top_k" not in sent("")
    assert sent("vllm", ignore_eos=True)["ignore_eos"] is True
    assert "ignore_eos" not in sent("vllm")


def test_what_a_server_does_not_know_is_named() -> None:
    assert left_out(BY_ID[""], KNOBS) == ["top_k", "min_p"]
    assert left_out(BY_ID[""], KNOBS | {"top_k": 0, "min_p": 0.0}) == []
    assert left_out(BY_ID["vllm"], KNOBS) == []


def test_a_cache_is_gone_past_in_each_servers_way() -> None:
    clear = ChatRequest(messages=HELLO, clear_cache=True)
    assert sent("vllm", clear)["cache_salt"] != sent("vllm", clear)["cache_salt"]
    assert "cache_salt" not in sent("vllm")
    assert sent("vllm", cache_prompt=False)["cache_salt"]
    assert sent("llama-server", clear)["cache_prompt"] is False
    assert sent("llama-server")["cache_prompt"] is True


def test_logprobs_of_both_apis() -> None:
    assert (sent("vllm", logprobs=3)["logprobs"], sent("vllm", logprobs=3)["top_logprobs"]) == (True, 3)
    assert sent("vllm", ChatRequest(prompt="x"), logprobs=3)["logprobs"] == 3


def test_text_ids_and_planned_requests() -> None:
    assert body(BY_ID["vllm"], ADDRESS, ChatRequest(prompt="x"), KNOBS)[0] == "/v1/completions"
    assert sent("vllm", ChatRequest(ids=(1, 2)))["prompt"] == [1, 2]
    assert sent("vllm", Planned(max_tokens=7, prompt="x"))["max_tokens"] == 7


@pytest.mark.parametrize("request_", [ChatRequest(), ChatRequest(prompt=""), ChatRequest(ids=())])
def test_nothing_asked_is_refused(request_: ChatRequest) -> None:
    with pytest.raises(EngineError) as caught:
        sent("vllm", request_)
    assert caught.value.code == "empty_prompt"


def test_images_travel_inside(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"PNG")
    request = ChatRequest(messages=(Message("user", "What?", (str(tmp_path / "a.png"),)),))
    image, text = sent("vllm", request)["messages"][0]["content"]
    assert image["image_url"]["url"] == "data:image/png;base64," + base64.b64encode(b"PNG").decode()
    assert text == {"type": "text", "text": "What?"}


def test_further_fields_win() -> None:
    made = sent("vllm", extra_body='{"min_tokens": 8, "temperature": 0.1}')
    assert (made["min_tokens"], made["temperature"]) == (8, 0.1)


@pytest.mark.parametrize("text", ["{", "[1]", '{"model": "x"}', '{"stream": false}'])
def test_further_fields_that_cannot_be(text: str) -> None:
    with pytest.raises(EngineError) as caught:
        extra_body({"extra_body": text})
    assert caught.value.code == "bad_knob"


def refusal(text: str, status: int = 400) -> HttpError:
    return HttpError("server_error", f"HTTP {status}: {text}.", "", status, text)


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ("Unrecognized request argument supplied: top_k", "top_k"),
        ("Extra inputs are not permitted: body.min_p", "min_p"),
        ("stream_options is not supported", "stream_options"),
        ("Unknown parameter: 'top_logprobs'.", "top_logprobs"),
    ],
)
def test_a_refused_field_is_left_out_and_said(words: str, field: str) -> None:
    made = sent("vllm", logprobs=2)
    found = repaired(made, refusal(words))
    assert found is not None
    assert made.keys() - found[0].keys() == {field}
    assert field in found[1]


def test_newer_models_of_openai_name_their_limit_otherwise() -> None:
    words = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    found = repaired(sent(""), refusal(words))
    assert found is not None
    assert found[0]["max_completion_tokens"] == 512
    assert "max_tokens" not in found[0]


@pytest.mark.parametrize(
    ("words", "status"), [("the engine is dead", 500), ("temperature is too high", 400), ("unknown model", 400)]
)
def test_other_refusals_stay_errors(words: str, status: int) -> None:
    assert repaired(sent("vllm"), refusal(words, status)) is None


def test_a_context_that_is_too_small_is_known_by_its_words() -> None:
    said = ("max_tokens=99999 cannot be greater than max_model_len=2048.", "This model's maximum context length is 2048 tokens.",
            "the request exceeds the available context size, try increasing it")  # fmt: skip
    assert all(is_too_long(refusal(words)) for words in said)
    assert not is_too_long(refusal("temperature is too high"))
    assert not is_too_long(refusal("context length", 500))


def test_planned_knobs_may_be_few() -> None:
    few: Settings = {"temperature": 0.0}
    assert body(BY_ID["vllm"], ADDRESS, Planned(max_tokens=3, prompt="x"), few)[1]["max_tokens"] == 3


def test_a_schema_is_a_response_format() -> None:
    made = sent("", schema='{"type": "object"}')["response_format"]
    assert made == {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}}}
    assert "response_format" not in sent("")
    with pytest.raises(EngineError) as caught:
        sent("", schema="{")
    assert caught.value.code == "bad_schema"
