"""Chat templates: strangers' programs, in a child that holds them to limits and comes back after each."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from engines.chat import render
from engines.chat.prompt import text_of
from engines.chat.render import Renderer
from engines.chat.template import render as render_here
from engines.children import start_inside
from engines.errors import EngineError
from engines.protocol import Message, ModelFiles

CHATML = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
TALK = (Message("user", "Grüß Gott 👋 <b>&"), Message("assistant", "Hi"), Message("user", "Why?"))
ANSWER = (
    "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
    "<|im_start|>user\nGrüß Gott 👋 <b>&<|im_end|>\n<|im_start|>assistant\nHi<|im_end|>\n<|im_start|>user\nWhy?<|im_end|>\n"
    "<|im_start|>assistant\n"
)


def files(template: str | None) -> ModelFiles:
    return ModelFiles(id="m", variant="v", format="gguf", path="/m", template=template, bos="<s>", eos="</s>")


@pytest.fixture
def renderer() -> Iterator[Renderer]:
    one = Renderer(start_inside)
    yield one
    one.close()


def refused(renderer: Renderer, template: str) -> str:
    with pytest.raises(EngineError) as caught:
        renderer.render(files(template), TALK)
    assert caught.value.code == "bad_template"
    assert caught.value.hint
    assert renderer.render(files(CHATML), TALK) == ANSWER, "the child must work afterwards"
    return caught.value.message


def order(template: str, **messages: Any) -> dict[str, Any]:
    return {"template": template, "bos": "<s>", "eos": "</s>", "messages": [{"role": "user", "content": "hi"}]}


def test_a_chatml_template_gives_its_prompt(renderer: Renderer) -> None:
    assert renderer.render(files(CHATML), TALK) == ANSWER


def test_a_model_without_a_template_continues_the_text(renderer: Renderer) -> None:
    assert text_of(TALK, files(None), renderer) == ("Grüß Gott 👋 <b>&\n\nHi\n\nWhy?", True)
    assert text_of(TALK, files(CHATML), renderer) == (ANSWER, False)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ bos_token }}x{{ eos_token }}", "<s>x</s>"),
        ("{{ messages | tojson }}", '[{"role": "user", "content": "hi"}]'),
        ("{{ {'b': '<é>', 'a': 1} | tojson(sort_keys=True, separators=(',', ':')) }}", '{"a":1,"b":"<é>"}'),
        ("{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}", "hi"),
        ("{% for i in range(9) %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% endfor %}", "01"),
        ("  {% if true %}\n  x\n  {% endif %}\ny", "  x\ny"),
        ("{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}", "1"),
        ("{{ tools is none and documents is none }}", "True"),
    ],
)  # fmt: skip
def test_what_templates_of_models_use(template: str, text: str) -> None:
    assert render_here(order(template)) == {"text": text}


def test_the_date_can_be_had() -> None:
    assert render_here(order("{{ strftime_now('%Y') }}"))["text"] == time.strftime("%Y")


# What a template may try: the first line is what such attacks look like in CVE-2024-34359, -56326 and 2025-27516.
ATTACKS = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ lipsum.__globals__['os'].system('id') }}",
    "{{ self._TemplateReference__context }}",
    "{{ self.__init__.__globals__ }}",
    "{{ messages.__class__.__base__ }}",
    "{{ (messages | attr('__class__')).__base__ }}",
    "{{ raise_exception.__globals__ }}",
    "{{ raise_exception.__code__ }}",
    "{{ strftime_now.__globals__['datetime'] }}",
    "{{ '%s'.format.__self__ }}",
    "{{ '{0.__class__.__init__.__globals__}'.format(messages) }}",
    "{{ ('{0.__class__}' | attr('format'))(messages) }}",
    "{% set f = '{0.__class__}'.format %}{{ f(messages) }}",
    "{{ '{x.__class__}'.format_map({'x': 1}) }}",
    "{{ messages.append(1) }}",
    "{{ messages[0].update({'role': 'x'}) }}",
    "{{ namespace.__init__.__globals__ }}",
    "{{ joiner.__init__.__globals__ }}",
    "{{ dict.__base__ }}",
    "{{ [].__reduce_ex__(2) }}",
    "{{ (1).__class__.__bases__[0] }}",
    "{{ range(1000000000) | list }}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}",
    "{% extends 'x' %}",
    "{{ open('/etc/passwd').read() }}",
    "{{ raise_exception('Roles must alternate') }}",
    "{{ 1 / 0 }}",
    "{{ messages[99].content.x }}",
    "{% if %}",
    "{{ {}[[]] }}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{{ " + "(" * 400 + "1" + ")" * 400 + " }}",
]


@pytest.mark.parametrize("template", ATTACKS)
def test_what_a_template_must_not_do_is_an_answer(template: str) -> None:
    """Each either fails, or what it reached for is undefined and stays without effect."""
    answer = render_here(order(template))
    if "error" not in answer:
        assert "uid=" not in answer["text"]
        assert "root:" not in answer["text"]
        assert "<class" not in answer["text"]
        assert "<module" not in answer["text"]
        assert len(answer["text"]) < 1000


def test_a_template_says_why_it_refuses(renderer: Renderer) -> None:
    assert "Roles must alternate" in refused(renderer, "{{ raise_exception('Roles must alternate') }}")


def test_a_template_over_64_kib_is_refused(renderer: Renderer) -> None:
    assert "64 KiB" in refused(renderer, "x" * (render.TEMPLATE_BYTES + 1))
    assert len(renderer.render(files("x" * render.TEMPLATE_BYTES), TALK)) == render.TEMPLATE_BYTES


def test_a_template_that_never_ends_is_ended(renderer: Renderer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "TIMEOUT_S", 0.5)
    endless = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
    with pytest.raises(EngineError, match=r"longer than 0\.5 s"):
        renderer.render(files(endless), TALK)
    monkeypatch.undo()
    assert renderer.render(files(CHATML), TALK) == ANSWER


@pytest.mark.parametrize(
    "bomb", ["{{ 'a' * 2000000000 }}", "{{ ('a' * 300000000) ~ ('b' * 300000000) }}", "{{ [1] * 1000000000 }}"]
)
def test_a_memory_bomb_goes_off_in_the_child(renderer: Renderer, bomb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "TIMEOUT_S", 10.0)
    message = refused(renderer, bomb)
    assert "512 MB" in message


def test_an_output_over_4_mib_is_refused(renderer: Renderer) -> None:
    assert "4 MiB" in refused(renderer, "{{ 'é' * 2100000 }}")
    assert len(renderer.render(files("{{ 'a' * 4000000 }}"), TALK)) == 4_000_000


def test_a_child_that_was_ended_is_started_again(renderer: Renderer) -> None:
    renderer.warm()
    child = renderer._child or pytest.fail("no child")
    child.kill()
    child.wait()
    assert renderer.render(files(CHATML), TALK) == ANSWER
    assert renderer._child is not child


def test_a_child_that_cannot_start_is_an_engine_error() -> None:
    one = Renderer(lambda argv, **more: start_inside([argv[0], "-c", "raise SystemExit(1)"], **more))
    with pytest.raises(EngineError, match="helper"):
        one.render(files(CHATML), TALK)
    one.close()


def test_a_conversation_of_megabytes_is_rendered(renderer: Renderer) -> None:
    long = (Message("user", "wörd " * 400_000),)
    assert renderer.render(files("{{ messages[0].content }}"), long) == long[0].content


def test_a_message_is_never_read_as_a_template(renderer: Renderer) -> None:
    evil = (Message("user", "{{ 7 * 7 }}{% for %}"),)
    assert "{{ 7 * 7 }}{% for %}" in renderer.render(files(CHATML), evil)


def test_frames_of_the_helper_are_json(tmp_path: Any) -> None:
    path = tmp_path / "frames"
    with path.open("wb") as out:
        render.write_frame(out, {"text": "é"})
    raw = path.read_bytes()
    assert json.loads(raw[4:]) == {"text": "é"}
    with path.open("rb") as back:
        assert render.read_frame(back) == {"text": "é"}
    path.write_bytes(raw[:-1])
    with path.open("rb") as back, pytest.raises(EOFError):
        render.read_frame(back)
