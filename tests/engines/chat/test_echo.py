"""The test engine: what is planted is really there, or nothing that is found with it means anything."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from engines.chat.echo import SPEC, Echo
from engines.chat.echo_score import N_VOCAB
from engines.errors import EngineError
from engines.job import Job
from engines.protocol import ChatRequest, Finished, FinishReason, Message, ModelFiles, Score, Scored
from tests.engines.chat.llama_bench import Outbox

TEXT = "the quick brown fox jumps over the lazy dog and then it does so once more"
FILES = ModelFiles(id="toy", variant="toy", format="gguf", path="")


def echo(folder: Path, **load: Any) -> Echo:
    made = Echo()
    made.load(FILES, {k.name: k.default for k in SPEC.load} | load, Job(1, Outbox(), folder))
    return made


def say(engine: Echo, folder: Path, *texts: str, clear: bool = False, **knobs: Any) -> Finished:
    """What it answers to a conversation of the given texts; at full speed unless a rate is given."""
    messages = tuple(Message(("user", "assistant")[i % 2], text) for i, text in enumerate(texts or (TEXT,)))
    request = ChatRequest(messages=messages, knobs={"rate": 0.0} | knobs, clear_cache=clear)
    return engine.run(request, Job(2, Outbox(), folder))


def test_text_is_all_there_after_the_last_step(tmp_path: Path) -> None:
    done = say(echo(tmp_path), tmp_path, rate=0.0)
    words = TEXT.split()
    assert done.text == TEXT + " "
    assert done.shown == tuple(len(" ".join(words[: i + 1])) + 1 for i in range(len(words)))


def test_tokens_never_come_before_their_planned_moment(tmp_path: Path) -> None:
    """Counted from the first one, at the rate and slowdown that were asked for, with one late token on the way."""
    done = say(echo(tmp_path, slowdown=1.5), tmp_path, rate=1000.0, slow_every=10.0, slow_s=0.01)
    first = done.times_ns[0]
    planned = [i * 1_500_000 + (10_000_000 if i >= 10 else 0) for i in range(len(done.times_ns))]
    assert all(at - first >= due for at, due in zip(done.times_ns[1:], planned[1:], strict=True))
    assert done.times_ns[9] - first < done.times_ns[10] - first - 5_000_000


def score(folder: Path, blur: float, **more: Any) -> Scored:
    engine = echo(folder, blur=blur)
    ids = tuple(engine.tokenize(TEXT, ()))
    order = Score(id=1, ids=ids, prefill=4, **more)
    return engine.score(order, Job(3, Outbox(), folder))


def test_scores_differ_by_as_much_as_they_are_blurred(tmp_path: Path) -> None:
    path = str(tmp_path / "reference.f16")
    exact = score(tmp_path, 0.0, write=path)
    assert exact.written is not None
    assert exact.written.shape == (len(TEXT.split()) - 4, N_VOCAB)
    itself, little, much = (score(tmp_path, blur, against=path) for blur in (0.0, 0.1, 0.5))
    assert set(itself.kl) == {0.0}
    assert itself.nll == exact.nll
    assert 0 < little.stats["kl_mean"] < much.stats["kl_mean"]


@pytest.mark.parametrize("step", [1, 32])
def test_scored_words_are_named_where_asked(tmp_path: Path, step: int) -> None:
    assert "".join(score(tmp_path, 0.0, pieces=True, step=step).pieces) == " ".join(TEXT.split()[4:]) + " "
    assert score(tmp_path, 0.0, step=step).pieces == ()


def test_a_text_longer_than_the_context_is_refused(tmp_path: Path) -> None:
    engine = echo(tmp_path)
    with pytest.raises(EngineError) as caught:
        engine.score(Score(id=1, ids=(1,) * 5000, prefill=4), Job(3, Outbox(), tmp_path))
    assert caught.value.code == "context_full"


MARKDOWN = "# Title\n\n- one\n-  two\n\n```py\nx = 1\n    y\n```\n"


def test_white_space_comes_back_as_it_was(tmp_path: Path) -> None:
    for text in (MARKDOWN, "\n\n  first", "a\tb\n"):
        done = say(echo(tmp_path), tmp_path, text)
        assert done.text == text + ("" if text[-1].isspace() else " ")
        assert done.offsets[-1] == len(done.text)
        assert len(done.offsets) == len(done.ids)


def test_offsets_say_where_each_token_ends_also_where_the_text_is_discarded(tmp_path: Path) -> None:
    engine = echo(tmp_path)
    request = ChatRequest(prompt=TEXT, knobs={"rate": 0.0}, discard_text=True)
    done = engine.run(request, Job(2, Outbox(), tmp_path))
    assert done.shown == ()
    starts = (0, *done.offsets)
    cut = [done.text[a:b] for a, b in zip(starts, done.offsets, strict=False)]
    assert [word.strip() for word in cut] == TEXT.split()


def test_a_stop_text_ends_the_answer_before_it(tmp_path: Path) -> None:
    done = say(echo(tmp_path), tmp_path, stop=["fox jumps"])
    assert done.text == "the quick brown "
    assert done.reason is FinishReason.STOP
    assert len(done.ids) == len(done.offsets) == 5, "the words of the stop text were made, and cut"
    assert done.metrics["n_shown"] == 3
    held = say(echo(tmp_path), tmp_path, stop=["fox jumps under"])
    assert held.text == TEXT + " "
    assert held.offsets[3] == len("the quick brown "), "what may become a stop text is held back"


def test_the_pieces_of_a_prompt_are_its_text(tmp_path: Path) -> None:
    engine = echo(tmp_path)
    ids = engine.tokenize("", (Message("user", MARKDOWN), Message("assistant", "well")))
    assert "".join(engine.pieces(ids)) == MARKDOWN + "well "
    assert engine.pieces([49_999]) == ("<49999> ",)
    assert tuple(ids) == say(engine, tmp_path, MARKDOWN, "well").prompt_ids


def test_what_was_read_and_said_is_not_read_again(tmp_path: Path) -> None:
    engine = echo(tmp_path)
    first = say(engine, tmp_path, "one two")
    assert first.metrics["n_cached"] == 0
    second = say(engine, tmp_path, "one two", "one two", "three four")
    assert (second.metrics["n_in"], second.metrics["n_cached"]) == (6, 4)
    assert second.text == "three four "
    again = say(engine, tmp_path, "one two", "one two", "three four")
    assert again.metrics["n_cached"] == 5, "the last token is always read"
    other = say(engine, tmp_path, "one else")
    assert other.metrics["n_cached"] == 1
    assert say(engine, tmp_path, "one else", clear=True).metrics["n_cached"] == 0
    assert say(engine, tmp_path, "one else", cache_prompt=False).metrics["n_cached"] == 0


def test_ids_are_read_as_they_are(tmp_path: Path) -> None:
    engine = echo(tmp_path)
    done = engine.run(ChatRequest(ids=(7, 8), knobs={"rate": 0.0}), Job(2, Outbox(), tmp_path))
    assert done.prompt_ids == (7, 8)
    assert done.text == "7 8 "


def test_probabilities_are_the_same_each_time_and_plausible(tmp_path: Path) -> None:
    done, again = (say(echo(tmp_path), tmp_path, logprobs=20) for _ in range(2))
    assert (done.logprobs, done.top_logprobs) == (again.logprobs, again.top_logprobs)
    assert len(done.logprobs) == len(done.top_logprobs) == len(done.ids)
    for own, table, word in zip(done.logprobs, done.top_logprobs, TEXT.split(), strict=True):
        assert len(table) == 20
        assert list(table.values()) == sorted(table.values(), reverse=True)
        assert 0.99 < sum(math.exp(v) for v in table.values()) < 1
        assert table[word + " "] == own
    assert max(done.logprobs) - min(done.logprobs) > 0.2
    few = say(echo(tmp_path), tmp_path, logprobs=3)
    assert few.logprobs == done.logprobs
    assert {len(table) for table in few.top_logprobs} == {3}
    assert say(echo(tmp_path), tmp_path).logprobs == ()


def test_now_and_then_another_word_would_have_been_likelier(tmp_path: Path) -> None:
    done = say(echo(tmp_path), tmp_path, " ".join(f"word{n}" for n in range(100)), logprobs=2)
    behind = sum(own < max(t.values()) for own, t in zip(done.logprobs, done.top_logprobs, strict=True))
    assert 3 < behind < 40


def test_a_conversation_longer_than_the_context_is_refused(tmp_path: Path) -> None:
    engine = echo(tmp_path, n_ctx=16)
    assert (
        engine.load(FILES, {k.name: k.default for k in SPEC.load} | {"n_ctx": 16}, Job(1, Outbox(), tmp_path)).n_ctx
        == 16
    )
    with pytest.raises(EngineError) as caught:
        say(engine, tmp_path, "a b c d e f", "g h i j k l", "m n o p")
    assert caught.value.code == "context_full"
    assert say(engine, tmp_path, "a b c").text == "a b c ", "it goes on afterwards"
    near = say(engine, tmp_path, "a b c d e f", "g", "m n o p q r")
    assert (near.text, near.reason) == ("m n o ", FinishReason.LENGTH), "three places are left"


def test_a_thought_has_its_own_time_and_the_answer_too(tmp_path: Path) -> None:
    done = say(echo(tmp_path), tmp_path, "<think>\nit may be\n</think>\n\nYes it is", rate=1000.0)
    assert done.metrics["ttfa_s"] == done.times_ns[5] / 1e9
    assert done.text[done.offsets[4] :].startswith("Yes")
    assert say(echo(tmp_path), tmp_path).metrics["ttfa_s"] is None
