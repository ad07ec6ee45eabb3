"""Tandem's load test against `vllm bench serve`: the same prompts, lengths and users on the same server. Run by hand.

    TANDEM_SERVER_KEY=… python -m tests.bench.vllm_serve --url http://127.0.0.1:8123/v1 --vllm ENV/bin/vllm
        [--users 8] [--requests 48] [--prompt 128] [--output 64] [--blocks 3] [--json F]

Both send raw prompts to /v1/completions in a closed loop, ignore the end of text, and warm up with two requests of the first
prompt. Order in each block: ours, theirs, theirs, ours. Every run has prompts of its own (another salt, the same texts and
lengths), so that no run finds the beginnings of an earlier one in the server's cache. Printed: each run, the ratios of medians
with what the two halves of each side differ by (the noise), and, for our runs, our figures beside what vLLM's own
`calculate_metrics` makes of the very same times: those must agree exactly but for rounding. vLLM's environment needs pandas for
its own benchmark (`pip install --no-deps pandas python-dateutil six`).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from app import compose
from app.lab.loadtest import figures, prompts
from app.lab.loadtest.outside import open_result
from app.lab.loadtest.plan import Lengths, Limits, LoadPlan
from app.lab.loadtest.result import Level
from app.lab.services import Services
from app.lab.session import ModelSession, SessionState
from app.library import Variant
from app.paths import Paths
from engines import protocol, registry
from engines.protocol import LoadTest, Planned

WARMUP = 2
CHECKED = ("ttft", "tpot", "itl", "e2e")
THEIR_METRICS = """
import json, sys
from vllm.benchmarks.lib.endpoint_request_func import RequestFuncOutput
from vllm.benchmarks.serve import calculate_metrics
given = json.load(open(sys.argv[1]))
outs = [RequestFuncOutput(success=True, **one) for one in given["outputs"]]
m, _ = calculate_metrics([], outs, given["seconds"], None, [95.0], {})
print("METRICS " + json.dumps({"out_tok_s": m.output_throughput, **{f"{ours}_{part}": getattr(m, f"{stat}_{name}_ms") / 1000
    for ours, name in (("ttft", "ttft"), ("tpot", "tpot"), ("itl", "itl"), ("e2e", "e2el"))
    for part, stat in (("mean", "mean"), ("p50", "median"))}}))
