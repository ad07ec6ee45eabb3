"""Quality figures: against numpy on the same files, against themselves, and where lanes cannot be compared."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from app.errors import TandemError
from app.lab.compare import quality
from app.lab.compare.lane import Lane
from app.lab.compare.plan import QualityPlan
from app.lab.compare.quality import Chat, Grader, documents, figures, parts, smallest_context, step_size
from app.lab.compare.result import Interval, Problem, Quality
from app.lab.compare.seat import LaneFailed
from engines.chat.echo import SPEC, Echo
from engines.chat.echo_score import N_VOCAB
from engines.client import Session, checkout
from engines.job import Job
from engines.protocol import ModelFiles, Score, Scored, Tokenize, Tokens
from tests.engines.chat.llama_bench import Bench, Outbox
from tests.engines.talk import Talk

SMALL = QualityPlan(tokens=300, own=False)


class AtWork:
    """An adapter as the grader sees a lane. orders: what it was asked to score."""

    def __init__(self, adapter: Any, folder: Path, n_ctx: int = 4096, vocabulary: int = 0) -> None:
        self._adapter, self._folder, self.n_ctx, self._vocabulary = adapter, folder, n_ctx, vocabulary
        self.orders: list[Score] = []

    def tokenize(self, text: str) -> tuple[int, ...]:
        return tuple(i + self._vocabulary for i in self._adapter.tokenize(text, ()))

    def score(self, order: Score) -> Scored:
        self.orders.append(order)
        scored: Scored = self._adapter.score(order, Job(1, Outbox(), self._folder))
        return scored


@pytest.fixture
def echo(tmp_path: Path) -> Callable[..., AtWork]:
    def make(blur: float = 0.0, **more: Any) -> AtWork:
        adapter = Echo()
        knobs = {k.name: k.default for k in SPEC.load} | {"blur": blur}
        files = ModelFiles(id="toy", variant="toy", format="gguf", path="")
        adapter.load(files, knobs, Job(1, Outbox(), tmp_path))
        return AtWork(adapter, tmp_path, **more)

    return make


def by_domain(found: tuple[Quality, ...], lane: int) -> dict[str, Quality]:
    return {q.domain: q for q in found if q.lane == lane}


def in_numpy(reference: Path, other: Path, ids: tuple[int, ...], prefill: int, width: int) -> dict[str, float]:
    """KL, top-1 and perplexities from both sides' files, without any of ours."""
    p, q = (np.fromfile(path, np.float16).reshape(-1, width).astype(np.float64) for path in (reference, other))
    rows, targets = np.arange(len(p)), np.array(ids[prefill:])
    return {
        "kl": float((np.exp(p) * (p - q)).sum(axis=1).mean()),
        "kl_max": float((np.exp(p) * (p - q)).sum(axis=1).max()),
        "top1": float((p.argmax(axis=1) == q.argmax(axis=1)).mean()),
        "ppl": float(np.exp(-q[rows, targets].mean())),
        "ratio": float(np.exp(p[rows, targets].mean() - q[rows, targets].mean())),
    }


# --- what is scored ------------------------------------------------------------------------------


def test_three_domains_ship_with_documents_that_fit_small_contexts() -> None:
    for name in ("prose", "code", "dialogue"):
        found = documents(name)
        assert len(found) >= 3
        assert all(2000 < len(text) < 7000 and "%%%" not in text for text in found), name


@pytest.mark.parametrize("name", ["poems", "../story", "", "prose.txt"])
def test_a_text_that_is_not_there_is_refused_with_those_that_are(name: str) -> None:
    with pytest.raises(TandemError) as caught:
        documents(name)
    assert caught.value.code == "no_text"
    assert "code, dialogue, prose" in caught.value.hint


@pytest.mark.parametrize(("n", "most", "sizes"), [(10, 10, [10]), (11, 10, [6, 5]), (30, 10, [10, 10, 10]), (0, 5, [])])
def test_long_documents_are_cut_into_equal_parts(n: int, most: int, sizes: list[int]) -> None:
    found = parts(range(n), most)
    assert [len(p) for p in found] == sizes
    assert [i for p in found for i in p] == list(range(n))


def lane(engine: str = "llama-cpp", model: str = "smollm2-135m", variant: str = "", **knobs: Any) -> Lane:
    return Lane(name="x", model=model, engine=engine, variant=variant, knobs=knobs)


