"""How far loads of one setting lie apart: 12 loads × 4 runs, spread within and between loads (METRICS, Comparing 3).

.venv/bin/python tests/bench/offset.py llama-cpp MODEL.gguf [--set n_threads=2] [--loads 12] [--runs 4]
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from ratio import TEXT
from worker import Bench


def one_load(engine: str, model: str, pairs: list[str], runs: int, n_out: int) -> list[float]:
    bench = Bench(engine, model, pairs)
    try:
        ids = bench.tokens(TEXT)
        bench.run(ids, n_out)  # warm-up, discarded
        rates = []
        for _ in range(runs):
            time.sleep(0.5)
            rates.append(bench.run(ids, n_out).metrics["decode_tok_s"] or 0.0)
        return rates
    finally:
        bench.close()


def spread(table: list[list[float]]) -> dict[str, float]:
    """Coefficients of variation, and the intraclass share: between-load variance ÷ all."""
    means = [statistics.fmean(row) for row in table]
    grand = statistics.fmean(means)
    within = statistics.fmean(statistics.variance(row) for row in table)
    between = max(0.0, statistics.variance(means) - within / len(table[0]))
    return {
        "mean_tok_s": grand,
        "within_cv": within**0.5 / grand,
        "between_cv": between**0.5 / grand,
        "between_share": between / (between + within) if between + within else 0.0,
        "range_of_means": (max(means) - min(means)) / grand,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine")
    parser.add_argument("model")
    parser.add_argument("--set", dest="pairs", action="append", default=[])
    parser.add_argument("--loads", type=int, default=12)
    parser.add_argument("--runs", type=int, default=4)
    parser.add_argument("--n-out", type=int, default=64)
    args = parser.parse_args()
    table = [one_load(args.engine, args.model, args.pairs, args.runs, args.n_out) for _ in range(args.loads)]
    print(json.dumps({"engine": args.engine, "loads": table, **spread(table)}, indent=2))


if __name__ == "__main__":
    main()
