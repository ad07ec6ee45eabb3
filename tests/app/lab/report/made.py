"""A whole result put together by hand: three lanes of which one failed, two steps, hostile text in every field a model or a
recipe can fill. Table, spread, verdict and expectations come from the real rules."""

from __future__ import annotations

import random
from typing import Any

import msgspec

from app.lab.compare import table, verdicts
from app.lab.compare.lane import Lane, differences
from app.lab.compare.measures import measures
from app.lab.compare.plan import Expect, Guess, Mode, Plan, Schedule, Step, ask
from app.lab.compare.result import (
    Disturbance,
    Divergence,
    Flip,
    Interval,
    LaneResult,
    LaneRun,
    Load,
    Problem,
    Quality,
    Result,
    Status,
    StepRun,
    TaskScore,
    Track,
)

HOSTILE = "</script><img src=x onerror=alert(1)>"
CHAT = measures("chat")
TEXTS = (
    "A boat cannot sail straight into the wind. It goes at an angle, and the sail works like a wing: "
    "the wind flows faster on its outer side, and the boat is pulled forward. The keel keeps it from drifting sideways. "
    "By turning from side to side, which is called tacking, it works its way upwind. 🙂",
    "A boat cannot sail straight into the wind. It takes a zigzag course, and the sail works like a wing: "
    f"the wind flows faster on its outer side. {HOSTILE} The keel keeps it from drifting. "
    "Turning from side to side is called tacking. `code` and ```fence``` 🙂",
)


def lane(name: str, **knobs: Any) -> Lane:
    return Lane(name=name, model="smollm2-135m", engine="llama-cpp", knobs=knobs)


def plan() -> Plan:
    steps = tuple(
        msgspec.structs.replace(ask("How does a boat sail upwind?", {"temperature": 0}), name=name, depth=depth)
        for name, depth in (("25 % full", 0.25), ("90 % full", 0.9))
    )
    lanes = (lane("f16", n_ctx=4096), lane(f"q8_0 {HOSTILE}", n_ctx=4096, type_k="q8_0"), lane("q4_0", type_k="q4_0"))
    because = "a processor must unpack the cache for every token"
    expect = Expect(
        metric="decode_tok_s", lane=lanes[1].name, step="90 % full", sign="lower", because=because, source="seen on CPU",
        otherwise="memory is the bottleneck here",
    )  # fmt: skip
    guess = Guess(
        ask="How fast?",
        metric="decode_tok_s",
        lane=lanes[1].name,
        step="90 % full",
        choices=("a", "b"),
        answers={"same": 0},
    )
    return Plan(
        title="KV cache types <at depth>", question="Does a smaller KV cache pay once the context fills up?", lanes=lanes,
        steps=steps, teaches="5.1 Quantization", expect=(expect,), guess=guess, schedule=Schedule(n_out=48),
        notes=("Takes about 12 minutes.",),
    )  # fmt: skip


def result(seed: int = 1, slower: float = 0.9, mode: Mode = Mode.MEASURE, hostile: bool = True) -> Result:
    """slower: B's decode rate against A's."""
    chance = random.Random(seed)
    made = plan()
    bare = Result(
        id="7f3a", plan=made, mode=mode, status=Status.DONE, created=1_795_000_000.0, seconds=412.0, resident=True, blocks=6,
        lanes=_lanes(made), loads=_loads(chance), runs=_runs(chance, slower), quality=_quality(), scores=_scores(), repeated=1,
        machine={"system": "Linux", "cpu": f"A processor {HOSTILE}", "cores": 2, "memory_bytes": 25_276_514_304, "gpus": []},
        tandem="0.1.0", notes=(f"The cache was cleared before each run. {HOSTILE}",),
    )  # fmt: skip
    cells = table.cells(made, mode, 0, bare.runs, bare.loads, 3, CHAT)
    spread = table.spread(made, mode, 0, bare.runs, bare.loads, CHAT)
    full = msgspec.structs.replace(bare, cells=cells, spread=spread)
    full = msgspec.structs.replace(full, sentence=verdicts.sentence(full, CHAT), expected=verdicts.expected(full, CHAT))
    return (
        full if hostile else msgspec.json.decode(msgspec.json.encode(full).replace(HOSTILE.encode(), b""), type=Result)
    )


