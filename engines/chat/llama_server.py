"""llama.cpp's own server as an engine: what the library in this process cannot do. Its adapter is `llama_server_adapter`."""

from __future__ import annotations

from engines.chat.llama_server_knobs import CONFLICTS, LOAD_KNOBS
from engines.servers.run_knobs import SERVER_KNOBS
from engines.spec import EngineSpec, Task, Verb

SPEC = EngineSpec(
    id="llama-server",
    task=Task.CHAT,
    title="llama-server",
    formats=("gguf",),
    load=LOAD_KNOBS,
    run=SERVER_KNOBS,
    adapter="engines.chat.llama_server_adapter:LlamaServer",
    distributions=("urllib3",),
    conflicts=CONFLICTS,
    verbs=(Verb.DESCRIBE, Verb.TOKENIZE, Verb.LOAD_TEST),
    cancel_grain_s=0.5,
    remote=True,
    programs=("llama-server",),
    about="llama.cpp's own server, started here: GGUF files, several answers at once, draft models.",
)