@pytest.mark.parametrize(
    ("other", "step"),
    [
        (lane(), 32), (lane(variant="q8_0"), 32), (lane(temperature=0.0), 32), (lane(type_k="q8_0"), 1),
        (lane(flash_attn="on"), 1), (lane("transformers"), 32), (lane("transformers", quantization="bnb-nf4"), 32),
        (lane("transformers", cache_implementation="quantized"), 1), (lane("transformers", variant="bf16", dtype="fp32"), 32),
    ],
    ids=str,
)  # fmt: skip
def test_only_weights_may_be_fed_in_large_steps(other: Lane, step: int) -> None:
    assert step_size([lane(), other]) == step
    assert step_size([other, lane()]) == step
    assert step_size([lane(), lane(), other]) == step


def test_the_smallest_context_asked_for_bounds_the_texts() -> None:
    assert smallest_context([lane(), lane(n_ctx="auto")]) is None
    assert smallest_context([lane(n_ctx=2048), lane(), lane(n_ctx=512)]) == 512


def test_as_many_positions_as_asked_for_half_of_each_text_given(echo: Callable[..., AtWork], tmp_path: Path) -> None:
    seat = echo()
    with Grader(SMALL, tmp_path / "q", step=1) as grader:
        grader.reference(0, seat)
        found = by_domain(grader.figures(), 0)
    assert {name: q.n for name, q in found.items()} == {"prose": 100, "code": 100, "dialogue": 100, "all": 300}
    assert all(order.prefill == len(order.ids) / 2 for order in seat.orders)


def test_texts_fit_the_smallest_context_and_nothing_is_left_out(echo: Callable[..., AtWork], tmp_path: Path) -> None:
    seat, told = echo(), list[float]()
    with Grader(QualityPlan(tokens=3000), tmp_path / "q", step=1, limit=128, progress=told.append) as grader:
        grader.reference(0, seat)
        n = by_domain(grader.figures(), 0)["all"].n
    assert max(len(order.ids) for order in seat.orders) <= 128
    assert 2500 < n <= 3000
    assert told == sorted(told)
    assert told[-1] == 1


# --- figures -------------------------------------------------------------------------------------


def test_a_lane_against_itself_is_exactly_the_same(echo: Callable[..., AtWork], tmp_path: Path) -> None:
    with Grader(SMALL, tmp_path / "q", step=1) as grader:
        grader.reference(0, echo())
        assert grader.lane(1, echo()) == ""
        found = grader.figures()
    for domain in ("prose", "code", "dialogue", "all"):
        itself = by_domain(found, 1)[domain]
        assert (itself.kl_mean, itself.kl_p99, itself.kl_max) == (Interval(0, 0, 0), Interval(0, 0, 0), 0)
        assert (itself.top1, itself.ppl_ratio) == (Interval(1, 1, 1), Interval(1, 1, 1))
        assert itself.ppl == by_domain(found, 0)[domain].ppl


def test_figures_are_those_of_numpy_on_both_sides_files(echo: Callable[..., AtWork], tmp_path: Path) -> None:
    a, b = echo(), echo(0.3)
    with Grader(QualityPlan(texts=("prose",), tokens=200, own=False), tmp_path / "q", step=1) as grader:
        grader.reference(0, a)
        grader.lane(1, b)
        order = a.orders[0]
        other = tmp_path / "other.f16"
        b.score(Score(id=1, ids=order.ids, prefill=order.prefill, write=str(other)))
        small = tuple(i % N_VOCAB for i in order.ids)
        wanted = in_numpy(Path(str(order.write)), other, small, order.prefill, N_VOCAB)
        found = by_domain(grader.figures(), 1)["prose"]
    assert len(a.orders) == 1
    assert found.kl_mean.value == pytest.approx(wanted["kl"], rel=1e-6)
    assert found.kl_max == pytest.approx(wanted["kl_max"], rel=1e-6)
    assert found.top1.value == pytest.approx(wanted["top1"], rel=1e-6)
    assert found.ppl == pytest.approx(wanted["ppl"], rel=1e-6)
    assert found.ppl_ratio.value == pytest.approx(wanted["ratio"], rel=1e-6)
    for value in (found.kl_mean, found.top1, found.ppl_ratio):
        assert value.low < value.value < value.high  # type: ignore[operator]


