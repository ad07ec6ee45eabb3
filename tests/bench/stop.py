"""How soon Stop acts: from the Cancel frame to the Finished event, in decode and inside a long prefill.

.venv/bin/python tests/bench/stop.py llama-cpp MODEL.gguf [--set n_ctx=8192] [--times 20]
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from ratio import TEXT
from worker import Bench

from engines.metrics import percentile
from engines.protocol import CancelSeen, Finished


def stop_after(bench: Bench, ids: list[int], delay_s: float) -> tuple[float, float]:
    """(seconds to CancelSeen, seconds to Finished) of a stop `delay_s` after the start."""
    run_id = bench.start(ids, 4000)
    time.sleep(delay_s)
    start = time.perf_counter()
    bench.session.cancel(run_id)
    seen = done = 0.0
    while not done:
        for event in bench.session.wait(5.0):
            now = time.perf_counter() - start
            seen = now if isinstance(event, CancelSeen) else seen
            if isinstance(event, Finished):
                done = now
                if event.reason != "cancelled":
                    raise SystemExit(f"it ended by itself: {event.reason}")
    return seen, done


def figures(values: list[float]) -> dict[str, float | None]:
    return {
        "median_ms": statistics.median(values) * 1e3,
        "p95_ms": (percentile(values, 95) or 0) * 1e3,
        "max_ms": max(values) * 1e3,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine")
    parser.add_argument("model")
    parser.add_argument("--set", dest="pairs", action="append", default=[])
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--prefill", type=int, default=3000)
    args = parser.parse_args()
    draw = random.Random(0)
    bench = Bench(args.engine, args.model, args.pairs)
    try:
        ids = bench.tokens(TEXT)
        long = (ids * (args.prefill // len(ids) + 1))[: args.prefill]
        bench.run(ids, 8)
        decode = [stop_after(bench, ids, 1.0 + draw.random()) for _ in range(args.times)]
        prefill = [stop_after(bench, long, 0.15 + 0.5 * draw.random()) for _ in range(args.times)]
        result = {"decode": figures([d for _, d in decode]), "prefill": figures([d for _, d in prefill]),
                  "seen": figures([s for s, _ in decode + prefill])}  # fmt: skip
        print(json.dumps({"engine": args.engine, "times": args.times, "prefill_tokens": len(long), **result}, indent=2))
    finally:
        bench.close()


if __name__ == "__main__":
    main()
