"""The test engine: what is planted is really there, or nothing that is found with it means anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engines.chat.echo import SPEC, Echo
from engines.chat.echo_score import N_VOCAB
from engines.errors import EngineError
from engines.job import Job
from engines.protocol import ChatRequest, Finished, Message, ModelFiles, Score, Scored
from tests.engines.chat.llama_bench import Outbox

TEXT = "the quick brown fox jumps over the lazy dog and then it does so once more"
FILES = ModelFiles(id="toy", variant="toy", format="gguf", path="")


def echo(folder: Path, **load: Any) -> Echo:
    made = Echo()
    made.load(FILES, {k.name: k.default for k in SPEC.load} | load, Job(1, Outbox(), folder))
    return made


def say(engine: Echo, folder: Path, **knobs: Any) -> Finished:
    return engine.run(ChatRequest(messages=(Message("user", TEXT),), knobs=knobs), Job(2, Outbox(), folder))


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
