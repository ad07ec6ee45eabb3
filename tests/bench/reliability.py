"""How Tandem's engine side bears kills, floods and broken files: the figures, as JSON. Run by hand, not by the suite.

    python -m tests.bench.reliability [kill-worker] [kill-parent] [flood] [fuzz] [--times N] [--gguf FILE]

kill-worker: SIGKILL mid-answer. kill-parent: SIGKILL of a program whose workers stream (with a helper), compute, hang in C
in a run and in a load, and rest. flood: raw frames at 20,000/s against a drain every 16 ms. fuzz: mutated copies of
a tiny GGUF through a real llama.cpp worker.
"""

from __future__ import annotations

import argparse
import collections
import gc
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil

from engines.client import Session, checkout
from engines.protocol import (
    ChatRequest,
    Ended,
    Event,
    Failed,
    Finished,
    Load,
    Loaded,
    Message,
    ModelFiles,
    Run,
    Text,
)

ROOT = Path(__file__).resolve().parents[2]
TOY = ModelFiles(id="toy", variant="toy", format="gguf", path="/dev/null")
Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", choices=[*BENCHES, []])
    parser.add_argument("--times", type=int, help="instead of each bench's own number")
    parser.add_argument("--gguf", type=Path, help="kill-worker with llama.cpp on this file, not with `echo`")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tandem-reliability-") as folder:
        for name in options.what or BENCHES:
            print(json.dumps({"bench": name} | BENCHES[name](Path(folder), options)), flush=True)


# --- kill -9 of the worker, mid-answer ---------------------------------------------------------


def kill_worker(folder: Path, options: argparse.Namespace) -> Row:
    times = options.times or 50
    engine, files = "echo", TOY
    if options.gguf:
        engine, files = "llama-cpp", ModelFiles(id="m", variant="v", format="gguf", path=str(options.gguf))
    _answer(folder, engine, files).close()
    before, causes, words, kept, next_worked = _held(), list[float](), collections.Counter[str](), 0, 0
    for n in range(times):
        session = Session(checkout(), folder / "run")
        _until(session, _load(session, engine, files), Loaded)
        number = _run(session, engine)
        text = _first_text(session, number, after=5 + n % 20)
        start = time.monotonic()
        psutil.Process(session.pid).kill()
        rest = _until(session, None, Ended)
        causes.append(time.monotonic() - start)
        words[rest[-1].words if isinstance(rest[-1], Ended) else "?"] += 1
        text += _text(rest, number)
        kept += bool(text) and (engine != "echo" or ("again " * len(text)).startswith(text))
        session.close()
        again = _answer(folder, engine, files)
        next_worked += again.alive
        again.close()
    gc.collect()
    return {
        "engine": engine, "times": times, "cause_s_median": statistics.median(causes), "cause_s_max": max(causes),
        "partial_text_kept": kept, "words": dict(words), "next_message_worked": next_worked, "held_before": before,
        "held_after": _held(), "folders_left": len(list((folder / "run").iterdir())),
    }  # fmt: skip


def _answer(folder: Path, engine: str, files: ModelFiles) -> Session:
    """A session that has answered one message whole."""
    session = Session(checkout(), folder / "run")
    _until(session, _load(session, engine, files), Loaded)
    number = Session.next_id()
    session.send(Run(id=number, request=ChatRequest(messages=(Message("user", "one two"),), knobs={"max_tokens": 8})))
    _until(session, number, Finished)
    return session


def _load(session: Session, engine: str, files: ModelFiles) -> int:
    number = Session.next_id()
    quick = {"n_ctx": 2048, "n_batch": 64, "n_ubatch": 64, "n_threads": 1, "n_threads_batch": 1}  # a short prime
    session.send(Load(id=number, engine=engine, files=files, knobs=dict(quick) if engine == "llama-cpp" else {}))
    return number


def _run(session: Session, engine: str) -> int:
    number = Session.next_id()
    knobs: dict[str, Any] = {"ignore_eos": True, "max_tokens": 1500} | ({"rate": 200.0} if engine == "echo" else {})
    session.send(Run(id=number, request=ChatRequest(messages=(Message("user", "again"),), knobs=knobs)))
    return number


def _first_text(session: Session, number: int, after: int) -> str:
    """Wait until about so many tokens were seen."""
    text, seen = "", 0.0
    while seen < after:
        for event in session.wait(30):
            if isinstance(event, Text) and event.id == number:
                text, seen = text + event.text, event.stats["n_out"]
            if isinstance(event, Failed | Ended | Finished):
                raise RuntimeError(f"it ended before it could be killed: {event}")
    return text


def _until(session: Session, number: int | None, kind: type, timeout_s: float = 60.0) -> list[Event]:
    """Events up to the one of `kind`; raises TimeoutError."""
    found, end = list[Event](), time.monotonic() + timeout_s
    while time.monotonic() < end:
        for event in session.wait(0.5):
            found.append(event)
            if isinstance(event, kind) and number in (None, getattr(event, "id", None)):
                return found
    raise TimeoutError(f"{kind} did not come: {found[-3:]}; {session.stderr[-5:]}")


def _text(events: list[Event], number: int) -> str:
    return "".join(e.text for e in events if isinstance(e, Text) and e.id == number)


def _held() -> Row:
    me = psutil.Process()
    fds = me.num_fds() if hasattr(me, "num_fds") else me.num_handles()
    return {"fds": fds, "threads": threading.active_count(), "children": len(me.children(recursive=True))}


# --- kill -9 of the program --------------------------------------------------------------------


