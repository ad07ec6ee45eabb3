"""A model on a server as an engine: against the stand-in, in a worker where that matters, else in this process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engines.chat.openai_server import SPEC
from engines.errors import EngineError
from engines.job import Job
from engines.knobs import defaults
from engines.protocol import (
    Address,
    Beat,
    ChatRequest,
    Event,
    Failed,
    Finished,
    FinishReason,
    Loaded,
    LoadTest,
    Message,
    ModelFiles,
    Planned,
    Run,
    Text,
)
from engines.servers import client
from engines.servers.adapter import OpenAIServer
from tests.engines.talk import Talk
from tests.stand_in_server import StandIn, stand_in

HELLO = (Message("user", "one two three four five six seven eight"),)
KEY = "sk-very-secret"


class Heard:
    """An outbox that remembers."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.text_ = ""

    def push(self, event: Event, job: Job | None = None) -> None:
        self.events.append(event)

    def text(self, job: Job, delta: str) -> None:
        self.text_ += delta


class Lane:
    """One session in this process."""

    def __init__(self, server: StandIn, folder: Path, **address: Any) -> None:
        self.server, self.folder, self.heard = server, folder, Heard()
        self.files = files(server, **address)
        self.adapter = OpenAIServer()

    def job(self) -> Job:
        self.heard = Heard()
        return Job(7, self.heard, self.folder)

    def load(self, **knobs: Any) -> Loaded:
        return self.adapter.load(self.files, defaults(SPEC.load) | knobs, self.job())

    def run(self, job: Job | None = None, messages: tuple[Message, ...] = HELLO, **knobs: Any) -> Finished:
        more = {n: knobs.pop(n) for n in ("clear_cache", "discard_text") if n in knobs}
        request = ChatRequest(messages=messages, knobs={"temperature": 0.0, "max_tokens": 8} | knobs, **more)
        return self.adapter.run(request, job or self.job())


def files(server: StandIn, **address: Any) -> ModelFiles:
    made = Address(**({"url": server.url, "model": "stand-in"} | address))
    return ModelFiles(id="s", variant="served", format="server", path=made.url, server=made)


@pytest.fixture
def lane(tmp_path: Path) -> Iterator[Callable[..., Lane]]:
    """Makes lanes on stand-ins of their own; a lane is loaded unless `load` is False."""
    made: list[tuple[Any, Lane]] = []

    def make(kind: str = "vllm", load: bool = True, address: dict[str, Any] | None = None, **fields: Any) -> Lane:
        context = stand_in(kind=kind, **fields)
        one = Lane(context.__enter__(), tmp_path, **(address or {}))
        made.append((context, one))
        if load:
            one.load()
        return one

    yield make
    for context, one in made:
        one.adapter.close()
        context.__exit__(None, None, None)


# --- load -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "title", "n_ctx", "version"),
    [
        ("vllm", "vLLM", 4096, "1.2.3"), ("llama-server", "llama-server", 4096, "b9999-abc"), ("sglang", "SGLang", 4096, "1.2.3"),
        ("tensorrt-llm", "TensorRT-LLM", 0, "1.2.3"), ("ollama", "Ollama", 0, "1.2.3"), ("", "OpenAI-compatible server", 0, "stand-in"),
    ],
)  # fmt: skip
def test_a_server_is_recognised_by_what_it_says(
    lane: Callable[..., Lane], kind: str, title: str, n_ctx: int, version: str
) -> None:
    loaded = lane(kind, load=False).load()
    assert loaded.build.startswith(title)
    assert (loaded.n_ctx, loaded.version, loaded.device, loaded.template) == (n_ctx, version, "server", "server")
    assert loaded.memory.runtime_bytes is None
    assert loaded.effective["warm_up"] is True
    assert loaded.sees is (kind != "llama-server")


def test_the_kind_that_a_person_named_counts_where_the_server_says_nothing(lane: Callable[..., Lane]) -> None:
    assert lane("", load=False, address={"kind": "dynamo"}).load().build.startswith("Dynamo")


def test_the_only_model_needs_no_name(lane: Callable[..., Lane]) -> None:
    one = lane(load=False, models=("org/some-model",), address={"model": ""})
    one.load()
    assert one.run().text
    assert one.server.asked[-2].body.get("model", "org/some-model") == "org/some-model"


