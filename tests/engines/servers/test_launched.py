"""A server that is started: in a real worker, with a stand-in for the program that has the real one's options and helpers."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import psutil
import pytest

from engines import hardware
from engines.chat.vllm import SPEC
from engines.chat.vllm_adapter import Vllm
from engines.errors import EngineError
from engines.job import Job
from engines.knobs import defaults
from engines.protocol import Failed, Finished, Loaded, ModelFiles, Progress
from engines.servers import launch, program_knobs
from engines.servers.launch import MASK, Order
from tests import programs, stand_in_server
from tests.engines.talk import Talk

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script")
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only there a keeper can adopt what a server leaves behind")
Make = Callable[..., Talk]


@pytest.fixture
def files(tmp_path: Path) -> ModelFiles:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    return ModelFiles(id="tiny", variant="bf16", format="safetensors", path=str(tmp_path / "model"))


@pytest.fixture
def started(talk: Make) -> Iterator[list[psutil.Process]]:
    """Processes that must be gone at the end, whatever the test did."""
    found: list[psutil.Process] = []
    yield found
    _, left = psutil.wait_procs(found, 5.0)
    for process in left:
        process.kill()


def stand_in(fault: str) -> list[str]:
    return [f"--stand-in {fault}"]


def tree(one: Talk) -> list[psutil.Process]:
    return psutil.Process(one.session.pid).children(recursive=True)


def everybody(one: Talk) -> list[psutil.Process]:
    """Also those that no tree names any more: they run our nap, below the keeper that adopted them."""
    found = tree(one)
    naps = [p for p in found if "sleep(600)" in " ".join(p.cmdline())]
    assert len(naps) == 3, found
    assert len({os.getpgid(p.pid) for p in naps}) == 3, "two of them left the worker's group"
    return found


def gone(processes: list[psutil.Process], within_s: float) -> bool:
    _, left = psutil.wait_procs(processes, within_s)
    return not left


def failed(one: Talk, number: int) -> Failed:
    found: Failed = one.until(lambda e: isinstance(e, Failed | Loaded) and e.id == number)
    assert isinstance(found, Failed), found
    one.events.clear()
    return found


def test_it_starts_answers_and_is_gone_with_the_session(
    talk: Make, files: ModelFiles, started: list[psutil.Process]
) -> None:
    one = talk()
    loaded = one.loaded("vllm", files, max_model_len=512, enforce_eager=True, cpu_kvcache_space=2)
    started += tree(one)
    assert (loaded.device, loaded.n_ctx) == ("cpu", 512)
    assert loaded.effective["dtype"] == "bfloat16"
    assert loaded.effective["enable_prefix_caching"] == "on"
    assert loaded.effective["max_model_len"] == 512
    assert loaded.memory.model_bytes
    done = one.finished("one two three", max_tokens=5)
    assert done.metrics["n_out"] == 5
    assert done.memory.peak_bytes
    words = [e.message for e in one.events if isinstance(e, Progress)]
    assert "loading weights" in words
    one.session.close()
    assert gone(started, 2.0)


def test_the_exact_command_is_shown_without_the_key(talk: Make, files: ModelFiles) -> None:
    one = talk()
    loaded = one.loaded(
        "vllm", files, max_model_len=512, cpu_kvcache_space=2, enable_prefix_caching="off", extra_args=["--seed 3"]
    )
    line = shlex.join(loaded.command)
    assert loaded.command[:3] == ("env", "VLLM_CPU_KVCACHE_SPACE=2", f"VLLM_API_KEY={MASK}")
    assert line.endswith("--max-model-len 512 --no-enable-prefix-caching --seed 3")
    assert f" serve {files.path} --host 127.0.0.1 --port " in line
    server = next(
        p for p in tree(one) if "stand_in_program" in " ".join(p.cmdline()) and "keeper" not in " ".join(p.cmdline())
    )
    key = server.environ()["VLLM_API_KEY"]
    assert len(key) > 30
    assert not any(name in server.environ() for name in launch.OURS)
    everything = "\n".join([*one.session.stderr, line, repr(one.events), " ".join(server.cmdline())])
    assert key not in everything
    assert f"key={MASK}" in "\n".join(one.session.stderr), "its log is the session's, and it named the key there"


def test_a_key_that_only_the_command_line_takes_is_said_so(talk: Make, files: ModelFiles) -> None:
    one = talk()
    loaded = one.loaded("sglang", files)
    assert loaded.command[loaded.command.index("--api-key") + 1] == MASK
    assert any("stands in the command line" in note for note in loaded.notes)


@LINUX
@pytest.mark.parametrize("how", ["close", "kill"])
def test_helpers_that_left_the_group_end_too(
    talk: Make, files: ModelFiles, started: list[psutil.Process], how: str
) -> None:
    one = talk()
    one.loaded("vllm", files, extra_args=stand_in("helpers"))
    started += everybody(one)
    if how == "kill":
        os.kill(one.session.pid, signal.SIGKILL)
    else:
        one.session.close()
    assert gone(started, 2.0)


@LINUX
def test_helpers_end_with_a_killed_program(tmp_path: Path, files: ModelFiles, started: list[psutil.Process]) -> None:
    """The window is killed with signal 9 while a server with all kinds of helpers runs."""
    code = (
        "import time; from tests.engines.servers.test_launched import *; from engines.client import Session, checkout\n"
        f"one = Talk(Session(checkout(), Path({str(tmp_path / 'run')!r})))\n"
        f"one.loaded('vllm', ModelFiles(id='tiny', variant='x', format='safetensors', path={files.path!r}), extra_args=stand_in('helpers'))\n"
        "print(one.session.pid, *[p.pid for p in everybody(one)], flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    started += [psutil.Process(int(n)) for n in parent.stdout.readline().split()]
    assert len(started) == 6
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert gone(started, 2.0)


def test_a_server_that_does_not_hear_is_ended(talk: Make, files: ModelFiles, started: list[psutil.Process]) -> None:
    one = talk()
    one.loaded("vllm", files, extra_args=stand_in("deaf"))
    started += tree(one)
    one.session.close()
    assert gone(started, 5.0)


@pytest.mark.parametrize(
    ("fault", "why"), [("port", "port was taken"), ("memory", "memory ran out"), ("die", "signal 9")]
)
def test_its_early_death_is_said_with_the_cause(talk: Make, files: ModelFiles, fault: str, why: str) -> None:
    one = talk()
    found = failed(one, one.load("vllm", files, extra_args=stand_in(fault)))
    assert (found.code, found.fatal) == ("load_failed", False)
    assert why in found.message
    assert found.hint
    assert gone(tree(one), 2.0)
    assert isinstance(one.loaded("vllm", files), Loaded), "the worker can try again"


def test_a_flag_that_this_version_does_not_know_names_its_knob(talk: Make, tmp_path: Path, tiny_gguf: Path) -> None:
    one = talk()
    files = ModelFiles(id="tiny", variant="q", format="gguf", path=str(tiny_gguf))
    found = failed(one, one.load("llama-server", files, mlock=True))
    assert found.code == "load_failed"
    assert "--mlock" in found.message
    assert "mlock" in found.hint
    assert "no-such" in failed(one, one.load("llama-server", files, extra_args=["--no-such 1"])).message


def test_loading_can_be_cancelled(talk: Make, files: ModelFiles, started: list[psutil.Process]) -> None:
    one = talk()
    number = one.load("vllm", files, extra_args=stand_in("slow"))
    one.until(lambda e: isinstance(e, Progress) and "weights" in e.message)
    started += tree(one)
    one.session.cancel(number)
    assert one.expect(Finished, number).reason == "cancelled"
    assert gone(started, 5.0)


def test_a_server_that_ends_between_answers_is_said_so(talk: Make, files: ModelFiles) -> None:
    one = talk()
    one.loaded("vllm", files)
    server = next(p for p in tree(one) if "keeper" not in " ".join(p.cmdline()))
    server.kill()
    found = failed(one, one.run("one two three"))
    assert found.code == "server_ended"
    assert "signal 9" in found.message


def test_no_program_is_said_with_what_to_do(talk: Make, files: ModelFiles) -> None:
    one = talk()
    found = failed(one, one.load("vllm", files, executable="/nowhere/vllm"))
    assert found.code == "no_program"
    assert "/nowhere/vllm" in found.message


@pytest.mark.parametrize(
    "text", ["--port 1", "--host=0.0.0.0", "--api-key x", "--api_key x", "--api-k x", "--trust-remote-code", "'open"]
)
def test_what_tandem_sets_cannot_be_set_besides(text: str) -> None:
    with pytest.raises(EngineError) as caught:
        program_knobs.added({"extra_args": ["--seed 1", text]})
    assert caught.value.code == "bad_knob"


def test_words_are_taken_apart_as_a_shell_does() -> None:
    assert program_knobs.added({"extra_args": ["--a 1", '--b "2 3"', "--c"]}) == ("--a", "1", "--b", "2 3", "--c")


def test_the_key_is_in_no_repr() -> None:
    order = Order("T", ("/x/vllm", "--api-key", "sesame"), 1, "m", "sesame", {"KEY": "sesame"})
    assert "sesame" not in repr(Order("T", ("/x/vllm",), 1, "m", "sesame", {"KEY": "sesame"}))
    assert order.shown == ("env", f"KEY={MASK}", "/x/vllm", "--api-key", MASK)
    assert order.environment()["PATH"].split(os.pathsep)[0] == "/x"


def test_it_listens_on_this_machine_alone(talk: Make, files: ModelFiles) -> None:
    one = talk()
    one.loaded("vllm", files)
    listening = [c.laddr.ip for p in tree(one) for c in p.net_connections() if c.status == psutil.CONN_LISTEN]
    assert listening == ["127.0.0.1"]


@LINUX
def test_another_server_on_its_port_is_not_taken_for_it(
    files: ModelFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It serves a model of that name, for any key, and took the port before ours could."""
    monkeypatch.setenv("TANDEM_VLLM", str(programs.write(tmp_path, "vllm")))
    with stand_in_server.stand_in(kind="vllm", models=(files.id,)) as other:
        monkeypatch.setattr(launch, "free_port", lambda: other.port)
        adapter, quiet = Vllm(), types.SimpleNamespace(push=lambda event, job=None: None)
        try:
            with pytest.raises(EngineError) as caught:
                adapter.load(files, defaults(SPEC.load) | {"extra_args": stand_in("port")}, Job(1, quiet, tmp_path))
        finally:
            adapter.close()
    assert caught.value.code == "load_failed"
    assert "port was taken" in caught.value.message


