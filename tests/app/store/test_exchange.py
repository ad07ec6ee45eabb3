"""Conversations out to files and back: nothing is lost, and what other programs write is read."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import TandemError
from app.store import RunRecord, exchange
from app.store.carried import Carried, in_order

HOSTILE = [
    "", " ", "\n", "\n\n  text \n\n", "## You", "# Title\n\n## You\n\nhi\n\n## Assistant\n", "-->", "<!-- tandem", "```\nopen",
    "a\r\nb", "\r", "a\rb\n", "\x00", "\u2028x\x85y\x0bz", "<!-- tandem 00000000 end -->", "\\u003e > &gt;", "“Grün” 日本語 🦓",
    '{"messages": []}', "[1]", "<sub>x</sub>", "---", "\ufeffbom",
]  # fmt: skip
TEXTS = st.one_of(st.text(st.characters(exclude_categories=["Cs"])), st.sampled_from(HOSTILE))
LINES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=40)
ROLES = st.sampled_from(["user", "assistant"])
# The examples share a store: what else is in the history makes no difference.
BRIEFLY = settings(
    max_examples=60, deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)  # fmt: skip


def shape(store, conversation_id):
    """The tree by its places: (place of the parent, role, text, …, shown) of each message."""
    messages, shown = store.tree(conversation_id)
    places = {message.id: place for place, message in enumerate(messages)}
    heads, files = store.run_heads(conversation_id), store.attachments(conversation_id)
    return [
        (
            None if m.parent_id is None else places[m.parent_id], m.role, m.content, m.status, m.created, m.edited,
            m.id in shown, heads[m.run_id].metrics if m.run_id else None,
            [(file.name, file.kind, file.bytes, file.sha256) for file in files.get(m.id, ())],
        )
        for m in messages
    ]  # fmt: skip


@given(title=TEXTS, system=TEXTS, said=st.lists(st.tuples(ROLES, TEXTS, st.integers(-1, 5)), max_size=8))
@BRIEFLY
def test_json_brings_back_the_whole_tree(store, title, system, said):
    made, ids = store.create_conversation(title, "model", "engine"), [""]
    store.update_conversation(made.id, system=system, knobs={"temperature": 0.5})
    for role, text, back in said:
        ids.append(store.add_message(made.id, role, text, parent_id=ids[back % len(ids)]).id)
    text = exchange.to_json(store, made.id)
    assert json.loads(text)["format"] == exchange.FORMAT
    if not (title or system or said):
        return
    (again,) = exchange.import_text(store, text)
    assert (again.title, again.system, again.model, again.engine) == (title, system, "model", "engine")
    assert (again.knobs, again.created) == ({"temperature": 0.5}, made.created)
    assert shape(store, again.id) == shape(store, made.id)
    assert [m.content for m in store.messages(again.id)] == [m.content for m in store.messages(made.id)]


@given(title=LINES, system=TEXTS, said=st.lists(st.tuples(ROLES, TEXTS), min_size=1, max_size=8), crlf=st.booleans())
@BRIEFLY
def test_markdown_brings_back_title_roles_and_exact_texts(store, title, system, said, crlf):
    made = store.create_conversation(title, "a model")
    store.update_conversation(made.id, system=system)
    for role, text in said:
        store.add_message(made.id, role, text)
    text = exchange.to_markdown(store, made.id)
    (again,) = exchange.import_text(store, text.replace("\n", "\r\n") if crlf else text)
    assert (again.title, again.system, again.model) == (title, system, "a model")
    assert [(m.role, m.content) for m in store.messages(again.id)] == said


def test_an_exported_conversation_may_itself_hold_an_exported_conversation(store):
    made = store.create_conversation("Inner")
    store.add_message(made.id, "user", "first")
    inner = exchange.to_markdown(store, made.id)
    store.add_message(made.id, "assistant", inner)
    (again,) = exchange.import_text(store, exchange.to_markdown(store, made.id))
    assert [m.content for m in store.messages(again.id)] == ["first", inner]


@pytest.fixture
def rich(store):
    made = store.create_conversation("Planets  &\nmoons", "smollm2-135m", "llama-cpp")
    question = store.add_message(made.id, "user", "How many?")
    kept = store.keep_file(b"The notes.", ".txt")
    store.attach(question.id, "document", "notes.txt", "text/plain", kept, 10, "aa")
    store.attach(question.id, "image", "moon.png", "image/png", "/nowhere/moon.png", 1_234_567, "bb")
    run = store.add_run(
        RunRecord(
            task="chat", model="SmolLM2", variant="q4", engine="llama-cpp", reason="length", record={"ids": [1]},
            metrics={"ttft_s": 0.214, "decode_tok_s": 41.26, "n_in": 1200, "n_out": 256, "n_cached": None},
        )
    )  # fmt: skip
    first = store.add_message(made.id, "assistant", "Nine.", run_id=run)
    store.add_message(made.id, "assistant", "Eight.", parent_id=question.id)
    gone = store.add_message(made.id, "assistant", "Gone.", parent_id=question.id)
    store.delete_message(gone.id)
    store.edit_message(first.id, "Nine!")
    store.show_version(first.id)
    return made


def test_json_has_figures_files_and_every_version_and_none_that_was_put_away(store, rich):
    text = exchange.to_json(store, rich.id)
    assert "Gone." not in text
    (again,) = exchange.import_text(store, text)
    assert shape(store, again.id)[0][-1] == [
        ("notes.txt", "document", 10, hashlib.sha256(b"The notes.").hexdigest()),
        ("moon.png", "image", 1_234_567, "bb"),
    ]
    question, answer = store.messages(again.id)
    assert (answer.content, answer.version, answer.versions, answer.edited is not None) == ("Nine!", 1, 2, True)
    head = store.run_heads(again.id)[answer.run_id]
    assert (head.model, head.variant, head.engine, head.reason) == ("SmolLM2", "q4", "llama-cpp", "length")
    assert head.metrics == {"ttft_s": 0.214, "decode_tok_s": 41.26, "n_in": 1200, "n_out": 256, "n_cached": None}
    notes, moon = store.attachments(again.id)[question.id]
    assert Path(notes.path).read_bytes() == b"The notes."
    assert moon.path == ""


def test_markdown_is_readable_as_it_is(store, rich):
    text = exchange.to_markdown(store, rich.id)
    shown = [line for line in text.splitlines() if line and not line.startswith("<!--")]
    assert shown == [
        "# Planets & moons", "## You", "How many?", "*File: notes.txt (10 bytes)*", "*File: moon.png (1.2 MB)*",
        "## SmolLM2", "Nine!",
        "<sub>first token 0.21 s · 41.3 tok/s · 1,200 tokens read · 256 tokens written · stopped at max tokens</sub>",
    ]  # fmt: skip
    (again,) = exchange.import_text(store, text)
    assert again.title == "Planets  &\nmoons"
    assert [file.name for file in store.attachments(again.id)[store.messages(again.id)[0].id]] == [
        "notes.txt",
        "moon.png",
    ]
    assert [head.model for head in store.run_heads(again.id).values()] == ["SmolLM2"]


def test_what_was_changed_by_hand_in_the_markdown_counts(store):
    made = store.create_conversation("Old title")
    store.add_message(made.id, "user", "one\r\ntwo")
    text = exchange.to_markdown(store, made.id)
    (again,) = exchange.import_text(store, text.replace("# Old title", "# New title").replace("\ntwo\n", "\nthree\n"))
    assert again.title == "New title"
    assert [m.content for m in store.messages(again.id)] == ["one\nthree"]


@pytest.mark.parametrize(
    ("text", "title", "said"),
    [
        ('[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]', "name", ["Hi", "Hello"]),
        ('{"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}, {"type": "image_url"}]}]}', "name", ["Hi"]),
        ('{"id": 7, "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]}', "name", ["Hi", "Hello"]),
        ('{"title": "T", "extra": {}, "messages": [{"id": "a", "role": "user", "content": "Hi", "new": 1}, 7, null]}', "T", ["Hi"]),
        ('{"messages": [{"id": "a", "role": "user", "content": "Hi"}, {"id": "a", "role": "assistant", "content": "Hello"}]}', "name", ["Hi", "Hello"]),
        ('\ufeff{"messages": [{"role": 7, "content": null}, {"role": "user", "content": "a\\ud83db"}]}', "name", ["", "a?b"]),
        ("# Talk\n\n## User\n\nHi\n\n### Assistant:\nHello\n\n## Details\nmore\n", "Talk", ["Hi", "Hello\n\n## Details\nmore"]),
        ('{"format": "tandem.conversation", "version": 99, "title": 5, "messages": [{"id": "b", "parent": "a", "role": "assistant", "content": "2"}, {"id": "a", "parent": null, "role": "user", "content": "1", "created": 1e15, "figures": {"metrics": {"ttft_s": "soon", "n_in": true, "n_out": NaN}}, "files": [1, {"name": "x", "bytes": "y"}]}]}', "name", ["1", "2"]),
    ],
)  # fmt: skip
def test_what_other_programs_write_is_read(store, text, title, said):
    (made,) = exchange.import_text(store, text, "name")
    assert made.title == title
    assert [m.content for m in store.messages(made.id)] == said
    assert [m.role for m in store.messages(made.id)][-1] == ("user" if len(said) == 1 or said[0] == "" else "assistant")


def test_times_and_figures_that_nobody_could_show_are_left_out(store):
    (made,) = exchange.import_text(
        store,
        '{"messages": [{"role": "user", "content": "1", "created": 1e15, "figures":'
        ' {"metrics": {"ttft_s": "soon", "n_in": true, "n_out": NaN, "e2e_s": 2, "itl_p50_s": null}}}]}',
    )
    (message,) = store.messages(made.id)
    assert abs(message.created - made.created) < 1
    assert store.run_heads(made.id)[message.run_id].metrics == {"e2e_s": 2, "itl_p50_s": None}


def test_a_system_message_becomes_the_system_prompt(store):
    (made,) = exchange.import_text(
        store, '[{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}]'
    )
    assert made.system == "Be kind."
    assert [m.content for m in store.messages(made.id)] == ["Hi"]


@pytest.mark.parametrize(
    "text",
    [
        '[{"conversations": [{"from": "human", "value": "1"}]}, {"conversations": [{"from": "human", "value": "2"}]}]',
        '{"messages": [{"role": "user", "content": "1"}]}\n\n{"messages": [{"role": "user", "content": "2"}]}\n',
        '{"conversations": [{"messages": [{"role": "user", "content": "1"}]}, {"messages": [{"role": "user", "content": "2"}]}]}',
    ],
)
def test_several_conversations_of_one_file_are_all_read(store, text):
    made = exchange.import_text(store, text)
    assert [store.messages(each.id)[0].content for each in made] == ["1", "2"]


@pytest.mark.parametrize(
    "text",
    ["", "   ", "just words", "{", "[", '{"a": 1}', "[]", "[" * 100_000, '{"messages": "no"}', '{"messages": []}', "<html>", "7"],
)  # fmt: skip
def test_what_is_no_conversation_is_told_and_nothing_is_made(store, text):
    with pytest.raises(TandemError) as caught:
        exchange.import_text(store, text)
    assert caught.value.code == "bad_import"
    assert caught.value.hint
    assert store.conversations() == []


def test_a_file_that_is_too_large_is_told(store, tmp_path, monkeypatch):
    monkeypatch.setattr(exchange, "LIMIT_BYTES", 2_000_000)
    path = tmp_path / "large.json"
    path.write_text('["' + "ü" * 1_000_000 + '"]', encoding="utf-8")
    for act in (
        lambda: exchange.import_file(store, path),
        lambda: exchange.import_text(store, path.read_text("utf-8")),
    ):
        with pytest.raises(TandemError, match="larger than 2 MB") as caught:
            act()
        assert caught.value.code == "bad_import"


def test_files_are_read_with_their_name_as_the_title(store, tmp_path):
    path = tmp_path / "My talk.json"
    path.write_bytes(b'\xef\xbb\xbf[{"role": "user", "content": "Hi"}]')
    assert [made.title for made in exchange.import_file(store, path)] == ["My talk"]
    path.write_bytes(b"\xff\xfe\x00")
    for each in (path, tmp_path / "none.json"):
        with pytest.raises(TandemError) as caught:
            exchange.import_file(store, each)
        assert caught.value.code == "bad_import"


def test_a_conversation_that_is_not_there_is_told(store):
    for act in (exchange.to_json, exchange.to_markdown):
        with pytest.raises(TandemError) as caught:
            act(store, "none")
        assert caught.value.code == "not_found"


@given(links=st.lists(st.integers(-1, 9), max_size=10))
def test_messages_are_put_in_order_whatever_their_links(links):
    given_ = [
        Carried(id=str(n), parent=None if link < 0 else str(link), role="user", content="")
        for n, link in enumerate(links)
    ]
    found = list(in_order(given_))
    assert sorted(m.id for m in found) == sorted(m.id for m in given_)
    before: set[str | None] = {None}
    for message in found:
        assert message.parent in before
        before.add(message.id)


def test_importing_is_found_by_search_and_listed_first(store):
    store.create_conversation("other")
    (made,) = exchange.import_text(store, '[{"role": "user", "content": "a zebra"}]', "Animals")
    assert [hit.conversation_id for hit in store.search("zebra")] == [made.id]
    assert store.conversations()[0].id == made.id
