"""What every engine of the registry promises, whoever wrote it: its data, and its verbs in a real worker.

A new engine is covered by being in the table. Its tiny model comes from its formats.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engines import registry
from engines.client import Session
from engines.errors import EngineError
from engines.knobs import Conflict, Kind, Knob, Scope, Settings, check, defaults, settle
from engines.protocol import (
    Address,
    CancelSeen,
    ChatRequest,
    Describe,
    Described,
    Failed,
    Finished,
    FinishReason,
    Message,
    ModelFiles,
    Run,
    Score,
    Scored,
    Text,
    Tokenize,
    Tokens,
)
from engines.spec import EngineSpec, Task, Verb
from tests.engines.talk import TOY, Talk
from tests.stand_in_server import StandIn, stand_in

ROOT = Path(__file__).resolve().parents[2]
SPECS = list(registry.specs().values())
KNOBS = [pytest.param(spec, knob, id=f"{spec.id}-{knob.name}") for spec in SPECS for knob in spec.knobs]
CONFLICTS = [pytest.param(s, c, id=f"{s.id}-{n}") for s in SPECS for n, c in enumerate(s.conflicts)]
ENGINE_LIBRARIES = {
    "torch", "transformers", "diffusers", "ctranslate2", "llama_cpp", "onnxruntime", "faster_whisper", "piper", "accelerate",
    "torchao", "optimum", "bitsandbytes", "hqq", "tokenizers", "safetensors", "gguf", "PySide6",
}  # fmt: skip
HONEST = [s for s in SPECS if s.id != "chaos"]  # which lies by profession
SENTENCE = "the quick brown fox jumps over the lazy dog and then it does so once more"

each_spec = pytest.mark.parametrize("spec", SPECS, ids=lambda s: s.id)
each_knob = pytest.mark.parametrize(("spec", "knob"), KNOBS)


# --- as data ---------------------------------------------------------------------------------


@each_knob
def test_a_knob_is_complete(spec: EngineSpec, knob: Knob) -> None:
    assert check(knob, knob.default) == knob.default
    assert knob.help.endswith((".", ")"))
    assert knob.title
    assert knob.concept
    assert knob.name == knob.name.lower().strip()
    assert bool(knob.values) == (knob.kind is Kind.CHOICE)
    assert len(set(knob.values)) == len(knob.values)
    if knob.minimum is not None and knob.maximum is not None:
        assert knob.minimum < knob.maximum


@each_spec
def test_a_spec_is_complete(spec: EngineSpec) -> None:
    names = [k.name for k in spec.knobs]
    assert len(set(names)) == len(names)
    assert {k.scope for k in spec.load} <= {Scope.LOAD}
    assert {k.scope for k in spec.run} <= {Scope.RUN}
    assert spec.formats
    assert spec.cancel_grain_s > 0
    assert spec.for_tests or (spec.about and spec.distributions)
    assert bool(spec.converts) == (Verb.CONVERT in spec.verbs)
    load, run = spec.split({})
    assert load | run == defaults(spec.knobs)


@pytest.mark.parametrize(("spec", "conflict"), CONFLICTS)
def test_a_conflict_names_real_knobs_and_values_and_really_refuses(spec: EngineSpec, conflict: Conflict) -> None:
    assert conflict.reason.endswith(".")
    clash: Settings = {}
    for name, values in conflict.when.items():
        knob = spec.knob(name)
        assert knob is not None, name
        for value in values:
            check(knob, value)
        clash[name] = values[0]
    with pytest.raises(EngineError) as caught:
        settle(spec.knobs, clash, [conflict])
    assert caught.value.code == "conflict"


@each_spec
def test_the_adapter_has_the_verbs_that_the_spec_declares(spec: EngineSpec) -> None:
    code = (
        f"import importlib, sys; m, n = {spec.adapter!r}.split(':'); a = getattr(importlib.import_module(m), n)()\n"
        f"for verb in ['load', 'run', 'close', *{[str(v) for v in spec.verbs if v is not Verb.INPUT]}]: assert callable(getattr(a, verb)), verb"
    )
    _python(code)


def test_no_spec_imports_an_engine_library() -> None:
    """In a fresh interpreter: the window and the command line import all of these."""
    code = (
        "import sys; from engines import registry; registry.specs()\n"
        "import engines.client, engines.memory, engines.metrics, engines.hardware, engines.worker\n"
        f"print(*sorted({ENGINE_LIBRARIES!r} & {{m.split('.')[0] for m in sys.modules}}))"
    )
    assert _python(code).strip() == ""


def _python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- in a worker -----------------------------------------------------------------------------


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A safetensors folder of random weights; made in another process, for torch stays out of this one."""
    folder = tmp_path_factory.mktemp("tiny") / "folder"
    _python(
        f"from pathlib import Path; from engines.chat.transformers_tiny import write_tiny_folder as w; w(Path({str(folder)!r}))"
    )
    return folder


