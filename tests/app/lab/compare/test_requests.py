"""How a plan's steps become the requests that a lane gets."""

from __future__ import annotations

import pytest

from app.lab.compare.lane import Lane
from app.lab.compare.measures import measures
from app.lab.compare.plan import Step, ask
from app.lab.compare.requests import SEED, answer, filled, prompt_of, speed
from app.lab.compare.seat import Ready
from engines import registry
from engines.protocol import ChatRequest

READY = Ready(0, Lane(name="a", model="m", engine="llama-cpp"), registry.spec("llama-cpp"), None, {}, {"top_k": 7})  # type: ignore[arg-type]


def test_an_answer_has_its_natural_end_and_the_lanes_own_knobs() -> None:
    made = answer(ask("hi", {"temperature": 0.0, "max_tokens": 9, "top_k": 1}), READY, None)
    assert made.knobs == {"temperature": 0.0, "max_tokens": 9, "top_k": 7}
    assert made.clear_cache
    assert not made.discard_text


def test_a_speed_run_has_a_fixed_length_and_shows_nothing() -> None:
    made = speed(ask("hi", {"temperature": 0.0}), READY, None, 64, measures("chat"))
    assert made.knobs == {"temperature": 0.0, "top_k": 7, "ignore_eos": True, "max_tokens": 64}
    assert made.discard_text
    natural = speed(ask("hi", {"temperature": 0.0, "max_tokens": 9}), READY, None, None, measures("chat"))
    assert natural.knobs == {"temperature": 0.0, "top_k": 7, "max_tokens": 9}


def test_sampled_answers_get_one_seed() -> None:
    assert answer(ask("hi"), READY, None).knobs["seed"] == SEED
    assert answer(ask("hi", {"seed": 3}), READY, None).knobs["seed"] == 3


def test_ready_ids_take_the_place_of_words() -> None:
    made = answer(Step(request=ChatRequest(prompt="a b"), depth=0.5, fresh=False), READY, (1, 2, 3))
    assert (made.ids, made.prompt, made.messages, made.clear_cache) == ((1, 2, 3), None, (), False)


@pytest.mark.parametrize(
    ("ids", "n", "kept", "made"),
    [
        ((1, 2, 3), 2, 0, (1, 2)),
        ((1, 2, 3), 7, 0, (1, 2, 3, 1, 2, 3, 1)),
        ((1, 2, 3, 8, 9), 9, 2, (1, 2, 3, 1, 2, 3, 1, 8, 9)),
        ((1, 2, 3, 8, 9), 4, 2, (1, 2, 8, 9)),
        ((), 4, 2, ()),
    ],
)
def test_a_context_is_filled_to_its_depth(ids: tuple[int, ...], n: int, kept: int, made: tuple[int, ...]) -> None:
    assert filled(ids, n, kept) == made


def test_a_long_prompt_is_shortened_for_a_heading() -> None:
    assert prompt_of(ask("hi").request) == "hi"
    assert len(prompt_of(ChatRequest(prompt="x" * 5000))) == 2001
