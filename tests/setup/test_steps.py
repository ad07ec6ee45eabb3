"""Which steps a command has, how failures travel, and that pytest's closing line closes the output."""

import io
import os
from pathlib import Path

import pytest

import bootstrap
from tandem_setup import checks, commands, machine, steps
from tandem_setup.environment import Environment, install_line
from tandem_setup.errors import SetupError
from tandem_setup.progress import Progress

ROOT = Path(__file__).resolve().parents[2]


def test_only_three_pythons_are_supported():
    assert [v for v in [(3, 9), (3, 10), (3, 11), (3, 12), (3, 13), (3, 14)] if bootstrap.supported(v)] == [
        (3, 11),
        (3, 12),
        (3, 13),
    ]
    assert "3.10" in bootstrap.too_old_or_new((3, 10, 4))


def test_without_a_supported_python_the_reason_is_said(monkeypatch, capsys):
    monkeypatch.setattr(bootstrap, "supported", lambda version: False)
    monkeypatch.setattr(bootstrap, "another_python", lambda: None)
    assert bootstrap.main(["run"]) == 2
    assert "Tandem needs Python 3.11, 3.12 or 3.13" in capsys.readouterr().err


def test_another_python_must_really_start(monkeypatch, tmp_path):
    broken = tmp_path / "python3.12"
    broken.write_text("#!/bin/sh\nexit 127\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert bootstrap.another_python() is None
    broken.write_text("#!/bin/sh\nexit 0\n")
    assert bootstrap.another_python() == str(broken)


@pytest.mark.parametrize("command", commands.COMMANDS)
def test_each_command_installs_what_it_needs(command, tmp_path):
    names = [g.name for g in steps.groups_for(command)]
    assert names[:2] == ["core", "window"]
    assert ("dev" in names) == (command in {"test", "check"})
    assert ("llama-cpp" in names) == (command != "check")
    for name in names:
        assert Environment(ROOT).requirements(name).is_file()


def test_the_compile_time_follows_the_cores():
    assert "4–8 minutes on 2 cores" in steps.llama_cpp(2).about
    assert "1–2 minutes on 16 cores" in steps.llama_cpp(16).about
    assert steps.llama_cpp(1).about.endswith("1 core")


def fail(progress: Progress) -> None:
    raise SetupError("It broke.", "Mend it.")


def test_a_step_that_can_be_left_out_does_not_stop_the_rest():
    done: list[str] = []
    out = io.StringIO()
    plan = [
        steps.Step("there", lambda: True, lambda p: done.append("there")),
        steps.Step("engine", lambda: False, fail, needed=False),
        steps.Step("last", lambda: False, lambda p: done.append("last")),
    ]
    troubles = steps.do(plan, Progress(out, len(plan)))
    assert done == ["last"]
    assert [t.message for t in troubles] == ["It broke."]
    assert "1/3 there: ready" in out.getvalue()
    assert "It broke.\nWhat to do: Mend it.\nGoing on without it.\n" in out.getvalue()


def test_a_needed_step_stops():
    with pytest.raises(SetupError, match=r"It broke\."):
        steps.do([steps.Step("core", lambda: False, fail)], Progress(io.StringIO(), 1))


def test_a_failure_is_said_with_what_to_do(monkeypatch, capsys):
    monkeypatch.setattr(commands, "_command", lambda command, env: fail(None))
    assert commands.main(["setup"]) == 1
    assert capsys.readouterr().err == "\nIt broke.\n\nWhat to do: Mend it.\n"


def test_an_unknown_command_shows_the_usage(capsys):
    assert commands.main(["fly"]) == 2
    assert "usage" in capsys.readouterr().err


def test_a_full_disk_is_told_before_anything_is_made(tmp_path):
    with pytest.raises(SetupError, match="Not enough disk space"):
        steps.check_room(Environment(tmp_path), needed=10**18)
    steps.check_room(Environment(tmp_path), needed=1)


def test_without_rights_the_one_line_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "administrator", lambda: None)
    with pytest.raises(SetupError) as caught:
        steps.install_system_packages(["libgl1", "xvfb"], Progress(io.StringIO(), 1), tmp_path / "apt.log")
    assert caught.value.hint == install_line(["libgl1", "xvfb"]) == "sudo apt-get install libgl1 xvfb"