@pytest.fixture
def served() -> Iterator[StandIn]:
    """A server for the engines that load no file."""
    with stand_in(key="a-key") as server:
        yield server


@pytest.fixture
def files(spec: EngineSpec, request: pytest.FixtureRequest) -> ModelFiles:
    """A tiny model that this engine can load."""
    if spec.for_tests:
        return TOY
    if "server" in spec.formats:
        address = Address(url=request.getfixturevalue("served").url, model="stand-in", key="a-key")
        return ModelFiles(id="tiny", variant="served", format="server", path=address.url, server=address)
    if "gguf" in spec.formats:
        path = str(request.getfixturevalue("tiny_gguf"))
    elif "safetensors" in spec.formats:
        path = str(request.getfixturevalue("tiny_folder"))
    else:
        pytest.fail(f"{spec.id}: there is no tiny model of {spec.formats}; add one here")
    return ModelFiles(id="tiny", variant="random", format=spec.formats[0], path=path)


def small(spec: EngineSpec, wanted: dict[str, Any]) -> dict[str, Any]:
    """Those of `wanted` that the engine has, as load knobs."""
    return {name: value for name, value in wanted.items() if name in {k.name for k in spec.load}}


def ask(one: Talk, **more: Any) -> int:
    number = Session.next_id()
    knobs = {"temperature": 0.0, "ignore_eos": True} | more.pop("knobs", {})
    one.session.send(Run(id=number, request=ChatRequest(messages=(Message("user", SENTENCE),), knobs=knobs, **more)))
    return number


@pytest.mark.parametrize("spec", HONEST, ids=lambda s: s.id)
def test_an_engine_keeps_its_word(
    spec: EngineSpec, files: ModelFiles, talk: Callable[..., Talk], tmp_path: Path
) -> None:
    """One worker for all of it: loading is what costs."""
    assert spec.task is Task.CHAT, "write this for the new task"
    one = talk()
    if not spec.for_tests:
        _check_no_model(one, spec, tmp_path / "broken")
    loaded = one.loaded(spec.id, files, **small(spec, {"n_ctx": 4096, "n_threads": 1, "threads": 1, "num_threads": 1}))
    _check_loaded(spec, loaded)
    _check_length(one, spec)
    _check_discard(one, spec)
    _check_cancel(one, spec)
    _check_refusals(one)
    if not loaded.sees:
        _check_blind(one, spec)
    if Verb.TOKENIZE in spec.verbs:
        ids = _check_tokenize(one, spec)
        if not spec.for_tests:
            _check_ids(one, spec)
        if Verb.SCORE in spec.verbs:
            _check_score(one, ids, tmp_path)


def _check_no_model(one: Talk, spec: EngineSpec, path: Path) -> None:
    """A file that is no model is a failure in words, and the worker can load another."""
    if "gguf" in spec.formats:
        path.write_bytes(b"GGUF" + b"\xff" * 2000)
    else:
        path.mkdir()
        (path / "config.json").write_text("{")
        (path / "model.safetensors").write_bytes(b"\xff" * 100)
    number = one.load(spec.id, ModelFiles(id="broken", variant="x", format=spec.formats[0], path=str(path)))
    failed = one.until(lambda e: isinstance(e, Failed) and e.id == number)
    assert failed.message
    assert "Traceback" not in failed.message
    assert not failed.fatal
    one.events.clear()


def _check_loaded(spec: EngineSpec, loaded: Any) -> None:
    assert loaded.engine == spec.id
    assert loaded.version
    assert set(loaded.effective) == {k.name for k in spec.load}
    assert "auto" not in [v for k, v in loaded.effective.items() if (knob := spec.knob(k)) and knob.auto]
    assert loaded.n_ctx > 0
    assert "import_s" in loaded.phases
    assert loaded.memory.runtime_bytes or spec.remote
    assert all(name in loaded.effective for name in loaded.why)


