"""What a scan must survive: traps in manifests, links, names, sizes and headers, drives that go and come."""

from __future__ import annotations

import json
import os
import struct
import threading
from pathlib import Path

import pytest

from app.errors import TandemError
from app.library import Library
from app.library.places import place
from app.library.scan import Scan
from app.paths import Paths
from tests.app.library import builders as b
from tests.app.library import layouts as l
from tests.app.library.test_scan import Open, lost, opened, root

__all__ = ["opened", "root"]  # fixtures


@pytest.mark.parametrize(
    "digest",
    [
        "sha256:../../../../etc/passwd",
        "sha256:" + "A" * 64,
        "../../etc/passwd",
        "sha256:" + "a" * 63,
        "",
        "md5:" + "a" * 64,
    ],
)
def test_a_digest_never_becomes_a_path(opened: Open, root: Path, digest: str) -> None:
    l.ollama(root, "registry.ollama.ai/library/evil/latest", b.gguf(), digest=digest, size=0)
    scan = opened(("ollama", root)).scan()
    assert (scan.models, lost(scan)["latest"][0]) == (0, "damaged")


def test_ollamas_broken_manifests_and_blobs(opened: Open, root: Path) -> None:
    tags = root / "manifests" / "registry.ollama.ai" / "library"
    l.put(root / "blobs" / ("sha256-" + "d" * 64 + "-partial"), b"x" * 5)
    l.put(tags / "huge" / "latest", b'{"layers":[' + b'{"digest":"x"},' * 100_000 + b"{}]}")
    l.put(tags / "no-json" / "v1", b"[" * 100_000)
    l.put(tags / "cloud" / "v2", '{"layers": [{"mediaType": "application/vnd.ollama.image.license", "digest": ""}]}')
    l.ollama(root, "registry.ollama.ai/library/short/v3", b.gguf(), size=len(b.gguf()) + 1)
    l.ollama(root, "registry.ollama.ai/library/lost/v4", b.gguf(), digest="sha256:" + "e" * 64)
    codes = {name: code for name, (code, _) in lost(opened(("ollama", root)).scan()).items()}
    assert codes == {
        "latest": "oversized", "v1": "damaged", "v2": "unsupported", "v3": "damaged", "v4": "missing",
        "sha256-" + "d" * 64 + "-partial": "incomplete",
    }  # fmt: skip


def test_a_link_out_of_the_cache_is_not_followed(opened: Open, root: Path, tmp_path: Path) -> None:
    secret = l.put(tmp_path / "secret" / "x.gguf", b.gguf())
    snapshot = l.hub(root, "org/Evil", l.folder_files())
    (snapshot / "notes.json").symlink_to("/etc/hostname")
    other = l.hub(root, "org/Sly-GGUF", {"ok.gguf": b.gguf()})
    (other / "sly.gguf").symlink_to(secret)
    scan = opened(("hf-cache", root)).scan()
    assert {name: code for name, (code, _) in lost(scan).items()} == {l.COMMIT: "outside", "sly.gguf": "outside"}
    assert scan.models == 1


def test_loops_deep_trees_and_fifos_end(opened: Open, root: Path) -> None:
    (root / "loop").symlink_to(root)
    (root / "self").symlink_to("self")
    deep = root
    for n in range(40):
        deep = deep / f"d{n}"
    l.put(deep / "Deep.gguf", b.gguf())
    os.mkfifo(root / "pipe.gguf")
    l.put(root / "Tiny-F32.gguf", b.gguf())
    scan = opened(("folder", root)).scan()
    assert scan.models == 1
    assert [f.code for f in scan.unusable] == ["oversized"]


def test_names_that_are_no_text_are_listed(opened: Open, root: Path) -> None:
    for name in (b"bad\xff.gguf", b"bad\xfe"):
        target = os.path.join(os.fsencode(root), name)
        if name.endswith(b"gguf"):
            with open(target, "wb") as file:
                file.write(b.gguf())
        else:
            os.mkdir(target)
    l.put(root / "ünïcode — 模型-F32.gguf", b.gguf())
    library = opened(("folder", root))
    scan = library.scan()
    assert [f.code for f in scan.unusable] == ["bad_name", "bad_name"]
    assert [v.problem for v in library.variants()] == [""]
    assert library.scanned() == scan