@pytest.mark.parametrize(
    ("models", "model", "code", "words"),
    [
        (("a", "b"), "c", "unknown_model", "It serves: a, b."), (("a", "b"), "", "no_model", "Choose one of: a, b."),
        ((), "", "no_model", "Load one there first."),
    ],
)  # fmt: skip
def test_a_model_that_is_not_there(
    lane: Callable[..., Lane], models: tuple[str, ...], model: str, code: str, words: str
) -> None:
    with pytest.raises(EngineError) as caught:
        lane(load=False, models=models, address={"model": model}).load()
    assert (caught.value.code, caught.value.hint) == (code, words)


def test_a_far_server_is_not_asked_for_a_token_unless_the_person_wants_it(lane: Callable[..., Lane]) -> None:
    one = lane(load=False)
    assert one.load(warm_up=False).effective["warm_up"] is False
    assert not [a for a in one.server.asked if a.path.endswith("completions")]


# --- run --------------------------------------------------------------------------------------


def test_vllm_tells_ids_and_its_own_side_of_the_times(lane: Callable[..., Lane]) -> None:
    one = lane(prefill_s=0.05)
    done = one.run(logprobs=2)
    m = done.metrics
    assert done.reason is FinishReason.LENGTH
    assert len(done.ids) == len(done.logprobs) == len(done.offsets) == m["n_out"] == 8
    assert m["n_in"] == len(done.prompt_ids)
    assert m["server_ttft_s"] is not None
    assert 0.05 <= m["server_ttft_s"] <= (m["ttft_s"] or 0)
    assert m["network_s"] == pytest.approx((m["ttft_s"] or 0) - m["server_ttft_s"])
    assert m["prefill_s"] == m["server_prefill_s"]
    assert (m["connect_s"], m["server_queue_s"]) == (0.0, 0.0)
    assert m["headers_s"] is not None
    assert m["headers_s"] < (m["ttft_s"] or 0)
    assert "n_requests" not in m
    assert one.heard.text_ == done.text


def test_a_server_that_counts_a_request_late_is_waited_for(lane: Callable[..., Lane]) -> None:
    one = lane(prefill_s=0.05)
    gauges = one.adapter._gauges
    assert gauges is not None
    page, late = gauges.read_now, iter([gauges.latest, gauges.latest])
    gauges.read_now = lambda timeout_s=1.0: next(late, None) or page(timeout_s)  # type: ignore[method-assign]
    assert (one.run().metrics["server_ttft_s"] or 0) >= 0.05
    assert next(late, None) is None


def test_after_many_at_once_one_alone_has_its_own_figures(lane: Callable[..., Lane]) -> None:
    one = lane()
    many, alone = one.run(concurrency=4).metrics, one.run().metrics
    assert (many["server_ttft_s"], many["network_s"]) == (None, None)
    assert alone["server_ttft_s"] is not None


def test_one_alone_has_the_figure_that_many_are_compared_by(lane: Callable[..., Lane]) -> None:
    m = lane(token_s=0.005).run().metrics
    assert m["system_tok_s"] == pytest.approx(m["n_out"] / m["e2e_s"], rel=0.2)  # type: ignore[operator]


