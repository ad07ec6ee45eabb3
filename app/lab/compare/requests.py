"""The requests that a lane gets, made from the plan's steps: as an answer, or held to a length as a speed run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from app.lab.compare.measures import Measures
from app.lab.compare.plan import Plan, Step
from app.lab.compare.seat import Ready
from engines.knobs import Settings
from engines.protocol import ChatRequest, Request
from engines.spec import EngineSpec

SEED = 42  # where answers are sampled and no seed was given, all lanes get the same one
TAIL = 32  # ids of a chat message's end that stay when it is cut to a depth: the question and the turn's end
PROMPT_SHOWN = 2000  # characters of a prompt that a replay keeps


def answer(step: Step, ready: Ready, ids: tuple[int, ...] | None) -> Request:
    """The step's request with the lane's own run knobs: natural stop, text shown."""
    knobs = with_seed(dict(step.request.knobs) | ready.run, ready.spec)
    return _cut(_with(step.request, knobs=knobs, clear_cache=step.fresh), ids)


def speed(step: Step, ready: Ready, ids: tuple[int, ...] | None, length: int | None, measures: Measures) -> Request:
    """The step's request as a speed run: `length` outputs and no end before, text thrown away; None stops naturally."""
    knobs: Settings = dict(step.request.knobs) | ready.run
    if length is not None:
        knobs |= {name: value for name, value in measures.fixed.items() if ready.spec.knob(name) is not None}
        if measures.length_knob:
            knobs[measures.length_knob] = length
    request = _with(step.request, knobs=with_seed(knobs, ready.spec), clear_cache=step.fresh, discard_text=True)
    return _cut(request, ids)


def length_of(plan: Plan, lanes: Sequence[Ready], measures: Measures) -> int | None:
    """The fixed length of speed runs; None if any lane speculates: a forced text repeats and inflates what is accepted."""
    guesses = any(ready.load.get(name) or ready.run.get(name) for ready in lanes for name in measures.speculates)
    return None if guesses else plan.schedule.n_out


def with_seed(knobs: Settings, spec: EngineSpec) -> Settings:
    """Sampled answers get one seed for all lanes; greedy ones need none."""
    if spec.knob("seed") is None or knobs.get("seed") is not None or knobs.get("temperature") == 0:
        return knobs
    return knobs | {"seed": SEED}


def prompt_of(request: Request) -> str:
    """What the person asked, for a replay's heading."""
    text = request.prompt if request.prompt is not None else request.messages[-1].content if request.messages else ""
    return text if len(text) <= PROMPT_SHOWN else text[:PROMPT_SHOWN] + "…"


def filled(ids: Sequence[int], n: int, kept: int = 0) -> tuple[int, ...]:
    """`ids` cut to `n`, or repeated until there are so many; the last `kept` ids stay at the end."""
    kept = min(kept, len(ids) // 2, n // 2)
    body, tail = list(ids[: len(ids) - kept]), list(ids[len(ids) - kept :])
    if not body:
        return tuple(tail)
    wanted = n - kept
    return tuple((body * (wanted // len(body) + 1))[:wanted] + tail)


def _cut(request: Request, ids: tuple[int, ...] | None) -> Request:
    """The request with ready token ids in place of its words."""
    return request if ids is None else _with(request, ids=ids, prompt=None, messages=())


def _with(request: Request, **changes: Any) -> Request:
    """The request with those of the changes that its task knows."""
    known = {name: value for name, value in changes.items() if name in request.__struct_fields__}
    made: ChatRequest = msgspec.structs.replace(request, **known)
    return made