def _check_length(one: Talk, spec: EngineSpec) -> None:
    first = one.expect(Finished, ask(one, knobs={"max_tokens": 7}, clear_cache=True))
    assert first.reason is FinishReason.LENGTH
    assert first.metrics["n_out"] == sum(first.counts) == 7
    assert len(first.ids) == 7 or _tells_no_ids(spec, first)
    assert len(first.times_ns) == len(first.counts)
    assert list(first.times_ns) == sorted(first.times_ns)
    assert first.times_ns[0] > 0
    assert (first.metrics["n_in"] or 0) > 0
    assert first.metrics["n_in"] == len(first.prompt_ids) or _tells_no_ids(spec, first)
    assert one.text(first.id) == first.text
    _check_offsets(first, spec)
    assert first.effective["max_tokens"] == 7
    assert first.memory.peak_bytes or spec.remote
    again = one.expect(Finished, ask(one, knobs={"max_tokens": 7}, clear_cache=True))
    assert (again.ids, again.text, again.prompt_ids) == (first.ids, first.text, first.prompt_ids)
    assert again.metrics["n_cached"] == 0


def _tells_no_ids(spec: EngineSpec, done: Finished) -> bool:
    """Many a server streams texts alone; then there are no ids at all."""
    return spec.remote and not done.ids and not done.prompt_ids


def _check_offsets(done: Finished, spec: EngineSpec) -> None:
    """One for each id, growing, never past the text; what a page colours token by token."""
    assert len(done.offsets) == len(done.ids)
    assert list(done.offsets) == sorted(done.offsets)
    assert _tells_no_ids(spec, done) or 0 < done.offsets[-1] <= len(done.text)


def _check_discard(one: Talk, spec: EngineSpec) -> None:
    quiet = one.expect(Finished, ask(one, knobs={"max_tokens": 5}, discard_text=True))
    assert quiet.metrics["n_out"] == 5
    _check_offsets(quiet, spec)
    assert one.text(quiet.id) == ""


def _check_cancel(one: Talk, spec: EngineSpec) -> None:
    """At most the declared grain passes between the wish and the end, measured in the engine's own steps."""
    number = ask(one, knobs={"max_tokens": 3500})
    one.until(lambda e: isinstance(e, Text) and e.id == number)
    one.session.cancel(number)
    one.expect(CancelSeen, number)
    done = one.expect(Finished, number)
    assert done.reason is FinishReason.CANCELLED
    assert done.text == one.text(number)
    before = 0.0
    for event in one.events:
        if isinstance(event, CancelSeen) and event.id == number:
            break
        if isinstance(event, Text) and event.id == number:
            before = event.stats["n_out"]
    rate = (done.metrics["n_out"] or 1) / (done.times_ns[-1] / 1e9)
    made = sum(done.counts)
    assert len(done.ids) == made or _tells_no_ids(spec, done)
    assert made < 3500
    assert made - before <= max(20, rate * (spec.cancel_grain_s + 0.2))
    after = one.expect(Finished, ask(one, knobs={"max_tokens": 3}))
    assert after.reason is FinishReason.LENGTH


def _check_refusals(one: Talk) -> None:
    for knobs, code in (({"temprature": 1.0}, "unknown_knob"), ({"temperature": 99.0}, "bad_knob")):
        number = ask(one, knobs=knobs)
        failed = one.until(lambda e, n=number: isinstance(e, Failed | Finished) and e.id == n)
        assert isinstance(failed, Failed)
        assert (failed.code, failed.fatal) == (code, False)
        one.events.clear()


def _check_blind(one: Talk, spec: EngineSpec) -> None:
    """Images that nobody looks at are refused in words, before anything is computed, and it goes on."""
    messages = (Message("user", "What is this?", ("/nowhere/image.png",)),)
    orders: list[Run | Tokenize] = [Run(id=930, request=ChatRequest(messages=messages))]
    if Verb.TOKENIZE in spec.verbs:
        orders.append(Tokenize(id=931, messages=messages))
    for order in orders:
        one.session.send(order)
        failed = one.until(lambda e, n=order.id: isinstance(e, Failed | Finished) and e.id == n)
        assert isinstance(failed, Failed)
        assert (failed.code, failed.fatal) == ("no_vision", False)
        assert failed.message.startswith("This model cannot see images here: ")
        assert failed.hint
        one.events.clear()


