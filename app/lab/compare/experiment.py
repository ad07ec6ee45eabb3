"""An experiment's result before, between and after its runs: begun, resumed, kept in the store."""

from __future__ import annotations

import time

import msgspec

from app.lab.compare.lane import differences
from app.lab.compare.plan import Mode, Plan
from app.lab.compare.result import LaneResult, Result, Status
from app.lab.record import VERSION
from app.store import ExperimentRecord
from app.store.database import new_id
from engines import hardware


def begun(plan: Plan, mode: Mode) -> Result:
    """A result with nothing in it yet."""
    lanes = tuple(LaneResult(lane=lane, differs=differences(lane, plan.lanes[0])) for lane in plan.lanes)
    return Result(
        id=new_id(), plan=plan, mode=mode, status=Status.RUNNING, created=time.time(), lanes=lanes,
        machine=msgspec.json.decode(msgspec.json.encode(hardware.machine())), tandem=VERSION,
    )  # fmt: skip


def continues(result: Result, plan: Plan, mode: Mode) -> bool:
    """May the result be gone on with? Same lanes, same requests, same mode; only limits may differ."""
    return result.mode is mode and result.plan.lanes == plan.lanes and result.plan.steps == plan.steps


def resumed(result: Result, plan: Plan) -> Result:
    """An unfinished result with its whole blocks: what a crash cut short is measured again. plan: with other limits perhaps."""
    return msgspec.structs.replace(
        result, plan=plan, status=Status.RUNNING, notes=(*result.notes, "Interrupted and resumed."),
        runs=tuple(run for run in result.runs if run.block <= result.blocks),
        loads=tuple(load for load in result.loads if load.block <= result.blocks),
    )  # fmt: skip


def stored(result: Result) -> ExperimentRecord:
    """The result as the store keeps it."""
    return ExperimentRecord(
        id=result.id, title=result.plan.title, recipe=result.plan.recipe, status=str(result.status),
        plan=msgspec.to_builtins(result.plan), result=msgspec.to_builtins(result), created=result.created,
    )  # fmt: skip
