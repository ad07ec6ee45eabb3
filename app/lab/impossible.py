"""Finds the contradictions that people really write into a schema, so that "no answer can meet it" is said at once.

It finds no deep ones: only what stands side by side in a part that every answer must have.
"""

from __future__ import annotations

from typing import Any, TypeGuard

LIMITS = (
    ("minimum", "maximum"), ("exclusiveMinimum", "maximum"), ("minimum", "exclusiveMaximum"),
    ("exclusiveMinimum", "exclusiveMaximum"), ("minLength", "maxLength"), ("minItems", "maxItems"),
    ("minProperties", "maxProperties"), ("minContains", "maxContains"),
)  # fmt: skip
DEPTH = 40

_KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,), "number": (int, float), "integer": (int, float), "object": (dict,), "array": (list,),
    "boolean": (bool,), "null": (type(None),),
}  # fmt: skip
_OF_KIND = {"minimum": "number", "exclusiveMinimum": "number", "minLength": "string", "minItems": "array",
            "minProperties": "object", "minContains": "array"}  # fmt: skip


def impossible(schema: Any, where: str = "", depth: int = 0) -> str:
    """Why no value meets the schema, "" if none is seen. where: its place in the answer."""
    if schema is False:
        return f"{where or 'it'} is false, which forbids everything"
    if not isinstance(schema, dict) or depth > DEPTH:
        return ""
    at = f" at {where}" if where else ""
    return _limits(schema, at) or _choices(schema, at) or _required(schema, at) or _below(schema, where, depth)


def _limits(schema: dict[str, Any], at: str) -> str:
    """A least above its most, where the type says that the limit counts."""
    for least, most in LIMITS:
        low, high = schema.get(least), schema.get(most)
        if not _is_number(low) or not _is_number(high) or schema.get("type") not in (_OF_KIND[least], _whole(least)):
            continue
        strict = "exclusive" in least or "exclusive" in most
        if low > high or (strict and low == high):
            return f"{least} {low:,} leaves nothing under {most} {high:,}{at}"
    return ""


def _choices(schema: dict[str, Any], at: str) -> str:
    """An enum or const of which nothing is of the type beside it."""
    kinds = schema.get("type")
    if "enum" in schema and schema["enum"] == []:
        return f"enum is empty{at}"
    if isinstance(kinds, list) and not kinds:
        return f"type is empty{at}"
    choices = schema.get("enum", [schema["const"]] if "const" in schema else None)
    wanted = [kinds] if isinstance(kinds, str) else kinds
    if not isinstance(choices, list) or not isinstance(wanted, list):
        return ""
    if any(_is(choice, kind) for choice in choices for kind in wanted):
        return ""
    return f"no value of {'enum' if 'enum' in schema else 'const'} is of type {' or '.join(map(str, wanted))}{at}"


def _required(schema: dict[str, Any], at: str) -> str:
    """A property that must be there and may not."""
    if schema.get("type") != "object":
        return ""
    names, known = schema.get("required", []), schema.get("properties", {})
    if not isinstance(names, list) or not isinstance(known, dict):
        return ""
    closed = schema.get("additionalProperties") is False and "patternProperties" not in schema
    missing = next((name for name in names if closed and name not in known), None)
    if missing is not None:
        return f"“{missing}” is required and forbidden by additionalProperties{at}"
    most = schema.get("maxProperties")
    if _is_number(most) and len(set(names)) > most:
        return f"{len(set(names)):,} properties are required and maxProperties is {most:,}{at}"
    return ""


def _below(schema: dict[str, Any], where: str, depth: int) -> str:
    """The parts that every answer must have: required properties, items of a list that may not be empty, allOf."""
    parts: list[tuple[Any, str]] = [(part, where) for part in _list(schema.get("allOf"))]
    if schema.get("type") == "object" and isinstance(schema.get("properties"), dict):
        for name in _list(schema.get("required")):
            parts.append((schema["properties"].get(name, True), f"{where}.{name}".lstrip(".")))
    if schema.get("type") == "array" and _is_number(schema.get("minItems")) and schema["minItems"] > 0:
        first = _list(schema.get("prefixItems"))
        parts.append((first[0] if first else schema.get("items", True), f"{where}[0]"))
    for branches in (_list(schema.get("anyOf")), _list(schema.get("oneOf"))):
        found = [impossible(branch, where, depth + 1) for branch in branches]
        if found and all(found):
            return found[0]
    return next((why for part, place in parts if (why := impossible(part, place, depth + 1))), "")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _whole(least: str) -> str:
    return "integer" if _OF_KIND[least] == "number" else _OF_KIND[least]


def _is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is(value: Any, kind: Any) -> bool:
    if isinstance(value, bool):
        return bool(kind == "boolean")
    fits = isinstance(value, _KINDS.get(str(kind), (object,)))
    return fits and (kind != "integer" or float(value).is_integer())
