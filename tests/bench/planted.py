"""Whole measurements on the echo engine with planted slowdowns: is A/A never called different, and is 5 % always found?

.venv/bin/python tests/bench/planted.py [--times 20] [--slowdown 1.05] [--rest 0.02]

Real workers, real schedule, real watch for disturbances; only the engine sleeps where another would compute. A home of
its own in a temporary folder.
"""

from __future__ import annotations

import argparse
import collections
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from app import compose
from app.lab.compare.events import Watcher
from app.lab.compare.lane import Lane
from app.lab.compare.plan import Mode, Plan, Schedule, ask
from app.lab.services import Services
from app.paths import Paths
from engines.chat.llama_tiny import write_tiny_gguf


def plan(model: str, slowdown: float, rest_s: float) -> Plan:
    lanes = (
        Lane(name="A", model=model, engine="echo"),
        Lane(name="B", model=model, engine="echo", knobs={"slowdown": slowdown}),
    )
    schedule = Schedule(n_out=32, rest_s=rest_s)
    return Plan(title="planted", lanes=lanes, steps=(ask("one two three"),), schedule=schedule, quality=None)


def word(services: Services, made: Plan) -> dict[str, object]:
    result = services.compare(made, Mode.MEASURE, Watcher())
    cell = result.cell("decode_tok_s", "", 1)
    assert cell is not None
    return {
        "word": str(cell.word), "ratio": cell.ratio, "low": cell.low, "high": cell.high, "blocks": result.blocks,
        "repeated": result.repeated,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--slowdown", type=float, default=1.05)
    parser.add_argument("--rest", type=float, default=0.02)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        gguf = Path(folder) / "tiny.gguf"
        write_tiny_gguf(gguf)
        with compose.services(Paths(Path(folder) / "home")) as services:
            (variant,) = services.library.add(gguf)
            for name, slowdown in (("A/A", 1.0), ("planted", args.slowdown)):
                found = [word(services, plan(variant.id, slowdown, args.rest)) for _ in range(args.times)]
                words = collections.Counter(f["word"] for f in found)
                ratios = sorted(f["ratio"] for f in found)  # type: ignore[type-var]
                print(json.dumps({"what": name, "words": words, "ratios": [ratios[0], ratios[-1]],
                                  "blocks": sum(int(str(f["blocks"])) for f in found),
                                  "repeated": sum(int(str(f["repeated"])) for f in found)}), flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
