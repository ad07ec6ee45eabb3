"""llama.cpp through llama-cpp-python alone: what Tandem's own loop is measured against (METRICS "Raw").

    python tests/bench/raw_llama_cpp.py MODEL.gguf [--threads N] [--n-ctx N] [--n-batch N]

Reads one JSON order a line from stdin, `{"ids": [...], "n_out": 64}`, and answers one JSON line each:
`{"decode_tok_s": …, "ttft_s": …, "n_out": …, "ids": [...]}` (METRICS "Raw"), so that a driver can run one program at a
time. The cache is cleared before each, the end of the answer is ignored, sampling is greedy. Uses nothing of Tandem.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from typing import Any

import llama_cpp


def answer(llama: Any, ids: list[int], n_out: int) -> dict[str, Any]:
    """`Llama.eval` and `Llama.sample` as `Llama.generate` uses them: one sampler for the whole run."""
    llama.reset()
    llama._sampler = llama._init_sampler(temp=0.0)
    made: list[int] = []
    stamps: list[int] = []
    start = time.perf_counter_ns()
    tokens = ids
    while True:
        llama.eval(tokens)
        token = llama.sample(temp=0.0)
        stamps.append(time.perf_counter_ns())
        made.append(token)
        if len(made) >= n_out:
            break
        tokens = [token]
    llama._sampler = None
    rate = (n_out - 1) * 1e9 / (stamps[-1] - stamps[0]) if n_out > 1 else None
    return {"decode_tok_s": rate, "ttft_s": (stamps[0] - start) / 1e9, "n_out": len(made), "ids": made}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument(
        "--threads",
        type=int,
        default=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
    )
    parser.add_argument("--n-ctx", type=int, default=4096)
    parser.add_argument("--n-batch", type=int, default=512)
    args = parser.parse_args()
    llama = llama_cpp.Llama(
        args.model, n_ctx=args.n_ctx, n_batch=args.n_batch, n_threads=args.threads, n_threads_batch=args.threads,
        verbose=False,
    )  # fmt: skip
    print("ready", file=sys.stderr, flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        print(json.dumps(answer(llama, order["ids"], order["n_out"])), flush=True)


if __name__ == "__main__":
    main()
