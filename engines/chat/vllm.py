"""vLLM as an engine: `vllm serve` in its own environment, started for the session. Its adapter is `vllm_adapter`."""

from __future__ import annotations

from engines.chat.vllm_knobs import CONFLICTS, LOAD_KNOBS
from engines.servers.run_knobs import SERVER_KNOBS
from engines.spec import EngineSpec, Task, Verb

SPEC = EngineSpec(
    id="vllm",
    task=Task.CHAT,
    title="vLLM",
    formats=("safetensors",),
    load=LOAD_KNOBS,
    run=SERVER_KNOBS,
    adapter="engines.chat.vllm_adapter:Vllm",
    distributions=("urllib3",),
    conflicts=CONFLICTS,
    verbs=(Verb.DESCRIBE, Verb.TOKENIZE, Verb.LOAD_TEST),
    cancel_grain_s=0.5,
    remote=True,
    programs=("vllm",),
    about="The server of most GPU clusters, started here: many answers at once, prefix caching, speculation, several GPUs.",
)
