"""Loading: what Auto becomes, what engages, what is refused and why; scores; what works on this machine."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from engines import hardware
from engines.chat import transformers_load as loading
from engines.chat.transformers import SPEC, Transformers
from engines.chat.transformers_cache import common_prefix
from engines.chat.transformers_describe import describe, reason_of
from engines.chat.transformers_knobs import CONFLICTS, LOAD_KNOBS
from engines.errors import EngineError
from engines.job import Job
from engines.knobs import Value, settle
from engines.protocol import FinishReason, ModelFiles, Score
from tests.engines.chat.transformers_kit import PROMPT, Engine, Out, tiny_files, tiny_folder


def test_auto_is_resolved_with_reasons(tmp_path: Path) -> None:
    engine = Engine(tmp_path)
    got = engine.loaded
    assert "auto" not in got.effective.values()
    assert {"device", "dtype", "n_ctx", "attn_implementation", "cache_implementation"} <= set(got.why)
    assert (got.effective["n_ctx"], got.n_ctx, got.template) == (4096, 4096, "model")
    assert {"import_s", "read_s", "prime_s"} <= set(got.phases)
    assert got.memory.parts["weights"] == sum(
        t.numel() * t.element_size() for t in [*engine.adapter._model.parameters(), *engine.adapter._model.buffers()]
    )
    engine.adapter.close()


@pytest.mark.parametrize(
    ("flags", "dtype"), [(("avx2",), "fp32"), (("avx512_bf16",), "bf16"), (("amx_bf16",), "bf16"), (("bf16",), "bf16")]
)
def test_precision_follows_the_processor(monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...], dtype: str) -> None:
    monkeypatch.setattr(hardware, "cpu_flags", lambda: flags)
    monkeypatch.setattr(loading, "devices", lambda: ("cpu",))
    got = loading.resolve({"num_threads": 1}, loading.read_config(tiny_folder()))
    assert got.effective["dtype"] == dtype
    assert dtype in got.why["dtype"]


def test_threads_are_really_set(tmp_path: Path) -> None:
    import torch

    engine = Engine(tmp_path, num_threads=1)
    assert torch.get_num_threads() == engine.loaded.effective["num_threads"] == 1
    engine.adapter.close()


@pytest.mark.parametrize("name", ["torchao-int8", "quanto-int8", "bnb-8bit", "bnb-nf4"])
def test_quantizations_engage(tmp_path: Path, name: str) -> None:
    engine = Engine(tmp_path, quantization=name)
    layer = engine.adapter._model.model.layers[0].mlp.up_proj
    plain = layer.in_features * layer.out_features * 4
    kinds = f"{type(layer).__name__} {type(layer.weight).__name__} {type(layer.weight.data).__name__}".lower()
    assert any(word in kinds for word in ("int8", "4bit", "qlinear", "qbytes"))
    assert engine.loaded.memory.parts["weights"] < 1_346_304 - 8 * plain // 2
    assert len(engine.run().ids) == 16
    engine.adapter.close()


@pytest.mark.parametrize(
    "knobs",
    [
        {"prompt_lookup_num_tokens": 4, "cache_implementation": "static"},
        {"prompt_lookup_num_tokens": 4, "cache_implementation": "quantized"},
        {"prompt_lookup_num_tokens": 4, "compile": True},
        {"compile": True, "quantization": "bnb-nf4"},
        {"compile": True, "cache_implementation": "dynamic"},
        {"device": "cpu", "attn_implementation": "flash_attention_2"},
        {"device": "cpu", "cache_implementation": "offloaded"},
        {"cache_implementation": "quantized", "cache_backend": "quanto", "cache_nbits": "8"},
    ],
    ids=str,
)
def test_pairs_that_break_are_conflicts(knobs: dict[str, Value]) -> None:
    with pytest.raises(EngineError) as caught:
        settle(LOAD_KNOBS, knobs, CONFLICTS)
    assert caught.value.code == "conflict"


def test_what_auto_becomes_can_clash_too(tmp_path: Path) -> None:
    """`device` is Auto: only after it was resolved is offloading impossible."""
    if loading.devices() != ("cpu",):
        pytest.skip("a GPU is here")
    with pytest.raises(EngineError) as caught:
        Engine(tmp_path, cache_implementation="offloaded")
    assert caught.value.code == "conflict"


def test_a_device_that_is_not_there_is_refused(tmp_path: Path) -> None:
    missing = next(name for name in ("mps", "cuda") if name not in loading.devices())
    with pytest.raises(EngineError) as caught:
        Engine(tmp_path, device=missing)
    assert caught.value.code == "no_device"


def test_foreign_code_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_folder(), folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"auto_map": {"AutoModelForCausalLM": "evil.Model"}}))
    (folder / "evil.py").write_text("raise SystemExit('ran')")
    with pytest.raises(EngineError) as caught:
        Engine(tmp_path, files=tiny_files(folder))
    assert caught.value.code == "bad_model"


@pytest.mark.parametrize(
    ("file", "content", "code"),
    [
        ("config.json", "{}", "bad_model"),
        ("config.json", "not json", "bad_model"),
        ("model.safetensors", "short", "load_failed"),
        ("tokenizer.json", "{}", "no_tokenizer"),
    ],
)
def test_broken_folders_are_told(tmp_path: Path, file: str, content: str, code: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_folder(), folder)
    (folder / file).write_text(content)
    with pytest.raises(EngineError) as caught:
        Engine(tmp_path, files=tiny_files(folder))
    assert caught.value.code == code


def test_missing_weights_are_not_filled_with_noise(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "model"
    shutil.copytree(tiny_folder(), folder)
    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(EngineError) as caught:
        Engine(tmp_path, files=tiny_files(folder))
    assert caught.value.code == "bad_model"
    assert "up_proj" in caught.value.message


def test_a_file_is_not_a_folder(tmp_path: Path) -> None:
    with pytest.raises(EngineError) as caught:
        Engine(tmp_path, files=ModelFiles(id="x", variant="q4_1", format="gguf", path=str(tmp_path / "x.gguf")))
    assert "tandem models convert" in caught.value.hint


def test_loading_can_be_cancelled(tmp_path: Path) -> None:
    from engines.errors import Cancelled

    job = Job(1, Out(), tmp_path)
    job.cancel()
    with pytest.raises(Cancelled):
        Transformers().load(tiny_files(), {"num_threads": 1}, job)


@pytest.mark.parametrize("step", [1, 8])
def test_score_is_teacher_forced_through_the_cache(tmp_path: Path, step: int) -> None:
    import torch

    engine = Engine(tmp_path, prefill_chunk_size=16, dtype="fp32")  # in bf16 the order of sums shows
    ids = (*PROMPT, *range(100, 130))
    scored = engine.adapter.score(Score(id=1, ids=ids, prefill=35, step=step), engine.job())
    with torch.no_grad():
        logs = torch.log_softmax(engine.adapter._model(torch.tensor([ids])).logits[0].double(), -1)
    wanted = [-float(np.float16(logs[i, ids[i + 1]])) for i in range(34, len(ids) - 1)]
    assert scored.nll == pytest.approx(wanted, abs=2e-2)
    engine.adapter.close()


def test_score_against_itself_is_zero_and_a_quantized_cache_is_not(tmp_path: Path) -> None:
    ids, file = (*PROMPT, *range(100, 130)), str(tmp_path / "reference")
    engine = Engine(tmp_path)
    engine.adapter.score(Score(id=1, ids=ids, prefill=35, write=file), engine.job())
    same = engine.adapter.score(Score(id=2, ids=ids, prefill=35, against=file), engine.job())
    engine.adapter.close()
    other = Engine(tmp_path, cache_implementation="quantized")
    lossy = other.adapter.score(Score(id=3, ids=ids, prefill=35, against=file), other.job())
    other.adapter.close()
    assert max(same.kl) == pytest.approx(0.0, abs=1e-6)
    assert lossy.stats["kl_mean"] > 1e-6


@pytest.mark.slow
def test_compile_engages_and_never_compiles_again(tmp_path: Path) -> None:
    if loading.compiler():
        pytest.skip(loading.compiler())
    plain = Engine(tmp_path)
    wanted = plain.run().ids
    plain.adapter.close()
    engine = Engine(tmp_path, compile=True, n_ctx=128)
    assert engine.loaded.effective["compile"] is True
    assert engine.loaded.effective["cache_implementation"] == "static"
    assert engine.loaded.phases["compile_s"] > 1
    first, second = engine.run(), engine.run(tuple(range(5, 60)), fresh=True)
    assert first.ids == wanted
    assert second.metrics["itl_max_s"] < engine.loaded.phases["compile_s"] / 10
    engine.adapter.close()


def test_without_a_compiler_compile_stays_off_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    engine = Engine(tmp_path, compile=True, n_ctx=128)
    assert engine.loaded.effective["compile"] is False
    assert "compiler" in engine.loaded.why["compile"]
    assert len(engine.run().ids) == 16
    engine.adapter.close()


@pytest.mark.slow
def test_describe_proves_values_and_gives_true_reasons(tmp_path: Path) -> None:
    out = Out()
    found = describe(Job(1, out, tmp_path), SPEC.id)
    assert found.available
    assert found.devices[-1] == "cpu"
    known = {k.name: k for k in LOAD_KNOBS}
    for name, state in found.knobs.items():
        assert set(state.values_off) <= set(known[name].values)
        assert all(state.values_off.values())
    if found.devices == ("cpu",):
        assert found.knobs["attn_implementation"].values_off["flash_attention_2"] == "needs a CUDA GPU"
        assert not {"sdpa", "eager"} & set(found.knobs["attn_implementation"].values_off)
    assert "HQQ" in found.knobs["quantization"].values_off["hqq-4bit"]
    assert not {"torchao-int8", "bnb-nf4", "quanto-int8"} & set(found.knobs["quantization"].values_off)
    assert out.fractions() == sorted(out.fractions())
    assert not list(tmp_path.iterdir())


def test_a_probe_that_fails_gives_the_librarys_words() -> None:
    def fails() -> str:
        raise ImportError("Requires mslk >= 1.0.0\nand more")

    assert reason_of(fails) == "ImportError: Requires mslk >= 1.0.0"
    assert reason_of(lambda: "") == ""


def test_common_prefix() -> None:
    assert [common_prefix([1, 2, 3], x) for x in ([], [1], [1, 2, 3, 4], [1, 9], [9])] == [0, 1, 3, 1, 0]


def test_finish_reason_of_a_full_answer_is_length(tmp_path: Path) -> None:
    engine = Engine(tmp_path)
    assert engine.run(max_tokens=1).reason is FinishReason.LENGTH
    engine.adapter.close()
