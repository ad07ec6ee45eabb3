"""`tandem servers` as a script and a person see it."""

from __future__ import annotations

import pytest

from tests.app.cli.test_cli import reply, tandem
from tests.stand_in_server import stand_in

KEY = "48151623-cli"


def test_added_listed_asked_and_removed(home: object) -> None:
    with stand_in(kind="vllm", models=("org/small",)) as there:
        made = reply("servers", "add", there.url, "--title", "Box")
        assert (made["id"], made["title"], made["models"], made["key"]) == ("box", "Box", ["org/small"], False)
        assert ([m["id"] for m in made["served"]], made["kind"], made["problem"]) == (["org/small"], "vllm", None)
        asked = reply("servers", "ask", "box")
    assert asked["kind"] == "vllm"
    assert [m["id"] for m in asked["served"]] == ["org/small"]
    assert [s["models"] for s in reply("servers", "list")["servers"]] == [["org/small"]]
    assert reply("servers", "remove", "box") == {"removed": "box"}
    assert reply("servers", "list") == {"servers": []}


def test_adding_says_what_was_found(home: object) -> None:
    with stand_in(kind="vllm", models=("org/small",)) as there:
        done = tandem("servers", "add", there.url, "--title", "Box")
    assert done.returncode == 0, done.stderr
    assert "vllm" in done.stdout
    assert "1 model," in done.stdout
    assert "org/small" in done.stdout


def test_one_that_does_not_answer_is_kept_with_the_reason(home: object) -> None:
    made = reply("servers", "add", "http://127.0.0.1:9", "--title", "Box")
    assert (made["id"], made["served"], made["problem"]["code"]) == ("box", [], "no_server")
    assert [s["id"] for s in reply("servers", "list")["servers"]] == ["box"]
    done = tandem("servers", "add", "http://127.0.0.1:9")
    assert (done.returncode, "Nothing answers" in done.stderr, "servers ask box" in done.stderr) == (0, True, True)


def test_its_models_are_models_of_the_library(home: object) -> None:
    with stand_in(models=("org/small",)) as there:
        reply("servers", "add", there.url)
        reply("servers", "ask", reply("servers", "list")["servers"][0]["id"])
    found = [m for m in reply("models", "list")["models"] if m["format"] == "server"]
    assert [m["title"] for m in found] == ["org/small"]


def test_the_key_is_used_and_shown_nowhere(home: object) -> None:
    with stand_in(key=KEY) as there:
        tandem("servers", "add", there.url, "--title", "Box")
        without = tandem("servers", "ask", "box")
        assert without.returncode != 0
        assert "asks for a key" in without.stderr
        done = tandem("servers", "ask", "box", TANDEM_SERVER_KEY=KEY)
        wrong = tandem("servers", "ask", "box", "--json", TANDEM_SERVER_KEY="48151623-other")
    assert done.returncode == 0, done.stderr
    assert "does not take this key" in wrong.stdout
    assert "48151623" not in done.stdout + done.stderr + wrong.stdout + wrong.stderr


@pytest.mark.parametrize(
    ("argv", "code", "error"),
    [
        (("add", "http://user:pass@host/v1"), 2, "bad_url"),
        (("add", "nonsense://x"), 2, "bad_url"),
        (("add", "http://[::1"), 2, "bad_url"),
        (("ask", "gone"), 2, "unknown_server"),
        (("remove", "gone"), 2, "unknown_server"),
    ],
)
def test_bad_input_has_a_code(home: object, argv: tuple[str, ...], code: int, error: str) -> None:
    assert reply("servers", *argv, code=code)["error"]["code"] == error


def test_an_empty_list_says_what_to_do(home: object) -> None:
    assert "tandem servers add" in tandem("servers", "list").stdout
