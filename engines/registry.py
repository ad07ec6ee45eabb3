"""The table of engines. An engine is one file and one line here."""

from __future__ import annotations

import importlib
from functools import cache

from engines.errors import EngineError
from engines.spec import EngineSpec, Task

BUILTIN = (
    "engines.chat.llama_cpp:SPEC",
    "engines.chat.transformers:SPEC",
    "engines.chat.openai_server:SPEC",
    "engines.chat.vllm:SPEC",
    "engines.chat.llama_server:SPEC",
    "engines.chat.sglang:SPEC",
    "engines.chat.echo:SPEC",
    "engines.chat.chaos:SPEC",
)


@cache
def specs() -> dict[str, EngineSpec]:
    """Engine id → spec, in the table's order. Imports no engine library."""
    found = [_load(name) for name in BUILTIN]
    table = {spec.id: spec for spec in found}
    if len(table) != len(found):
        raise AssertionError("two engines share an id")
    return table


def spec(engine_id: str) -> EngineSpec:
    """One engine's spec. Raises EngineError `unknown_engine`."""
    try:
        return specs()[engine_id]
    except KeyError:
        known = ", ".join(s.id for s in visible())
        raise EngineError("unknown_engine", f"There is no engine “{engine_id}”.", f"Engines: {known}.") from None


def visible(task: Task | None = None) -> list[EngineSpec]:
    """The engines that people choose from."""
    return [s for s in specs().values() if not s.for_tests and task in (None, s.task)]


def _load(dotted: str) -> EngineSpec:
    module, name = dotted.split(":")
    value = getattr(importlib.import_module(module), name)
    if not isinstance(value, EngineSpec):
        raise AssertionError(f"{dotted} is no EngineSpec")
    return value
