"""Tandem against the library alone (METRICS "Raw"): pairs R-O-O-R, one active at a time, 0.5 s apart.

    .venv/bin/python tests/bench/ratio.py llama-cpp MODEL.gguf [--set n_threads=1] [--pairs 7] [--n-out 64]
    .venv/bin/python tests/bench/ratio.py transformers FOLDER --set threads=1 --set dtype=bf16

Both sides stay loaded and idle in turn. Prints JSON: the ratio of medians with a bootstrap interval, an R/R control, and
the word: passed (≥ 0.97 within ±1.5 %), failed, or not resolvable here.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).resolve().parent))

from worker import Bench  # noqa: E402

REST_S = 0.5
HALF_WIDTH = 0.015
TEXT = "The history of the printing press begins in the fifteenth century, when a goldsmith in Mainz combined movable type, oil-based ink and a wooden press. " * 3  # fmt: skip


class Ours:
    """One Tandem worker."""

    def __init__(self, engine: str, model: str, pairs: list[str]) -> None:
        self.bench = Bench(engine, model, pairs)

    def run(self, ids: list[int], n_out: int) -> dict[str, float]:
        m = self.bench.run(ids, n_out).metrics
        return {"decode_tok_s": m["decode_tok_s"] or 0.0, "ttft_s": (m["ttft_s"] or 0.0) - (m["prepare_s"] or 0.0)}


class Raw:
    """The library alone: `raw_<engine>.py`, an order a line."""

    def __init__(self, engine: str, argv: list[str]) -> None:
        script = ROOT / "tests" / "bench" / f"raw_{engine.replace('-', '_')}.py"
        self.process = subprocess.Popen([sys.executable, str(script), *argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)  # fmt: skip

    def run(self, ids: list[int], n_out: int) -> dict[str, float]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"ids": ids, "n_out": n_out}) + "\n")
        self.process.stdin.flush()
        while True:
            line = self.process.stdout.readline()
            if not line:
                raise SystemExit("the raw program ended")
            if line.startswith("{"):
                answer: dict[str, float] = json.loads(line)
                return answer


def measure(raw: Raw, ours: Ours, ids: list[int], n_out: int, first: int, most: int) -> dict[str, Any]:
    for side in (raw, ours):  # the first run of each is dropped
        side.run(ids, n_out)
    rows: list[tuple[dict[str, float], ...]] = []
    while True:
        row = []
        for side in (raw, ours, ours, raw):
            time.sleep(REST_S)
            row.append(side.run(ids, n_out))
        rows.append(tuple(row))
        result = summary(rows)
        low, high = result["decode"]["interval"]
        if len(rows) >= first and ((high - low) / 2 <= HALF_WIDTH or len(rows) >= most):
            return result


def summary(rows: list[tuple[dict[str, float], ...]]) -> dict[str, Any]:
    decode = ratio(rows, "decode_tok_s", (1, 2), (0, 3))
    control = ratio(rows, "decode_tok_s", (3,), (0,))
    raw_ttft = statistics.median(r[i]["ttft_s"] for r in rows for i in (0, 3))
    our_ttft = statistics.median(r[i]["ttft_s"] for r in rows for i in (1, 2))
    low, high = decode["interval"]
    word = (
        "passed"
        if low >= 0.97 or (decode["ratio"] >= 0.97 and (high - low) / 2 <= HALF_WIDTH)
        else "failed"
        if high < 0.97
        else "not resolvable here"
    )
    return {"pairs": len(rows), "decode": decode, "control": control, "word": word,
            "decode_tok_s": {"raw": med(rows, "decode_tok_s", (0, 3)), "ours": med(rows, "decode_tok_s", (1, 2))},
            "ttft_ms": {"raw": raw_ttft * 1e3, "ours": our_ttft * 1e3, "difference": (our_ttft - raw_ttft) * 1e3}}  # fmt: skip


def med(rows: list[tuple[dict[str, float], ...]], key: str, columns: tuple[int, ...]) -> float:
    return statistics.median(r[i][key] for r in rows for i in columns)


def ratio(
    rows: list[tuple[dict[str, float], ...]], key: str, ours: tuple[int, ...], raw: tuple[int, ...]
) -> dict[str, Any]:
    """Ratio of medians with a bootstrap interval over pairs (2,000 draws, 95 %)."""
    draw = random.Random(0)
    draws = sorted(
        med(sample, key, ours) / med(sample, key, raw)
        for sample in (draw.choices(rows, k=len(rows)) for _ in range(2000))
    )
    return {"ratio": med(rows, key, ours) / med(rows, key, raw), "interval": [draws[50], draws[1949]]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine")
    parser.add_argument("model")
    parser.add_argument("--set", dest="pairs_set", action="append", default=[])
    parser.add_argument("--raw-arg", action="append", default=[])
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--most", type=int, default=25)
    parser.add_argument("--n-out", type=int, default=64)
    args = parser.parse_args()
    ours = Ours(args.engine, args.model, args.pairs_set)
    raw = Raw(args.engine, [args.model, *args.raw_arg])
    try:
        ids = ours.bench.tokens(TEXT)
        result = measure(raw, ours, ids, args.n_out, args.pairs, args.most)
        print(json.dumps({"engine": args.engine, "n_in": len(ids), "n_out": args.n_out, **result}, indent=2))
    finally:
        raw.process.kill()
        ours.bench.close()


if __name__ == "__main__":
    main()