def test_what_may_not_be_read_is_listed(opened: Open, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "closed").mkdir()
    l.put(root / "Tiny-F32.gguf", b.gguf())
    real = os.scandir

    def scandir(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    scan = opened(("folder", root)).scan()
    assert (scan.models, lost(scan)["closed"]) == (1, ("denied", "It cannot be read (Permission denied)."))


def test_bombs_in_headers_are_refused(opened: Open, root: Path) -> None:
    l.put(root / "strings.gguf", b.gguf({**b.settings(), "x": b.setting("x", b.ARR, struct.pack("<IQ", b.STR, 2**60))}))
    l.put(root / "keys.gguf", b.gguf(n_keys=2**63))
    l.put(root / "tensors.gguf", b.gguf(n_tensors=2**40))
    l.put(root / "long.safetensors", struct.pack("<Q", 99_000_000) + b"{" + b" " * 200)
    with (root / "hole.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", 90_000_000) + b'{"a":')
        file.truncate(1 << 33)
    l.put(root / "deep.safetensors", struct.pack("<Q", 100_000) + b'{"a":' + b"[" * 99_995)
    l.put(root / "m" / "config.json", b'{"a":' * 50_000)
    l.put(root / "m" / "model.safetensors", b.safetensors())
    l.put(root / "v.onnx", b"\x08\x07")
    l.put(root / "v.onnx.json", b"[" * 50_000)
    names = l.ct2(**{f"x{n}": (2, 2) for n in range(5)})
    for folder, data in (("cut", l.ct2(cut=200)), ("count", names[:22] + struct.pack("<I", 2**31) + names[26:])):
        for name, content in l.whisper_files(**{"model.bin": data}).items():
            l.put(root / folder / name, content)
    codes = {name: code for name, (code, _) in lost(opened(("folder", root)).scan()).items()}
    assert codes == {
        "strings.gguf": "oversized", "keys.gguf": "oversized", "tensors.gguf": "oversized", "long.safetensors": "truncated",
        "hole.safetensors": "oversized", "deep.safetensors": "damaged", "m": "damaged", "v.onnx": "damaged", "cut": "truncated",
        "count": "oversized",
    }  # fmt: skip


def test_code_and_pickles_in_folders_are_refused(opened: Open, root: Path) -> None:
    for folder, name in (("code", "modeling.py"), ("pickle", "extra/optimizer.pt")):
        for file, data in l.folder_files().items():
            l.put(root / folder / file, data)
        l.put(root / folder / name, b"x")
    for file, data in l.folder_files(auto_map={"AutoModel": "x.Y"}).items():
        l.put(root / "asks" / file, data)
    l.pipeline(root / "own", unet=["my_module", "Evil"])
    l.put(l.pipeline(root / "brings") / "unet" / "unet.py", "x")
    codes = {name: code for name, (code, _) in lost(opened(("folder", root)).scan()).items()}
    assert codes == {"code": "code", "pickle": "pickle", "asks": "code", "own": "code", "brings": "code"}


def test_a_file_that_passes_the_look_is_still_checked_whole(opened: Open, root: Path) -> None:
    """The list trusts a header's outline; an engine gets nothing that `add` would refuse."""
    twice = ["<unk>", "<s>", "</s>", *b.BYTE_TOKENS, "a", "a"]
    l.put(root / "Twice-F32.gguf", b.gguf(b.settings(tokens=b.strings("tokenizer.ggml.tokens", twice))))
    library = opened(("folder", root))
    assert library.scan().models == 1
    with pytest.raises(TandemError, match="token “a” twice") as caught:
        library.files(library.get("twice"))
    assert caught.value.code == "refused_duplicate"


def test_a_drive_that_goes_and_comes(opened: Open, root: Path, home: Path) -> None:
    drive = root / "drive"
    l.put(drive / "Tiny-F32.gguf", b.gguf())
    library = opened()
    named = library.add_place(drive)
    library.scan()
    (before,) = library.variants()
    drive.rename(root / "away")
    gone = Library(Paths(home), usual=list)
    (variant,) = gone.variants()
    assert variant.problem == f"The drive or folder “{drive}” is not there now."
    with pytest.raises(TandemError) as caught:
        gone.files(variant)
    assert caught.value.code == "missing_files"
    scan = gone.scan()
    assert ([(s.place.id, s.present, s.models) for s in scan.places], scan.models) == ([(named.id, False, 1)], 0)
    (root / "away").rename(drive)
    back = Library(Paths(home), usual=list)
    assert back.variants() == [before], "without a new scan"
    assert back.files(before).path == before.path


