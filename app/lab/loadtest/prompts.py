"""Prompts of wanted lengths out of the shipped texts, no two of them with the same beginning, and when each is due.

Everything follows from the plan's seed and salt: the same plan makes the same requests again.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from app.errors import TandemError
from app.lab.loadtest.plan import Lengths, LoadMode, LoadPlan
from app.paths import Paths
from engines.protocol import Message, Planned

CHARS_PER_TOKEN = 4.0
ABOUT = "about 4 characters a token"
MOST_BYTES = 48 << 20  # of one level's prompts: an order to a worker holds at most 64 MiB
SAMPLE_CHARS = 4000
Count = Callable[[str], int | None]

SYSTEM = "You are a careful assistant. Answer from the text that the person gives, in plain words."
QUESTION = {
    "rag": "Which fact in these passages matters most, and why? Quote the sentence that says so.",
    "code": "Continue this program. Write the code that comes next, without comments on it.",
    "batch": "Write a summary of this text, one sentence for each paragraph.",
}
ASK = "What do you make of this? Say what you would do next."


@dataclass(frozen=True, slots=True)
class Material:
    """The texts a plan's prompts are made of, as pieces. chars_per_token: how long they are. by: how that is known."""

    pieces: tuple[str, ...]
    chars_per_token: float
    by: str


def material(plan: LoadPlan, count: Count, resources: Path = Paths.resources) -> Material:
    """Read the texts, and measure them with the model's own tokenizer where there is one.

    count: tokens of a text, None where nobody can say. Raises TandemError `no_text`.
    """
    texts = [_text(name, resources) for name in plan.texts]
    pieces = tuple(piece for text in texts for piece in _pieces(text))
    sample = "".join(text[: SAMPLE_CHARS // len(texts)] for text in texts)
    tokens = count(sample)
    if not tokens:
        return Material(pieces, CHARS_PER_TOKEN, ABOUT)
    return Material(pieces, len(sample) / tokens, "the model's tokenizer, by a sample of the text")


def requests(plan: LoadPlan, made_of: Material, index: int) -> tuple[Planned, ...]:
    """The requests of level `index`, its warm-up first. Raises TandemError `too_large`."""
    level = plan.levels[index]
    n = plan.requests_at(level)
    writer = Writer(plan, made_of, f"{plan.seed}:{index}")
    due: Sequence[float | None] = arrivals(plan, index, n) if plan.mode is LoadMode.POISSON else [None] * n
    times = itertools.chain([None] * plan.warmup, due)
    made = []
    size = 0
    for number, at_s in enumerate(times):
        made.append(writer.planned(f"{index + 1}.{number + 1}", at_s))
        size += sum(len(message.content) for message in made[-1].messages)
        if size > MOST_BYTES and plan.seconds is None:
            raise TandemError("too_large", "So many long prompts are more than one level can hold.",
                              "Ask for fewer requests, or shorter prompts.")  # fmt: skip
        if size > MOST_BYTES:
            break
    return tuple(made)


def arrivals(plan: LoadPlan, index: int, n: int) -> list[float]:
    """Seconds after the start at which `n` requests are due: exponential gaps.

    As in `vllm bench serve` they are stretched so that the last one is due at n ÷ rate: the mean rate is what was asked, and
    no luck of the draw is in the throughput. Not so where a level lasts a given time: there the time decides.
    """
    rate = plan.levels[index]
    chance = random.Random(f"{plan.seed}:{index}:arrivals")  # noqa: S311 - a plan that can be repeated, no secret
    due = list(itertools.accumulate(chance.expovariate(rate) for _ in range(n)))
    stretch = 1.0 if plan.seconds is not None else n / rate / due[-1]
    return [at * stretch for at in due]


class Writer:
    """Writes prompt after prompt."""

    def __init__(self, plan: LoadPlan, made_of: Material, seed: str) -> None:
        self._plan, self._made_of = plan, made_of
        self._chance = random.Random(seed)  # noqa: S311 - as above
        self._salt = random.Random(plan.salt)  # noqa: S311
        self._mark = f"{self._salt.getrandbits(32):08x}"
        self._shared = self._shared_text()

    def planned(self, name: str, at_s: float | None) -> Planned:
        """One request. name: what makes its beginning its own."""
        plan = self._plan
        wanted = draw(plan.prompt, self._chance)
        head = f"[{name}-{self._mark}]\n"  # in the first tokens: no other prompt has this beginning
        question = QUESTION.get(plan.preset, ASK)
        own = round((wanted - plan.shared) * self._made_of.chars_per_token) - len(head) - len(question)
        content = f"{head}{self._passage(own)}\n\n{question}"
        system = (Message("system", self._shared),) if self._shared else ()
        return Planned(
            max_tokens=draw(plan.output, self._chance), at_s=at_s, messages=(*system, Message("user", content))
        )

    def _passage(self, chars: int) -> str:
        """Pieces in an order of their own, cut between two words."""
        if chars <= 0:
            return ""
        return _cut(self._endless(self._chance), chars)

    def _shared_text(self) -> str:
        """The beginning that all prompts of the plan share, the same in every level."""
        if not self._plan.shared:
            return ""
        chars = round(self._plan.shared * self._made_of.chars_per_token)
        return _cut(itertools.chain([f"[{self._mark}] {SYSTEM}"], self._endless(random.Random(self._plan.seed))), chars)  # noqa: S311

    def _endless(self, chance: random.Random) -> Iterator[str]:
        pieces = self._made_of.pieces
        while True:
            yield from (pieces[i] for i in chance.sample(range(len(pieces)), len(pieces)))


def draw(lengths: Lengths, chance: random.Random) -> int:
    """A length of the distribution."""
    return min(lengths.most, max(lengths.least, round(chance.gauss(lengths.mean, lengths.spread))))


def fitted(plan: LoadPlan, n_ctx: int) -> tuple[LoadPlan, str]:
    """The plan with lengths that the server's context holds, and what was changed, in words. n_ctx 0: not known.

    Raises TandemError `too_long` where not even short ones fit.
    """
    if not n_ctx or plan.prompt.most + plan.output.most + ROOM <= n_ctx:
        return plan, ""
    output = plan.output.within(max(1, n_ctx // 4))
    prompt = plan.prompt.within(round((n_ctx - output.most - ROOM) * 0.95))
    shared = min(plan.shared, prompt.most // 4)
    if prompt.most < 16:
        raise TandemError("too_long", f"The server's context holds {n_ctx:,} tokens, too few for this load.",
                          "Load the model with a larger context, or choose shorter prompts.")  # fmt: skip
    words = (
        f"The context holds {n_ctx:,} tokens: prompts have at most {prompt.most:,}, answers at most {output.most:,}."
    )
    return msgspec.structs.replace(plan, prompt=prompt, output=output, shared=shared), words


ROOM = 64  # tokens that a chat template adds


def _cut(pieces: Iterator[str] | itertools.chain[str], chars: int) -> str:
    made: list[str] = []
    size = 0
    for piece in pieces:
        made.append(piece)
        size += len(piece) + 1
        if size >= chars:
            break
    text = "\n".join(made)[:chars]
    return text[: text.rfind(" ")] if len(text) == chars and " " in text[chars // 2 :] else text


def _text(name: str, resources: Path) -> str:
    try:
        return (resources / "texts" / name).read_text(encoding="utf-8")
    except OSError as error:
        raise TandemError("no_text", f"The text {name} is missing.", "Install Tandem again.") from error


def _pieces(text: str) -> list[str]:
    """Paragraphs, without what surrounds them."""
    return [piece.strip("\n") for piece in re.split(r"\n\s*\n", text) if piece.strip()]