def test_a_servers_slow_end_is_waited_for_after_a_cut_and_only_then() -> None:
    """vLLM killed in the middle: its helpers take more than a second to go, and it is gone after them."""
    waited: list[float] = []
    adapter = Vllm()
    order = Order("vLLM", ("/x/vllm",), 1, "m", "k")
    adapter._server = types.SimpleNamespace(  # type: ignore[assignment]
        gone=lambda within_s: waited.append(within_s) or within_s > 2.0, order=order, end_words=lambda: "it was killed"
    )
    cut, refused = EngineError("cut_off", "cut"), EngineError("context_full", "too long")
    assert (adapter._explain(cut).code, adapter._explain(refused)) == ("server_ended", refused)
    assert waited[1] == 0.0


def test_on_a_cpu_vllm_takes_a_quarter_of_what_is_free_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    bare = msgspec.structs.replace(hardware.machine(), gpus=())
    monkeypatch.setattr(hardware, "machine", lambda: bare)
    monkeypatch.setattr(hardware, "free_memory", lambda: 20 << 30)
    knobs = defaults(SPEC.load)
    assert Vllm()._environment(knobs) == {"VLLM_CPU_KVCACHE_SPACE": "5"}
    assert Vllm()._environment(knobs | {"cpu_kvcache_space": 2}) == {"VLLM_CPU_KVCACHE_SPACE": "2"}
    assert Vllm()._environment(knobs | {"gpu_memory_utilization": 0.5}) == {}
    monkeypatch.setattr(hardware, "free_memory", lambda: 1 << 30)
    assert Vllm()._environment(knobs) == {"VLLM_CPU_KVCACHE_SPACE": "1"}
