"""How far the memory estimate lies from what a load really takes: `model_bytes` of fresh workers, and llama.cpp's own log.

.venv/bin/python tests/bench/estimate.py [--quick] [--full] [--gguf FILE]… [--json F]

First: by the formula alone, as before the first load on a machine. Learnt: by all the other loads of the grid.
Loads SmolLM2 of the starter pack in a home of its own, 512 to 8,192 tokens, every cache type, other batches, other
precisions (made there, once), transformers in bf16 and fp32. --gguf: files of your own too, at two contexts.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from app import compose  # noqa: E402
from app.lab.convert import convert  # noqa: E402
from app.lab.estimates import Estimate, estimate, price  # noqa: E402
from app.lab.services import Services  # noqa: E402
from app.lab.session import ModelSession, SessionState  # noqa: E402
from app.library import Variant  # noqa: E402
from app.paths import Paths  # noqa: E402
from app.store import LoadRecord  # noqa: E402
from engines import registry  # noqa: E402
from engines.knobs import Settings  # noqa: E402
from engines.protocol import ChatRequest, Loaded  # noqa: E402

CONTEXTS = (512, 1024, 2048, 4096, 8192)
LIMIT_S = 300.0
OTHERS: tuple[Settings, ...] = (
    {"n_ctx": 8192, "flash_attn": "on"},
    {"n_ctx": 4096, "prompt_lookup_num_tokens": 8},
    {"n_ctx": 4096, "n_ubatch": 128},
    {"n_ctx": 4096, "n_batch": 2048},
    {"n_ctx": 4096, "n_batch": 2048, "n_ubatch": 2048},
    {"n_ctx": 4096, "use_mmap": False},
    {"n_ctx": 2048, "type_k": "f32", "type_v": "f32"},
)


@dataclass(frozen=True, slots=True)
class Load:
    """One load: who, with what, and what came of it. bytes; in_grid: one of those that the bar is about."""

    engine: str
    variant: Variant
    asked: Settings
    load: Settings
    loaded: Loaded
    in_grid: bool

    @property
    def words(self) -> str:
        knobs = " ".join(f"{name}={value}" for name, value in self.asked.items())
        return f"{self.engine} {self.variant.ref} {knobs}"

    def record(self) -> LoadRecord:
        """As the program stores it."""
        first = self.estimate([])
        return LoadRecord(
            engine=self.engine, model=self.variant.id, variant=self.variant.variant, knobs=self.loaded.effective,
            estimate_bytes=first.at_load_bytes, base_bytes=first.base_bytes, model_bytes=self.loaded.memory.model_bytes,
        )  # fmt: skip

    def estimate(self, past: list[LoadRecord]) -> Estimate:
        found = price(past, registry.spec(self.engine), self.variant, self.load, 0)
        assert found is not None
        return found

    def error(self, past: list[LoadRecord]) -> float:
        real = self.loaded.memory.model_bytes
        assert real
        return self.estimate(past).at_load_bytes / real - 1


def orders(services: Services, quick: bool, files: list[Path]) -> Iterator[tuple[str, Variant, Settings, bool]]:
    """(engine, variant, knobs, is it one of the grid of the bar)."""
    small = services.library.install("smollm2-135m")[0]
    contexts = CONTEXTS[::4] if quick else CONTEXTS
    for kind in ("f16", "q8_0", "q4_0"):
        for n in contexts:
            yield "llama-cpp", small, {"n_ctx": n, "type_k": kind, "type_v": kind}, True
    bf16 = made(services, small, "transformers", "bf16")
    for dtype in ("bf16", "fp32"):
        for n in contexts:
            yield "transformers", bf16, {"n_ctx": n, "dtype": dtype}, True
    if not quick:
        for knobs in OTHERS:
            yield "llama-cpp", small, knobs, False
        for precision in ("q4_0", "q4_k_m", "q8_0"):
            yield "llama-cpp", made(services, small, "llama-cpp", precision), {"n_ctx": 2048}, False
        yield "transformers", bf16, {"n_ctx": 2048, "dtype": "bf16", "cache_implementation": "static"}, False
        yield "transformers", bf16, {"n_ctx": 2048, "dtype": "bf16", "quantization": "torchao-int8"}, False
    for path in files:
        for variant in services.library.add(path):
            for n in (512, 4096):
                yield "llama-cpp", variant, {"n_ctx": n}, False


def made(services: Services, source: Variant, engine: str, precision: str) -> Variant:
    spec = registry.spec(engine)
    plan = services.library.plan_conversion(source, spec, precision)
    return convert(services.launcher, spec, plan, lambda fraction, words: None)[0]


def take(services: Services, engine: str, variant: Variant, asked: Settings, in_grid: bool) -> Load:
    """Load in a fresh worker and let it go."""
    print(f"loading {engine} {variant.ref} {asked}", file=sys.stderr, flush=True)
    spec, session = registry.spec(engine), services.new_session()
    try:
        session.load(variant, spec, asked)
        wait(session, SessionState.LOADING)
        if session.loaded is None:
            raise SystemExit(f"{engine} {variant.ref} {asked}: {session.failure}")
        return Load(engine, variant, asked, session.asked, session.loaded, in_grid)
    finally:
        session.close()


def show(loads: list[Load]) -> list[dict[str, object]]:
    """A row of a Markdown table each, and the rows as values."""
    print(
        "| load | weights | KV | compute | other | log: weights | KV | compute | at load | measured | first | learnt |"
    )
    print("|---|" + "---:|" * 11)
    rows = []
    for load in loads:
        past = [other.record() for other in loads if other is not load and other.engine == load.engine]
        first = load.estimate([])
        parts, logged, real = first.parts, load.loaded.memory.parts, load.loaded.memory.model_bytes or 0
        errors = load.error([]), load.error(past)
        figures = [
            parts["weights"],
            parts["kv"],
            parts["compute"],
            parts["other"],
            *(logged.get(p) for p in ("weights", "kv", "compute")),
        ]
        cells = ["–" if f is None else f"{f / 1e6:,.1f}" for f in [*figures, first.at_load_bytes, real]]
        print(f"| {load.words} | {' | '.join(cells)} | {errors[0]:+.1%} | {errors[1]:+.1%} |", flush=True)
        rows.append({"load": load.words, "grid": load.in_grid, "estimate": asdict(first), "logged": logged, "model_bytes": real,
                     "first": errors[0], "learnt": errors[1]})  # fmt: skip
    return rows


def fill(services: Services, n_ctx: int = 2048) -> None:
    """What a whole context really takes, beside `total_bytes`: the peak of a run that fills it."""
    small, spec = services.library.install("smollm2-135m")[0], registry.spec("llama-cpp")
    for kind in ("f16", "q8_0"):
        session = services.new_session()
        try:
            session.load(small, spec, {"n_ctx": n_ctx, "type_k": kind, "type_v": kind})
            wait(session, SessionState.LOADING)
            ids = tuple(100 + i * 7919 % 40_000 for i in range(n_ctx - 40))
            session.run(ChatRequest(ids=ids, knobs={"max_tokens": 32, "ignore_eos": True}, discard_text=True))
            wait(session, SessionState.RUNNING)
            assert session.last_run is not None
            assert session.loaded is not None
            took = session.last_run.memory["peak_bytes"] - (session.loaded.memory.runtime_bytes or 0)
            found = price([], spec, small, session.asked, 0)
            assert found is not None
            print(f"full context of {n_ctx:,}, {kind}: {took / 1e6:,.1f} MB at the peak, estimate {found.total_bytes / 1e6:,.1f} MB "
                  f"({found.total_bytes / took - 1:+.1%})", flush=True)  # fmt: skip
        finally:
            session.close()


def wait(session: ModelSession, state: SessionState) -> None:
    """Until the session has left `state`."""
    end = time.monotonic() + LIMIT_S
    while session.state is state and time.monotonic() < end:
        session.wait(0.5)


def summary(rows: list[dict[str, object]]) -> None:
    """Median and worst |error|, of the grid and of all."""
    for name, chosen in (("grid", [r for r in rows if r["grid"]]), ("all", rows)):
        for mode in ("first", "learnt"):
            errors = [abs(float(str(r[mode]))) for r in chosen]
            print(
                f"{name}, {mode}: median {statistics.median(errors):.2%}, worst {max(errors):.2%}, {len(errors)} loads"
            )


def speed(services: Services, load: Load) -> None:
    """Milliseconds of one estimate, as the window asks for it, with fifty loads to learn from."""
    for _ in range(50):
        services.store.add_load(load.record())
    spent = []
    for _ in range(200):
        start = time.perf_counter()
        estimate(services.store, registry.spec(load.engine), load.variant, load.load)
        spent.append((time.perf_counter() - start) * 1000)
    print(f"one estimate: median {statistics.median(spent):.2f} ms, worst of 200 {max(spent):.2f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the ends of the grid alone")
    parser.add_argument("--full", action="store_true", help="fill a context too, and compare the peak")
    parser.add_argument("--gguf", action="append", type=Path, default=[])
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    os.environ.setdefault("TANDEM_STARTER", str(ROOT / ".cache" / "starter"))
    with tempfile.TemporaryDirectory() as home, compose.services(Paths(Path(home))) as services:
        loads = [take(services, *order) for order in orders(services, args.quick, args.gguf)]
        rows = show(loads)
        summary(rows)
        speed(services, loads[0])
        if args.full:
            fill(services)
    if args.json:
        args.json.write_bytes(msgspec.json.format(msgspec.json.encode(rows), indent=1))


if __name__ == "__main__":
    main()
