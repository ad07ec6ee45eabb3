"""Prompt sets: what ships is whole, what is broken is refused in words, answers are judged as a person would."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.errors import TandemError
from app.lab.compare.prompts import Prompt, judge, prompt_set, request, task_score

CAT = Prompt(ask="?", exact="silver bridge")
PARIS = Prompt(ask="?", pattern=r"(?i)\bparis\b")


def test_the_shipped_set_is_large_enough_to_say_something() -> None:
    found = prompt_set("facts")
    assert len(found) >= 24
    assert len({p.ask for p in found}) == len(found)
    assert all(8 <= p.max_tokens <= 64 for p in found)
    assert all(p.exact or not judge(p, "I do not know.") for p in found)


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("silver bridge", True), ("“Silver  Bridge.”", True), ("\n  Silver bridge!\nAnd more.", True), ("silver", False),
        ("The silver bridge", False), ("", False),
    ],
)  # fmt: skip
def test_exact_looks_at_the_first_line_without_its_dress(answer: str, right: bool) -> None:
    assert judge(CAT, answer) is right


@pytest.mark.parametrize(("answer", "right"), [("It is Paris, of course.", True), ("PARIS", True), ("parish", False)])
def test_a_pattern_is_looked_for_anywhere(answer: str, right: bool) -> None:
    assert judge(PARIS, answer) is right


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ('[[prompt]]\nask = "x"\n', "bad_prompts", "prompt 1 needs either exact or pattern"),
        ('[[prompt]]\nask = "x"\nexact = "a"\npattern = "b"\n', "bad_prompts", "prompt 1 needs either"),
        ('[[prompt]]\nask = " "\nexact = "a"\n', "bad_prompts", "prompt 1 asks nothing"),
        ('[[prompt]]\nask = "x"\nexact = "a"\nmax_tokens = 0\n', "bad_prompts", "max_tokens"),
        ('[[prompt]]\nask = "x"\npattern = "("\n', "bad_prompts", "no regular expression"),
        ('[[prompt]]\nask = "x"\nexact = "a"\ncolour = 3\n', "bad_prompts", "colour"),
        ("prompt = []\n", "bad_prompts", "no prompt"),
        ("[[prompt\n", "bad_prompts", "line 1"),
    ],
)  # fmt: skip
def test_a_broken_set_says_what_is_wrong(tmp_path: Path, text: str, code: str, words: str) -> None:
    folder = tmp_path / "texts" / "prompts"
    folder.mkdir(parents=True)
    (folder / "mine.toml").write_text(text)
    with pytest.raises(TandemError) as caught:
        prompt_set("mine", tmp_path)
    assert caught.value.code == code
    assert words in caught.value.message


@pytest.mark.parametrize("name", ["poems", "../facts", ""])
def test_a_set_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(TandemError) as caught:
        prompt_set(name)
    assert (caught.value.code, caught.value.hint) == ("no_prompts", "Prompt sets: facts.")


def test_a_request_takes_the_likeliest_answer_unless_the_lane_says_otherwise() -> None:
    assert request(CAT, {}).knobs == {"temperature": 0.0, "max_tokens": 64}
    assert request(CAT, {"temperature": 0.9, "max_tokens": 5}).knobs == {"temperature": 0.9, "max_tokens": 64}
    assert request(CAT, {}).clear_cache


def test_a_score_counts_and_keeps_what_was_said() -> None:
    score = task_score(1, "facts", [(CAT, "Silver bridge"), (PARIS, "Rome"), (PARIS, "Paris")])
    assert (score.lane, score.right, score.n) == (1, 2, 3)
    assert score.share.low < score.share.value < score.share.high  # type: ignore[operator]
    assert score.share.value == pytest.approx(2 / 3)
    assert score.rows[1] == ("?", r"/(?i)\bparis\b/", "Rome", False)
