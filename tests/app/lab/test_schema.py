"""Answers against a schema: the verdict is in words, hostile schemas end in time, and nothing is fetched."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from app.errors import TandemError
from app.lab import schema

SHOP = json.dumps({
    "type": "object",
    "properties": {"items": {"type": "array", "items": {"type": "object", "properties": {"price": {"type": "number"}}}}},
    "required": ["items"],
})  # fmt: skip


def refused(made: Any) -> str:
    with pytest.raises(TandemError) as caught:
        schema.check(made if isinstance(made, str) else json.dumps(made))
    assert caught.value.code == "bad_schema"
    return caught.value.message


@pytest.mark.parametrize(
    "answer",
    [
        '{"items": [{"price": 1.5}]}',
        'Here it is:\n```json\n{"items": []}\n```\nAnything else?',
        '~~~\n{"items": []}\n~~~',
    ],
)
def test_a_valid_answer_is_valid_bare_or_fenced(answer: str) -> None:
    verdict = schema.validate(SHOP, answer)
    assert verdict == schema.Verdict(True, "valid against the schema")


def test_what_is_wrong_is_said_with_its_place() -> None:
    verdict = schema.validate(SHOP, '{"items": [{}, {}, {"price": "x"}]}')
    assert verdict == schema.Verdict(False, "not valid: at items[2].price: 'x' is not a number")
    assert schema.validate(SHOP, "{}").words == "not valid: 'items' is a required property"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("", "the answer is empty"),
        ("I cannot say.", "not JSON: expecting value (line 1, column 1)"),
        ('{"items": [', "not JSON: expecting value (line 1, column 12)"),
        ("```json\n{]\n```", "the code block is not JSON"),
        ("```\n1\n```\nor\n```\n2\n```", "2 code blocks"),
        ('{"items": NaN}', "NaN is no number in JSON"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_an_answer_that_is_no_json_says_why(answer: str, words: str) -> None:
    verdict = schema.validate(SHOP, answer)
    assert not verdict.ok
    assert words in verdict.words


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ("", "empty"),
        ('{"type": "object",}', "not JSON"),
        ("[1]", "A schema is a JSON object"),
        ({"type": "text"}, "not a JSON schema: at type: 'text'"),
        ({"type": "string", "pattern": "(["}, "pattern"),
        ({"$ref": "https://example.com/s.json"}, "nothing is fetched"),
        ({"items": {"$ref": "#/$defs/nope"}}, "does not hold"),
        ({"$id": "http://[bad"}, "no address"),
        ({"$schema": 1}, "“$schema”"),
        ("{" + '"a":{' * 5000 + "}" * 5001, "deep"),
    ],
)
def test_a_wrong_schema_is_refused_in_words(made: Any, words: str) -> None:
    assert words in refused(made)


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*_: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    refused({"$ref": "http://localhost:9/s.json"})
    good = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": {"n": {"type": "number"}},
            "$ref": "#/$defs/n"}  # fmt: skip
    assert schema.validate(json.dumps(good), "3").ok
    assert not schema.validate(json.dumps(good), '"3"').ok


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (False, "forbids everything"),
        ({"enum": []}, "enum"),
        ({"type": "integer", "minimum": 5, "maximum": 3}, "minimum 5"),
        ({"type": "number", "exclusiveMinimum": 3, "maximum": 3}, "exclusiveMinimum 3"),
        ({"type": "string", "minLength": 9, "maxLength": 2}, "minLength 9"),
        ({"type": "string", "enum": [1, 2]}, "no value of enum is of type string"),
        ({"type": "object", "required": ["a"], "additionalProperties": False}, "“a” is required"),
        ({"type": "object", "required": ["a"], "properties": {"a": {"type": "object", "required": ["b"],
          "properties": {"b": False}}}}, "a.b is false"),
        ({"type": "array", "minItems": 1, "items": {"const": "x", "type": "number"}}, "no value of const is of type number at [0]"),
        ({"anyOf": [False, {"enum": []}]}, "forbids everything"),
    ],
)  # fmt: skip
def test_a_schema_that_nobody_can_meet_is_named(made: Any, words: str) -> None:
    assert words in refused(made)
    assert "No answer can meet this schema" in refused(made) or made == {"enum": []}


@pytest.mark.parametrize(
    "made",
    [
        True,
        {},
        {"type": "object", "properties": {"a": False}},
        {"type": "array", "items": False},
        {"minimum": 5, "maximum": 3},
        {"type": ["integer", "null"], "enum": [1.0, None]},
    ],
)
def test_a_schema_that_can_be_met_is_taken(made: Any) -> None:
    schema.check(json.dumps(made))


def test_a_pattern_that_would_take_for_ever_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    from app.lab import schema_check

    monkeypatch.setattr(schema_check, "SECONDS", 0.05)
    evil, text = r"^(a|aa)+$", "a" * 60 + "!"
    for made, answer in (
        ({"pattern": evil}, json.dumps(text)),
        ({"patternProperties": {evil: {}}}, json.dumps({text: 1})),
        ({"additionalProperties": False, "patternProperties": {evil: {}}}, json.dumps({text: 1})),
    ):
        verdict = schema.validate(json.dumps(made), answer)
        assert not verdict.ok
        assert "took over" in verdict.words


def test_references_that_double_the_work_are_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    from app.lab import schema_check

    monkeypatch.setattr(schema_check, "SECONDS", 0.05)
    parts: dict[str, Any] = {f"a{i}": {"allOf": [{"$ref": f"#/$defs/a{i + 1}"}] * 2} for i in range(40)}
    made = {"$defs": parts | {"a40": {}}, "$ref": "#/$defs/a0"}
    assert "took over" in schema.validate(json.dumps(made), "1").words
    assert "without end" in schema.validate('{"$ref": "#"}', "1").words


def test_additional_properties_still_count_with_patterns() -> None:
    made = json.dumps({"properties": {"a": {}}, "patternProperties": {"^x": {}}, "additionalProperties": False})
    assert schema.validate(made, '{"a": 1, "xy": 2}').ok
    assert "'b' was unexpected" in schema.validate(made, '{"a": 1, "b": 2}').words


@pytest.mark.parametrize("keyword", ["not", "allOf", "items", "properties"])
def test_a_schema_of_a_hundred_levels_is_refused_or_checked_and_never_breaks(keyword: str) -> None:
    made: Any = {"type": "string"}
    answer: Any = "x"
    for _ in range(95):
        made = {keyword: [made] if keyword == "allOf" else {"a": made} if keyword == "properties" else made}
        answer = [answer] if keyword == "items" else {"a": answer} if keyword == "properties" else answer
    try:
        words = schema.validate(json.dumps(made), json.dumps(answer)).words
    except TandemError as error:
        words = error.message
    assert words == schema.VALID or "too deep" in words or keyword == "not"


@pytest.mark.timeout(30)
def test_nothing_but_fences_takes_no_time() -> None:
    """A search that looks again from each fence takes minutes here."""
    assert not schema.validate('{"type": "object"}', "~~~a\n" * 100_000).ok
