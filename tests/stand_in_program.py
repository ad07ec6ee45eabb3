"""A program that behaves like `vllm`, `llama-server` or `sglang` where Tandem starts them: the real ones' options, their way to
take a key, their words when something is wrong, helpers of its own, and the stand-in server behind it. No model is loaded.

`stand_in_program.py KIND ARGUMENTS…`. Besides the real options each KIND knows --stand-in FAULT: die (ends while it loads),
slow (never gets ready), port (finds its port taken), memory, deaf (does not hear TERM), helpers (starts processes that leave its group).
"""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
NAP = "import time; time.sleep(600)"
KEYS = {"vllm": "VLLM_API_KEY", "llama-server": "LLAMA_API_KEY", "sglang": ""}
NAMES = {"vllm": "--served-model-name", "llama-server": "--alias", "sglang": "--served-model-name"}
MODELS = {"vllm": "", "llama-server": "--model", "sglang": "--model-path"}
CONTEXTS = {"vllm": "--max-model-len", "llama-server": "--ctx-size", "sglang": "--context-length"}
REFUSALS = {
    "vllm": "vllm: error: unrecognized arguments: {flag}",
    "llama-server": "error: invalid argument: {flag}",
    "sglang": "launch_server.py: error: unrecognized arguments: {flag}",
}


def main() -> None:
    """Parse, load, serve until it is asked to end."""
    kind, words = sys.argv[1], sys.argv[2:]
    if "--version" in words:
        say({"llama-server": "version: 0.0.1-stand-in (1234)"}.get(kind, "0.0.1+stand.in"))
        return
    if "--help" in words:
        print(*known(kind), sep="\n")
        return
    if kind in ("vllm", "sglang") and words[:1] != ["serve"]:
        end(f"{kind}: error: invalid choice: {words[:1]}", 2)
    given, loose = parse(kind, words[1:] if kind != "llama-server" else words)
    fault = given.get("--stand-in", "")
    load(kind, Path(given[MODELS[kind]] if MODELS[kind] else loose[0]), fault)
    serve(kind, given, fault)


def known(kind: str) -> dict[str, bool]:
    """Option → does it take a value."""
    lines = (ROOT / "tests" / "data" / "flags" / f"{kind}.txt").read_text().splitlines()
    return {line.split()[0]: " " in line for line in lines if line.startswith("-")} | {"--stand-in": True}


def parse(kind: str, words: list[str]) -> tuple[dict[str, str], list[str]]:
    """(option → value, what is no option). Ends with the program's own words for one that it does not know."""
    options, given, loose = known(kind), dict[str, str](), list[str]()
    rest = iter(words)
    for word in rest:
        if not word.startswith("-"):
            loose.append(word)
        elif word not in options:
            end(REFUSALS[kind].format(flag=word), 2)
        else:
            given[word] = next(rest) if options[word] else "on"
    return given, loose


def load(kind: str, path: Path, fault: str) -> None:
    say("Loading safetensors checkpoint shards:  40% Completed | 2/5", end="\r")
    if fault == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if fault == "slow":
        time.sleep(600)
    if fault == "port":
        end("OSError: [Errno 98] error while attempting to bind on address: address already in use", 1)
    if fault == "memory":
        end("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB", 1)
    try:
        _read(path)
    except (OSError, ValueError) as error:
        end(f"ValueError: error loading model: {error}; failed to load model", 1)
    say("Loading safetensors checkpoint shards: 100% Completed | 5/5", end="\r")


def _read(path: Path) -> None:
    if path.is_dir():
        json.loads((path / "config.json").read_text())
        return
    with path.open("rb") as file:
        magic, version = struct.unpack("<4sI", file.read(8))
    if magic != b"GGUF" or version > 9:
        raise ValueError("invalid magic")


def serve(kind: str, given: dict[str, str], fault: str) -> None:
    from tests.stand_in_server import StandIn

    key = os.environ.get(KEYS[kind], "") if KEYS[kind] else given.get("--api-key", "")
    if fault == "helpers":
        helpers()
    if fault == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    say(
        f"args: key={key} dtype=torch.bfloat16, enable_prefix_caching=True, enforce_eager={'--enforce-eager' in given}, device_config=cpu"
    )
    context = int(given.get(CONTEXTS[kind], "4096"))
    StandIn(kind=kind, key=key, models=(given[NAMES[kind]],), n_ctx=context, listen=int(given["--port"]))
    say("Application startup complete.")
    signal.pause()


def helpers() -> None:
    """One in this group, one in a session of its own, and one of those whose parent is gone."""
    orphan = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {NAP!r}], start_new_session=True)"
    subprocess.Popen([sys.executable, "-c", NAP])
    subprocess.Popen([sys.executable, "-c", NAP], start_new_session=True)
    subprocess.run([sys.executable, "-c", orphan], start_new_session=True, check=True)


def say(text: str, end: str = "\n") -> None:
    print(text, end=end, file=sys.stderr, flush=True)


def end(text: str, code: int) -> None:
    say(text)
    sys.exit(code)


if __name__ == "__main__":
    main()
