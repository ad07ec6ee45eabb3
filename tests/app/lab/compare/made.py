"""Results put together by hand, for what only reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.lab.compare.lane import Difference, Lane
from app.lab.compare.measures import measures
from app.lab.compare.plan import Mode, Plan, Schedule, Step, ask
from app.lab.compare.result import Cell, LaneResult, LaneRun, Load, Result, Status, StepRun
from app.lab.compare.stats import word

CHAT = measures("chat")
NAMES = ("f16", "q8_0", "q4_0", "q4_1")


def lane(name: str, **knobs: Any) -> Lane:
    return Lane(name=name, model="tiny", engine="echo", knobs=knobs)


def plan(lanes: int = 2, steps: Sequence[Step] = (), **more: Any) -> Plan:
    made = tuple(lane(name) for name in NAMES[:lanes])
    return Plan(title="t", lanes=made, steps=tuple(steps) or (ask("Hi"),), **more)


def step(name: str, depth: float | None = None) -> Step:
    return Step(name=name, request=ask("Hi").request, depth=depth)


def timed(lane: int, block: int, steps: dict[str, dict[str, float | None]], **more: Any) -> LaneRun:
    """A run that counts; steps: name → metrics."""
    parts = tuple(StepRun(name=name, metrics=metrics, reason="length") for name, metrics in steps.items())
    return LaneRun(**({"lane": lane, "block": block, "kind": "timed", "counts": True, "steps": parts} | more))


def rates(lane: int, block: int, rate: float | None, **more: Any) -> LaneRun:
    return timed(lane, block, {"": {"decode_tok_s": rate}}, **more)


def load(lane: int, block: int, model_bytes: int | None = None, load_s: float | None = None) -> Load:
    return Load(lane=lane, block=block, phases={"load_s": load_s}, memory={"model_bytes": model_bytes, "device": "cpu"})


def schedule(least: int = 2) -> Schedule:
    return Schedule(min_blocks=least)


def base(metric: str, value: float, step: str = "") -> Cell:
    """The reference lane's cell."""
    return Cell(metric=metric, step=step, lane=0, value=value, n_blocks=5)


def cell(metric: str, ratio: float, half: float, lane: int = 1, step: str = "", **more: Any) -> Cell:
    """A cell whose interval reaches `half` to both sides; its word by the rules."""
    measure = CHAT.get(metric)
    low, high = ratio - half, ratio + half
    said = word(measure.kind, measure.better, ratio, low, high)
    helps = None if low <= 1 <= high else (ratio > 1) == (measure.better == "higher")
    fields = {"value": 100 * ratio, "ratio": ratio, "low": low, "high": high, "word": said, "better": helps,
              "n_blocks": 5, "metric": metric, "lane": lane, "step": step}  # fmt: skip
    return Cell(**(fields | more))


def differs(*names: str) -> tuple[Difference, ...]:
    return tuple(Difference(name=n, title=n.capitalize(), before="one", after="two") for n in names)


def result(cells: Sequence[Cell], plan_: Plan | None = None, **more: Any) -> Result:
    """A finished measurement. lanes, unless given: each differs in one thing."""
    found = plan_ or plan()
    lanes = tuple(LaneResult(lane=l, differs=differs("cache") if i else ()) for i, l in enumerate(found.lanes))  # noqa: E741
    fields = {"id": "1", "plan": found, "mode": Mode.MEASURE, "status": Status.DONE, "created": 0.0, "blocks": 5,
              "lanes": lanes, "cells": tuple(cells)}  # fmt: skip
    return Result(**(fields | more))
