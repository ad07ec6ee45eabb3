"""A comparison's result put together by hand, large enough to fill the page: three KV types at two depths."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from app.lab.compare.lane import Lane, differences
from app.lab.compare.plan import Expect, Guess, Mode, Plan, Schedule, Step, ask
from app.lab.compare.result import (
    Cell,
    Divergence,
    Interval,
    LaneResult,
    LaneRun,
    Load,
    Phrase,
    Problem,
    Quality,
    Result,
    Status,
    StepRun,
    Track,
    Word,
)

NAMES = ("f16", "q8_0", "q4_0", "q5_0")
STEPS = ("50 %", "90 %")
TEXT = "Every morning he wrote one line in his book, and the gulls came back."
OTHER = "Every morning he wrote one line in the log, and no one came."
PROBLEM = Problem("no_memory", "Not enough memory: about 6.1 GB is needed.", "Try a smaller context.")
GUESS = Guess(ask="Which decodes faster?", metric="decode_tok_s", lane="q4_0", step="90 %",
              choices=("f16", "q4_0", "the same"), answers={"slower": 0, "faster": 1, "same": 2})  # fmt: skip


def lanes(count: int = 3) -> tuple[Lane, ...]:
    """The first without knobs, the others with a smaller K cache."""
    made = [Lane(name=name, model="smollm2-135m", engine="llama-cpp", variant="q4_1",
                 knobs={} if name == "f16" else {"type_k": name}) for name in NAMES[:count]]  # fmt: skip
    return tuple(made)


def plan(count: int = 3, **more: Any) -> Plan:
    steps = tuple(Step(name=name, request=ask("Go on.").request, depth=depth)
                  for name, depth in zip(STEPS, (0.5, 0.9), strict=True))  # fmt: skip
    fields = {"title": "K cache: f16, q8_0, q4_0", "lanes": lanes(count), "steps": steps, "schedule": Schedule()}
    return Plan(**fields | more)


def cell(metric: str, step: str, lane: int, value: float, word: Word | None = None, **more: Any) -> Cell:
    return Cell(metric=metric, step=step, lane=lane, value=value, values=(value,) * 5, word=word, n_blocks=5, **more)


def cells(count: int = 3) -> tuple[Cell, ...]:
    """decode: decided at 90 %, not decided at 50 %. memory: less. n_cached: the same everywhere."""
    made: list[Cell] = []
    for lane in range(count):
        if lane == 0:
            made += [cell("decode_tok_s", s, 0, 80.0) for s in STEPS]
            made += [cell("model_bytes", "", 0, 218e6), *(cell("n_cached", s, 0, 0.0) for s in STEPS)]
            continue
        ratio = 1 - 0.04 * lane
        made += [
            cell("decode_tok_s", "50 %", lane, 79.2, Word.UNDECIDED, ratio=0.99, low=0.96, high=1.02, more_blocks=3),
            cell("decode_tok_s", "90 %", lane, 80 * ratio, Word.SLOWER, ratio=ratio, low=ratio - 0.02,
                 high=ratio + 0.01, better=False),
            cell("model_bytes", "", lane, 174e6, Word.LESS, ratio=0.80, better=True),
            *(cell("n_cached", s, lane, 0.0) for s in STEPS),
        ]  # fmt: skip
    return tuple(made)


def track(step: str, text: str) -> Track:
    words = text.split(" ")
    ends = [len(" ".join(words[: i + 1])) for i in range(len(words))]
    times = tuple(0.2 + 0.01 * i for i in range(len(words)))
    return Track(step=step, prompt="Go on.", text=text, times_s=times, shown=tuple(ends), counts=(1,) * len(words),
                 end_s=times[-1] + 0.01, reason="stop")  # fmt: skip


def lane_result(index: int, lane: Lane, reference: Lane, problem: Problem | None = None) -> LaneResult:
    parts = () if index == 0 else tuple(Divergence(step=s, token=None if index == 1 else 9, comparable=True,
                                                    same_words=1.0) for s in STEPS)  # fmt: skip
    tracks = tuple(track(step, OTHER if index == 2 else TEXT) for step in STEPS)
    return LaneResult(
        lane=lane, differs=differences(lane, reference), title="SmolLM2-135M-Instruct", variant="q4_1", n_ctx=4096,
        problem=problem, tracks=() if problem else tracks, divergence=() if problem else parts,
    )  # fmt: skip


def quality(lane: int, kl: float = 0.0009) -> Quality:
    return Quality(lane=lane, domain="all", n=4096, step=1, kl_mean=Interval(kl, kl * 0.8, kl * 1.2),
                   kl_p99=Interval(kl * 9), kl_max=kl * 40, top1=Interval(0.994, 0.99, 0.996), ppl=13.4,
                   ppl_ratio=Interval(1.001, 0.999, 1.003))  # fmt: skip


def result(count: int = 3, failed: int | None = None, **more: Any) -> Result:
    """Measured, decided in part. failed: the lane that did not run."""
    made = more.pop("plan", plan(count))
    mode = more.pop("mode", Mode.MEASURE)
    run = tuple(StepRun(name=s, metrics={"decode_tok_s": 80.0}, reason="length") for s in STEPS)
    fields: dict[str, Any] = {
        "id": "made", "plan": made, "mode": mode, "status": Status.DONE, "created": 1_764_000_000.0, "seconds": 192.0,
        "blocks": 5, "repeated": 2, "spread": {"decode_tok_s@90 %": 0.012}, "cells": cells(len(made.lanes)),
        "lanes": tuple(lane_result(i, lane, made.lanes[0], PROBLEM if i == failed else None)
                       for i, lane in enumerate(made.lanes)),
        "loads": tuple(Load(lane=i, block=1, phases={}, memory={}) for i in range(len(made.lanes))),
        "runs": tuple(LaneRun(lane=i, block=1, kind="timed", steps=run, counts=True) for i in range(len(made.lanes))),
        "quality": tuple(quality(i) for i in range(1, len(made.lanes))),
        "sentence": (Phrase("q4_0 decodes "), Phrase("8 %", "decode_tok_s@90 %:2", "bad"), Phrase(" slower.")),
    }  # fmt: skip
    if failed is not None:
        fields["cells"] = tuple(c for c in fields["cells"] if c.lane != failed)
    return Result(**fields | more)


def expecting() -> Plan:
    """With a guess and an expectation."""
    expect = Expect(metric="decode_tok_s", lane="q4_0", sign="lower", because="it is dequantized", source="seen")
    return replace(plan(), recipe="kv-types", guess=GUESS, expect=(expect,))