"""


def load(asked: argparse.Namespace, salt: int, material: prompts.Material) -> tuple[Planned, ...]:
    """The run's requests, as raw prompts."""
    plan = LoadPlan(
        title="bench", levels=(asked.users,), requests=asked.requests, warmup=0, salt=salt, texts=("quality/prose.txt", "story.txt"),
        prompt=Lengths(mean=asked.prompt, spread=asked.prompt // 4, least=16, most=asked.prompt * 2),
        output=Lengths(mean=asked.output, spread=asked.output // 8, least=8, most=asked.output * 2),
    )  # fmt: skip
    made = prompts.requests(plan, material, 0)
    return tuple(Planned(max_tokens=one.max_tokens, prompt=one.messages[-1].content) for one in made)


def ours(session: ModelSession, requests: tuple[Planned, ...], users: int) -> tuple[Level, tuple[protocol.Served, ...]]:
    """One run through the worker."""
    order = LoadTest(
        users=users, requests=(requests[0],) * WARMUP + requests, warmup=WARMUP, knobs={"ignore_eos": True, "temperature": 0.0}
    )  # fmt: skip
    number = session.run(order)
    while (done := session.tested(number)) is None:
        session.wait(0.2)
        if session.failure is not None:
            raise SystemExit(session.failure.message)
    assert done.detail is not None
    served = msgspec.msgpack.decode(Path(done.detail.path).read_bytes(), type=tuple[protocol.Served, ...])
    return figures.level(users, served, Limits()), served


def theirs(asked: argparse.Namespace, model: str, requests: tuple[Planned, ...], folder: Path) -> Level:
    """One run of `vllm bench serve`."""
    data = folder / "prompts.jsonl"
    data.write_text("".join(json.dumps({"prompt": r.prompt, "output_tokens": r.max_tokens}) + "\n" for r in requests))
    subprocess.run(
        [
            asked.vllm, "bench", "serve", "--backend", "openai", "--base-url", asked.url.removesuffix("/v1"),
            "--endpoint", "/v1/completions", "--model", model, *(["--tokenizer", asked.tokenizer] if asked.tokenizer else []),
            "--dataset-name", "custom", "--dataset-path", str(data), "--custom-output-len", "-1", "--skip-chat-template",
            "--disable-shuffle", "--num-prompts", str(len(requests)), "--max-concurrency", str(asked.users),
            "--num-warmups", str(WARMUP), "--ignore-eos", "--temperature", "0", "--disable-tqdm",
            "--percentile-metrics", "ttft,tpot,itl,e2el", "--metric-percentiles", "95,99", "--save-result", "--save-detailed",
            "--result-dir", str(folder), "--result-filename", "theirs.json",
        ],
        env=os.environ | {"OPENAI_API_KEY": os.environ.get("TANDEM_SERVER_KEY", ""), "HF_HUB_OFFLINE": "1"},
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE if not asked.loud else None,
    )  # fmt: skip
    return open_result(folder / "theirs.json").levels[0]


def their_definitions(
    asked: argparse.Namespace, served: tuple[protocol.Served, ...], level: Level, folder: Path
) -> dict[str, float]:
    """What vLLM's own code makes of our run's times."""
    outputs = [
        {
            "latency": (one.times_ns[-1] - one.sent_ns) / 1e9, "ttft": (one.times_ns[0] - one.sent_ns) / 1e9,
            "itl": figures.gaps([one]), "output_tokens": one.n_out, "prompt_len": one.n_in, "start_time": one.sent_ns / 1e9,
        }
        for one in served
    ]  # fmt: skip
    file = folder / "ours.json"
    file.write_text(json.dumps({"outputs": outputs, "seconds": level.seconds}))
    python = str(Path(asked.vllm).with_name("python"))
    done = subprocess.run([python, "-c", THEIR_METRICS, str(file)], capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(next(x for x in done.stdout.splitlines() if x.startswith("METRICS "))[8:])
    return found


def row(level: Level) -> dict[str, float]:
    """The figures that are compared."""
    spreads = {
        f"{name}_{part}": getattr(getattr(level, name), part) for name in CHECKED for part in ("mean", "p50", "p95")
    }
    return {"out_tok_s": level.out_tok_s or 0.0, "req_s": level.req_s, **spreads}


def report(asked: argparse.Namespace, runs: list[tuple[str, Level]]) -> dict[str, Any]:
    """Ratios of medians, ours ÷ theirs, and how far each side's own runs lie apart."""
    sides = {who: [row(level) for name, level in runs if name == who] for who in ("ours", "theirs")}
    ratios = {}
    print(f"\n{'':12}{'ours':>12}{'theirs':>12}{'ratio':>9}{'spread':>16}")
    for key in sides["ours"][0]:
        a, b = ([one[key] for one in sides[who]] for who in ("ours", "theirs"))
        middle = statistics.median(a), statistics.median(b)
        ratios[key] = middle[0] / middle[1]
        wide = [(max(v) - min(v)) / statistics.median(v) for v in (a, b)]
        scale = 1 if key.endswith(("tok_s", "req_s")) else 1000
        print(
            f"{key:12}{middle[0] * scale:12.2f}{middle[1] * scale:12.2f}{ratios[key]:9.3f}{wide[0]:8.1%}{wide[1]:8.1%}"
        )
    return {"ratios": ratios, **sides, "users": asked.users, "requests": asked.requests}


def bench(asked: argparse.Namespace, services: Services, folder: Path) -> dict[str, Any]:
    variant = served_variant(services, asked)
    session = ModelSession(services.launcher, leased=True)
    runs: list[tuple[str, Level]] = []
    last: tuple[Level, tuple[protocol.Served, ...]] | None = None
    try:
        session.load(variant, registry.spec("openai-server"), {})
        while session.state is not SessionState.READY:
            session.wait(0.2)
            if session.failure is not None:
                raise SystemExit(session.failure.message)
        material = prompts.material(LoadPlan(title="", texts=("quality/prose.txt", "story.txt")), lambda text: None)
        for number in range(4 * asked.blocks):
            who = ("ours", "theirs", "theirs", "ours")[number % 4]
            requests = load(asked, asked.salt + number, material)
            if who == "ours":
                last = ours(session, requests, asked.users)
                runs.append((who, last[0]))
            else:
                runs.append((who, theirs(asked, variant.served, requests, folder)))
            now = row(runs[-1][1])
            print(
                f"{who:7} {now['out_tok_s']:8.2f} tok/s  TTFT {now['ttft_mean'] * 1e3:7.1f} ms  TPOT {now['tpot_mean'] * 1e3:6.2f} ms  "
                f"n_in {runs[-1][1].n_in} n_out {runs[-1][1].n_out} failed {runs[-1][1].failed}", flush=True
            )  # fmt: skip
    finally:
        session.close()
    result = report(asked, runs)
    assert last is not None
    checked = their_definitions(asked, last[1], last[0], folder)
    mine = row(last[0])
    print("\nour last run: our figures ÷ what vLLM's calculate_metrics makes of the same times")
    for key, value in checked.items():
        print(f"{key:12}{mine[key] / value if value else float('nan'):12.6f}")
    return result | {"definitions": {key: mine[key] / value for key, value in checked.items() if value}}


def served_variant(services: Services, asked: argparse.Namespace) -> Variant:
    """The server as a variant of a library of its own."""
    servers = services.library.servers
    made = servers.add(asked.url, "bench", "vllm")
    found = subprocess.run(
        ["curl", "-s", "-H", f"Authorization: Bearer {os.environ.get('TANDEM_SERVER_KEY', '')}", f"{asked.url}/models"],
        capture_output=True, check=True,
    )  # fmt: skip
    names = [one["id"] for one in json.loads(found.stdout)["data"]]
    servers.put(msgspec.structs.replace(made, models=(asked.model or names[0],)))
    return servers.variants()[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8123/v1")
    parser.add_argument("--vllm", required=True, help="the vllm command, in its own environment")
    parser.add_argument("--model", default="", help="the server's name of it; by default its first")
    parser.add_argument("--tokenizer", default="", help="folder of the tokenizer, for vLLM's benchmark")
    for name, value in (("users", 8), ("requests", 48), ("prompt", 128), ("output", 64), ("blocks", 3), ("salt", 0)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--loud", action="store_true")
    asked = parser.parse_args()
    asked.salt = asked.salt or int.from_bytes(os.urandom(3), "big")
    with tempfile.TemporaryDirectory() as folder, compose.services(Paths(Path(folder) / "home")) as services:
        result = bench(asked, services, Path(folder))
    if asked.json:
        asked.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
