"""A result as JSON for programs: the command line's shape, and the whole record."""

from __future__ import annotations

from typing import Any

import msgspec

from app.lab.compare.lane import letter
from app.lab.compare.result import Cell, LaneResult, Result
from app.lab.report import rows


def json_of(result: Result) -> dict[str, Any]:
    """The keys of CLI.md's `compare`, and more: plain values only. What cannot be had is None; no key is absent.

    verdicts: speeds only, with the words faster, slower, same, not decided; sizes: with more, less, same, not decided.
    """
    judged = [
        (row.measure.kind, cell) for row in rows.rows(result, every=True) for cell in row.cells if _judged(result, cell)
    ]
    return {
        "experiment": result.id,
        "title": result.plan.title, "recipe": result.plan.recipe, "mode": str(result.mode), "status": str(result.status),
        "reference": _name(result, result.reference), "blocks": result.blocks, "seconds": result.seconds,
        "lanes": [_lane(i, lane) for i, lane in enumerate(result.lanes)],
        "runs": [_named(result, run) for run in result.runs],
        "verdicts": [_verdict(result, cell) for kind, cell in judged if cell is not None and kind == "speed"],
        "sizes": [_verdict(result, cell) for kind, cell in judged if cell is not None and kind == "size"],
        "quality": [_named(result, one) for one in result.quality],
        "scores": [_named(result, one) for one in result.scores],
        "sentence": result.words,
        "spread": dict(result.spread),
        "problems": [_problem(i, lane) for i, lane in enumerate(result.lanes) if lane.problem is not None],
        "expected": [_named(result, one) for one in result.expected],
        "repeated": result.repeated, "busy": list(result.busy), "notes": list(result.notes),
        "machine": msgspec.to_builtins(result.machine), "tandem": result.tandem,
    }  # fmt: skip


def json_text(result: Result) -> str:
    """The whole result as indented JSON, from which `read_json` makes the same value again."""
    return msgspec.json.format(msgspec.json.encode(result), indent=1).decode()


def read_json(text: str | bytes) -> Result:
    """The result that `json_text` wrote. Raises msgspec.ValidationError, msgspec.DecodeError."""
    return msgspec.json.decode(text, type=Result)


def _judged(result: Result, cell: Cell | None) -> bool:
    return cell is not None and cell.lane != result.reference and cell.word is not None


def _verdict(result: Result, cell: Cell) -> dict[str, Any]:
    return {
        "metric": cell.metric, "step": cell.step, "lane": _name(result, cell.lane), "letter": letter(cell.lane),
        "value": cell.value, "ratio": cell.ratio, "low": cell.low, "high": cell.high, "word": str(cell.word),
        "blocks": cell.n_blocks, "more_blocks": cell.more_blocks, "contended": cell.contended,
    }  # fmt: skip


def _lane(index: int, lane: LaneResult) -> dict[str, Any]:
    return {
        "name": lane.lane.name, "letter": letter(index), "model": lane.lane.model,
        "variant": lane.variant or lane.lane.variant, "engine": lane.lane.engine,
        "differs": [msgspec.to_builtins(one) for one in lane.differs], "engine_version": lane.engine_version,
        "device": lane.device, "lineage": lane.lineage, "asked": dict(lane.lane.knobs), "effective": msgspec.to_builtins(lane.effective),
        "why": dict(lane.why), "notes": list(lane.notes), "divergence": [msgspec.to_builtins(one) for one in lane.divergence],
        "answers": [{"step": t.step, "text": t.text, "reason": t.reason, "metrics": dict(t.metrics)} for t in lane.tracks],
    }  # fmt: skip


def _named(result: Result, value: Any) -> dict[str, Any]:
    """The value's fields, with its lane by name and letter."""
    fields: dict[str, Any] = msgspec.to_builtins(value)
    return fields | {"lane": _name(result, value.lane), "letter": letter(value.lane)}


def _name(result: Result, index: int) -> str:
    return result.lanes[index].lane.name if index < len(result.lanes) else letter(index)


def _problem(index: int, lane: LaneResult) -> dict[str, Any]:
    problem: dict[str, Any] = msgspec.to_builtins(lane.problem)
    return {"lane": lane.lane.name, "letter": letter(index)} | problem
