"""A plan written as a recipe's file, so that an experiment can be kept, changed by hand and given to others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from app.errors import TandemError
from app.lab.compare.lane import Lane
from app.lab.compare.plan import Plan, QualityPlan, Schedule, Step
from app.lab.compare.recipe_form import NATURAL
from app.lab.compare.recipe_texts import guarded

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}


def to_toml(plan: Plan) -> str:
    """The plan as TOML; `recipes.load` reads it back as the same plan.

    Raises TandemError `bad_recipe` for a step that is given as token ids: they mean nothing to another model.
    """
    blocks = [_head(plan)]
    blocks += [_table("[[lane]]", _lane(lane)) for lane in plan.lanes]
    blocks += [_table("[[step]]", _step(step)) for step in plan.steps]
    if schedule := _changed(plan.schedule, Schedule()):
        blocks.append(_table("[schedule]", schedule))
    if plan.quality is not None and (quality := _changed(plan.quality, QualityPlan())):
        blocks.append(_table("[quality]", quality))
    blocks += [_table("[[expect]]", _filled(msgspec.to_builtins(expect))) for expect in plan.expect]
    if plan.guess is not None:
        blocks.append(_table("[guess]", _filled(msgspec.to_builtins(plan.guess))))
    return "\n".join(blocks)


def _head(plan: Plan) -> str:
    names = ("title", "question", "recipe", "task", "teaches", "concepts", "notes", "decide")
    fields = {
        name: getattr(plan, name) for name in names if getattr(plan, name) and (name, plan.task) != ("task", "chat")
    }
    if plan.quality is None:
        fields["quality"] = False
    return _lines(fields)


def _lane(lane: Lane) -> dict[str, Any]:
    return _filled(
        {"name": lane.name, "model": lane.model, "variant": lane.variant, "engine": lane.engine, "knobs": lane.knobs}
    )


def _step(step: Step) -> dict[str, Any]:
    request = step.request
    if request.ids is not None:
        raise TandemError("bad_recipe", "A step that is given as token ids cannot be written.", "Give it as text.")
    fields: dict[str, Any] = {"name": step.name} if step.name else {}
    if request.prompt is not None:
        fields["prompt"] = guarded(request.prompt)
    elif [m.role for m in request.messages] == ["user"]:
        fields["ask"] = guarded(request.messages[0].content)
    else:
        fields["messages"] = [{"role": m.role, "content": guarded(m.content)} for m in request.messages]
    if step.depth is not None:
        fields["depth"] = step.depth
    if not step.fresh:
        fields["fresh"] = False
    return fields | ({"knobs": request.knobs} if request.knobs else {})


def _changed(value: Schedule | QualityPlan, default: Schedule | QualityPlan) -> dict[str, Any]:
    """The fields that are not at their default."""
    mine, plain = msgspec.to_builtins(value), msgspec.to_builtins(default)
    found = {name: field for name, field in mine.items() if field != plain[name]}
    if "n_out" in found and found["n_out"] is None:
        found["n_out"] = NATURAL
    return found


def _filled(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in ("", {}, None)}


def _table(header: str, fields: Mapping[str, Any]) -> str:
    return f"{header}\n{_lines(fields)}"


def _lines(fields: Mapping[str, Any]) -> str:
    return "".join(f"{_key(name)} = {_value(value)}\n" for name, value in fields.items())


def _key(name: str) -> str:
    plain = name.replace("_", "").replace("-", "")
    return name if plain.isascii() and plain.isalnum() else _string(name)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _long(value) if "\n" in value else _string(value)
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_key(k)} = {_value_inline(v)}" for k, v in value.items() if v is not None)
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, Iterable):
        return "[" + ", ".join(_value_inline(v) for v in value) + "]"
    return repr(value)


def _value_inline(value: Any) -> str:
    return _string(value) if isinstance(value, str) else _value(value)


def _string(text: str) -> str:
    return '"' + "".join(_character(c) for c in text) + '"'


def _long(text: str) -> str:
    """A multi-line string: its lines stay lines."""
    return '"""\n' + "".join(c if c == "\n" else _character(c) for c in text) + '"""'


def _character(c: str) -> str:
    if c in _ESCAPES:
        return _ESCAPES[c]
    return f"\\u{ord(c):04X}" if ord(c) < 32 or ord(c) == 127 else c
