"""The helper child that renders chat templates: jinja2's immutable sandbox under a memory limit.

Started by `engines.chat.render` through `engines/boot.py`; answers one order after another.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import sys
from typing import Any

from jinja2 import TemplateError
from jinja2.ext import loopcontrols
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
        text = _environment().from_string(order["template"]).render(
            messages=order["messages"], bos_token=order["bos"], eos_token=order["eos"],
            add_generation_prompt=True, tools=None, documents=None,
        )  # fmt: skip
    except (TemplateError, TypeError, ValueError, KeyError, AttributeError, RecursionError) as error:
        return {"error": f"{type(error).__name__}: {error}"[:500]}
    except (MemoryError, OverflowError):
        return {"error": "it needs more than 512 MB"}
    if len(text.encode("utf-8", "replace")) > OUTPUT_BYTES:
        return {"error": "its output is larger than 4 MiB"}
    return {"text": text}


def _environment() -> Any:
    """The settings of `transformers.utils.chat_template_utils` (trim_blocks, lstrip_blocks, loop controls)."""

    def raise_exception(message: str) -> None:
        raise TemplateError(message)

    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
    env.filters["tojson"] = lambda x, indent=None: json.dumps(x, ensure_ascii=False, indent=indent)
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = lambda form: datetime.datetime.now(tz=datetime.UTC).astimezone().strftime(form)
    return env


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
