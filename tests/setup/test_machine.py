"""What set-up believes about the machine it runs on."""

import pytest

from tandem_setup import machine


@pytest.mark.parametrize(
    ("environment", "platform", "expected"),
    [
        ({}, "linux", False),
        ({"DISPLAY": ""}, "linux", False),
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({}, "darwin", True),
        ({}, "win32", True),
    ],
)
def test_a_display_is_what_the_system_says(environment, platform, expected):
    assert machine.has_display(environment, platform) is expected


def test_a_compiler_is_found_on_the_path_or_in_cxx(tmp_path):
    assert not machine.has_compiler({"PATH": str(tmp_path)}, "linux")
    assert machine.has_compiler({"PATH": str(tmp_path), "CXX": "/some/c++"}, "linux")
    compiler = tmp_path / "g++"
    compiler.write_text("#!/bin/sh\n")
    compiler.chmod(0o755)
    assert machine.has_compiler({"PATH": str(tmp_path)}, "linux")


def test_only_installed_packages_count_as_installed():
    listing = "libgl1 installed\nxvfb config-files\nlibegl1 not-installed\nunknown\n\n"
    assert machine.installed_packages(listing) == {"libgl1"}
    missing = machine.missing_packages(["xvfb", "libgl1", "libegl1", "g++"], lambda names: listing)
    assert missing == ["xvfb", "libegl1", "g++"]


def test_wanted_packages_follow_what_is_asked():
    everything_there = machine.wanted_packages(window=True, tests=False, compiler=True, venv=True)
    assert set(everything_there) == set(machine.QT_PACKAGES)
    bare = machine.wanted_packages(window=True, tests=True, compiler=False, venv=False)
    assert {"xvfb", "g++", "make"} < set(bare)
    assert any(name.endswith("-venv") for name in bare)
    assert machine.wanted_packages(window=False, tests=False, compiler=True, venv=True) == []


def test_we_may_not_install_when_the_person_forbids_it(monkeypatch):
    monkeypatch.setenv("TANDEM_NO_APT", "1")
    assert machine.administrator() is None


def test_folder_bytes_counts_files_and_not_links(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a").write_bytes(b"x" * 700)
    (tmp_path / "b").write_bytes(b"x" * 300)
    (tmp_path / "c").symlink_to(tmp_path / "b")
    assert machine.folder_bytes(tmp_path) == 1000
    assert machine.folder_bytes(tmp_path / "missing") == 0


def test_compiler_advice_names_a_command_for_each_system():
    assert "xcode-select" in machine.compiler_advice("darwin")
    assert "winget" in machine.compiler_advice("win32")
    assert "apt-get install g++" in machine.compiler_advice("linux")
