"""Files before a model: text of every kind is read, everything else is refused in words, and nothing runs for ever."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pypdf
import pytest

from app.errors import TandemError
from app.lab import documents, pdf_text
from tests.app.lab.pdfs import pdf


def written(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def refused(path: Path) -> TandemError:
    with pytest.raises(TandemError) as caught:
        documents.read(path)
    assert path.name in caught.value.message
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_text_is_read_in_its_encoding(tmp_path: Path, encoding: str) -> None:
    data = "Grüße, 世界\r\nsecond line".encode(encoding)
    document = documents.read(written(tmp_path, "a", data))
    assert document.text == "Grüße, 世界\nsecond line"
    assert (document.kind, document.pages, document.notes) == ("text", None, ())
    assert document.bytes == len(data)
    assert document.sha256 == hashlib.sha256(data).hexdigest()


def test_old_windows_text_is_read_and_says_so(tmp_path: Path) -> None:
    document = documents.read(written(tmp_path, "old.txt", "naïve café – “yes”".encode("cp1252")))
    assert document.text == "naïve café – “yes”"
    assert "Windows-1252" in document.notes[0]


@pytest.mark.parametrize("text", [b"BM is a way to search", b"MZ was his name", b"ID3 is a decision tree"])
def test_a_text_may_begin_like_something_else(tmp_path: Path, text: bytes) -> None:
    assert documents.read(written(tmp_path, "a.txt", text)).text == text.decode()


@pytest.mark.parametrize(
    ("name", "data", "what"),
    [
        ("a.txt", b"\x89PNG\r\n\x1a\n\0\0", "a picture"),
        ("b", b"\x7fELF\x02\x01\x01\0\0", "a program"),
        ("report.docx", b"PK\x03\x04\x14\0", "an office document"),
        ("c.zip", b"PK\x03\x04\x14\0", "an archive"),
        ("m.gguf", b"GGUF\x03\0\0\0", "a model"),
        ("s.wav", b"RIFF\x10\0\0\0WAVE", "a sound"),
        ("v.mp4", b"\0\0\0\x18ftypmp42", "a video"),
        ("n.txt", b"text with a \0 in it", "not text"),
        ("r.bin", bytes(range(1, 256)) * 4, "not text"),
        ("h.txt", bytes(range(0xC0, 0x100)) * 20, "not text"),
    ],
)
def test_what_is_no_text_is_named(tmp_path: Path, name: str, data: bytes, what: str) -> None:
    error = refused(written(tmp_path, name, data))
    assert error.code == "binary"
    assert what in error.message


def test_missing_folders_empty_and_huge_files_are_refused(tmp_path: Path) -> None:
    assert refused(tmp_path / "gone.txt").code == "not_found"
    (tmp_path / "folder").mkdir()
    assert refused(tmp_path / "folder").code == "not_found"
    assert refused(written(tmp_path, "empty.txt", b" \n")).code == "no_text"
    huge = tmp_path / "huge.txt"
    with huge.open("wb") as file:
        file.truncate(documents.TEXT_BYTES + 1)
    assert refused(huge).code == "too_large"
    with pytest.raises(TandemError) as caught:
        documents.from_text("Pasted text", "x" * (documents.TEXT_BYTES + 1))
    assert caught.value.code == "too_large"


def test_a_paste_becomes_a_document_even_with_broken_characters() -> None:
    document = documents.from_text("Pasted text", "one\r\ntwo \ud800")
    assert document.text == "one\ntwo ?"
    assert document.name == "Pasted text"


def test_files_stand_fenced_under_their_names_before_what_was_typed() -> None:
    made = documents.in_prompt([("a.md", "see:\n````\ncode\n````\n"), ("b`\n.txt", "B")], "Which is longer?")
    assert made == (
        "File: a.md\n`````\nsee:\n````\ncode\n````\n`````\n\nFile: b' .txt\n```\nB\n```\n\nWhich is longer?"
    )
    assert documents.in_prompt([("b.txt", "B")], "") == "File: b.txt\n```\nB\n```"
    assert documents.in_prompt([], "Hi") == "Hi"


def test_a_pdf_gives_its_text_page_by_page(tmp_path: Path) -> None:
    heard: list[tuple[str, float | None]] = []
    path = written(tmp_path, "paper.bin", pdf(["First page", "Second page\nwith two lines"]))
    document = documents.read(path, lambda words, share: heard.append((words, share)))
    assert document.kind == "pdf"
    assert document.pages == 2
    assert document.text == "First page\n\nSecond page\nwith two lines"
    assert heard == [("page 1 of 2", 0.0), ("page 2 of 2", 0.5)]


def test_three_hundred_pages_are_read_whole(tmp_path: Path) -> None:
    path = written(tmp_path, "long.pdf", pdf([f"page number {i}" for i in range(312)]))
    document = documents.read(path)
    assert document.pages == 312
    assert document.text.count("page number") == 312


def test_a_scan_and_a_partly_scanned_file_say_so(tmp_path: Path) -> None:
    assert refused(written(tmp_path, "scan.pdf", pdf(["", ""]))).code == "no_text"
    document = documents.read(written(tmp_path, "half.pdf", pdf(["words", "", ""])))
    assert document.notes == ("2 pages without text: pictures, or scanned.",)


def test_a_locked_file_asks_for_one_without_a_password(tmp_path: Path) -> None:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf(["secret"])))
    writer.encrypt("sesame", algorithm="RC4-128")
    writer.write(tmp_path / "locked.pdf")
    assert refused(tmp_path / "locked.pdf").code == "password"


def test_a_file_that_only_forbids_printing_is_read(tmp_path: Path) -> None:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf(["open words"])))
    writer.encrypt("", owner_password="owner", algorithm="RC4-128")
    writer.write(tmp_path / "owned.pdf")
    assert documents.read(tmp_path / "owned.pdf").text == "open words"


@pytest.mark.parametrize("data", [b"%PDF-1.7\nnothing more", b"%PDF-1.4\n" + b"\xff" * 5000, pdf(["text"])[:200]])
def test_a_damaged_file_is_refused_without_a_word_in_the_log(tmp_path: Path, data: bytes) -> None:
    assert refused(written(tmp_path, "broken.pdf", data)).code == "damaged"


def test_a_file_whose_table_is_elsewhere_is_mended_and_says_so(tmp_path: Path) -> None:
    path = written(tmp_path, "cut.pdf", pdf(["still there"]).replace(b"startxref\n", b"startxref\n9"))
    document = documents.read(path)
    assert document.text == "still there"
    assert document.notes == ("The file is slightly damaged: some text may be missing.",)


def test_reading_can_be_stopped_inside_a_page(tmp_path: Path) -> None:
    path = written(tmp_path, "long.pdf", pdf([b"BT /F1 12 Tf (x) Tj " * 1000]))
    calls: list[int] = []

    def cancelled() -> bool:
        calls.append(1)
        return len(calls) > 10

    with pytest.raises(TandemError) as caught:
        documents.read(path, cancelled=cancelled)
    assert caught.value.code == "cancelled"
    assert len(calls) == 11


def test_a_runaway_file_ends_at_its_limits() -> None:
    data = pdf(["one", "two", "three"])
    ticks: list[str] = []

    def quick(words: str, _share: float | None) -> None:
        ticks.append(words)

    with pytest.raises(TandemError) as caught:
        pdf_text.extract("slow.pdf", data, quick, lambda: False, 1_000_000, seconds=0.0)
    assert caught.value.code == "too_large"
    text, pages, notes = pdf_text.extract("big.pdf", data, quick, lambda: False, most=7)
    assert (text, pages) == ("one\n\ntwo", 3)
    assert "only 2 of 3 pages" in notes[0]


def test_a_page_that_is_one_great_drawing_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_text, "PAGE_BYTES", 2000)
    document = documents.read(written(tmp_path, "map.pdf", pdf(["words", b"0 0 m 1 1 l S " * 500])))
    assert document.text == "words"
    assert document.notes == ("1 page left out, a large drawing: 2.",)


def test_a_page_that_cannot_be_unpacked_says_so_and_nothing_reaches_the_log(tmp_path: Path) -> None:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf(["first words", "second words"])))
    for page in writer.pages:
        page.compress_content_streams()
    whole = io.BytesIO()
    writer.write(whole)
    data = bytearray(whole.getvalue())
    start = data.index(b"stream") + len("stream\n") + 10
    data[start : start + 8] = b"\xff" * 8
    document = documents.read(written(tmp_path, "torn.pdf", bytes(data)))
    assert "second words" in document.text
    assert document.notes
