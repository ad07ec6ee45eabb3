"""A model on a server that speaks OpenAI's API: vLLM, SGLang, TensorRT-LLM, Dynamo, llama-server, Ollama, LM Studio, others."""

from __future__ import annotations

from engines.knobs import Kind, Knob, Scope
from engines.servers.run_knobs import SERVER_KNOBS
from engines.spec import EngineSpec, Task, Verb

TIMEOUT = Knob(
    name="timeout_s", title="Silence allowed", kind=Kind.FLOAT, scope=Scope.LOAD, default=600.0,
    help="A server that sends nothing for so long is given up; until its first token it may have to read a long prompt.",
    concept="server_timeout", minimum=1.0, maximum=86_400.0, unit="s", log=True, essential=True,
)  # fmt: skip
WARM_UP = Knob(
    name="warm_up", title="Warm up", kind=Kind.BOOL, scope=Scope.LOAD, default="auto", auto=True,
    help="Ask for one token while loading, so that the first answer is not slowed by it. Auto: on a server on this machine alone.",
    concept="warm_up",
)  # fmt: skip
SPEC = EngineSpec(
    id="openai-server",
    task=Task.CHAT,
    title="OpenAI server",
    formats=("server",),
    load=(TIMEOUT, WARM_UP),
    run=SERVER_KNOBS,
    adapter="engines.servers.adapter:OpenAIServer",
    distributions=("urllib3",),
    extras=("certifi",),
    verbs=(Verb.DESCRIBE, Verb.TOKENIZE, Verb.LOAD_TEST),
    cancel_grain_s=0.1,
    remote=True,
    about="A model that a server answers for, here or far away, beside the others in the same lanes.",
)
