"""The home folder and what lies below it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.errors import TandemError
from app.paths import Paths

FOLDERS = ("models", "cache", "run", "lock", "logs", "backups")


def test_home_comes_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("TANDEM_HOME", str(tmp_path / "mine"))
    assert Paths.default().home == tmp_path / "mine"


def test_a_relative_home_does_not_move_with_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TANDEM_HOME", "mine")
    home = Paths.default().home
    monkeypatch.chdir("/")
    assert home == tmp_path / "mine"


def test_without_the_variable_it_is_the_systems_place(tmp_path, monkeypatch):
    monkeypatch.setenv("TANDEM_HOME", "")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    home = Paths.default().home
    assert home.name == "tandem"
    assert home.is_absolute()


def test_asking_makes_the_folder_for_its_owner_alone(tmp_path):
    paths = Paths(tmp_path / "deep" / "home")
    for name in FOLDERS:
        folder = getattr(paths, name)
        assert folder == paths.home / name
        assert folder.is_dir()
        assert folder.stat().st_mode & 0o777 == 0o700
    assert paths.home.stat().st_mode & 0o777 == 0o700


def test_the_database_is_named_but_not_made(tmp_path):
    database = Paths(tmp_path / "home").database
    assert database.parent.is_dir()
    assert not database.exists()


def test_a_home_that_cannot_be_made_is_told_in_words(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(TandemError) as caught:
        Paths(tmp_path / "file" / "home").models  # noqa: B018 - asking makes it
    assert caught.value.code == "no_folder"
    assert str(tmp_path / "file") in caught.value.message


def test_resources_lie_beside_the_packages():
    assert Paths.resources == Path(__file__).resolve().parents[2] / "resources"
    assert os.fspath(Paths.resources)