def test_the_persons_own_chat_is_a_domain_of_its_own(echo: Callable[..., AtWork], tmp_path: Path) -> None:
    a, b = echo(), echo(0.5)
    prompt, answer = a.tokenize("say three words"), a.tokenize("one two three four five")
    b.tokenize("one two three four five")
    with Grader(QualityPlan(tokens=60), tmp_path / "q", step=1, chats=[Chat(prompt, answer)]) as grader:
        grader.reference(0, a)
        grader.lane(1, b)
        found, flips = by_domain(grader.figures(), 1), grader.flips(1)
        assert grader.flips(0) == ()
    assert list(found) == ["prose", "code", "dialogue", "all", "own"]
    assert (found["own"].n, found["all"].n) == (5, 60)
    assert "".join(flip.text for flip in flips) == "one two three four five "
    assert all(flip.kl > 0 for flip in flips)
    assert sum(flip.same for flip in flips) == found["own"].top1.value * 5


def test_another_tokenizer_cannot_be_compared_and_says_so(echo: Callable[..., AtWork], tmp_path: Path) -> None:
    with Grader(SMALL, tmp_path / "q", step=1) as grader:
        grader.reference(0, echo())
        assert "different tokenizer" in grader.lane(1, echo(vocabulary=1))
        assert "give all lanes the same context" in grader.lane(2, echo(n_ctx=64))
        assert grader.lane(3, echo()) == ""
        assert {q.lane for q in grader.figures()} == {0, 3}
        assert grader.flips(1) == ()


