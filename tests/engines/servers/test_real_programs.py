"""The real programs, where a variable says that there is one: TANDEM_TEST_VLLM, TANDEM_TEST_LLAMA_SERVER (paths of commands),
with TANDEM_TEST_FOLDER (safetensors of a small model) for the first."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from engines.knobs import Settings
from engines.protocol import Finished, Loaded, ModelFiles, Tokenize, Tokens
from engines.servers import programs
from tests.engines.talk import Talk

Make = Callable[..., Talk]
REAL = {
    "vllm": ("TANDEM_TEST_VLLM", {"max_model_len": 512, "enforce_eager": True, "cpu_kvcache_space": 1}),
    "llama-server": ("TANDEM_TEST_LLAMA_SERVER", {"n_ctx": 1024, "n_threads": 2, "parallel": 2}),
}
PROMPT = "Name a colour. " * 50  # longer than a block of the cache


def model(engine: str, request: pytest.FixtureRequest) -> ModelFiles:
    if engine == "llama-server":
        path = str(request.getfixturevalue("starter_gguf"))
        return ModelFiles(id="small", variant="q4_1", format="gguf", path=path)
    folder = os.environ.get("TANDEM_TEST_FOLDER", "")
    if not folder:
        pytest.skip("TANDEM_TEST_FOLDER names no folder of safetensors")
    return ModelFiles(id="small", variant="bf16", format="safetensors", path=folder)


@pytest.fixture(params=list(REAL))
def real(request: pytest.FixtureRequest) -> tuple[str, ModelFiles, Settings]:
    """(engine, a small model, its load knobs)."""
    engine = request.param
    variable, knobs = REAL[engine]
    if not os.environ.get(variable):
        pytest.skip(f"{variable} names no program")
    settings: dict[str, Any] = {"executable": os.environ[variable], **knobs}
    return engine, model(engine, request), settings


def test_a_real_one_starts_answers_the_same_twice_and_is_gone(
    real: tuple[str, ModelFiles, Settings], talk: Make
) -> None:
    engine, files, knobs = real
    one = talk()
    number = one.load(engine, files, **knobs)
    loaded: Loaded = one.expect(Loaded, number)
    tree = psutil.Process(one.session.pid).children(recursive=True)
    assert (loaded.device, loaded.n_ctx) == ("cpu", 512)
    assert loaded.version == programs.version_of(engine, Path(str(knobs["executable"])))
    assert loaded.why == {}
    first, again = (one.finished(PROMPT, max_tokens=12, temperature=0.0, ignore_eos=True) for _ in range(2))
    assert (first.text, first.metrics["n_out"]) == (again.text, 12)
    assert (again.metrics["n_cached"] or 0) > 0, "its cache's use is told"
    one.session.send(Tokenize(id=900, text="Name a colour."))
    assert one.expect(Tokens, 900).ids
    os.kill(one.session.pid, signal.SIGKILL)
    _, left = psutil.wait_procs(tree, 5.0)
    assert left == []


def test_a_context_that_no_model_has_is_refused_in_words(real: tuple[str, ModelFiles, Settings], talk: Make) -> None:
    engine, files, knobs = real
    if engine != "vllm":
        pytest.skip("llama-server takes any context")
    one = talk()
    number = one.load(engine, files, **(knobs | {"max_model_len": 1_000_000}))
    found = one.until(lambda e: getattr(e, "id", None) == number and type(e).__name__ in ("Failed", "Loaded"))
    assert not isinstance(found, Loaded | Finished)
    assert found.code == "load_failed"
    assert "the context is longer" in found.message
    one.events.clear()
