"""SGLang as an engine: its server in its own environment, started for the session. Its adapter is `sglang_adapter`."""

from __future__ import annotations

from engines.chat.sglang_knobs import CONFLICTS, LOAD_KNOBS
from engines.servers.run_knobs import SERVER_KNOBS
from engines.spec import EngineSpec, Task, Verb

SPEC = EngineSpec(
    id="sglang",
    task=Task.CHAT,
    title="SGLang",
    formats=("safetensors",),
    load=LOAD_KNOBS,
    run=SERVER_KNOBS,
    adapter="engines.chat.sglang_adapter:Sglang",
    distributions=("urllib3",),
    conflicts=CONFLICTS,
    verbs=(Verb.DESCRIBE, Verb.LOAD_TEST),
    cancel_grain_s=0.5,
    remote=True,
    programs=("sglang",),
    about="A server for GPUs, started here: keeps and shares every prompt that it read, many answers at once, speculation.",
)
