"""Files beside the typed text: read in a thread, counted by the loaded model, refused in words; prompts kept for later."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from PySide6.QtGui import QColor, QImage
from pytestqt.qtbot import QtBot

from app.lab import documents
from app.ui import images
from app.ui.program import Program
from app.ui.state import prompting, saved_prompts
from app.ui.state.prompting import DraftFile, Prompting
from engines.protocol import Failed, Tokens
from tests.app.lab.pdfs import pdf
from tests.fakes import FakeServices


@pytest.fixture
def drafting(program: Program, services: FakeServices) -> Iterator[Prompting]:
    made = Prompting(services, program.bridge, program.model, program.kept)
    yield made
    made.close()


@pytest.fixture
def settle(drafting: Prompting, qtbot: QtBot) -> Callable[[], tuple[DraftFile, ...]]:
    """Wait until everything is read."""

    def wait() -> tuple[DraftFile, ...]:
        qtbot.waitUntil(lambda: not drafting.busy)
        return drafting.files

    return wait


def text_file(folder: Path, name: str = "a.txt", text: str = "some words") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def picture(folder: Path, name: str = "p.png", width: int = 2048, height: int = 512) -> str:
    image = QImage(width, height, QImage.Format.Format_RGB32)
    image.fill(QColor("#336699"))
    image.save(str(folder / name))
    return str(folder / name)


def load(program: Program, services: FakeServices) -> None:
    program.model.load()
    services.session.become_ready()
    program.model.poll()


def test_files_are_read_in_order_and_taken_once(drafting: Prompting, tmp_path: Path, settle) -> None:
    (tmp_path / "paper.pdf").write_bytes(pdf(["one", "two"]))
    drafting.add_files([text_file(tmp_path), str(tmp_path / "paper.pdf"), text_file(tmp_path)])
    assert [file.reading for file in drafting.files] == [True, True]
    files = settle()
    assert [(file.name, file.detail, file.problem) for file in files] == [
        ("a.txt", "10 B", ""),
        ("paper.pdf", "2 pages", ""),
    ]
    assert [document.text for document in drafting.take()] == ["some words", "one\n\ntwo"]
    assert drafting.files == ()


def test_what_cannot_be_read_says_why_and_harms_nothing(drafting: Prompting, tmp_path: Path, settle) -> None:
    (tmp_path / "x.zip").write_bytes(b"PK\x03\x04....")
    drafting.add_files([str(tmp_path / "x.zip"), text_file(tmp_path)])
    bad, good = settle()
    assert "an archive" in bad.problem
    assert "Unpack it" in bad.problem
    assert bad.document is None
    assert good.document is not None
    assert [document.name for document in drafting.take()] == ["a.txt"]


def test_tokens_are_counted_by_the_loaded_model_and_again_by_another(
    drafting: Prompting, program: Program, services: FakeServices, tmp_path: Path, settle
) -> None:
    drafting.add_files([text_file(tmp_path)])
    assert settle()[0].tokens is None
    load(program, services)
    session = services.session
    assert session.calls[-1] == "tokenize " + documents.in_prompt([("a.txt", "some words")], "")
    session.say(Tokens(id=session.run_id, ids=tuple(range(1234))))
    program.model.poll()
    assert drafting.files[0].tokens == drafting.tokens == 1234
    assert drafting.files[0].detail == "1,234 tokens"
    session.become_ready()
    program.model.poll()
    program.model.changed.emit()
    assert drafting.files[0].tokens is None
    session.say(Tokens(id=session.run_id, ids=(1,)))
    program.model.poll()
    assert drafting.files[0].detail == "1 token"


def test_a_long_text_is_reckoned_from_its_beginning(
    ready: Program, services: FakeServices, drafting: Prompting, monkeypatch: pytest.MonkeyPatch, settle
) -> None:
    monkeypatch.setattr(prompting, "COUNTED", 100)
    drafting.add_text("Pasted text", "word " * 100)
    settle()
    services.session.say(Tokens(id=services.session.run_id, ids=tuple(range(25))))
    ready.model.poll()
    assert drafting.files[0].tokens == 125
    assert drafting.files[0].detail == "about 125 tokens"


def test_a_count_that_fails_leaves_the_file_usable(
    ready: Program, services: FakeServices, drafting: Prompting, settle
) -> None:
    drafting.add_text("Pasted text", "words")
    settle()
    services.session.say(Failed(id=services.session.run_id, code="x", message="no"))
    ready.model.poll()
    assert drafting.tokens is None
    assert len(drafting.take()) == 1


def test_a_file_taken_off_while_it_is_read_does_not_come_back(
    drafting: Prompting, tmp_path: Path, settle, qtbot: QtBot
) -> None:
    (tmp_path / "long.pdf").write_bytes(pdf([f"page {i}" for i in range(400)]))
    drafting.add_files([str(tmp_path / "long.pdf"), text_file(tmp_path)])
    qtbot.waitUntil(lambda: "page" in drafting.files[0].detail)
    drafting.remove(drafting.files[0].id)
    assert [file.name for file in settle()] == ["a.txt"]


def test_sending_leaves_what_is_still_being_read(drafting: Prompting, tmp_path: Path, settle) -> None:
    drafting.add_files([text_file(tmp_path)])
    assert drafting.take() == ()
    assert [document.text for document in (settle(), drafting.take())[1]] == ["some words"]


def test_a_huge_paste_is_refused_in_words(drafting: Prompting, settle) -> None:
    drafting.add_text("Pasted text", "x" * (documents.TEXT_BYTES + 1))
    assert "at most 20 MB" in settle()[0].problem


def test_a_whole_folder_of_files_is_cut_off_in_words(
    drafting: Prompting, tmp_path: Path, settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompting, "FILES", 2)
    drafting.add_files([text_file(tmp_path, f"{i}.txt") for i in range(5)])
    files = settle()
    assert [file.name for file in files] == ["0.txt", "1.txt", "Too many files"]
    assert "3 more files" in files[-1].problem


def test_a_picture_is_refused_by_a_model_that_reads_only_text(
    ready: Program, drafting: Prompting, tmp_path: Path, settle
) -> None:
    drafting.add_files([picture(tmp_path)])
    (file,) = settle()
    assert file.problem == (
        "SmolLM2-135M-Instruct cannot see this: the model was made for text alone. "
        "Load a model that sees, or describe the picture."
    )
    assert file.detail == "1,024 × 256"
    assert drafting.pictures == ()


def test_a_model_that_sees_is_given_the_picture(
    program: Program, services: FakeServices, drafting: Prompting, tmp_path: Path, settle
) -> None:
    drafting.add_files([picture(tmp_path)])
    assert settle()[0].problem == "", "which model will answer is not known before a load"
    load(program, services)
    services.session.loaded = msgspec.structs.replace(services.session.loaded, sees=True)
    assert drafting.files[0].problem == ""
    (made,) = drafting.pictures
    assert made.path.parent == services.paths.home / "attachments"
    assert made.bytes == made.path.stat().st_size


def test_a_pasted_picture_is_kept_like_a_file(drafting: Prompting, services: FakeServices, settle) -> None:
    image = QImage(30, 20, QImage.Format.Format_RGB32)
    image.fill(0)
    drafting.add_picture("Pasted picture", lambda name, folder: images.kept(name, image, folder))
    (file,) = settle()
    assert (file.name, file.detail) == ("Pasted picture", "30 × 20")


def test_prompts_are_kept_replaced_and_dropped(drafting: Prompting, program: Program) -> None:
    second = drafting.keep_prompt("Translate", "Translate into French:")
    drafting.keep_prompt("", "Answer in one line, please, and in rhymes only")
    drafting.keep_prompt("translate", "Translate into German:")
    assert [(p.title, p.text) for p in drafting.prompts()] == [
        ("Answer in one line, please, and in rhymes…", "Answer in one line, please, and in rhymes only"),
        ("translate", "Translate into German:"),
    ]
    assert second is not None
    drafting.drop_prompt(second.id)
    assert len(drafting.prompts()) == 1
    assert drafting.keep_prompt("Empty", "  ") is None


def test_prompts_of_another_shape_are_passed_over(drafting: Prompting, program: Program) -> None:
    program.kept.set(
        saved_prompts.PROMPTS,
        [1, {"id": "a"}, {"id": "b", "title": 3, "text": "x"}, {"id": "c", "title": "C", "text": "t"}],
    )
    assert [p.id for p in drafting.prompts()] == ["c"]
    program.kept.set(saved_prompts.PROMPTS, "nonsense")
    assert drafting.prompts() == []


def again(program: Program, services: FakeServices) -> Prompting:
    """The same, as after a new start."""
    made = Prompting(services, program.bridge, program.model, program.kept)
    made.restore()
    return made


def test_files_and_pastes_survive_a_crash(
    drafting: Prompting, program: Program, services: FakeServices, tmp_path: Path, settle, qtbot: QtBot
) -> None:
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04....")
    drafting.add_files([text_file(tmp_path), picture(tmp_path), str(tmp_path / "broken.zip")])
    drafting.add_text("Pasted text", "a long paste")
    settle()
    after = again(program, services)
    qtbot.waitUntil(lambda: not after.busy)
    assert [file.name for file in after.files] == ["a.txt", "p.png", "Pasted text"]
    assert [document.text for document in after.take()] == ["some words", "a long paste"]
    after.close()


def test_what_was_sent_or_is_gone_does_not_come_back(
    drafting: Prompting, program: Program, services: FakeServices, tmp_path: Path, settle
) -> None:
    drafting.add_files([text_file(tmp_path)])
    settle()
    (tmp_path / "a.txt").unlink()
    assert again(program, services).files == ()
    drafting.take()
    text_file(tmp_path)
    assert again(program, services).files == ()
    program.kept.set(prompting.DRAFT_FILES, [1, {"name": 2, "path": 3}, {"path": "x"}])
    assert again(program, services).files == ()


def test_a_paste_that_is_taken_off_leaves_no_copy(drafting: Prompting, services: FakeServices, settle) -> None:
    drafting.add_text("Pasted text", "secret")
    (file,) = settle()
    folder = services.paths.home / "attachments"
    assert [path.read_text() for path in folder.iterdir()] == ["secret"]
    drafting.remove(file.id)
    assert list(folder.iterdir()) == []
