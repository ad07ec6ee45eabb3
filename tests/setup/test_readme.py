"""The commands that README shows exist, with the options it shows."""

import re
import shlex
from pathlib import Path

import click
import pytest

from app.cli.root import tandem

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^(tandem .+)$", README, re.MULTILINE)


def test_readme_shows_commands():
    assert len(COMMANDS) > 8
    assert "make run" in README
    assert "make test" in README


@pytest.mark.parametrize("line", COMMANDS)
def test_a_shown_command_is_understood(line):
    words = shlex.split(line, comments=True)[1:]
    if "<" in words:
        words = words[: words.index("<")]
    command: click.Command | None = tandem
    while isinstance(command, click.Group):
        name, words = words[0], words[1:]
        command = command.get_command(click.Context(command), name)
        assert command, f"there is no {name}"
    with command.make_context(name, words):
        pass


@pytest.mark.parametrize("target", re.findall(r"\]\(([\w./]+\.md)\)", README))
def test_a_linked_document_is_there(target):
    assert (ROOT / target).is_file()
