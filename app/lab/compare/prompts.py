"""Prompt sets: short questions whose answers are right or wrong, for lanes whose tokens cannot be compared one by one.

resources/texts/prompts/<name>.toml holds [[prompt]] tables.
"""

from __future__ import annotations

import re
import string
import tomllib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from app.errors import TandemError
from app.lab.compare.result import TaskScore
from app.lab.compare.stats import wilson
from app.paths import Paths
from engines.knobs import Settings
from engines.protocol import ChatRequest, Message

TRIMMED = string.punctuation + string.whitespace + "“”‘’„«»…"


class Prompt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One question. exact: what the answer's first line must be; pattern: what must be found in the answer. One of the two."""

    ask: str
    exact: str = ""
    pattern: str = ""
    max_tokens: int = 64

    @property
    def wanted(self) -> str:
        """What is right, for a person."""
        return self.exact or f"/{self.pattern}/"


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    prompt: tuple[Prompt, ...]


def prompt_set(name: str, resources: Path = Paths.resources) -> tuple[Prompt, ...]:
    """All prompts of a set. Raises TandemError `no_prompts`, `bad_prompts`."""
    folder = resources / "texts" / "prompts"
    path = folder / f"{name}.toml"
    if not re.fullmatch(r"[a-z0-9_-]+", name) or not path.is_file():
        known = ", ".join(sorted(p.stem for p in folder.glob("*.toml"))) or "none"
        raise TandemError("no_prompts", f"There is no prompt set “{name}”.", f"Prompt sets: {known}.")
    try:
        found = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _File).prompt
    except (msgspec.ValidationError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _bad(name, str(error)) from error
    if not found:
        raise _bad(name, "it holds no prompt")
    for number, prompt in enumerate(found, 1):
        _check(name, number, prompt)
    return found


def request(prompt: Prompt, given: Settings) -> ChatRequest:
    """The prompt as a chat of its own. given: the run knobs that the lane sets; without any the likeliest answer counts."""
    knobs: Settings = {"temperature": 0.0} | given | {"max_tokens": prompt.max_tokens}
    return ChatRequest(messages=(Message("user", prompt.ask),), knobs=knobs, clear_cache=True)


def judge(prompt: Prompt, answer: str) -> bool:
    """Is the answer right? exact: its first line, apart from case, spaces and punctuation around it."""
    if prompt.pattern:
        return re.search(prompt.pattern, answer) is not None
    first = next((line for line in answer.splitlines() if line.strip()), "")
    return _plain(first) == _plain(prompt.exact)


def task_score(lane: int, name: str, answers: Sequence[tuple[Prompt, str]]) -> TaskScore:
    """What became of a set: `answers` are (prompt, the lane's answer), at least one."""
    rows = tuple((prompt.ask, prompt.wanted, answer, judge(prompt, answer)) for prompt, answer in answers)
    right = sum(row[-1] for row in rows)
    return TaskScore(lane=lane, prompts=name, right=right, n=len(rows), share=wilson(right, len(rows)), rows=rows)


def _plain(text: str) -> str:
    return " ".join(text.strip(TRIMMED).casefold().split())


def _check(name: str, number: int, prompt: Prompt) -> None:
    if not prompt.ask.strip():
        raise _bad(name, f"prompt {number} asks nothing")
    if bool(prompt.exact) == bool(prompt.pattern):
        raise _bad(name, f"prompt {number} needs either exact or pattern")
    if prompt.max_tokens < 1:
        raise _bad(name, f"prompt {number}: max_tokens is at least 1")
    try:
        re.compile(prompt.pattern)
    except re.error as error:
        raise _bad(name, f"prompt {number}: the pattern is no regular expression ({error})") from error


def _bad(name: str, why: str) -> TandemError:
    return TandemError(
        "bad_prompts", f"The prompt set “{name}” cannot be used: {why}.",
        "Each [[prompt]] has ask, exact or pattern, and max_tokens.",
    )  # fmt: skip
