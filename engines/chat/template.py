"""The helper child that renders chat templates: jinja2's immutable sandbox under a memory limit.

Started by `engines.chat.render` through `engines/boot.py`; answers one order after another.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import json
import sys
from typing import Any

from jinja2 import TemplateError, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from engines.chat.render import read_frame, write_frame

try:
    import resource
except ImportError:  # Windows: the Job Object holds the limit
    resource = None  # type: ignore[assignment]

OUTPUT_BYTES = 4 * 1024 * 1024
MEMORY_BYTES = 512 * 1024 * 1024


def render(order: dict[str, Any]) -> dict[str, Any]:
    """Render one order; every failure is an answer."""
    try:
        text = _compiled(order["template"]).render(
            messages=order["messages"], bos_token=order["bos"], eos_token=order["eos"],
            add_generation_prompt=True, tools=None, documents=None,
        )  # fmt: skip
        if len(text) > OUTPUT_BYTES or len(text.encode("utf-8", "replace")) > OUTPUT_BYTES:
            return {"error": "its output is larger than 4 MiB"}
    except (MemoryError, OverflowError):
        return {"error": "it needs more than 512 MB"}
    except Exception as error:  # noqa: BLE001 - whatever a stranger's program does is an answer
        return {"error": f"{type(error).__name__}: {error}"[:500]}
    return {"text": text}


class Generation(Extension):
    """`{% generation %}` marks the assistant's part for training; for us it is only text."""

    tags = {"generation"}  # noqa: RUF012 - jinja2's own attribute

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


@functools.lru_cache(maxsize=4)
def _compiled(template: str) -> Any:
    return _environment().from_string(template)


def _environment() -> Any:
    """The settings of `transformers.utils.chat_template_utils` (trim_blocks, lstrip_blocks, loop controls)."""

    def raise_exception(message: str) -> None:
        raise TemplateError(message)

    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    env.filters["tojson"] = _tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = lambda form: datetime.datetime.now(tz=datetime.UTC).astimezone().strftime(form)
    return env


def _tojson(
    value: Any, ensure_ascii: bool = False, indent: Any = None, separators: Any = None, sort_keys: bool = False
) -> str:
    """As transformers has it: jinja2's own would escape HTML."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def main() -> None:
    """Answer orders until stdin ends."""
    _limit_memory()
    _environment()
    while True:
        try:
            order = read_frame(sys.stdin.buffer)
        except EOFError:
            return
        write_frame(sys.stdout.buffer, render(order) if order else {"text": ""})


def _limit_memory() -> None:
    if resource is not None:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
