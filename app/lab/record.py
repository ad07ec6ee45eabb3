"""The run record (METRICS "The run record"): everything needed to say later what was measured, and to replay it."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from typing import Any

import msgspec

from app.library import SERVED, Variant
from app.store import LoadRecord, RunRecord
from engines import hardware
from engines.knobs import Settings
from engines.protocol import ChatRequest, Finished, Loaded, Memory
from engines.spec import EngineSpec

LOAD_PHASES = ("import_s", "read_s", "prime_s", "compile_s", "convert_s")
COUNTS = ("n_in", "n_cached", "n_out", "n_shown", "drafted", "accepted")
VERSION = "0.1.0"


@dataclass(frozen=True, slots=True)
class Setting:
    """What was loaded, and how: the part of a record that all runs of one session share."""

    variant: Variant
    spec: EngineSpec
    asked: Settings
    loaded: Loaded
    estimate_bytes: int | None
    base_bytes: int | None
    convert_s: float | None = None
    notes: tuple[str, ...] = field(default=())


def run_record(setting: Setting, request: ChatRequest, done: Finished, *, cold: bool) -> RunRecord:
    """One finished run as CLI.md's `run` shape, with the rest of METRICS under `record`."""
    metrics = all_metrics(setting, done)
    effective = setting.loaded.effective | done.effective
    return RunRecord(
        created=time.time(),
        task=str(setting.spec.task),
        model=setting.variant.id,
        variant=setting.variant.variant,
        engine=setting.spec.id,
        reason=str(done.reason),
        text=done.text,
        knobs={"asked": setting.asked | request.knobs, "effective": effective, "notes": setting.loaded.why},
        metrics=metrics,
        memory=memory_shape(setting, done.memory),
        runs=[{"metrics": metrics, "cold": cold}],
        notes=[*setting.loaded.notes, *setting.notes, *done.notes],
        record=_rest(setting, request, done, cold),
    )


def load_record(setting: Setting) -> LoadRecord:
    loaded = setting.loaded
    return LoadRecord(
        created=time.time(), engine=setting.spec.id, model=setting.variant.id, variant=setting.variant.variant,
        device=loaded.device, knobs=loaded.effective, estimate_bytes=setting.estimate_bytes, base_bytes=setting.base_bytes,
        model_bytes=loaded.memory.model_bytes, runtime_bytes=loaded.memory.runtime_bytes, phases=loaded.phases,
    )  # fmt: skip


def all_metrics(setting: Setting, done: Finished) -> dict[str, float | int | None]:
    """The run's figures and the load's; null where one cannot be had."""
    phases = setting.loaded.phases
    metrics: dict[str, float | int | None] = dict(done.metrics)
    for key in COUNTS:
        value = metrics.get(key)
        metrics[key] = None if value is None else int(value)
    for key in LOAD_PHASES:
        metrics[key] = phases.get(key)
    metrics["convert_s"] = setting.convert_s
    parts = [phases.get(key) for key in ("import_s", "read_s", "compile_s", "prime_s")]
    served = setting.variant.format == SERVED  # a server loaded it once, for everybody: nobody knows how long that took
    metrics["load_s"] = None if served else sum(p for p in parts if p is not None)
    metrics["j_per_unit"] = None  # needs a lone, exclusive run of 5 s (METRICS "Energy")
    return metrics


def memory_shape(setting: Setting, now: Memory) -> dict[str, Any]:
    """CLI.md's `memory`: the model's figures as of its load, the peak of this run."""
    at_load = setting.loaded.memory
    return {
        "runtime_bytes": at_load.runtime_bytes,
        "model_bytes": at_load.model_bytes,
        "mapped_bytes": now.mapped_bytes if now.mapped_bytes is not None else at_load.mapped_bytes,
        "peak_bytes": now.peak_bytes,
        "estimate_bytes": setting.estimate_bytes,
        "device": setting.loaded.device,
        "parts": at_load.parts,
    }


def _rest(setting: Setting, request: ChatRequest, done: Finished, cold: bool) -> dict[str, Any]:
    variant, machine = setting.variant, hardware.machine()
    return {
        "tandem": VERSION,
        "lineage": msgspec.to_builtins(variant.lineage),
        "files": [{"sha256": f.sha256 or None, "bytes": f.bytes} for f in variant.files],
        "engine_version": setting.loaded.version,
        "build": setting.loaded.build,
        "device": setting.loaded.device,
        "machine": msgspec.to_builtins(machine),
        "request": {"messages": len(request.messages), "clear_cache": request.clear_cache},
        "prompt_ids": list(done.prompt_ids),
        "prompt_sha256": hashlib.sha256(repr(done.prompt_ids).encode()).hexdigest(),
        "ids": list(done.ids),
        "times_ns": list(done.times_ns),
        "counts": list(done.counts),
        "shown": list(done.shown),
        "offsets": list(done.offsets),
        "seed": done.effective.get("seed"),
        "cold": cold,
        "logprobs": list(done.logprobs),
        "top_logprobs": list(done.top_logprobs),
    }
