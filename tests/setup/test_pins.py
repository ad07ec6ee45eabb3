"""The requirement files are exact and complete, and stamps tell a finished group from an interrupted one."""

import importlib.metadata
import tomllib
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tandem_setup import pins

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "packaging" / "requirements"
GROUPS = ["core", "window", "hub", "llama-cpp", "transformers", "dev"]


def requirements(group: str) -> list[Requirement]:
    """The pins of a group and of what it includes that hold on this machine."""
    file = FOLDER / f"{group}.txt"
    files = [file, *pins.included(file)]
    lines = [line for f in files for line in f.read_text(encoding="utf-8").splitlines()]
    found = [Requirement(line) for line in lines if line and not line.startswith(("#", "-r "))]
    return [r for r in found if r.marker is None or r.marker.evaluate()]


def versions(group: str) -> dict[str, str]:
    return {canonicalize_name(r.name): str(r.specifier).removeprefix("==") for r in requirements(group)}


@pytest.mark.parametrize("group", GROUPS)
def test_every_line_is_an_exact_pin(group):
    assert pins.pinned(FOLDER / f"{group}.txt")


def test_a_loose_requirement_is_refused(tmp_path):
    file = tmp_path / "loose.txt"
    file.write_text("numpy>=2\n")
    with pytest.raises(ValueError, match="no exact pin"):
        pins.pinned(file)


def test_a_package_has_one_version_in_all_groups():
    seen: dict[str, str] = {}
    for group in GROUPS:
        for name, version in versions(group).items():
            assert seen.setdefault(name, version) == version, f"{name} differs in {group}"


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_pins_all_that_its_packages_need(group):
    have = versions(group)
    environment = {**default_environment(), "extra": ""}
    for name in have:
        for text in importlib.metadata.requires(name) or []:
            needed = Requirement(text)
            if needed.marker is None or needed.marker.evaluate(environment):
                key = canonicalize_name(needed.name)
                assert key in have, f"{name} needs {needed}, which {group}.txt does not pin"
                assert needed.specifier.contains(have[key], prereleases=True), f"{name} needs {needed}"


@pytest.mark.parametrize("group", GROUPS)
def test_what_is_installed_is_what_is_pinned(group):
    installed = {name: importlib.metadata.version(name).split("+")[0] for name in versions(group)}
    assert installed == versions(group)


def test_the_pins_fit_what_the_project_declares():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {"core": project["dependencies"], **project["optional-dependencies"]}
    for group, wanted in declared.items():
        for requirement in map(Requirement, wanted):
            if requirement.marker is None or requirement.marker.evaluate():
                version = versions(group)[canonicalize_name(requirement.name)]
                assert requirement.specifier.contains(version), f"{group}: {requirement} against {version}"


def test_a_stamp_ends_with_a_changed_pin_of_the_group_or_of_what_it_includes(tmp_path):
    (tmp_path / "core.txt").write_text("a==1\n")
    group = tmp_path / "group.txt"
    group.write_text("# why\n-r core.txt\nb==1\n")
    stamps = tmp_path / "stamps"
    pins.stamp(stamps, "group", pins.digest(group))
    group.write_text("# another reason\n-r core.txt\nb==1\n")
    assert pins.is_stamped(stamps, "group", pins.digest(group))
    (tmp_path / "core.txt").write_text("a==2\n")
    assert not pins.is_stamped(stamps, "group", pins.digest(group))
    pins.stamp(stamps, "group", pins.digest(group))
    pins.unstamp(stamps, "group")
    assert not pins.is_stamped(stamps, "group", pins.digest(group))


def test_the_project_is_installed_again_only_for_what_matters_to_it(tmp_path):
    text = '[build-system]\nrequires = []\n[project]\nname = "x"\n[tool.setuptools]\n[tool.ruff]\nline-length = {}\n'
    file = tmp_path / "pyproject.toml"
    file.write_text(text.format(100))
    before = pins.project_digest(file)
    file.write_text(text.format(120))
    assert pins.project_digest(file) == before
    file.write_text(text.format(120).replace('"x"', '"y"'))
    assert pins.project_digest(file) != before


def test_half_installed_packages_are_swept(tmp_path):
    whole, half, doomed = (tmp_path / name for name in ("a-1.dist-info", "b-1.dist-info", "~c"))
    for folder in (whole, half, doomed):
        folder.mkdir()
    (whole / "RECORD").write_text("")
    (half / "METADATA").write_text("Name: b")
    assert pins.sweep_half_installed(tmp_path) == ["b-1.dist-info", "~c"]
    assert [f.name for f in tmp_path.iterdir()] == ["a-1.dist-info"]
    assert pins.sweep_half_installed(tmp_path / "missing") == []
