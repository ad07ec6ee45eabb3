"""A starting server's words, as the real ones write them, in words for a person."""

from __future__ import annotations

import pytest

from engines.servers import server_log

SAID = [
    ("Loading safetensors checkpoint shards:  40% Completed | 2/5 [00:01<00:02,  1.4it/s]", ("loading weights", 0.4)),
    ("(EngineCore pid=1) INFO 11-25 [gpu_model_runner.py:2] Starting to load model /x...", ("loading weights", None)),
    ("Capturing CUDA graphs (decode, FULL):  50%|##### | 3/6", ("recording CUDA graphs", 0.5)),
    ("INFO [kv_cache_utils.py:1] GPU KV cache size: 43,690 tokens", ("laying out the KV cache", None)),
    ("0.00.246.301 I srv    load_model: initializing, n_slots = 2, n_ctx_slot = 1024", ("laying out the KV cache", None)),
    ("INFO:     Application startup complete.", ("starting to listen", None)),
    ("The quick brown fox", None),
]  # fmt: skip
WHY = [
    ("OSError: [Errno 98] error while attempting to bind on address ('127.0.0.1', 8000): address already in use", "port"),
    ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.", "memory ran out"),
    ("ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization`", "no room for the KV cache"),
    ("ValueError: To serve at least one request with the models's max seq len (32768), (3.5 GiB KV cache is needed, which is larger than the "
     "available KV cache memory (1.0 GiB).", "no room for the KV cache"),
    ("pydantic ValidationError: Model architectures ['FooForCausalLM'] are not supported for now.", "architecture"),
    ("llama_model_load: error loading model: unknown model architecture: 'foo'", "architecture"),
    ("User-specified max_model_len (99999) is greater than the derived max_model_len (max_position_embeddings=2048)", "context is longer"),
    ("RuntimeError: Failed to infer device type", "no device"),
    ("error while loading shared libraries: libllama.so: cannot open shared object file: No such file", "installation is incomplete"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "meaning"), SAID)
def test_progress_is_told_from_the_log(line: str, meaning: tuple[str, float | None] | None) -> None:
    assert server_log.progress(line) == meaning


@pytest.mark.parametrize(("line", "why"), WHY)
def test_a_known_cause_is_said_with_what_to_do(line: str, why: str) -> None:
    error = server_log.failure(
        "vLLM", "it ended with exit code 1", ["INFO starting", line, "Traceback (most recent call last):"], {}
    )
    assert error.code == "load_failed"
    assert why in error.message
    assert error.hint


def test_an_unknown_cause_gives_the_last_line_that_names_an_error() -> None:
    lines = ["INFO hello", "ValueError: the moon is full", "  File x.py, line 3", "resource_tracker: leaked"]
    error = server_log.failure("vLLM", "it ended with exit code 1", lines, {})
    assert "exit code 1" in error.message
    assert "the moon is full" in error.message


@pytest.mark.parametrize(
    ("line", "flag", "wrong"),
    [
        ("vllm: error: unrecognized arguments: --kv-offloading-size 3", "--kv-offloading-size", ""),
        ("error: invalid argument: --mlock", "--mlock", ""),
        ("api_server.py: error: argument --dtype: invalid choice: 'q4'", "--dtype", "invalid choice: 'q4'"),
        (
            'error while handling argument "--cache-type-k": Unsupported cache type: x',
            "--cache-type-k",
            "Unsupported cache type: x",
        ),
    ],
)
def test_a_refused_flag_names_its_knob(line: str, flag: str, wrong: str) -> None:
    assert server_log.refused_flag(["usage: vllm serve …", line]) == (flag, wrong)
    mine = server_log.failure("vLLM", "", [line], {flag: "some_knob"})
    assert "some_knob" in mine.message
    assert (wrong or flag) in mine.message
    assert "extra_args" in server_log.failure("vLLM", "", [line], {}).message


def test_a_cause_far_above_the_end_is_found() -> None:
    """vLLM on a CPU with too little memory: the worker says why, then every process above it tells its own end."""
    cause = (
        "(VllmWorker-0 pid=1116) ERROR 11-25 09:34:06 [multiproc_executor.py:953] ValueError: Available memory on node 0 "
        "(17.61/23.54 GiB) on startup is less than desired CPU memory utilization (0.92, 21.66 GiB)."
    )
    before = "(APIServer pid=1069) WARNING 11-25 09:33:51 [utils.py:2] ImportError: no Triton here, going on without"
    after = ['(APIServer pid=1069)   File "/x/core.py", line 1, in wait'] * 100
    last = "(APIServer pid=1069) RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}"
    error = server_log.failure("vLLM", "it ended with exit code 1", [before, cause, *after, last], {})
    assert "less free memory than it may take" in error.message
    assert "It said: ValueError: Available memory on node 0" in error.message
    assert "gpu_memory_utilization" in error.hint
    other = server_log.failure("vLLM", "it ended with exit code 1", [before, *after, last], {})
    assert "ended while it was starting" in other.message
    assert "root cause above" not in other.message