@pytest.mark.skipif(os.name != "posix", reason="a shell script stands in for apt-get")
def test_apt_runs_update_and_then_one_install(monkeypatch, tmp_path):
    log = tmp_path / "calls"
    fake = tmp_path / "apt-get"
    fake.write_text(f'#!/bin/sh\necho "$DEBIAN_FRONTEND $*" >> {log}\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(machine, "administrator", list)
    steps.install_system_packages(["libgl1"], Progress(io.StringIO(), 1), tmp_path / "logs" / "apt.log")
    assert log.read_text().splitlines() == [
        "noninteractive -q update",
        "noninteractive -q install -y --no-install-recommends libgl1",
    ]


@pytest.mark.parametrize(
    ("engines", "expected"), [(["llama-cpp", "transformers"], "llama-cpp"), (["transformers"], "transformers")]
)
def test_without_a_display_one_chat_is_held(monkeypatch, capsys, tmp_path, engines, expected):
    ran: list[list[str]] = []
    env = Environment(tmp_path)
    monkeypatch.setattr(Environment, "installed", lambda self, group: group in engines)
    monkeypatch.setattr(machine, "has_display", lambda variables: False)
    monkeypatch.setattr(commands, "_become", lambda command, env: ran.append(command) or 0)
    assert commands.start(env) == 0
    assert ran == [
        [str(env.script("tandem")), "run", "chat", commands.QUESTION, "--model", "smollm2-135m", "--engine", expected]
    ]
    assert "no display" in capsys.readouterr().out


def test_with_a_display_the_window_opens(monkeypatch, tmp_path):
    ran: list[list[str]] = []
    env = Environment(tmp_path)
    monkeypatch.setattr(machine, "has_display", lambda variables: True)
    monkeypatch.setattr(commands, "_become", lambda command, env: ran.append(command) or 0)
    commands.start(env)
    assert ran == [[str(env.script("tandem"))]]


def test_pip_keeps_the_persons_settings_and_no_foreign_python(monkeypatch, tmp_path):
    monkeypatch.setenv("PIP_FIND_LINKS", "somewhere")
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    variables = Environment(tmp_path).variables(A="1")
    assert variables["PIP_FIND_LINKS"] == "somewhere"
    assert "PYTHONPATH" not in variables
    assert variables["TANDEM_STARTER"] == str(tmp_path / ".cache" / "starter")
    assert variables["A"] == "1"


def test_a_broken_environment_is_not_usable(tmp_path):
    env = Environment(tmp_path)
    assert not env.usable
    env.scripts.mkdir(parents=True)
    env.python.write_text("#!/bin/sh\nexit 1\n")
    env.python.chmod(0o755)
    assert not env.usable


CLOSINGS = [
    "============================== 12 passed in 3.21s ==============================",
    "==== 1 failed, 11 passed, 2 warnings in 63.00s (0:01:03) ====",
    "\x1b[31m==== \x1b[31m\x1b[1m1 error\x1b[0m\x1b[31m in 0.12s\x1b[0m\x1b[31m ====\x1b[0m",
]


@pytest.mark.parametrize("closing", CLOSINGS)
def test_the_closing_line_is_held_back_and_the_rest_shown(closing):
    shown: list[str] = []
    lines = ["collected 12 items\n", "tests/a.py ... [100%]\n", f"{closing}\n", "late words\n"]
    assert checks.hold_back_closing(lines, shown.append) == closing
    assert shown == ["collected 12 items", "tests/a.py ... [100%]", "late words"]


def test_every_check_runs_although_one_fails_and_pytest_closes(monkeypatch, tmp_path, capfd):
    env = Environment(tmp_path)
    env.logs.mkdir(parents=True)
    ran: list[str] = []

    def run(name: str, command: list[str], env: Environment) -> checks.Result:
        ran.append(name)
        return checks.Result(name, 1 if name == "mypy" else 0, 1.0)

    monkeypatch.setattr(checks, "_run", run)
    monkeypatch.setattr(checks, "_pytest", lambda env: (0, CLOSINGS[0]))
    assert checks.run_all(env) == 1
    lines = capfd.readouterr().out.splitlines()
    assert ran == ["ruff check", "ruff format", "mypy", "lint-imports"]
    assert lines[-1] == CLOSINGS[0]
    assert [line.split()[:2] for line in lines if line.startswith("  mypy")] == [["mypy", "FAILED"]]
    assert (env.logs / "pytest-closing.txt").read_text(encoding="utf-8").strip() == CLOSINGS[0]
    checks.forget_last(env)
    assert not (env.logs / "pytest-closing.txt").exists()


def test_the_words_of_a_download_are_its_name():
    assert steps.which_starter(["x", "smollm2-135m: 1 MB of 98 MB downloading"]) == "smollm2-135m"
    assert steps.which_starter([]) == ""