def _check_tokenize(one: Talk, spec: EngineSpec) -> tuple[int, ...]:
    one.session.send(Tokenize(id=910, text=SENTENCE))
    one.session.send(Tokenize(id=911, messages=(Message("user", SENTENCE),)))
    text, messages = one.expect(Tokens, 910).ids, one.expect(Tokens, 911).ids
    assert text
    run = one.expect(Finished, ask(one, knobs={"max_tokens": 1}))
    assert len(messages) == run.metrics["n_in"]
    assert messages == run.prompt_ids or _tells_no_ids(spec, run), "the page's count must be the run's"
    assert isinstance(text, tuple)
    _check_pieces(one, messages)
    return text


def _check_pieces(one: Talk, prompt: tuple[int, ...]) -> None:
    """The texts of a prompt's ids, asked with the conversation or by the ids; an id that is none harms nothing."""
    one.session.send(Tokenize(id=912, messages=(Message("user", SENTENCE),), pieces=True))
    one.session.send(Tokenize(id=913, ids=prompt, pieces=True))
    read, again = one.expect(Tokens, 912), one.expect(Tokens, 913)
    assert (read.ids, again.ids) == (prompt, prompt)
    assert read.pieces == again.pieces
    assert len(read.pieces) == len(prompt)
    assert SENTENCE in "".join(read.pieces)
    assert one.expect(Tokens, 911).pieces == ()
    one.session.send(Tokenize(id=914, ids=(10**9,), pieces=True))
    last = one.until(lambda e: isinstance(e, Failed | Tokens) and e.id == 914)
    assert isinstance(last, Tokens) or (last.code, last.fatal) == ("bad_ids", False)
    one.events.clear()


def _check_ids(one: Talk, spec: EngineSpec) -> None:
    """Ids go in as they are: two lanes can be given the same ones."""
    by_text = one.expect(Finished, ask(one, knobs={"max_tokens": 5}, clear_cache=True))
    number = Session.next_id()
    knobs: Settings = {"max_tokens": 5, "temperature": 0.0, "ignore_eos": True}
    one.session.send(Tokenize(id=940, messages=(Message("user", SENTENCE),)))
    ids = one.expect(Tokens, 940).ids
    assert ids == by_text.prompt_ids or _tells_no_ids(spec, by_text)
    one.session.send(Run(id=number, request=ChatRequest(ids=ids, knobs=knobs, clear_cache=True)))
    by_ids = one.expect(Finished, number)
    assert by_ids.ids == by_text.ids
    assert by_ids.text == by_text.text or not spec.remote


def _check_score(one: Talk, ids: tuple[int, ...], folder: Path) -> None:
    half = len(ids) // 2
    path = str(folder / "reference.fp16")
    one.session.send(Score(id=920, ids=ids, prefill=half, step=1, write=path))
    reference = one.expect(Scored, 920)
    assert len(reference.nll) == len(ids) - half
    assert all(n >= 0 for n in reference.nll)
    assert reference.written is not None
    assert Path(path).stat().st_size == reference.written.bytes
    for number, step in ((921, 1), (922, 8)):
        one.session.send(Score(id=number, ids=ids, prefill=half, step=step, against=path))
        same = one.expect(Scored, number)
        assert max(same.kl) < 0.01
        assert same.stats["top1"] > 0.8
    assert one.expect(Finished, ask(one, knobs={"max_tokens": 3})).reason is FinishReason.LENGTH


@each_spec
def test_an_engine_describes_what_it_can_do_here(spec: EngineSpec, talk: Callable[..., Talk]) -> None:
    if Verb.DESCRIBE not in spec.verbs:
        pytest.skip("it does not declare the verb")
    one = talk()
    one.session.send(Describe(id=5, engine=spec.id))
    found = one.until(lambda e: isinstance(e, Described))
    assert found.engine == spec.id
    assert found.available or found.reason
    assert found.version
    for name, state in found.knobs.items():
        knob = spec.knob(name)
        assert knob is not None, name
        assert set(state.values_off) <= set(state.values or knob.values) | {
            "on",
            "off",
            "True",
            "False",
            "true",
            "false",
        }, name
        assert all(state.values_off.values())