def test_what_comes_is_acknowledged_at_once(lane: Callable[..., Lane], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    one = lane()
    monkeypatch.setattr(client, "hurry", lambda sock: asked.append(sock.fileno()))
    assert one.run().metrics["n_out"] == 8
    assert len(asked) >= 2  # before the answer's head, and before each read of its stream


def test_a_usage_that_cannot_be_makes_no_rate_of_nothing(lane: Callable[..., Lane]) -> None:
    one = lane("")
    one.server.fault = "wrong_usage"
    done = one.run()
    assert (done.metrics["n_out"], done.metrics["decode_tok_s"], done.metrics["system_tok_s"]) == (None, None, None)
    assert any("the number of tokens is not known" in note for note in done.notes)


def test_llama_server_tells_its_timings(lane: Callable[..., Lane]) -> None:
    m = lane("llama-server", prefill_s=0.03).run().metrics
    assert m["n_out"] == 8
    assert m["server_prefill_s"] is not None
    assert m["server_prefill_s"] >= 0.03
    assert m["n_cached"] == 0, "what warmed it up is not found again"
    assert m["server_decode_s"]


@pytest.mark.parametrize("kind", ["sglang", "ollama", "tensorrt-llm", ""])
def test_without_ids_the_usage_counts_and_what_nobody_says_is_none(lane: Callable[..., Lane], kind: str) -> None:
    done = lane(kind).run()
    assert done.ids == ()
    assert done.metrics["n_out"] == 8
    assert done.metrics["n_in"]
    assert done.metrics["server_ttft_s"] is None
    assert done.metrics["prefill_tok_s"] is None
    assert done.metrics["decode_tok_s"]


def test_a_server_that_counts_nothing(lane: Callable[..., Lane]) -> None:
    one = lane("")
    one.server.fault = "no_count"
    done = one.run()
    assert (
        done.metrics["n_out"]
        is done.metrics["n_in"]
        is done.metrics["n_cached"]
        is done.metrics["decode_tok_s"]
        is None
    )
    assert done.text
    assert any("does not say how many tokens" in note for note in done.notes)


def test_settings_that_a_server_does_not_know_are_named(lane: Callable[..., Lane]) -> None:
    done = lane("").run(top_k=5)
    assert done.effective["top_k"] is None
    assert any("top_k" in note for note in done.notes)


def test_a_field_that_a_server_refuses_is_left_out_said_and_not_sent_again(lane: Callable[..., Lane]) -> None:
    one = lane()
    one.server.fault = "refuse:min_p"
    for _ in range(2):
        done = one.run(min_p=0.1)
        assert done.effective["min_p"] is None
        assert "min_p was left out: this server refuses it" in done.notes
    assert sum("min_p" in a.body for a in one.server.asked) == 1, "the second run left it out from the start"


def test_the_usage_can_be_refused_too(lane: Callable[..., Lane]) -> None:
    one = lane()
    one.server.fault = "refuse:stream_options"
    assert one.run().metrics["n_out"] == 8


def test_an_answer_that_does_not_fit_is_made_shorter_and_says_so(lane: Callable[..., Lane]) -> None:
    done = lane(n_ctx=64).run(max_tokens=400, ignore_eos=True)
    room = done.effective["max_tokens"]
    assert room == 64 - len(done.prompt_ids) == len(done.ids)
    assert any("asked: 400" in note for note in done.notes)


def test_a_conversation_that_does_not_fit_is_refused(lane: Callable[..., Lane]) -> None:
    with pytest.raises(EngineError) as caught:
        lane(n_ctx=64).run(messages=(Message("user", "word " * 100),))
    assert caught.value.code == "context_full"


def test_a_wrong_usage_does_not_count(lane: Callable[..., Lane]) -> None:
    one = lane()
    one.server.fault = "wrong_usage"
    done = one.run()
    assert done.metrics["n_out"] == 8
    assert any("usage says 1 token," in note for note in done.notes)


def test_a_thought_that_is_kept_apart_is_written_as_models_write_it(lane: Callable[..., Lane]) -> None:
    one = lane()
    one.server.fault = "reasoning"
    done = one.run()
    assert done.text.startswith("<think>")
    assert "</think>" in done.text
    assert done.metrics["ttfa_s"] is not None


def test_the_prefix_cache_is_gone_past_or_the_run_says_so(lane: Callable[..., Lane]) -> None:
    one = lane()
    assert one.run().metrics["n_cached"] == 0
    assert (one.run().metrics["n_cached"] or 0) > 0
    assert one.run(clear_cache=True).metrics["n_cached"] == 0
    assert one.run(cache_prompt=False).metrics["n_cached"] == 0
    flushed = lane("sglang")
    flushed.run(clear_cache=True)
    assert "/flush_cache" in [a.path for a in flushed.server.asked]
    assert "this server's prefix cache could not be cleared" in lane("ollama").run(clear_cache=True).notes


def test_discarded_text_is_measured_alone(lane: Callable[..., Lane]) -> None:
    one = lane()
    done = one.run(discard_text=True)
    assert one.heard.text_ == ""
    assert done.metrics["n_out"] == 8
    assert len(done.offsets) == 8


@pytest.mark.parametrize("fault", ["cut", "half_chunk"])
def test_a_server_that_dies_in_the_middle_is_said_and_the_text_stays(lane: Callable[..., Lane], fault: str) -> None:
    one = lane()
    one.server.fault = fault
    with pytest.raises(EngineError) as caught:
        one.run()
    assert caught.value.code == "cut_off"
    assert "after 3 tokens" in caught.value.message
    assert one.heard.text_.split(), "what had come was given out before"
    one.server.fault = ""
    assert one.run().metrics["n_out"] == 8


def test_copies_at_once(lane: Callable[..., Lane]) -> None:
    one = lane()
    done = one.run(concurrency=5, seed=10, max_tokens=6)
    m = done.metrics
    assert (m["n_requests"], m["n_failed"], m["n_out"]) == (5.0, 0.0, 6)
    assert m["system_tok_s"]
    assert m["ttft_p95_s"]
    assert m["itl_all_p95_s"]
    assert sorted(a.body["seed"] for a in one.server.asked if "seed" in a.body) == [10, 11, 12, 13, 14]


def test_a_copy_that_fails_is_counted(lane: Callable[..., Lane]) -> None:
    one = lane()
    one.server.fault = "fail_seeds"
    done = one.run(concurrency=3, seed=10)
    assert (done.metrics["n_requests"], done.metrics["n_failed"]) == (3.0, 2.0)
    assert any("2 of 3 requests failed" in note for note in done.notes)


@pytest.mark.parametrize(("fault", "n"), [("hang_requests", 1), ("hang_midstream", 1), ("hang_midstream", 4)])
def test_a_stop_is_seen_while_the_server_is_silent(lane: Callable[..., Lane], fault: str, n: int) -> None:
    one = lane()
    one.server.fault = fault
    job = one.job()
    before = job.counter
    found: list[Finished] = []
    thread = threading.Thread(target=lambda: found.append(one.run(job, concurrency=n)))
    thread.start()
    waited = threading.Event()
    while job.counter < before + 20 + 10 * n:  # it ticks while it waits, so that nobody takes it for hung
        waited.wait(0.01)
    job.cancel()
    thread.join(20)
    assert found[0].reason is FinishReason.CANCELLED
    assert found[0].text == one.heard.text_


def test_a_server_that_stays_silent_is_given_up(lane: Callable[..., Lane]) -> None:
    one = lane(load=False)
    one.load(timeout_s=0.3)
    one.server.fault = "hang_midstream"
    with pytest.raises(EngineError) as caught:
        one.run()
    assert caught.value.code == "server_silent"


def test_a_server_without_a_tokenizer_says_so(lane: Callable[..., Lane]) -> None:
    one = lane("ollama")
    for act in (lambda: one.adapter.tokenize("x"), lambda: one.adapter.pieces([1])):
        with pytest.raises(EngineError) as caught:
            act()
        assert caught.value.code == "not_supported"


def test_llama_servers_tokenizer_reads_the_conversation_as_its_template_writes_it(lane: Callable[..., Lane]) -> None:
    one = lane("llama-server")
    ids = one.adapter.tokenize("", HELLO)
    assert "".join(one.adapter.pieces(ids)) == StandIn.rendered([{"role": "user", "content": HELLO[0].content}])


# --- in a worker ------------------------------------------------------------------------------


def test_in_a_worker_the_beats_carry_the_servers_figures(talk: Callable[..., Talk]) -> None:
    with stand_in(key=KEY) as server:
        one = talk()
        one.loaded("openai-server", files(server, key=KEY))
        beat = one.until(lambda e: isinstance(e, Beat) and "server_running" in e.sample)
        assert beat.sample["server_kv_use"] == 0.125
        assert beat.device_bytes is None


def test_a_lane_that_is_cut_says_it_and_goes_on(talk: Callable[..., Talk]) -> None:
    with stand_in(key=KEY) as server:
        one = talk()
        one.loaded("openai-server", files(server, key=KEY))
        server.fault = "cut"
        number = one.run("some words to say again", max_tokens=8)
        failed = one.until(lambda e: isinstance(e, Failed | Finished) and e.id == number)
        assert isinstance(failed, Failed)
        assert (failed.code, failed.fatal) == ("cut_off", False)
        assert one.text(number), "what had come is there before the failure"
        server.fault = ""
        one.events.clear()
        assert one.finished(max_tokens=8).metrics["n_out"] == 8
        assert KEY not in repr(one.events)
        assert KEY not in "".join(one.session.stderr)


def test_a_load_test_answers_for_every_request(talk: Callable[..., Talk]) -> None:
    with stand_in() as server:
        one = talk()
        one.loaded("openai-server", files(server))
        plan = tuple(Planned(max_tokens=4, prompt=f"say this {i}") for i in range(6))
        one.session.send(Run(id=900, request=LoadTest(users=3, requests=plan)))
        done = one.expect(Finished, 900)
        assert done.detail is not None
        assert Path(done.detail.path).stat().st_size > 0


def test_text_streams(talk: Callable[..., Talk]) -> None:
    with stand_in(token_s=0.02) as server:
        one = talk()
        one.loaded("openai-server", files(server))
        number = one.run("a b c d e f g h", max_tokens=10)
        first = one.until(lambda e: isinstance(e, Text) and e.id == number)
        done = one.expect(Finished, number)
        assert len(first.text) < len(done.text)