def _lanes(made: Plan) -> tuple[LaneResult, ...]:
    common: dict[str, Any] = {
        "title": "SmolLM2 135M Instruct", "variant": "q4_1", "bits": 5.74, "bytes": 98_362_432, "lineage": "as published",
        "engine_version": "0.3.36", "build": "AVX-512, no GPU", "device": "cpu", "n_ctx": 4096, "files": ("b179c9523d0e6a0f98a3",),
    }  # fmt: skip
    flips = tuple(
        Flip(word + " ", i not in (5, 9, 10, 22), kl)
        for i, (word, kl) in enumerate(
            (w, 0.04 if i == 9 else 0.9 if i == 22 else 0.2) for i, w in enumerate(TEXTS[0].split())
        )
    )
    apart = tuple(Divergence(step=s.name, token=12, comparable=True, same_words=0.64) for s in made.steps)
    broken = Problem("out_of_memory", "Not enough memory: the model needs about 6.1 GB.", "Try a smaller context.")
    a, b, c = made.lanes
    return (
        LaneResult(
            lane=a, tracks=_tracks(made, TEXTS[0], 0.011), effective={"n_ctx": 4096, "n_threads": 2, "flash_attn": "on"},
            why={"flash_attn": "auto: on for a quantized cache"}, **common,
        ),
        LaneResult(
            lane=b, tracks=_tracks(made, TEXTS[1], 0.013), differs=differences(b, a), flips=flips, divergence=apart,
            effective={"n_ctx": 2048, "type_k": "q8_0"}, why={"n_ctx": "the model was trained for 2,048"}, **common,
        ),
        LaneResult(lane=c, differs=differences(c, a), problem=broken),
    )  # fmt: skip


def _tracks(made: Plan, text: str, gap_s: float) -> tuple[Track, ...]:
    tracks = []
    for number, step in enumerate(made.steps):
        words = text.split(" ")
        shown, at = [], 0
        for word in words:
            at += len(word) + 1
            shown.append(min(at, len(text)))
        times = tuple(round(0.2 + 0.5 * number + gap_s * (i + 1), 4) for i in range(len(words)))
        tracks.append(Track(
            step=step.name, prompt=f"How does a boat sail upwind? {HOSTILE}", text=text, times_s=times, shown=tuple(shown),
            counts=(1,) * len(times), end_s=times[-1] + 0.004, reason="stop", metrics={"decode_tok_s": 1 / gap_s},
        ))  # fmt: skip
    return tuple(tracks)


def _loads(chance: random.Random) -> tuple[Load, ...]:
    sizes = (192e6, 148e6)
    return tuple(
        Load(
            lane=i, block=block, phases={"load_s": chance.gauss(1.1, 0.05), "read_s": 0.4, "compile_s": None},
            memory={"model_bytes": int(sizes[i] * chance.gauss(1, 0.001)), "peak_bytes": None, "device": "cpu"},
        )
        for block in range(7) for i in range(2)
    )  # fmt: skip


def _runs(chance: random.Random, slower: float) -> tuple[LaneRun, ...]:
    runs = []
    for block in range(1, 7):
        for index, factor in enumerate((1.0, slower)):
            for kind in ("discarded", "timed", "timed"):
                steps = tuple(
                    _step(chance, name, rate * factor) for name, rate in (("25 % full", 118.0), ("90 % full", 96.0))
                )
                runs.append(LaneRun(
                    lane=index, block=block, kind=kind, steps=steps, counts=kind == "timed", at_s=30.0 * block, seconds=2.5,
                    disturbance=Disturbance(foreign_cpu=0.02),
                ))  # fmt: skip
    busy = Disturbance(foreign_cpu=0.31, verdict="others used 31 % of the processor")
    again = msgspec.structs.replace(runs[1], counts=False, disturbance=busy)
    return (runs[0], again, msgspec.structs.replace(runs[1], attempt=2), *runs[2:])


def _step(chance: random.Random, name: str, rate: float) -> StepRun:
    metrics = {
        "decode_tok_s": rate * chance.gauss(1, 0.006), "ttft_s": 3.1 * chance.gauss(1, 0.02), "prefill_tok_s": 331.0,
        "e2e_s": 3.6 * chance.gauss(1, 0.02), "n_cached": 0.0, "accept_rate": None,
    }  # fmt: skip
    return StepRun(name=name, metrics=metrics, reason="length", run=f"run-{chance.randrange(10**6)}")


def _quality() -> tuple[Quality, ...]:
    made = []
    for domain, kl in (("all", 0.0121), ("prose", 0.0098), ("code", 0.0143), ("dialogue", 0.0122), ("own", 0.0201)):
        made.append(Quality(
            lane=1, domain=domain, n=1366, step=1, kl_mean=Interval(kl, kl * 0.9, kl * 1.12), kl_p99=Interval(kl * 9), kl_max=1.43,
            top1=Interval(0.954, 0.948, 0.96), ppl=14.61, ppl_ratio=Interval(1.004, 0.999, 1.009),
        ))  # fmt: skip
    return tuple(made)


def _scores() -> tuple[TaskScore, ...]:
    return tuple(
        TaskScore(lane=i, prompts="facts", right=right, n=40, share=Interval(right / 40, 0.5, 0.8))
        for i, right in enumerate((27, 26))
    )


__all__ = ["CHAT", "HOSTILE", "TEXTS", "Step", "result"]
