"""What a result's raw runs amount to: tracks for the replay, the table, divergence, the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from app.lab.compare import requests, table, texts, verdicts
from app.lab.compare.measures import Measures
from app.lab.compare.plan import Step
from app.lab.compare.quiet import FOREIGN_LIMIT, verdict
from app.lab.compare.result import Divergence, LaneResult, Result, Track
from app.store import RunRecord


def track(step: str, prompt: str, record: RunRecord) -> Track:
    """A recorded answer as a replay needs it."""
    rest = record.record
    times = tuple(ns / 1e9 for ns in rest.get("times_ns", ()))
    return Track(
        step=step, prompt=prompt, text=record.text, times_s=times, shown=shown(rest, record.text, len(times)),
        counts=tuple(rest.get("counts", ())), end_s=float(record.metrics.get("e2e_s") or (times[-1] if times else 0.0)),
        metrics=record.metrics, reason=record.reason, ids=tuple(rest.get("ids", ())),
    )  # fmt: skip


def prompt(step: Step) -> str:
    """What was asked at a step, for the replay's heading."""
    return requests.prompt_of(step.request)


def shown(rest: dict[str, Any], text: str, steps: int) -> tuple[int, ...]:
    """Characters that stood there after each output; in even parts where an engine does not say."""
    given = tuple(rest.get("shown", ()))
    if len(given) == steps and (not given or given[-1] > 0 or not text):
        return given
    return tuple(len(text) * (i + 1) // steps for i in range(steps))


def compared(result: Result) -> tuple[LaneResult, ...]:
    """The lanes with where each one's answers leave the reference's."""
    reference = result.lanes[result.reference]
    found = []
    for lane in result.lanes:
        apart = () if lane is reference else divergences(lane, reference)
        found.append(msgspec.structs.replace(lane, divergence=apart))
    return tuple(found)


def divergences(lane: LaneResult, reference: LaneResult) -> tuple[Divergence, ...]:
    """One for each step that both have answered. Token numbers are comparable only within one model, and only where both
    engines tell their ids; many a server streams texts alone."""
    same = lane.lane.model == reference.lane.model
    return tuple(_divergence(mine, theirs, same) for mine, theirs in zip(lane.tracks, reference.tracks, strict=False))


def _divergence(mine: Track, theirs: Track, same: bool) -> Divergence:
    numbered = same and bool(mine.ids) and bool(theirs.ids)
    return Divergence(
        step=mine.step, token=texts.first_difference(theirs.ids, mine.ids) if numbered else None,
        comparable=numbered or (same and mine.text == theirs.text), same_words=texts.same_words(theirs.text, mine.text),
    )  # fmt: skip


def counted(result: Result, measures: Measures) -> dict[str, Any]:
    """The table as of now: cells and the reference's own spread, of whole blocks only."""
    runs = tuple(run for run in result.runs if run.block <= result.blocks)
    loads = tuple(load for load in result.loads if load.block <= result.blocks)
    cells = table.cells(result.plan, result.mode, result.reference, runs, loads, len(result.lanes), measures)
    spread = table.spread(result.plan, result.mode, result.reference, runs, loads, measures)
    return {"cells": cells, "spread": spread, "busy": busy(result)}


def busy(result: Result) -> tuple[str, ...]:
    """What kept the machine busy in runs that count although they were disturbed; the worst of each kind."""
    noisy = [run.disturbance for run in result.runs if run.contended]
    shares = [d.foreign_cpu for d in noisy if d.foreign_cpu is not None and d.foreign_cpu > FOREIGN_LIMIT]
    known = [verdict(max(shares), False, 0)] if shares else []
    known += [verdict(None, True, 0)] if any(d.throttled for d in noisy) else []
    known += [verdict(None, False, swapped)] if (swapped := sum(d.swapped_bytes for d in noisy)) else []
    return tuple(known) or tuple(dict.fromkeys(d.verdict for d in noisy))


def told(result: Result, measures: Measures) -> dict[str, Any]:
    """The verdict sentence and what became of the expectations."""
    return {"sentence": verdicts.sentence(result, measures), "expected": verdicts.expected(result, measures)}


def halves(result: Result, metrics: Sequence[str]) -> tuple[float | None, ...]:
    """The relative half-width of every interval that must be narrow enough; None where there is none yet. None at all
    once the reference is gone: no further block can narrow anything."""
    gone = {index for index, lane in enumerate(result.lanes) if lane.problem is not None}  # they get no more blocks
    if result.reference in gone:
        return ()
    found = [
        c for c in result.cells
        if c.metric in metrics and c.lane != result.reference and c.lane not in gone and c.value is not None
    ]  # fmt: skip
    return tuple(
        None if c.low is None or c.high is None or not c.ratio else (c.high - c.low) / (2 * c.ratio) for c in found
    )
