"""llama.cpp through llama-cpp-python: GGUF models on CPU and GPU. The engine as data; its adapter is `llama_adapter`."""

from __future__ import annotations

from engines.chat.llama_convert import CONVERTS
from engines.chat.llama_knobs import CONFLICTS, LOAD_KNOBS, RUN_KNOBS
from engines.spec import EngineSpec, Task, Verb

SPEC = EngineSpec(
    id="llama-cpp",
    task=Task.CHAT,
    title="llama.cpp",
    formats=("gguf",),
    load=LOAD_KNOBS,
    run=RUN_KNOBS,
    adapter="engines.chat.llama_adapter:LlamaCpp",
    distributions=("llama-cpp-python",),
    conflicts=CONFLICTS,
    verbs=(Verb.DESCRIBE, Verb.TOKENIZE, Verb.SCORE, Verb.CONVERT),
    converts={"gguf": CONVERTS},
    cancel_grain_s=0.3,
    about="Runs GGUF files; quick on a CPU, and on GPUs it was built for.",
)