@pytest.mark.parametrize("code", ["not_comparable", "no_memory"])
def test_a_lane_with_another_vocabulary_is_not_comparable_and_not_broken(
    echo: Callable[..., AtWork], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    def fail(order: Score) -> Scored:
        raise LaneFailed(Problem(code, "The reference was made with another vocabulary, text or start."))

    other = echo()
    monkeypatch.setattr(other, "score", fail)
    with Grader(SMALL, tmp_path / "q", step=1) as grader:
        grader.reference(0, echo())
        if code == "not_comparable":
            assert "another vocabulary" in grader.lane(1, other)
        else:
            with pytest.raises(LaneFailed):
                grader.lane(1, other)
        assert {q.lane for q in grader.figures()} == {0}


def test_own_chats_alone_still_ask_whether_tokenizers_agree(echo: Callable[..., AtWork], tmp_path: Path) -> None:
    a, plan = echo(), QualityPlan(texts=())
    chats = [Chat(a.tokenize("a b c"), a.tokenize("d e"))]
    with Grader(plan, tmp_path / "q", step=1, chats=chats) as grader:
        grader.reference(0, a)
        assert "different tokenizer" in grader.lane(1, echo(vocabulary=1))
        assert [q.domain for q in grader.figures()] == ["own"]


def test_its_files_are_gone_at_the_end(echo: Callable[..., AtWork], tmp_path: Path) -> None:
    with Grader(SMALL, tmp_path / "q", step=1) as grader:
        grader.reference(0, echo())
        assert list((tmp_path / "q").iterdir())
    assert not list((tmp_path / "q").iterdir())


def test_a_full_disk_is_said_before_it_is_full(
    echo: Callable[..., AtWork], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(quality.shutil, "disk_usage", lambda folder: usage)
    seat = echo()
    with Grader(SMALL, tmp_path / "q", step=1) as grader, pytest.raises(TandemError) as caught:
        grader.reference(0, seat)
    assert caught.value.code == "disk_full"
    assert len(seat.orders) == 1


def test_all_figures_of_4300_positions_take_little_work() -> None:
    """Processor time, not the clock's: the window waits for this."""
    random = np.random.default_rng(1)
    lengths = (480, 470, 480, 490, 480, 470, 480, 470, 480)
    domains = ["prose"] * 3 + ["code"] * 3 + ["dialogue"] * 3
    theirs = [Scored(id=0, nll=tuple(random.gamma(2, 1.5, n))) for n in lengths]
    mine = [
        Scored(id=0, nll=tuple(random.gamma(2, 1.5, n)), kl=tuple(random.gamma(0.3, 0.1, n)), top1=tuple(random.random(n) < 0.9))
        for n in lengths
    ]  # fmt: skip
    start = time.process_time()
    found = figures(1, domains, mine, theirs, 1)
    took = time.process_time() - start
    assert found[-1].n == sum(lengths)
    assert found[-1].kl_p99.low < found[-1].kl_p99.value < found[-1].kl_p99.high  # type: ignore[operator]
    assert took < 5, "a second on a free machine"


# --- real engines --------------------------------------------------------------------------------


class InAWorker:
    """A lane in a real worker."""

    def __init__(self, one: Talk, path: Path, **knobs: Any) -> None:
        files = ModelFiles(id="s", variant="q4_1", format="gguf", path=str(path), files=(str(path),))
        self._talk = one
        self.n_ctx: int = one.loaded("llama-cpp", files, **knobs).n_ctx
        self.orders: list[Score] = []

    def tokenize(self, text: str) -> tuple[int, ...]:
        number = self._talk._sent(lambda n: Tokenize(id=n, text=text, messages=()))
        ids: tuple[int, ...] = self._talk.expect(Tokens, number).ids
        return ids

    def score(self, order: Score) -> Scored:
        self.orders.append(order)
        number = self._talk._sent(lambda n: msgspec.structs.replace(order, id=n))
        scored: Scored = self._talk.expect(Scored, number)
        return scored


@pytest.fixture
def talk(tmp_path: Path) -> Iterator[Callable[[], Talk]]:
    made: list[Talk] = []

    def make() -> Talk:
        made.append(Talk(Session(checkout(), tmp_path / "run", lambda: None, None)))
        return made[-1]

    yield make
    for one in made:
        one.session.close()


@pytest.mark.e2e
def test_a_quantized_cache_of_the_real_model_costs_something_and_the_same_lane_nothing(
    talk: Callable[[], Talk], starter_gguf: Path, tmp_path: Path
) -> None:
    plain: dict[str, Any] = {"n_ctx": 512, "n_batch": 64, "flash_attn": "on", "n_threads": 1, "n_threads_batch": 1}
    width = 49_152
    a, again = (InAWorker(talk(), starter_gguf, **plain) for _ in range(2))
    b = InAWorker(talk(), starter_gguf, **plain, type_k="q4_0", type_v="q4_0")
    with Grader(QualityPlan(tokens=96, own=False), tmp_path / "q", step=1) as grader:
        grader.reference(0, a)
        assert (grader.lane(1, again), grader.lane(2, b)) == ("", "")
        found = grader.figures()
        order, other = a.orders[1], tmp_path / "other.f16"
        b.score(Score(id=0, ids=order.ids, prefill=order.prefill, write=str(other)))
        wanted = in_numpy(Path(str(order.write)), other, order.ids, order.prefill, width)
    itself, quantized = by_domain(found, 1)["all"], by_domain(found, 2)
    assert (itself.kl_mean, itself.kl_max, itself.top1.value) == (Interval(0, 0, 0), 0, 1)
    assert itself.ppl_ratio == Interval(1, 1, 1)
    assert quantized["all"].n == 96
    assert quantized["all"].kl_mean.low > 0  # type: ignore[operator]
    assert quantized["code"].kl_mean.value == pytest.approx(wanted["kl"], rel=1e-6)
    assert quantized["code"].top1.value == pytest.approx(wanted["top1"], rel=1e-6)
    assert quantized["code"].ppl == pytest.approx(wanted["ppl"], rel=1e-6)
    assert quantized["code"].ppl_ratio.value == pytest.approx(wanted["ratio"], rel=1e-6)
    assert 1 < quantized["prose"].ppl < 200


@pytest.mark.e2e
def test_the_texts_hold_enough_of_the_real_models_tokens(starter_gguf: Path, tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.load(starter_gguf, n_ctx=256, n_batch=32)
    try:
        tokens = {
            name: [len(bench.adapter.tokenize(text, ())) for text in documents(name)]
            for name in ("prose", "code", "dialogue")
        }
        folder = Path(quality.__file__).parents[3] / "resources" / "texts"
        whole = {p.stem: len(bench.adapter.tokenize(p.read_text(encoding="utf-8"), ())) for p in folder.glob("*.txt")}
    finally:
        bench.adapter.close()
    assert all(800 <= n <= 1500 for found in tokens.values() for n in found), tokens
    assert sum(n // 2 for found in tokens.values() for n in found) >= 4096, tokens
    assert min(sum(found) for found in tokens.values()) > 2700, tokens
    assert whole["story"] >= 3950
    assert 2440 <= whole["handbook"] <= 2560
