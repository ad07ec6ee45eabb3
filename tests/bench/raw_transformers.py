"""The library alone: `model.generate` with a streamer that stamps each token, greedy, a fixed number of tokens.

    python tests/bench/raw_transformers.py FOLDER [--threads N] [--dtype bf16|fp16|fp32] [--device cpu]

Reads one JSON order a line from stdin, `{"ids": [...], "n_out": 64}`, and answers one JSON line each:
`{"decode_tok_s": …, "ttft_s": …, "n_out": …, "ids": [...]}` (METRICS "Raw"). Uses nothing of Tandem.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from typing import Any


class Stamps:
    """A streamer that only looks at the clock. The first put is the prompt."""

    def __init__(self) -> None:
        self.times: list[int] = []
        self.counts: list[int] = []
        self._prompt_seen = False

    def put(self, value: Any) -> None:
        if self._prompt_seen:
            self.times.append(time.perf_counter_ns())
            self.counts.append(value.numel())
        self._prompt_seen = True

    def end(self) -> None:
        """Nothing is held back."""


def main() -> None:
    options = _options()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import torch
    import transformers

    torch.set_num_threads(options.threads)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}[options.dtype]
    model = transformers.AutoModelForCausalLM.from_pretrained(
        options.folder, dtype=dtype, local_files_only=True, use_safetensors=True
    ).to(options.device)
    model.eval()
    print("ready", file=sys.stderr, flush=True)
    for line in sys.stdin:
        if line.strip():
            print(json.dumps(run(model, **json.loads(line))), flush=True)


def run(model: Any, ids: list[int], n_out: int) -> dict[str, Any]:
    """One order: figures by METRICS "Chat", with t_submit just before `generate`."""
    import torch

    block, stamps = torch.tensor([ids], device=model.device), Stamps()
    start = time.perf_counter_ns()
    out = model.generate(
        block, attention_mask=torch.ones_like(block), do_sample=False, streamer=stamps,
        min_new_tokens=n_out, max_new_tokens=n_out,
    )  # fmt: skip
    span = (stamps.times[-1] - stamps.times[0]) / 1e9
    made = sum(stamps.counts)
    return {
        "decode_tok_s": (made - stamps.counts[0]) / span if span > 0 else None,
        "ttft_s": (stamps.times[0] - start) / 1e9,
        "n_out": made,
        "ids": out[0, len(ids) :].tolist(),
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="model.generate alone, each token stamped")
    parser.add_argument("folder")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--dtype", choices=("bf16", "fp16", "fp32"), default="fp32")
    parser.add_argument("--device", default="cpu")
    return parser.parse_args()


if __name__ == "__main__":
    main()
