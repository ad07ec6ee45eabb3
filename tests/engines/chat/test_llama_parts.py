"""What llama.cpp's adapter is made of: prompt lookup, the log's reader, Auto, conversion, description."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.chat import llama_auto, llama_log
from engines.chat.llama_adapter import LlamaCpp
from engines.chat.llama_convert import CONVERTS
from engines.chat.llama_cpp import SPEC
from engines.chat.llama_knobs import LOAD_KNOBS
from engines.chat.llama_lookup import PromptLookup
from engines.chat.llama_model import common_prefix
from engines.chat.llama_tiny import write_tiny_gguf
from engines.errors import EngineError
from engines.knobs import defaults
from engines.protocol import Convert, Message
from tests.engines.chat.llama_bench import Bench, model_files

LOG = """load_tensors: offloaded 12/31 layers to GPU
load_tensors:   CPU_Mapped model buffer size =    92.10 MiB
load_tensors:        CUDA0 model buffer size =    10.00 MiB
llama_context: flash_attn            = enabled
llama_context:        CPU  output buffer size =     0.19 MiB
llama_kv_cache:        CPU KV buffer size =    68.91 MiB
llama_kv_cache: size =   68.91 MiB (  4096 cells,  30 layers,  1/1 seqs), K (q8_0):   23.91 MiB, V (f16):   45.00 MiB
sched_reserve:        CPU compute buffer size =    99.38 MiB""".splitlines()


# --- prompt lookup ----------------------------------------------------------------------------


def test_a_draft_is_what_followed_the_longest_match_last() -> None:
    lookup = PromptLookup([1, 2, 3, 9, 2, 3, 4, 5, 6, 1, 2, 3], n_draft=3, max_ngram=2)
    assert lookup.draft(10) == [4, 5, 6]
    assert lookup.draft(2) == [4, 5]
    assert lookup.draft(0) == []
    lookup.extend([9])
    assert lookup.draft(10) == [2, 3, 4]


@given(st.lists(st.integers(0, 4), max_size=40), st.integers(1, 6), st.integers(1, 4))
def test_a_draft_always_stands_in_the_text(ids: list[int], n_draft: int, max_ngram: int) -> None:
    draft = PromptLookup(ids, n_draft, max_ngram).draft(99)
    assert len(draft) <= n_draft
    assert not draft or any(ids[i : i + len(draft)] == draft and ids[i - 1] == ids[-1] for i in range(1, len(ids)))
    assert bool(draft) == (ids[-1:] != [] and ids[-1] in ids[:-1])


@given(st.lists(st.integers(0, 3), max_size=12), st.lists(st.integers(0, 3), max_size=12))
def test_a_common_prefix_is_common_and_the_longest(a: list[int], b: list[int]) -> None:
    n = common_prefix(a, b)
    assert a[:n] == b[:n]
    assert a[n : n + 1] != b[n : n + 1] or n == len(a) == len(b) or n in (len(a), len(b))


# --- the log ----------------------------------------------------------------------------------


def test_the_log_is_read() -> None:
    mib = 1024 * 1024
    assert llama_log.buffers(LOG) == {
        "weights": round(92.10 * mib) + 10 * mib, "kv": round(68.91 * mib), "compute": round(99.38 * mib), "other": round(0.19 * mib),
    }  # fmt: skip
    assert llama_log.offloaded(LOG) == 12
    assert llama_log.devices(LOG) == {"CUDA0"}
    assert llama_log.kv_types(LOG) == ("q8_0", "f16")
    assert llama_log.flash_attention(LOG) == "on"
    assert llama_log.flash_attention(["nothing"]) is None


def test_pieces_of_a_line_become_one_and_the_reason_is_the_first_that_tells() -> None:
    log = llama_log.Log()
    heard: list[str] = []
    log.on_line = heard.append
    for level, text in (
        (2, b"[   1/   2] a - "), (5, b"converting\n"), (1, b"debug\n"), (5, b"more debug\n"), (3, b"warn: careful\n"),
        (4, b"init: quantized V cache requires flash_attn\n"), (4, b"load: failed to initialize the context\n"),
    ):  # fmt: skip
        log._take(level, text, None)
    assert heard[0] == "[   1/   2] a - converting"
    assert not any("debug" in line for line in heard)
    assert log.reason("?") == "quantized V cache requires flash_attn"
    log.clear()
    assert log.reason("nobody knows") == "nobody knows"


# --- Auto -------------------------------------------------------------------------------------


def settled(**knobs: Any) -> tuple[dict[str, Any], dict[str, str]]:
    return llama_auto.resolve(defaults(LOAD_KNOBS) | knobs, 8192, knobs.pop("gpu", False))


def test_nothing_auto_is_left_and_each_has_its_reason() -> None:
    got, why = settled()
    assert "auto" not in got.values()
    assert {k.name for k in LOAD_KNOBS if k.default == "auto"} <= set(why)
    assert (got["n_ctx"], got["flash_attn"], got["n_gpu_layers"]) == (4096, "off", 0)


def test_auto_follows_what_else_was_asked() -> None:
    assert settled(type_v="q8_0")[0]["flash_attn"] == "on"
    assert settled(prompt_lookup_num_tokens=4)[0]["flash_attn"] == "on"
    assert llama_auto.resolve(defaults(LOAD_KNOBS), 8192, gpu=True)[0]["n_gpu_layers"] == -1
    got, why = settled(n_ctx=256, n_batch=2048)
    assert (got["n_batch"], got["n_ubatch"]) == (256, 256)
    assert "not more than n_ctx" in why["n_batch"]


def test_settings_become_the_library_s_own_parameters() -> None:
    got, _ = settled(
        type_k="q8_0", tensor_split="3,1", rope_freq_base=1e6, rope_scaling_type="yarn", kv_overrides='{"a": 1}'
    )
    args = llama_auto.arguments(got)
    assert (args["type_k"], args["type_v"], args["flash_attn"]) == (8, 1, False)
    assert args["tensor_split"] == [3.0, 1.0]
    assert (args["rope_freq_base"], args["rope_scaling_type"], args["yarn_ext_factor"]) == (1e6, 2, -1.0)
    assert args["kv_overrides"] == {"a": 1}


def test_every_argument_is_a_parameter_of_the_library_and_every_knob_is_used() -> None:
    import inspect

    import llama_cpp

    args = set(llama_auto.arguments(settled(tensor_split="1", rope_scaling_type="none", kv_overrides="{}")[0]))
    parameters = set(inspect.signature(llama_cpp.Llama.__init__).parameters)
    ours = {"prompt_lookup_num_tokens", "max_matching_ngram_size"}
    assert args <= parameters
    assert {k.name for k in LOAD_KNOBS} - ours <= args | {"kv_overrides"}


def test_ggml_types_are_the_library_s() -> None:
    from llama_cpp import llama_cpp as api

    for name, number in llama_auto.GGML_TYPES.items():
        known = getattr(api, f"GGML_TYPE_{name.upper()}", number)
        assert known == number


# --- conversion -------------------------------------------------------------------------------


def test_every_variant_that_is_offered_can_be_made_and_loaded(tmp_path: Path, tiny_gguf: Path) -> None:
    bench = Bench(tmp_path)
    for variant in CONVERTS:
        target = tmp_path / "made.gguf"
        made = bench.adapter.convert(
            Convert(id=1, engine=SPEC.id, files=model_files(tiny_gguf), variant=variant, target=str(target)),
            bench.job(),
        )
        assert made.bytes == target.stat().st_size > 100_000
        assert any("bits per weight" in note for note in made.notes), variant
        assert [p.fraction for p in bench.outbox.progress][-1] == 1.0
        again = Bench(tmp_path)
        assert again.load(target, n_ctx=256).memory.parts["weights"] > 0
        assert again.ask("hello", max_tokens=2, ignore_eos=True).metrics["n_out"] == 2
        again.adapter.close()
        target.unlink()


def test_fallbacks_are_told_with_their_types(tmp_path: Path, tiny_gguf: Path) -> None:
    bench = Bench(tmp_path)
    order = Convert(id=1, engine=SPEC.id, files=model_files(tiny_gguf), variant="q4_k_m", target=str(tmp_path / "a"))
    notes = bench.adapter.convert(order, bench.job()).notes
    assert any("fell back" in note and "to q5_0" in note for note in notes)


def test_a_conversion_that_fails_leaves_no_file_and_says_why(tmp_path: Path, tiny_gguf: Path) -> None:
    broken, target, bench = tmp_path / "broken.gguf", tmp_path / "made.gguf", Bench(tmp_path)
    broken.write_bytes(tiny_gguf.read_bytes()[:400_000])
    order = Convert(id=1, engine=SPEC.id, files=model_files(broken), variant="q8_0", target=str(target))
    with pytest.raises(EngineError, match="file bounds") as caught:
        bench.adapter.convert(order, bench.job())
    assert caught.value.code == "convert_failed"
    assert not target.exists()


def test_what_llama_cpp_cannot_make_is_refused(tmp_path: Path, tiny_gguf: Path) -> None:
    order = Convert(id=1, engine=SPEC.id, files=model_files(tiny_gguf), variant="iq1_s", target=str(tmp_path / "a"))
    with pytest.raises(EngineError) as caught:
        LlamaCpp().convert(order, Bench(tmp_path).job())
    assert caught.value.code == "no_conversion"


# --- description ------------------------------------------------------------------------------


def test_a_description_says_what_the_build_can_do(tmp_path: Path) -> None:
    described = LlamaCpp().describe(Bench(tmp_path).job())
    assert described.available
    assert described.devices[0] == "cpu"
    assert described.build.startswith("CPU")
    assert all(SPEC.knob(name) for name in described.knobs)
    from llama_cpp import llama_cpp as api

    assert ("n_gpu_layers" in described.knobs) == (not api.llama_supports_gpu_offload())


def test_a_cache_type_that_fails_is_off_with_the_library_s_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engines.chat.llama_describe.QUANTIZED_KV", ())  # so V is tried without flash attention
    described = LlamaCpp().describe(Bench(tmp_path).job())
    assert "flash_attn" in described.knobs["type_v"].values_off["q4_0"]
    assert "f16" not in described.knobs["type_v"].values_off
    assert "type_k" not in described.knobs


# --- the toy, and tokens ----------------------------------------------------------------------


def test_the_toy_is_small_and_the_same_for_the_same_seed(tmp_path: Path) -> None:
    a, b, c = (write_tiny_gguf(tmp_path / f"{i}.gguf", seed=s) for i, s in enumerate((0, 0, 1)))
    assert a.stat().st_size < 1_000_000
    assert a.read_bytes() == b.read_bytes() != c.read_bytes()


def test_tokenizing_works_while_a_run_works(tmp_path: Path, tiny_gguf: Path) -> None:
    bench = Bench(tmp_path)
    bench.load(tiny_gguf, n_threads=1, n_threads_batch=1)
    text, message = "hello there " * 20, (Message("user", "hello"),)
    want = (bench.adapter.tokenize(text, ()), bench.adapter.tokenize("", message))
    wrong: list[object] = []
    running = threading.Event()

    def ask() -> None:
        running.wait()
        for _ in range(50):
            if (bench.adapter.tokenize(text, ()), bench.adapter.tokenize("", message)) != want:
                wrong.append("differs")

    thread = threading.Thread(target=ask)
    thread.start()
    job = bench.job()
    bench.outbox.on_event = running.set
    from engines.protocol import ChatRequest

    done = bench.adapter.run(
        ChatRequest(prompt="hello", knobs={"temperature": 0.0, "ignore_eos": True, "max_tokens": 300}), job
    )
    running.set()
    thread.join()
    alone = bench.ask(ids=done.prompt_ids, clear_cache=True, temperature=0.0, ignore_eos=True, max_tokens=300)
    bench.adapter.close()
    assert not wrong
    assert done.ids == alone.ids