def test_a_usual_place_on_a_drive_that_is_gone_is_remembered(opened: Open, root: Path) -> None:
    l.put(root / "d" / "Tiny-F32.gguf", b.gguf())
    library = opened(("lm-studio", root / "d"))
    library.scan()
    (root / "d").rename(root / "away")
    assert [(s.place.kind, s.present) for s in opened(("lm-studio", root / "d")).scan().places] == [
        ("lm-studio", False)
    ]


def test_a_file_that_changed_or_vanished_is_not_loaded(opened: Open, root: Path) -> None:
    path = l.put(root / "Tiny-F32.gguf", b.gguf())
    library = opened(("folder", root))
    library.scan()
    variant = library.get("tiny")
    library.files(variant)
    path.write_bytes(l.named("Other name"))
    with pytest.raises(TandemError, match="scan again") as caught:
        library.files(variant)
    assert caught.value.code == "missing_files"
    path.unlink()
    with pytest.raises(TandemError, match="is missing"):
        library.files(variant)


def test_places_are_named_and_taken_off(opened: Open, root: Path) -> None:
    l.put(root / "a" / "A-F32.gguf", l.named("A"))
    l.put(root / "b" / "B-F32.gguf", l.named("B"))
    library = opened(("lm-studio", root / "a"))
    named = library.add_place(root / "b")
    assert library.add_place(root / "b") == named
    library.scan()
    assert [v.id for v in library.variants()] == ["a", "b"]
    library.remove_place(named.id)
    library.remove_place(library.places()[0].id)
    assert (library.variants(), library.places()) == ([], ())
    library.add_place(root / "a")
    assert [p.kind for p in library.places()] == ["lm-studio"], "named again, the usual place is back"
    for wrong in (root / "nowhere", root / "a" / "A-F32.gguf"):
        with pytest.raises(TandemError) as caught:
            library.add_place(wrong)
        assert caught.value.code == "no_such_folder"
    with pytest.raises(TandemError) as caught:
        library.remove_place("nothing")
    assert caught.value.code == "unknown_place"


@pytest.mark.parametrize("name", ["found.json", "places.json", "cache/scan.json"])
@pytest.mark.parametrize("data", ["{]", "[]", '{"version": 9}', ""])
def test_damaged_lists_are_made_anew(opened: Open, root: Path, home: Path, name: str, data: str) -> None:
    l.put(root / "Tiny-F32.gguf", b.gguf())
    opened(("folder", root)).scan()
    (home / name).parent.mkdir(exist_ok=True)
    (home / name).write_text(data)
    library = opened(("folder", root))
    library.variants()
    assert library.scan().models == 1
    assert [v.ref for v in library.variants()] == ["tiny:f32"]


def test_lists_are_read_while_others_write_them(home: Path, root: Path) -> None:
    for n in range(20):
        l.put(root / f"M{n}-F32.gguf", l.named(str(n)))
    usual = lambda: [place("folder", root)]  # noqa: E731
    writer, reader = Library(Paths(home), usual=usual), Library(Paths(home), usual=usual)
    writer.scan()
    seen: list[int] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.append(len(reader.variants()))

    thread = threading.Thread(target=read, name="reader")
    thread.start()
    for _ in range(5):
        writer.scan()
    done.set()
    thread.join()
    assert set(seen) == {20}


def test_the_sentence_has_units() -> None:
    assert Scan((), (), 0.0, 0.0).sentence == "Found no models in other places"


def test_other_programs_models_are_not_removed(opened: Open, root: Path) -> None:
    path = l.put(root / "Tiny-F32.gguf", b.gguf())
    library = opened(("lm-studio", root))
    library.scan()
    with pytest.raises(TandemError, match="belongs to LM Studio") as caught:
        library.remove("tiny")
    assert (caught.value.code, path.is_file()) == ("not_ours", True)
    assert json.loads((library._paths.home / "found.json").read_bytes())["found"]


def test_our_own_library_is_not_another_program(home: Path) -> None:
    l.put(home / "models" / "x" / "q8_0" / "model" / "x.gguf", b.gguf())
    library = Library(Paths(home), usual=list)
    library.add_place(home.parent)
    l.put(home.parent / "beside" / "Tiny-F32.gguf", b.gguf())
    assert [f.path for f in library.scan().found if str(home) in f.path] == []
