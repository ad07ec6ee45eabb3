"""Starter models: from a folder, from a wheel, through pip; checked, resumed, cancelled; nothing of a wheel is run."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

from app.errors import TandemError
from app.library import Library
from app.library.catalogue import StarterFile, Wheel, read_catalogue
from app.library.checksum import never, no_progress
from app.library.fetch import pip_command
from app.library.wheel_files import take_files
from app.paths import Paths
from tests.app.library import builders as b

INSIDE = "tiny_model/data/tiny.gguf"
FILES = {INSIDE: b.gguf()}


class Pip:
    """Stands for pip: copies the wheel from a folder, or does what `code` says."""

    def __init__(self, source: Path, code: str = "") -> None:
        self.source, self.code, self.calls = source, code, 0

    def __call__(self, wheel: Wheel, folder: Path) -> list[str]:
        self.calls += 1
        default = f"import shutil; shutil.copy({str(self.source)!r}, {str(folder)!r})"
        return b.python(self.code or default)


@pytest.fixture
def resources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "resources"
    monkeypatch.setattr(Paths, "resources", folder)
    monkeypatch.delenv("TANDEM_STARTER", raising=False)
    return folder


@pytest.fixture
def wheel(tmp_path: Path, resources: Path) -> Path:
    path = b.wheel(tmp_path, FILES)
    b.catalogue(resources, path, FILES)
    return path


def failure(library: Library, **options: object) -> TandemError:
    with pytest.raises(TandemError) as caught:
        library.install("tiny", **options)  # type: ignore[arg-type]
    assert library.variants() == []
    return caught.value


def test_pip_brings_it_and_the_wheel_goes(wheel: Path, home: Path) -> None:
    pip, seen = Pip(wheel), []
    library = Library(Paths(home), pip)
    (variant,) = library.install("tiny", lambda step, done, total: seen.append((step, done, total)))
    assert (variant.ref, variant.title, variant.licence, variant.outside) == ("tiny:f32", "Tiny", "MIT", False)
    assert Path(variant.path).read_bytes() == FILES[INSIDE]
    assert variant.files[0].sha256 == b.digest(FILES[INSIDE])
    assert library.install("starter") == [variant]
    assert pip.calls == 1
    assert {step.split(" ")[0] for step, _, _ in seen} >= {"downloading", "checking", "unpacking"}
    assert all(done <= total for _, done, total in seen)
    assert not list((home / "cache" / "downloads").iterdir())
    assert library.remove("tiny").freed_bytes == variant.bytes


def test_the_folder_serves_without_pip(
    wheel: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    (root / "tiny").mkdir(parents=True)
    (root / "tiny" / "tiny.gguf").write_bytes(FILES[INSIDE])
    monkeypatch.setenv("TANDEM_STARTER", str(root))
    pip = Pip(wheel)
    (variant,) = Library(Paths(home), pip).install("tiny")
    assert pip.calls == 0
    assert Path(variant.path).samefile(root / "tiny" / "tiny.gguf")
    removed = Library(Paths(home)).remove("tiny")
    assert (removed.freed_bytes, "another name" in removed.notes[0]) == (0, True)
    assert (root / "tiny" / "tiny.gguf").is_file()


def test_a_wheel_in_the_folder_serves_too(wheel: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TANDEM_STARTER", str(wheel.parent))
    pip = Pip(wheel)
    Library(Paths(home), pip).install("tiny")
    assert (pip.calls, wheel.is_file(), (wheel.parent / "tiny" / "tiny.gguf").is_file()) == (0, True, True)


def test_a_wrong_file_in_the_folder_is_fetched_anew(
    wheel: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    (root / "tiny").mkdir(parents=True)
    (root / "tiny" / "tiny.gguf").write_bytes(FILES[INSIDE][:-1] + b"x")
    monkeypatch.setenv("TANDEM_STARTER", str(root))
    pip = Pip(wheel)
    (variant,) = Library(Paths(home), pip).install("tiny")
    assert pip.calls == 1
    assert (root / "tiny" / "tiny.gguf").read_bytes() == Path(variant.path).read_bytes() == FILES[INSIDE]


def test_a_wheel_kept_from_before_is_used_again(wheel: Path, home: Path) -> None:
    downloads = Paths(home).cache / "downloads"
    downloads.mkdir()
    shutil.copy(wheel, downloads)
    pip = Pip(wheel)
    Library(Paths(home), pip).install("tiny")
    assert pip.calls == 0


def test_half_a_wheel_is_fetched_anew(wheel: Path, home: Path) -> None:
    downloads = Paths(home).cache / "downloads"
    downloads.mkdir()
    (downloads / wheel.name).write_bytes(wheel.read_bytes()[:100])
    (downloads / ".pip-tiny-model-killed").mkdir()
    pip = Pip(wheel)
    assert Library(Paths(home), pip).install("tiny")
    assert pip.calls == 1
    assert not list(downloads.iterdir())


def test_another_wheel_than_the_pinned_one_is_refused(wheel: Path, resources: Path, home: Path) -> None:
    b.catalogue(resources, wheel, FILES, wheel_sha="0" * 64)
    assert failure(Library(Paths(home), Pip(wheel))).code == "bad_checksum"


def test_another_file_than_the_pinned_one_is_refused(wheel: Path, resources: Path, home: Path) -> None:
    b.catalogue(resources, wheel, FILES, file_sha="0" * 64)
    assert failure(Library(Paths(home), Pip(wheel))).code == "bad_checksum"
    assert not list((home / "models").rglob("*.gguf"))


@pytest.mark.parametrize("name", ["../tiny.gguf", "/tmp/tiny.gguf", "a/../../tiny.gguf", "c:tiny.gguf"])
def test_a_name_that_leads_out_is_refused(wheel: Path, resources: Path, home: Path, name: str) -> None:
    b.catalogue(resources, wheel, FILES, name=name)
    assert failure(Library(Paths(home), Pip(wheel))).code == "bad_checksum"


@pytest.mark.parametrize(
    ("code", "expected", "word"),
    [
        (
            "print('ERROR: No matching distribution found for tiny-model==1.0'); raise SystemExit(1)",
            "network",
            "matching",
        ),
        (
            "print('WARNING: Retrying (Retry(total=0)) after connection broken by x'); raise SystemExit(1)",
            "network",
            "reach",
        ),
        ("print('python: No module named pip'); raise SystemExit(1)", "no_pip", "no pip"),
        ("print('OSError: [Errno 28] No space left on device'); raise SystemExit(2)", "disk_full", "disk"),
        ("pass", "network", "another file"),
    ],
)
def test_pips_failures_are_told(wheel: Path, home: Path, code: str, expected: str, word: str) -> None:
    error = failure(Library(Paths(home), Pip(wheel, code)))
    assert error.code == expected
    assert word in error.message
    assert error.hint


def test_cancelling_ends_pip(wheel: Path, home: Path, tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    pip = Pip(wheel, f"import os, time; open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(600)")
    error = failure(Library(Paths(home), pip), cancelled=lambda: mark.is_file() and bool(mark.read_text()))
    assert error.code == "cancelled"
    assert not Path(f"/proc/{mark.read_text()}").exists()
    assert not list((home / "cache" / "downloads").iterdir())


def test_too_small_a_disk_is_said_before_the_download(wheel: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(home)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    pip = Pip(wheel)
    assert failure(Library(Paths(home), pip)).code == "disk_full"
    assert pip.calls == 0


def test_an_archive_inside_the_wheel_is_checked_and_unpacked(tmp_path: Path) -> None:
    inner = b.wheel(tmp_path, {"1_Pooling/config.json": b"{}"}, "inner.zip").read_bytes()
    path = b.wheel(tmp_path, {"p/model.zip": inner})
    file = StarterFile(
        "1_Pooling/config.json", "1_Pooling/config.json", 2, b.digest(b"{}"), "p/model.zip", b.digest(inner)
    )
    take_files(path, (file,), tmp_path / "out", no_progress, never)
    assert (tmp_path / "out" / "1_Pooling" / "config.json").read_bytes() == b"{}"
    wrong = msgspec.structs.replace(file, container_sha256="0" * 64)
    with pytest.raises(TandemError, match=r"model\.zip is not the file"):
        take_files(path, (wrong,), tmp_path / "out2", no_progress, never)


def test_an_unknown_starter_is_named(wheel: Path, home: Path) -> None:
    with pytest.raises(TandemError, match="no starter model") as caught:
        Library(Paths(home)).install("nothing")
    assert "tiny" in caught.value.hint


def test_the_real_catalogue_is_the_pack() -> None:
    starters = read_catalogue(Paths.resources)
    assert [i for i, s in starters.items() if s.in_pack] == ["smollm2-135m", "whisper-tiny-en", "piper-joe"]
    assert not starters["minilm-l6-v2"].in_pack
    assert {s.task for s in starters.values()} == {"chat", "transcribe", "speak", "embed"}
    assert all(len(f.sha256) == len(s.wheel.sha256) == 64 for s in starters.values() for f in s.files)


def test_pip_is_asked_for_one_wheel_and_no_index(tmp_path: Path) -> None:
    argv = pip_command(Wheel("n", "1", "n-1.whl", 1, "0"), tmp_path)
    assert argv[1:4] == ["-m", "pip", "download"]
    assert {"--no-deps", "--only-binary=:all:", "n==1"} <= set(argv)
    assert not any("index" in word or "http" in word for word in argv)


def test_the_starter_is_linked_from_the_checkout(
    starter_gguf: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TANDEM_STARTER", str(starter_gguf.parents[1]))
    (variant,) = Library(Paths(home)).install("smollm2-135m")
    assert (variant.ref, variant.mix_text) == ("smollm2-135m:q4_1", "Q4_1 ×210, F32 ×61, Q8_0 ×1")
    assert variant.bytes == 98_362_432