def kill_parent(folder: Path, options: argparse.Namespace) -> Row:
    times, spans, orphans = options.times or 20, list[float](), 0
    program_file = ROOT / "tests" / "engines" / "parent.py"
    for _ in range(times):
        program = subprocess.Popen([sys.executable, str(program_file), str(folder / "parent")], stdout=subprocess.PIPE,
                                   env={**os.environ, "PYTHONPATH": str(ROOT)})  # fmt: skip
        with program:
            assert program.stdout is not None
            numbers = [int(n) for n in program.stdout.readline().split()]
            start = time.monotonic()
            program.kill()
            while (left := [n for n in numbers if _runs(n)]) and time.monotonic() - start < 10:
                time.sleep(0.001)
            spans.append(time.monotonic() - start)
            orphans += len(left)
    return {"times": times, "processes_each": len(numbers), "all_gone_s_median": statistics.median(spans),
            "all_gone_s_max": max(spans), "orphans": orphans}  # fmt: skip


def _runs(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


# --- a flood -----------------------------------------------------------------------------------


def flood(folder: Path, options: argparse.Namespace) -> Row:
    """Drain every 16 ms, as the window does; what it may not do is stall, lose or swell."""
    seconds, rate = float(options.times or 10), 20_000.0
    session = Session(checkout(), folder / "run")
    _until(session, _load(session, "chaos", TOY), Loaded)
    rss, number = psutil.Process().memory_info().rss, Session.next_id()
    knobs: dict[str, Any] = {"trouble": "flood", "after": 0.0, "rate": rate, "seconds": seconds, "max_tokens": 1}
    session.send(Run(id=number, request=ChatRequest(prompt="end", knobs=knobs)))
    text, gaps, drains, peak, done = list[str](), list[float](), list[float](), rss, False
    start = last = time.perf_counter()
    while not done:
        time.sleep(0.016)
        now = time.perf_counter()
        gaps.append(now - last)
        last = now
        for event in session.drain():
            if isinstance(event, Text) and event.id == number:
                text.append(event.text)
            done = done or isinstance(event, Finished | Ended)
        drains.append(time.perf_counter() - now)
        if len(gaps) % 20 == 0:
            peak = max(peak, psutil.Process().memory_info().rss)
    took = time.perf_counter() - start
    session.close()
    numbers = "".join(text).split()
    wanted = int(rate * seconds)
    whole = numbers[:wanted] == [str(n) for n in range(wanted)]
    return {"frames": wanted, "seconds": took, "frames_s": wanted / took, "text_whole_and_in_order": whole,
            "gap_s_median": statistics.median(gaps), "gap_s_max": max(gaps), "drain_s_max": max(drains),
            "rss_growth_mib": (peak - rss) / 2**20, "text_mib": sum(map(len, text)) / 2**20}  # fmt: skip


# --- mutated files -----------------------------------------------------------------------------


def fuzz(folder: Path, options: argparse.Namespace) -> Row:
    times, dice = options.times or 300, random.Random(20)
    tiny = folder / "tiny.gguf"
    maker = f"from engines.chat.llama_tiny import write_tiny_gguf as w; w({str(tiny)!r})"
    subprocess.run([sys.executable, "-c", maker], cwd=ROOT, check=True)
    original, outcomes, codes, unclear = (
        tiny.read_bytes(),
        collections.Counter[str](),
        collections.Counter[str](),
        list[str](),
    )
    session: Session | None = None
    start = time.monotonic()
    for n in range(times):
        path = folder / f"mutant-{n}.gguf"
        path.write_bytes(mutate(original, dice))
        session = session if session is not None and session.alive else Session(checkout(), folder / "run")
        outcome, words, over = _try(session, path)
        outcomes[outcome] += 1
        codes[words[:90] if outcome != "loaded" else "loaded"] += 1
        if not words.strip():
            unclear.append(path.name)
        if over:
            session.close()
            session = None
        path.unlink()
    if session is not None:
        session.close()
    return {"copies": times, "seconds": time.monotonic() - start, "outcomes": dict(outcomes),
            "without_words": unclear, "most_common": dict(codes.most_common(12)), "held_after": _held()}  # fmt: skip


def mutate(data: bytes, dice: random.Random) -> bytes:
    """15 % cut short, 60 % some bytes of the header changed, 25 % one 64-bit number overwritten."""
    kind, header = dice.random(), min(len(data), 20_000)
    if kind < 0.15:
        return data[: dice.randrange(len(data))]
    changed = bytearray(data)
    if kind < 0.75:
        for _ in range(dice.randint(1, 8)):
            changed[dice.randrange(header)] = dice.randrange(256)
    else:
        at = dice.randrange(header - 8)
        number = dice.choice([0, 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1, dice.randrange(2**64)])
        changed[at : at + 8] = number.to_bytes(8, "little")
    return bytes(changed)


def _try(session: Session, path: Path) -> tuple[str, str, bool]:
    """(outcome, words for a person, whether the worker is over)."""
    files = ModelFiles(id="mutant", variant="x", format="gguf", path=str(path))
    number = Session.next_id()
    session.send(Load(id=number, engine="llama-cpp", files=files, knobs={"n_ctx": 512, "n_batch": 32}))
    end = time.monotonic() + 60
    while time.monotonic() < end:
        for event in session.wait(0.5):
            if isinstance(event, Loaded):
                return "loaded", "loaded", False
            if isinstance(event, Failed) and event.id == number:
                return f"error {event.code}", event.message, event.fatal
            if isinstance(event, Ended):
                return "worker ended", event.words, True
    return "hang", "no answer within 60 s", True


BENCHES = {"kill-worker": kill_worker, "kill-parent": kill_parent, "flood": flood, "fuzz": fuzz}


if __name__ == "__main__":
    main()
