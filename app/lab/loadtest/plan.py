"""What a load test is to do, as a value: the same plan sends the same load again."""

from __future__ import annotations

import math
import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from app.errors import TandemError
from app.paths import Paths

FOLDER = "loadtests"
MOST_USERS = 64
MOST_IN_FLIGHT = 256  # of an open loop without a limit of its own: so many threads send at most
MOST_REQUESTS = 20_000
PACE = 10  # requests a second that one user can use up at most


class LoadMode(StrEnum):
    """closed: so many users, each asks again once it is answered. poisson: requests arrive by chance, at a mean rate."""

    CLOSED = "closed"
    POISSON = "poisson"


class Lengths(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens: a normal distribution, cut at both ends. spread: its standard deviation."""

    mean: int
    spread: int = 0
    least: int = 1
    most: int = 1_000_000

    def within(self, most: int) -> Lengths:
        """The same, with no length over `most`."""
        return Lengths(
            mean=min(self.mean, most), spread=self.spread, least=min(self.least, most), most=min(self.most, most)
        )


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a person calls good enough, in seconds; None is no limit.

    itl_s limits a request's mean time between tokens (vLLM's TPOT), as its goodput does.
    """

    ttft_s: float | None = None
    itl_s: float | None = None
    e2e_s: float | None = None

    @property
    def any(self) -> bool:
        """Is there one at all?"""
        return any(limit is not None for limit in (self.ttft_s, self.itl_s, self.e2e_s))


class LoadPreset(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of use. shared: tokens at the start of each prompt that are the same in all. texts: below resources/texts."""

    id: str
    title: str
    about: str
    prompt: Lengths
    output: Lengths
    texts: tuple[str, ...]
    shared: int = 0
    limits: Limits = Limits()
    sources: tuple[str, ...] = ()


class LoadPlan(msgspec.Struct, frozen=True, kw_only=True):
    """levels: numbers of users, or requests a second. requests: of each level; 0: as many as `requests_at` says.

    seconds: no request is sent after so long in a level. warmup: requests before each level's clock begins.
    seed: lengths, texts and arrival times. salt: opens each prompt with words of its own, so that no earlier test
    has left its beginning in the server's cache; 0: new words for each test. ignore_eos: every answer has its planned length,
    where the server can be told. in_flight: of an open loop, at most so many at once; 0: `MOST_IN_FLIGHT`.
    minutes: no further level is begun after so long.
    """

    title: str
    preset: str = "chat"
    mode: LoadMode = LoadMode.CLOSED
    levels: tuple[float, ...] = (1, 2, 4, 8)
    requests: int = 0
    seconds: float | None = None
    warmup: int = 2
    limits: Limits = Limits()
    seed: int = 1
    salt: int = 0
    prompt: Lengths = Lengths(mean=256)
    output: Lengths = Lengths(mean=128)
    shared: int = 0
    texts: tuple[str, ...] = ("story.txt",)
    ignore_eos: bool = True
    in_flight: int = 0
    minutes: float | None = None

    def requests_at(self, level: float) -> int:
        """How many requests a level gets at most. By default enough for a p95 (20), and four for each user."""
        if self.requests:
            return self.requests
        if self.seconds is not None:
            expected = level * self.seconds * (PACE if self.mode is LoadMode.CLOSED else 1.5)
            return min(MOST_REQUESTS, math.ceil(expected) + 20)
        return max(20, math.ceil(4 * level)) if self.mode is LoadMode.CLOSED else max(20, math.ceil(30 * level))

    def users_at(self, level: float) -> int:
        """How many are in flight at most."""
        return int(level) if self.mode is LoadMode.CLOSED else self.in_flight or MOST_IN_FLIGHT

    def words(self, level: float) -> str:
        """The level, as a person says it: "8 users", "0.5 requests/s"."""
        if self.mode is LoadMode.CLOSED:
            return "1 user" if level == 1 else f"{level:,.0f} users"
        return "1 request/s" if level == 1 else f"{level:,.3g} requests/s"


def plan_of(preset: LoadPreset, **changes: Any) -> LoadPlan:
    """The preset as a plan. Raises TandemError `bad_plan`."""
    plan = LoadPlan(
        title=preset.title, preset=preset.id, limits=preset.limits, prompt=preset.prompt, output=preset.output,
        shared=preset.shared, texts=preset.texts,
    )  # fmt: skip
    plan = msgspec.structs.replace(plan, **changes)
    check(plan)
    return plan


def check(plan: LoadPlan) -> None:
    """Raises TandemError `bad_plan` for what nobody can carry out."""
    for wrong, words, hint in _faults(plan):
        if wrong:
            raise TandemError("bad_plan", words, hint)


def _faults(plan: LoadPlan) -> list[tuple[bool, str, str]]:
    closed = plan.mode is LoadMode.CLOSED
    whole = all(level == int(level) and 1 <= level <= MOST_USERS for level in plan.levels)
    rates = all(0 < level <= 1000 for level in plan.levels)
    return [
        (not plan.levels, "There is no level to test.", "Give users (1,2,4,8) or rates (0.5,1,2)."),
        (len(set(plan.levels)) < len(plan.levels), "A level stands there twice.", "Give each level once."),
        (closed and not whole, f"Users are whole numbers from 1 to {MOST_USERS}.", "For example 1,2,4,8."),
        (not closed and not rates, "A rate is over 0 and at most 1,000 requests a second.", "For example 0.5,1,2."),
        (not 0 <= plan.requests <= MOST_REQUESTS, f"A level has at most {MOST_REQUESTS:,} requests.", "Ask for fewer."),
        (plan.seconds is not None and plan.seconds <= 0, "A level lasts longer than 0 s.", "Give more seconds."),
        (plan.prompt.least < 1 or plan.output.least < 1, "Prompts and answers have at least 1 token.", "Ask for more."),
        (plan.shared >= plan.prompt.most, "The shared beginning is as long as the whole prompt.", "Share fewer tokens."),
    ]  # fmt: skip


def presets(resources: Path = Paths.resources) -> tuple[LoadPreset, ...]:
    """The shipped kinds of use, in the order of their files."""
    files = sorted((resources / FOLDER).glob("*.toml"))
    return tuple(msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8")), LoadPreset) for file in files)


def preset(name: str, resources: Path = Paths.resources) -> LoadPreset:
    """Raises TandemError `unknown_preset`."""
    found = {each.id: each for each in presets(resources)}
    if name not in found:
        raise TandemError("unknown_preset", f"There is no load “{name[:80]}”.", f"Loads: {', '.join(found)}.")
    return found[name]
