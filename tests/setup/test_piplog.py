"""What a person reads while pip works and when it fails."""

import pytest

from tandem_setup import piplog


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["Collecting numpy==2.4.6 (from -r core.txt)"], "looking up numpy"),
        (
            ["Collecting torch==2.13.0", "  Downloading torch-2.13.0-cp311-none-any.whl (190.1 MB)"],
            "downloading torch, 190.1 MB",
        ),
        (["  Building wheel for llama-cpp-python (pyproject.toml): started"], "compiling llama-cpp-python"),
        (
            [
                "  Building wheel for llama-cpp-python (pyproject.toml): started",
                "  Building wheel for llama-cpp-python (pyproject.toml): still running...",
            ],
            "compiling llama-cpp-python",
        ),
        (["  Created wheel for llama-cpp-python: filename=x.whl"], ""),
        (["Installing collected packages: a, b", "  Attempting uninstall: a"], "unpacking"),
        (["WARNING: something"], ""),
        ([], ""),
    ],
)
def test_pips_newest_telling_line_becomes_a_few_words(lines, expected):
    assert piplog.doing(lines) == expected


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ("CMake Error: CMAKE_CXX_COMPILER not set, after EnableLanguage", "INSTALL A COMPILER"),
        ("OSError: [Errno 28] No space left on device", "make room"),
        ("ERROR: No matching distribution found for torch==2.13.0", "pip config list"),
        ("Failed to establish: Temporary failure in name resolution", "network"),
        ("something never seen", ""),
    ],
)
def test_a_failure_says_what_to_do(log, expected):
    advice = piplog.advice(log, "INSTALL A COMPILER")
    assert expected in advice
    assert bool(advice) == bool(expected)


def test_the_tail_leaves_out_warnings_about_folders_and_empty_lines():
    log = "one\n\nWARNING: Location 'x' is ignored\n" + "\n".join(f"line {n}" for n in range(20))
    shown = piplog.tail(log, 3)
    assert [line.strip() for line in shown.splitlines()] == ["line 17", "line 18", "line 19"]
    assert "WARNING" not in piplog.tail(log, 100)
