"""Prompts and arrivals: the same from the same seed, different from one another, as long as the plan says."""

from __future__ import annotations

import itertools
import statistics

import msgspec
import pytest

from app.errors import TandemError
from app.lab.loadtest import prompts
from app.lab.loadtest.plan import Lengths, LoadMode, LoadPlan, check, plan_of, preset, presets
from app.lab.loadtest.prompts import Material, arrivals, fitted, material, requests
from engines.protocol import Planned


def no_tokenizer(text: str) -> int | None:
    return None


def made(plan: LoadPlan, index: int = 0) -> tuple[Planned, ...]:
    return requests(plan, material(plan, no_tokenizer), index)


def text(one: Planned) -> str:
    return one.messages[-1].content


@pytest.mark.parametrize("name", [each.id for each in presets()])
def test_every_preset_makes_different_prompts_of_its_lengths(name: str) -> None:
    plan = plan_of(preset(name), requests=40, levels=(1, 2), salt=7)
    both = [*made(plan, 0), *made(plan, 1)]
    assert len(both) == 2 * (40 + plan.warmup)
    beginnings = {text(one)[:12] for one in both}
    assert len(beginnings) == len(both), "two prompts begin alike: a prefix cache would answer one of them"
    long = [sum(len(m.content) for m in one.messages) / 4 for one in both]
    assert max(long) <= plan.prompt.most * 1.02
    assert statistics.mean(long) == pytest.approx(plan.prompt.mean, rel=0.25)
    assert all(plan.output.least <= one.max_tokens <= plan.output.most for one in both)
    assert len({one.max_tokens for one in both}) > 5


def test_a_plan_is_the_same_load_again_and_another_salt_other_beginnings() -> None:
    plan = plan_of(preset("chat"), requests=5, salt=7)
    assert made(plan) == made(plan)
    other = made(msgspec.structs.replace(plan, salt=8))
    assert [text(a)[:12] for a in made(plan)] != [text(b)[:12] for b in other]
    assert [text(a)[20:] for a in made(plan)] == [text(b)[20:] for b in other]  # the load itself is the same
    assert [a.max_tokens for a in made(plan)] == [b.max_tokens for b in other]
    assert [text(a)[20:] for a in made(plan)] != [text(b)[20:] for b in made(msgspec.structs.replace(plan, seed=2))]


def test_what_a_preset_shares_is_the_same_in_all_levels() -> None:
    plan = plan_of(preset("rag"), requests=3, levels=(1, 2), salt=7)
    systems = {one.messages[0].content for index in (0, 1) for one in made(plan, index)}
    assert len(systems) == 1
    assert len(systems.pop()) / 4 == pytest.approx(plan.shared, rel=0.15)


def test_lengths_follow_the_models_tokenizer_where_there_is_one() -> None:
    plan = plan_of(preset("chat"), requests=20, salt=7)
    by_words = material(plan, lambda text: len(text.split()))
    assert by_words.by != prompts.ABOUT
    words = [len(text(one).split()) for one in requests(plan, by_words, 0)]
    assert statistics.mean(words) == pytest.approx(plan.prompt.mean, rel=0.25)


def test_arrivals_are_exponential_at_the_rate_and_end_where_vllms_do() -> None:
    plan = LoadPlan(title="x", mode=LoadMode.POISSON, levels=(5.0,))
    due = arrivals(plan, 0, 2000)
    assert due == arrivals(plan, 0, 2000)
    assert due == sorted(due)
    assert due[-1] == pytest.approx(2000 / 5)
    gaps = [b - a for a, b in itertools.pairwise(due)]
    assert statistics.mean(gaps) == pytest.approx(0.2, rel=0.05)
    assert statistics.stdev(gaps) == pytest.approx(0.2, rel=0.1)  # of an exponential both are the same


def test_a_level_of_given_length_is_not_stretched() -> None:
    plan = LoadPlan(title="x", mode=LoadMode.POISSON, levels=(5.0,), seconds=10)
    assert arrivals(plan, 0, 100)[-1] != pytest.approx(20)
    assert plan.requests_at(5.0) == 95


def test_a_plan_is_fitted_to_the_context() -> None:
    plan = plan_of(preset("rag"))
    assert fitted(plan, 0) == (plan, "")
    assert fitted(plan, 32768) == (plan, "")
    small, words = fitted(plan, 2048)
    assert small.prompt.most + small.output.most + prompts.ROOM <= 2048
    assert "2,048 tokens" in words
    with pytest.raises(TandemError, match="too few"):
        fitted(plan, 96)


def test_so_many_long_prompts_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompts, "MOST_BYTES", 10_000)
    plan = plan_of(preset("chat"), requests=100)
    with pytest.raises(TandemError, match="one level"):
        made(plan)
    assert 0 < len(made(msgspec.structs.replace(plan, seconds=5.0, requests=0))) < 100


def test_a_missing_text_is_an_error_of_its_own() -> None:
    with pytest.raises(TandemError, match="missing"):
        material(LoadPlan(title="x", texts=("none.txt",)), no_tokenizer)


def test_a_piece_longer_than_the_wish_is_cut_between_words() -> None:
    plan = LoadPlan(title="x", requests=1, prompt=Lengths(mean=100), salt=1)
    content = text(requests(plan, Material(("word " * 500,), 4.0, "x"), 0)[0])
    assert "wor\n" not in content
    assert len(content) <= 400


@pytest.mark.parametrize(
    "changes",
    [
        {"levels": ()}, {"levels": (1, 1)}, {"levels": (65,)}, {"levels": (0,)}, {"levels": (1.5,)}, {"seconds": 0.0},
        {"levels": (0.0,), "mode": LoadMode.POISSON}, {"requests": 30_000}, {"shared": 900, "prompt": Lengths(mean=5, most=800)},
        {"output": Lengths(mean=5, least=0)},
    ],
)  # fmt: skip
def test_plans_that_nobody_can_carry_out_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(TandemError) as caught:
        check(msgspec.structs.replace(LoadPlan(title="x"), **changes))
    assert caught.value.code == "bad_plan"


def test_by_default_a_level_has_enough_answers_for_a_p95() -> None:
    plan = LoadPlan(title="x")
    assert [plan.requests_at(users) for users in (1, 4, 8, 64)] == [20, 20, 32, 256]


def test_an_unknown_preset_names_the_known() -> None:
    with pytest.raises(TandemError, match="no load") as caught:
        preset("poetry")
    assert "chat" in caught.value.hint
