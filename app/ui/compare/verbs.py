"""Which verbs the Compare page's bar has in each phase, and which one is the main one."""

from __future__ import annotations

from app.lab.compare.plan import Mode
from app.ui.state.compare import CompareState
from app.ui.state.compare_phase import Phase


def verbs(state: CompareState) -> tuple[dict[str, bool], dict[str, bool], str]:
    """(those that are there, those that can be done now, the one in the accent colour)."""
    if state.busy:
        return {"stop": True}, {"stop": state.phase is Phase.RUNNING}, "stop"
    if state.plan is None or state.phase is Phase.GUESS:
        return {}, {}, ""
    result = state.result is not None
    measured = state.result is not None and state.result.mode is Mode.MEASURE
    there = {
        "add_lane": not state.plan.full, "race": True, "quick": True, "measure": not measured, "again": measured,
        "go_on": state.can_go_on, "replay": result, "report": result,
    }  # fmt: skip
    can = {
        "race": state.can_measure, "quick": state.can_measure, "measure": state.can_measure,
        "replay": state.can_replay, "report": not state.files.busy,
    }  # fmt: skip
    main = "go_on" if state.can_go_on else "again" if measured else "measure"
    return there, can, main
