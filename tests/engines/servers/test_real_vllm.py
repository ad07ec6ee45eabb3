"""Against a real vLLM on this machine's processor, where the environment names its command. ~2 minutes.

TANDEM_TEST_VLLM: the command (`…/bin/vllm`). TANDEM_TEST_VLLM_MODEL: a folder of safetensors, a small one.
TANDEM_TEST_VLLM_URL instead of both: one that runs already with the key "test-key"; it is not killed then.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from engines.protocol import Address, ChatRequest, Failed, Finished, Message, ModelFiles, Run, Text, Tokenize, Tokens
from tests.engines.talk import Talk

COMMAND = os.environ.get("TANDEM_TEST_VLLM", "")
FOLDER = os.environ.get("TANDEM_TEST_VLLM_MODEL", "")
URL = os.environ.get("TANDEM_TEST_VLLM_URL", "")
KEY = "test-key"
START_S = 280.0

pytestmark = [
    pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600),
    pytest.mark.skipif(not (COMMAND and FOLDER) and not URL, reason="the environment names no vLLM (TANDEM_TEST_VLLM)"),
]  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, subprocess.Popen[bytes] | None]]:
    """(url, its process); the process None where it is somebody else's."""
    if URL:
        yield URL, None
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [COMMAND, "serve", FOLDER, "--host", "127.0.0.1", "--port", str(port), "--dtype", "bfloat16", "--enforce-eager",
               "--max-model-len", "2048", "--api-key", KEY]  # fmt: skip
    env = os.environ | {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1"}
    process = subprocess.Popen(
        command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    url = f"http://127.0.0.1:{port}/v1"
    try:
        _until_up(url, process)
        yield url, process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _until_up(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        assert process.poll() is None, "vllm ended while it was starting"
        try:
            raw(url, "/models", None)
            return
        except OSError:
            time.sleep(0.5)
    raise AssertionError("vllm did not come up")


def raw(url: str, path: str, body: dict[str, Any] | None) -> Any:
    """What the server's own API says to a plain request."""
    request = urllib.request.Request(
        url + path, headers={"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, None if body is None else json.dumps(body).encode(), timeout=60) as answer:
        return json.load(answer)


@pytest.fixture
def one(talk: Callable[..., Talk], server: tuple[str, Any]) -> Talk:
    made = talk()
    made.loaded("openai-server", served(server[0]))
    return made


def served(url: str) -> ModelFiles:
    address = Address(url=url, key=KEY)
    return ModelFiles(id="s", variant="served", format="server", path=url, server=address)


def test_tokens_and_text_are_its_own_apis(one: Talk, server: tuple[str, Any]) -> None:
    url = server[0]
    model = raw(url, "/models", None)["data"][0]["id"]
    knobs = {"temperature": 0.0, "max_tokens": 32}
    own = raw(url, "/chat/completions", {
        "model": model, "messages": [{"role": "user", "content": "Tell me of the sea."}], "temperature": 0, "max_tokens": 32,
        "top_p": 0.95, "top_k": 40, "min_p": 0.05, "return_token_ids": True,
    })  # fmt: skip
    done = one.finished("Tell me of the sea.", **knobs)
    assert done.text == own["choices"][0]["message"]["content"]
    assert list(done.ids) == own["choices"][0]["token_ids"]
    assert list(done.prompt_ids) == own["prompt_token_ids"]
    assert (done.metrics["n_in"], done.metrics["n_out"]) == (
        own["usage"]["prompt_tokens"],
        own["usage"]["completion_tokens"],
    )
    own = raw(
        url,
        "/completions",
        {"model": model, "prompt": "The sea is", "temperature": 0, "max_tokens": 16, "return_token_ids": True},
    )
    one.session.send(
        Run(id=900, request=ChatRequest(prompt="The sea is", knobs={"temperature": 0.0, "max_tokens": 16}))
    )
    done = one.expect(Finished, 900)
    assert (done.text, list(done.ids)) == (own["choices"][0]["text"], own["choices"][0]["token_ids"])


def test_both_sides_times_are_of_the_same_request(one: Talk) -> None:
    """How large the difference is: `tests/bench/server_overhead.py`."""
    found = []
    for number in range(12):
        done = one.finished(f"Number {number}: how are you?", temperature=0.0, max_tokens=8)
        found.append(done.metrics["network_s"])
    known = [v for v in found if v is not None]
    assert len(known) >= 10, "the server's own figures belong to nearly every request"
    assert all(v > 0 for v in known)


def test_its_tokenizer_counts_as_its_run_does(one: Talk) -> None:
    one.session.send(Tokenize(id=901, messages=(Message("user", "Hello there"),), pieces=True))
    tokens = one.expect(Tokens, 901)
    assert tokens.ids == one.finished("Hello there", max_tokens=1).prompt_ids
    assert "Hello there" in "".join(tokens.pieces)


def test_four_at_once_are_faster_together(one: Talk) -> None:
    alone = one.finished("Count to ten.", temperature=0.0, max_tokens=32, ignore_eos=True)
    four = one.finished("Count to ten.", temperature=0.0, max_tokens=32, ignore_eos=True, concurrency=4)
    assert four.metrics["n_failed"] == 0
    assert (four.metrics["system_tok_s"] or 0) > (alone.metrics["decode_tok_s"] or 0)
    assert len(four.ids) == len(alone.ids) == 32


def test_killed_in_the_middle_of_an_answer_the_lane_says_so(one: Talk, server: tuple[str, Any]) -> None:
    process = server[1]
    if process is None:
        pytest.skip("the server is somebody else's")
    number = one.run("Tell me a long story.", max_tokens=1500, ignore_eos=True)
    one.until(lambda e: isinstance(e, Text) and e.id == number)
    os.killpg(process.pid, signal.SIGKILL)
    failed = one.until(lambda e: isinstance(e, Failed | Finished) and e.id == number)
    assert isinstance(failed, Failed)
    assert failed.code == "cut_off"
    assert "tokens" in failed.message
    assert one.text(number)
