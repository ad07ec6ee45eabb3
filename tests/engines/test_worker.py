"""A real worker, with engines that need no library: order, overtaking, cancelling, and every kind of trouble."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from engines.client import Patience, Session
from engines.protocol import (
    Beat,
    Cancel,
    CancelSeen,
    ChatRequest,
    Convert,
    Describe,
    Described,
    Ended,
    Failed,
    Finished,
    FinishReason,
    Hello,
    Loaded,
    Message,
    Progress,
    Responsive,
    Run,
    Score,
    Text,
    Tokenize,
    Tokens,
    Unresponsive,
)
from tests.engines.talk import TOY, Talk

MakeTalk = Callable[..., Talk]
ENDLESS = {"ignore_eos": True, "max_tokens": 100_000, "rate": 500}
QUICK = Patience(no_beat_s=3.0, still_s=1.5, still_loading_s=1.5)


def failure(talk: Talk, request: int | None) -> Failed:
    found = talk.until(lambda e: isinstance(e, Failed | Finished) and e.id == request)
    assert isinstance(found, Failed), found
    return found


def end(talk: Talk) -> Ended:
    found = talk.until(lambda e: isinstance(e, Ended))
    assert isinstance(found, Ended)
    return found


def text_came(request: int) -> Callable[[object], bool]:
    return lambda e: isinstance(e, Text) and e.id == request


# --- order -----------------------------------------------------------------------------------


def test_hello_load_run(talk: MakeTalk) -> None:
    one = talk()
    loaded = one.loaded("echo", load_s=0.1)
    assert isinstance(one.events[0], Hello)
    assert one.events[0].pid == one.session.pid
    assert [e.fraction for e in one.events if isinstance(e, Progress)] == sorted(
        e.fraction or 0 for e in one.events if isinstance(e, Progress)
    )
    assert loaded.effective == {"n_ctx": 4096, "load_s": 0.1, "slowdown": 1.0, "blur": 0.0}
    done = one.finished("to be or not", rate=0)
    assert (done.reason, done.text) == (FinishReason.STOP, "to be or not ")
    assert one.text(done.id) == done.text
    assert done.metrics["n_out"] == 4
    assert list(done.times_ns) == sorted(done.times_ns)
    assert done.memory.runtime_bytes


def test_runs_are_first_in_first_out(talk: MakeTalk) -> None:
    one = talk()
    one.loaded("echo")
    ids = [one.run(f"run {n}") for n in range(5)]
    one.expect(Finished, ids[-1])
    assert [e.id for e in one.events if isinstance(e, Finished)] == ids
    last_seen = [e.id for e in one.events if isinstance(e, Text | Finished)]
    assert last_seen == sorted(last_seen)


def test_tokenize_and_cancel_overtake(talk: MakeTalk) -> None:
    one = talk()
    one.loaded("echo")
    running, queued = one.run("again", **ENDLESS), one.run("never")
    one.until(text_came(running))
    one.session.send(Tokenize(id=10**6, text="two words"))
    tokens = one.expect(Tokens, 10**6)
    assert len(tokens.ids) == 2
    one.session.send(Tokenize(id=10**6 + 1, messages=(Message("user", "three more words"),)))
    assert len(one.expect(Tokens, 10**6 + 1).ids) == 3

    one.session.cancel(queued)
    one.expect(CancelSeen, queued)
    assert not [e for e in one.events if isinstance(e, Finished)]
    one.session.cancel(running)
    first, second = one.expect(Finished, running), one.expect(Finished, queued)
    assert (first.reason, second.reason) == (FinishReason.CANCELLED, FinishReason.CANCELLED)
    assert first.text.startswith("again again")
    assert one.text(running) == first.text
    assert (second.text, second.times_ns) == ("", ())
    assert one.finished("next").reason is FinishReason.STOP


def test_a_cancel_of_nothing_is_answered_and_harmless(talk: MakeTalk) -> None:
    one = talk()
    one.session.send(Cancel(id=999_999))
    one.expect(CancelSeen, 999_999)
    one.loaded("echo")
    done = one.finished()
    one.session.cancel(done.id)
    one.expect(CancelSeen, done.id)
    assert one.finished().reason is FinishReason.STOP


def test_a_load_can_be_cancelled_and_another_follow(talk: MakeTalk) -> None:
    one = talk()
    load = one.load("echo", load_s=1000)
    one.expect(Progress, load)
    one.session.cancel(load)
    assert one.expect(Finished, load).reason is FinishReason.CANCELLED
    assert failure(one, one.run()).code == "not_loaded"
    one.events.clear()
    one.loaded("echo")
    assert one.finished().reason is FinishReason.STOP


def test_a_second_load_replaces_the_model(talk: MakeTalk) -> None:
    one = talk()
    one.loaded("echo")
    loaded = one.loaded("chaos")
    assert loaded.engine == "chaos"
    assert "trouble" in one.finished(after=0).effective or loaded.effective == {"load_trouble": "none"}


def test_a_message_of_megabytes_goes_both_ways(talk: MakeTalk) -> None:
    one = talk()
    one.loaded("echo")
    word = "é" * (3 << 20)
    number = Session.next_id()
    one.session.send(Run(id=number, request=ChatRequest(prompt=word, knobs={"rate": 0})))
    assert one.expect(Finished, number).text == word + " "
    assert one.text(number) == word + " "


def test_text_can_be_discarded(talk: MakeTalk) -> None:
    one = talk()
    one.loaded("echo")
    number = Session.next_id()
    request = ChatRequest(prompt="a b", knobs={"rate": 0, "ignore_eos": True, "max_tokens": 50}, discard_text=True)
    one.session.send(Run(id=number, request=request))
    done = one.expect(Finished, number)
    assert (done.reason, done.metrics["n_out"], one.text(number)) == (FinishReason.LENGTH, 50, "")


# --- refusals --------------------------------------------------------------------------------


def test_a_run_before_a_load_is_refused(talk: MakeTalk) -> None:
    one = talk()
    assert failure(one, one.run()).code == "not_loaded"


@pytest.mark.parametrize(("knobs", "code"), [({"temprature": 1}, "unknown_knob"), ({"temperature": 9}, "bad_knob")])
def test_the_worker_checks_the_knobs_of_a_run(talk: MakeTalk, knobs: dict[str, float], code: str) -> None:
    one = talk()
    one.loaded("echo")
    refused = failure(one, one.run(**knobs))
    assert (refused.code, refused.fatal) == (code, False)
    assert refused.hint


def test_the_worker_checks_the_knobs_of_a_load_and_keeps_the_model(talk: MakeTalk) -> None:
    one = talk()
    one.loaded("echo")
    refused = failure(one, one.load("echo", n_batch=1))
    assert refused.code == "unknown_knob"
    one.events.clear()
    assert one.finished().reason is FinishReason.STOP


def test_an_engine_that_is_not_there_is_refused(talk: MakeTalk) -> None:
    one = talk()
    assert failure(one, one.load("nonesuch")).code == "unknown_engine"


def test_a_verb_that_an_engine_does_not_declare_is_refused(talk: MakeTalk) -> None:
    one = talk()
    one.loaded("chaos")
    for n, command in enumerate(
        [
            Score(id=900, ids=(1, 2, 3), prefill=1),
            Convert(id=901, engine="chaos", files=TOY, variant="q8_0", target="/nowhere"),
        ]
    ):
        one.session.send(command)
        refused = failure(one, 900 + n)
        assert (refused.code, refused.fatal) == ("not_supported", False)
        one.events.clear()


def test_an_engine_describes_itself_without_a_model(talk: MakeTalk) -> None:
    one = talk()
    one.session.send(Describe(id=5, engine="echo"))
    assert one.expect(Described, 5).available


# --- the surroundings ------------------------------------------------------------------------


def test_the_environment_holds_no_secrets(talk: MakeTalk, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = {"HF_TOKEN": "t", "HUGGING_FACE_HUB_TOKEN": "t", "AWS_SECRET_ACCESS_KEY": "t", "SSH_AUTH_SOCK": "/x", "OPENAI_API_KEY": "t",
              "GITHUB_TOKEN": "t", "PYTHONPATH": "/evil", "PYTHONSTARTUP": "/evil", "LD_PRELOAD": "", "HTTP_PROXY": "http://u:p@h"}  # fmt: skip
    for name, value in secret.items():
        monkeypatch.setenv(name, value)
    one = talk()
    one.expect(Hello)
    found = psutil.Process(one.session.pid).environ()
    assert not set(secret) & set(found)
    known = {"HF_HUB_DISABLE_IMPLICIT_TOKEN", "TOKENIZERS_PARALLELISM"}
    assert not [name for name in set(found) - known if "TOKEN" in name or "SECRET" in name or "KEY" in name]
    assert found["HF_HUB_OFFLINE"] == "1"
    assert found["GGML_NO_BACKTRACE"] == "1"
    assert found["TORCHINDUCTOR_COMPILE_THREADS"] == "1"
    assert found["TANDEM_RUN_DIR"] == str(one.session.workdir)


def test_it_beats_while_it_works_and_while_it_rests(talk: MakeTalk) -> None:
    one = talk()
    one.loaded("echo")
    assert one.until(lambda e: isinstance(e, Beat) and e.phase == "idle").rss > 1 << 20
    one.run("again", **ENDLESS)
    first = one.until(lambda e: isinstance(e, Beat) and e.phase == "decode")
    later = one.until(lambda e: isinstance(e, Beat) and e.counter > first.counter)
    assert later.sample["cores"] >= 1
    assert later.sample["longest_step_s"] > 0


def test_no_core_files_and_first_in_line_when_memory_runs_out(talk: MakeTalk) -> None:
    if sys.platform != "linux":
        pytest.skip("Linux says so in /proc")
    one = talk()
    one.expect(Hello)
    one.loaded("echo")
    limits = Path(f"/proc/{one.session.pid}/limits").read_text()
    core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
    assert core.split()[4:6] == ["0", "0"]
    assert int(Path(f"/proc/{one.session.pid}/oom_score_adj").read_text()) >= int(
        Path("/proc/self/oom_score_adj").read_text()
    )


# --- trouble ---------------------------------------------------------------------------------

ENDS = {
    "segv": "segmentation fault", "abort": "aborted", "exit0": "ended by itself", "exit9": "exit code 9",
    "half_frame": "in the middle of a message", "garbage": "something that it should not",
    "big_frame": "something that it should not", "unknown_event": "something that it should not",
    "forged_end": "something that it should not",
}  # fmt: skip
BAD_FRAMES = {
    "garbage": "could not be understood", "big_frame": "104,857,600", "unknown_event": "FromTheFuture",
    "half_frame": "in the middle of a message", "forged_end": "“Ended”",
}  # fmt: skip
FAILURES = {
    "raise": ("engine_error", "RuntimeError: a library failed", False),
    "engine_error": ("planned", "refused on purpose", False),
    "memory_error": ("no_memory", "Memory ran out", True),
    "sys_exit": ("engine_error", "SystemExit", False),
}


@pytest.mark.parametrize("trouble", ENDS)
def test_a_worker_that_breaks_ends_with_its_own_words(talk: MakeTalk, trouble: str) -> None:
    one = talk()
    one.loaded("chaos")
    number = one.run("some words here", trouble=trouble, after=3, rate=20)
    assert one.until(text_came(number))
    if trouble in BAD_FRAMES:
        failed = one.until(lambda e: isinstance(e, Failed))
        assert (failed.id, failed.code, failed.fatal) == (None, "bad_frame", True)
        assert BAD_FRAMES[trouble] in failed.message
        one.events.remove(failed)
    ended = end(one)
    assert ENDS[trouble] in ended.words
    assert not ended.expected
    assert one.text(number).startswith("some")
    assert not psutil.pid_exists(one.session.pid)


@pytest.mark.parametrize("trouble", ["segv", "exit0", "garbage"])
def test_a_load_that_breaks_ends_with_its_own_words(talk: MakeTalk, trouble: str) -> None:
    one = talk()
    one.load("chaos", load_trouble=trouble)
    failed = one.until(lambda e: isinstance(e, Failed | Ended))
    if isinstance(failed, Failed):
        one.events.remove(failed)
    assert ENDS[trouble] in end(one).words


@pytest.mark.parametrize("trouble", FAILURES)
@pytest.mark.parametrize("when", ["load", "run"])
def test_a_library_that_fails_is_a_failure_and_the_worker_lives(talk: MakeTalk, trouble: str, when: str) -> None:
    one = talk()
    code, words, fatal = FAILURES[trouble]
    if when == "load":
        failed = failure(one, one.load("chaos", load_trouble=trouble))
    else:
        one.loaded("chaos")
        failed = failure(one, one.run(trouble=trouble, after=1))
    assert (failed.code, failed.fatal) == (code, fatal)
    assert words in failed.message
    assert failed.hint
    one.events.clear()
    one.loaded("echo")
    assert one.finished().reason is FinishReason.STOP


def test_what_a_library_prints_never_touches_the_frames(talk: MakeTalk) -> None:
    one = talk()
    one.loaded("chaos")
    assert one.finished("a b", trouble="print", after=1).reason is FinishReason.STOP
    one.session.close()
    printed = "\n".join(one.session.stderr)
    assert "this must not touch the frames" in printed
    assert "nor this" in printed


def test_a_flood_of_noise_is_drained_into_a_ring(talk: MakeTalk) -> None:
    one = talk()
    one.loaded("chaos")
    done = one.finished("a b", trouble="flood_stderr", seconds=0.5)
    assert done.reason is FinishReason.STOP
    one.session.close()
    assert 0 < len(one.session.stderr) <= 200
    assert max(map(len, one.session.stderr)) <= 2000


def test_a_lie_about_figures_is_passed_on_and_harms_nobody(talk: MakeTalk) -> None:
    one = talk()
    one.loaded("chaos")
    done = one.finished(trouble="lie_length", after=1)
    assert done.metrics == {"n_out": 1e9}
    assert one.finished(after=0).reason is FinishReason.STOP


def test_a_flood_of_frames_arrives_whole_and_in_order(talk: MakeTalk) -> None:
    one = talk()
    one.loaded("chaos")
    number = one.run("x", trouble="flood", after=0, seconds=0.5, rate=20_000)
    one.expect(Finished, number)
    flood = one.text(number).split()[:10_000]
    assert flood == [str(n) for n in range(10_000)]


# --- silence ---------------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", ["hang", "hang_in_c"])
def test_a_worker_that_hangs_is_told_and_can_be_forced(talk: MakeTalk, trouble: str) -> None:
    one = talk(QUICK)
    one.loaded("chaos")
    number = one.run("some words", trouble=trouble, after=2, rate=20)
    silent = one.until(lambda e: isinstance(e, Unresponsive))
    assert silent.seconds >= 1.5
    one.session.cancel(number)
    one.session.force()
    ended = end(one)
    assert ended.expected
    assert ended.words == "it was closed"
    assert one.text(number).startswith("some ")


def test_a_load_that_hangs_is_told(talk: MakeTalk) -> None:
    one = talk(QUICK)
    one.load("chaos", load_trouble="hang")
    assert one.until(lambda e: isinstance(e, Unresponsive)).phase == "read"
    one.session.close()
    assert not one.session.alive


def test_a_worker_that_will_not_listen_acknowledges_and_is_forced(talk: MakeTalk) -> None:
    """It works, so it is not silent; it never looks at the flag, so only force helps."""
    one = talk(QUICK)
    one.loaded("chaos")
    number = one.run(trouble="spin", after=1)
    one.until(text_came(number))
    one.session.cancel(number)
    one.expect(CancelSeen, number)
    one.session.force()
    assert end(one).expected
    assert not [e for e in one.events if isinstance(e, Finished | Unresponsive)]


@pytest.mark.skipif(sys.platform == "win32", reason="no signals")
def test_a_worker_that_wakes_up_again_goes_on(talk: MakeTalk) -> None:
    one = talk(QUICK)
    one.loaded("chaos")
    number = one.run("a b", trouble="deaf", after=1)
    one.until(lambda e: isinstance(e, Unresponsive))
    os.kill(one.session.pid, signal.SIGCONT)
    one.until(lambda e: isinstance(e, Responsive))
    assert one.expect(Finished, number).reason is FinishReason.STOP


@pytest.mark.skipif(sys.platform == "win32", reason="no signals")
def test_a_stopped_worker_can_be_closed(talk: MakeTalk) -> None:
    one = talk()
    one.expect(Hello)
    os.kill(one.session.pid, signal.SIGSTOP)
    one.session.close(0.2)
    assert not one.session.alive


def test_a_worker_is_not_silent_while_it_rests(talk: MakeTalk) -> None:
    one = talk(QUICK)
    one.loaded("echo")
    for _ in range(3):
        one.events.clear()
        one.until(lambda e: isinstance(e, Beat))
    assert not [e for e in one.events if isinstance(e, Unresponsive)]
    assert isinstance(one.loaded("echo"), Loaded)
