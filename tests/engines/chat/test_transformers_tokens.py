"""Ids to text and back; a GGUF's tokenizer after conversion must cut as llama.cpp does."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from engines.chat import transformers_convert as conversion
from engines.chat.transformers import Transformers
from engines.chat.transformers_tiny import tiny_tokenizer
from engines.chat.transformers_tokens import Detokenizer, Tokens
from engines.errors import Cancelled, EngineError
from engines.job import Job
from engines.protocol import ChatRequest, Convert, Message, ModelFiles
from tests.engines.chat.transformers_kit import TEMPLATE, Out, tiny_folder


def texts(tokens: Tokens, ids: list[int], stop: tuple[str, ...] = ()) -> tuple[list[str], Detokenizer]:
    reader = Detokenizer(tokens, [], stop, frozenset({2}))
    return [*(reader.push(i) for i in ids), reader.finish()], reader


def test_characters_come_whole() -> None:
    tokens = Tokens(tiny_tokenizer())
    ids = tokens.encode("naïve 😀!", False)
    pieces, reader = texts(tokens, ids)
    assert "".join(pieces) == "naïve 😀!" == reader.assembler.text
    assert "�" not in "".join(pieces)
    assert pieces.count("") >= 4
    assert reader.n_shown() == len(ids)


def test_half_a_character_at_the_end_is_shown_as_such() -> None:
    tokens = Tokens(tiny_tokenizer())
    pieces, _ = texts(tokens, tokens.encode("a😀", False)[:-1])
    assert "".join(pieces).startswith("a")
    assert len("".join(pieces)) > 1


def test_the_end_token_and_cut_stop_texts_are_not_shown() -> None:
    tokens = Tokens(tiny_tokenizer())
    _, reader = texts(tokens, [*tokens.encode("ab", False), 2])
    assert (reader.assembler.text, reader.n_shown(), len(reader.ids)) == ("ab", 2, 3)
    _, reader = texts(tokens, tokens.encode("abXYcd", False), ("XY",))
    assert (reader.assembler.text, reader.n_shown(), reader.stopped) == ("ab", 2, True)


def test_offsets_grow_with_whole_characters() -> None:
    tokens = Tokens(tiny_tokenizer())
    ids = [*tokens.encode("aé!", False), 2]
    assert len(ids) == 5
    _, reader = texts(tokens, ids)
    assert reader.offsets == [1, 1, 2, 3, 3], "the first byte of a character gives nothing, nor does the end"
    _, reader = texts(tokens, tokens.encode("abXYcd", False), ("XY",))
    assert reader.offsets == [1, 2, 2, 2, 2, 2], "a stop text is held back, then cut"


def test_the_pieces_of_a_prompt_are_what_the_model_reads() -> None:
    tokens = Tokens(tiny_tokenizer())
    text = "<|im_start|>user\n  two words <|im_end|>\n"
    pieces = tokens.pieces(tokens.encode(text, False))
    assert "".join(pieces) == text
    assert pieces[0] == "<|im_start|>"
    half = tokens.pieces(tokens.encode("é", False))
    assert set(half) == {"\ufffd"}
    assert tokens.pieces([]) == ()
    with pytest.raises(EngineError) as caught:
        tokens.pieces([10**6])
    assert caught.value.code == "bad_ids"


def test_special_tokens_written_in_a_text_are_parsed() -> None:
    tokens = Tokens(tiny_tokenizer())
    assert tokens.encode("<|im_start|>", False) == [1]


def test_a_broken_tokenizer_is_told(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(EngineError) as caught:
        Tokens.read(tmp_path)
    assert caught.value.code == "no_tokenizer"


@pytest.mark.parametrize(("add_bos", "first"), [(True, [0]), (False, [])])
def test_bos_stands_where_the_header_says(tmp_path: Path, add_bos: bool, first: list[int]) -> None:
    file = tmp_path / "tokenizer.json"
    tiny_tokenizer().save(str(file))
    header = {"model": "gpt2", "pre": "smollm", "add_bos": add_bos, "bos": 0}
    assert conversion.mend_tokenizer(file, header) == []
    tokens = Tokens.read(tmp_path)
    assert tokens.encode("x", True)[:-1] == first
    assert tokens.encode("x", False)[:-1] == []


def test_an_unknown_splitting_rule_is_told(tmp_path: Path) -> None:
    file = tmp_path / "tokenizer.json"
    tiny_tokenizer().save(str(file))
    before = json.loads(file.read_text())
    notes = conversion.mend_tokenizer(file, {"model": "gpt2", "pre": "from-the-future", "add_bos": None, "bos": None})
    assert "from-the-future" in notes[0]
    assert json.loads(file.read_text()) == before


def test_an_unknown_variant_is_refused(tmp_path: Path) -> None:
    files = ModelFiles(id="x", variant="q4_1", format="gguf", path=str(tmp_path / "x.gguf"))
    with pytest.raises(EngineError) as caught:
        Transformers().convert(
            Convert(id=1, engine="transformers", files=files, variant="q8_0", target="y"), Job(1, Out(), tmp_path)
        )
    assert caught.value.code == "bad_variant"


def test_a_file_that_is_no_gguf_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(b"GGUF" + b"\0" * 100)
    files = ModelFiles(id="x", variant="q4_1", format="gguf", path=str(tmp_path / "x.gguf"))
    order = Convert(id=1, engine="transformers", files=files, variant="bf16", target=str(tmp_path / "y"))
    with pytest.raises(EngineError) as caught:
        Transformers().convert(order, Job(1, Out(), tmp_path))
    assert caught.value.code == "bad_model"


def test_conversion_can_be_cancelled(tmp_path: Path) -> None:
    job = Job(1, Out(), tmp_path)
    job.cancel()
    files = ModelFiles(id="x", variant="q4_1", format="gguf", path=str(tmp_path / "x.gguf"))
    with pytest.raises(Cancelled):
        Transformers().convert(Convert(id=1, engine="transformers", files=files, variant="bf16", target="y"), job)


def test_the_tiny_folder_is_complete_and_small() -> None:
    names = {f.name: f.stat().st_size for f in tiny_folder().iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja"} <= set(names)
    assert sum(names.values()) < 2_000_000
    assert (tiny_folder() / "chat_template.jinja").read_text() == TEMPLATE


@pytest.mark.e2e
@pytest.mark.slow
def test_the_starter_gguf_converts_tokenizes_and_answers(starter_gguf: Path, tmp_path: Path) -> None:
    """One conversion (it takes 20 s and more), then everything that needs it."""
    from gguf import GGUFReader

    field = GGUFReader(str(starter_gguf)).get_field("tokenizer.chat_template")
    source = ModelFiles(
        id="s", variant="q4_1", format="gguf", path=str(starter_gguf), template=str(field.contents()), eos="<|im_end|>"
    )
    out, adapter = Out(), Transformers()
    order = Convert(id=1, engine="transformers", files=source, variant="bf16", target=str(tmp_path / "made"))
    made = adapter.convert(order, Job(1, out, tmp_path))
    assert out.fractions() == sorted(out.fractions())
    assert made.bytes > 250_000_000
    _compare_with_llama_cpp(starter_gguf, Path(made.path))
    files = ModelFiles(
        id="s", variant="bf16", format="safetensors", path=made.path, template=source.template, eos=source.eos
    )
    adapter.load(files, {"num_threads": 1}, Job(2, Out(), tmp_path))
    ask = ChatRequest(
        messages=(Message("user", "What is the capital of France?"),), knobs={"temperature": 0.0, "max_tokens": 24}
    )
    assert "Paris" in adapter.run(ask, Job(3, Out(), tmp_path)).text
    adapter.close()


def _compare_with_llama_cpp(gguf: Path, folder: Path) -> None:
    llama_cpp = pytest.importorskip("llama_cpp")
    theirs = llama_cpp.Llama(str(gguf), vocab_only=True, verbose=False)
    ours, draw = Tokens.read(folder), random.Random(1)
    pools = [
        "abc KLM 0123456789 .,;:!?'\n\t\r  ",
        "äöüßéè½²³٣٤ ①⅓ 日本語 한국어 😀👍🏽\u200d\u00a0\u3000 '",
        "'s LL ’re don't I'M  \n\n  \t ",
    ]
    for _ in range(300):
        text = "".join(draw.choice(draw.choice(pools)) for _ in range(draw.randint(1, 40)))
        assert ours.encode(text, False) == theirs.tokenize(text.encode(), add_bos=False, special=True), repr(text)
        assert ours.encode(text, True) == theirs.tokenize(text.encode(), add_bos=True, special=True), repr(text)
    theirs.close()
