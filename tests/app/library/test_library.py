"""The library: adding in place, choosing for an engine, converting by a temporary name, removing, sharing a home."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from app.errors import TandemError
from app.library import Library, Variant
from app.paths import Paths
from engines.spec import EngineSpec, Task
from tests.app.library import builders as b


@pytest.fixture
def library(home: Path) -> Library:
    return Library(Paths(home))


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A person's own file."""
    path = tmp_path / "own" / "Tiny-Chat.F32.gguf"
    path.parent.mkdir()
    path.write_bytes(b.gguf())
    return path


def code(call: object, *args: object) -> str:
    with pytest.raises(TandemError) as caught:
        call(*args)  # type: ignore[operator]
    return caught.value.code


def made(library: Library, source: Variant, target: str = "q8_0", data: bytes | None = None) -> Variant:
    """A conversion whose engine is this test."""
    plan = library.plan_conversion(source, b.LLAMA, target)
    temporary = library.begin_conversion(plan)
    temporary.write_bytes(data or b.gguf(b.settings(file_type=b.number("general.file_type", 7))))
    return library.adopt(plan, temporary, ["slow"])


def test_adding_refers_to_the_file_in_place(library: Library, own: Path, home: Path) -> None:
    (variant,) = library.add(own)
    assert (variant.ref, variant.path, variant.outside) == ("tiny-chat:f32", str(own), True)
    assert (variant.lineage.kind, variant.licence, variant.format) == ("original", "mit", "gguf")
    assert variant.files[0].sha256 == b.digest(own.read_bytes())
    assert not list(home.rglob("*.gguf"))
    assert library.variants() == [variant]
    assert library.variants("embed") == []
    files = library.files(variant)
    assert (files.path, files.template, files.bos, files.shape) == (str(own), b.TEMPLATE, "<s>", variant.shape)


def test_adding_twice_is_once(library: Library, own: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.gguf"
    copy.write_bytes(own.read_bytes())
    assert library.add(own) == library.add(own) == library.add(copy)
    assert len(library.variants()) == 1


def test_two_files_of_one_name_get_two_ids(library: Library, own: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / own.name
    other.parent.mkdir()
    other.write_bytes(b.gguf(b.settings(name=b.string("general.name", "Other"))))
    assert [v.id for v in library.add(own) + library.add(other)] == ["tiny-chat", "tiny-chat-2"]


def test_a_refused_file_leaves_nothing(library: Library, own: Path, home: Path) -> None:
    own.write_bytes(own.read_bytes()[:-5])
    assert code(library.add, own) == "refused_truncated"
    assert library.variants() == []
    assert not list((home / "models").rglob("*"))


def test_a_folder_is_added_whole(library: Library, tmp_path: Path) -> None:
    folder = b.model_folder(tmp_path / "Tiny Folder")
    (variant,) = library.add(folder)
    assert (variant.ref, variant.format, len(variant.files)) == ("tiny-folder:bf16", "safetensors", 4)
    assert variant.bytes == sum(p.stat().st_size for p in folder.iterdir())


def test_a_missing_or_changed_file_is_shown_and_not_loaded(library: Library, own: Path) -> None:
    (variant,) = library.add(own)
    data = own.read_bytes()
    own.unlink()
    assert "is missing" in library.variants()[0].problem
    assert code(library.get, "tiny-chat") == "missing_files"
    assert code(library.files, variant) == "missing_files"
    own.write_bytes(data[:-1] + b"\x02")
    assert "changed" in library.variants()[0].problem
    (again,) = library.add(own)
    assert (again.ref, again.problem) == (variant.ref, "")
    assert again.files[0].sha256 != variant.files[0].sha256


def test_removing_forgets_and_keeps_a_persons_own_file(library: Library, own: Path) -> None:
    library.add(own)
    removed = library.remove("tiny-chat")
    assert (removed.freed_bytes, own.is_file(), library.variants()) == (0, True, [])
    assert str(own) in removed.notes[0]


def test_names_that_are_not_there_say_what_is(library: Library, own: Path) -> None:
    library.add(own)
    with pytest.raises(TandemError, match="There is no model “nothing”") as caught:
        library.get("nothing")
    assert "tiny-chat" in caught.value.hint
    with pytest.raises(TandemError) as caught:
        library.get("tiny-chat:q4_0")
    assert (caught.value.code, "convert tiny-chat --to q4_0" in caught.value.hint) == ("unknown_variant", True)
    with pytest.raises(TandemError) as caught:
        library.get("smollm2-135m")
    assert caught.value.hint.endswith("tandem models get smollm2-135m")
    assert code(library.get, "../../etc") == "unknown_model"


def test_the_original_comes_first_and_an_engine_gets_what_it_loads(library: Library, own: Path) -> None:
    (original,) = library.add(own)
    better = made(library, original, "f16", b.gguf(b.settings(file_type=b.number("general.file_type", 1))))
    assert library.get("tiny-chat") == original
    assert library.get("tiny-chat", b.LLAMA) == original
    assert library.get("tiny-chat:f16", b.LLAMA) == better
    with pytest.raises(TandemError) as caught:
        library.get("tiny-chat", b.TRANSFORMERS)
    assert caught.value.code == "no_variant"
    assert "tandem models convert tiny-chat --to bf16" in caught.value.hint
    speaker = EngineSpec(id="s", task=Task.SPEAK, title="S", formats=("onnx",), load=(), run=(), adapter="a:b")
    assert code(library.get, "tiny-chat", speaker) == "wrong_task"
    plan = library.conversion_for("tiny-chat", b.TRANSFORMERS)
    assert plan is not None
    assert (plan.source, plan.variant, plan.format) == (original, "bf16", "safetensors")


def test_a_conversion_appears_whole_with_its_lineage(library: Library, own: Path, home: Path) -> None:
    (original,) = library.add(own)
    variant = made(library, original)
    assert (variant.ref, variant.lineage.kind, variant.lineage.source) == ("tiny-chat:q8_0", "made", "f32")
    assert (variant.lineage.text, "slow" in variant.notes) == ("quantized from f32", True)
    assert Path(variant.path).is_relative_to(home)
    assert library.plan_conversion(original, b.LLAMA, "q8_0").there
    assert code(library.begin_conversion, library.plan_conversion(original, b.LLAMA, "q8_0")) == "already_there"
    removed = library.remove("tiny-chat:q8_0")
    assert (removed.freed_bytes, removed.removed) == (variant.bytes, (variant.path,))
    assert library.variants() == [original]


def test_one_precision_in_two_formats_gets_two_names(library: Library, own: Path) -> None:
    (original,) = library.add(own)
    plan = library.plan_conversion(original, b.TRANSFORMERS, "bf16")
    temporary = library.begin_conversion(plan)
    b.model_folder(temporary, hidden_size=32, vocab_size=261)
    folder = library.adopt(plan, temporary)
    assert (folder.ref, folder.template, folder.lineage.text) == (
        "tiny-chat:bf16", original.template, "converted from f32",
    )  # fmt: skip
    assert library.get("tiny-chat", b.TRANSFORMERS) == folder
    file = made(library, original, "bf16", b.gguf(b.settings(file_type=b.number("general.file_type", 32))))
    assert file.ref == "tiny-chat:bf16-gguf"
    assert library.get("tiny-chat:bf16", b.LLAMA) == file
    assert library.get("tiny-chat:bf16", b.TRANSFORMERS) == folder


def test_what_a_failed_conversion_wrote_is_deleted(library: Library, own: Path, home: Path) -> None:
    (original,) = library.add(own)
    assert code(made, library, original, "q8_0", b.gguf()[:-40]) == "refused_truncated"
    assert code(made, library, original, "q8_0", b.gguf(b.settings(b2=None, block_count=b.number(
        "llama.block_count", 2)))) == "conversion_failed"  # fmt: skip
    library.discard(library.begin_conversion(library.plan_conversion(original, b.LLAMA, "q8_0")))
    assert library.variants() == [original]
    assert not list((home / "models").rglob(".*"))


def test_a_full_disk_is_said_before_anything_runs(
    library: Library, own: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (original,) = library.add(own)
    plan = library.plan_conversion(original, b.LLAMA, "q8_0")
    usage = shutil.disk_usage(home)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=plan.bytes))
    assert code(library.begin_conversion, plan) == "disk_full"
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=plan.bytes * 2))
    library.discard(library.begin_conversion(plan))


def test_plans_refuse_what_cannot_be_made(library: Library, own: Path) -> None:
    (original,) = library.add(own)
    assert code(library.plan_conversion, original, b.LLAMA, "f32") == "cannot_convert"
    assert code(library.plan_conversion, original, b.LLAMA, "iq2_xxs") == "needs_imatrix"
    assert code(library.plan_conversion, original, b.LLAMA, "nonsense") == "cannot_convert"
    assert library.conversion_targets(original, b.TRANSFORMERS) == ("bf16",)


def test_plans_tell_size_mix_and_fallbacks(library: Library, starter_gguf: Path) -> None:
    (original,) = library.add(starter_gguf)
    plan = library.plan_conversion(original, b.LLAMA, "Q4_K_M")
    assert plan.bytes == 105_454_144
    assert plan.bits_per_weight == pytest.approx(6.17, abs=0.01)
    assert plan.fallbacks[0].text == "166 tensors become Q5_0 instead of Q4_K"
    assert "180 cannot have the type" in plan.notes[0]
    assert "larger than q4_1" in plan.notes[1]
    assert plan.lineage.text == "re-quantized from q4_1: cannot be better than its source"
    folder = library.plan_conversion(original, b.TRANSFORMERS, "bf16")
    assert folder.bytes == pytest.approx(134_515_008 * 2, rel=0.02)
    assert folder.lineage.text.startswith("dequantized from q4_1")


HOLD = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from app.library import Library
from app.paths import Paths
library = Library(Paths(Path(sys.argv[2])))
with library.in_use(library.get("tiny-chat")):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_what_another_process_uses_is_not_removed(library: Library, own: Path, home: Path) -> None:
    library.add(own)
    argv = [*b.python(HOLD), str(Path(__file__).parents[3]), str(home)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        assert code(library.remove, "tiny-chat") == "in_use"
        other.communicate()
    assert library.remove("tiny-chat").notes


def test_leftovers_of_a_dead_process_are_swept(library: Library, own: Path, home: Path) -> None:
    (original,) = library.add(own)
    alive = library.begin_conversion(library.plan_conversion(original, b.LLAMA, "q8_0"))
    dead = home / "models" / "tiny-chat" / ".new-q4_0-1-abcd"
    dead.mkdir()
    (dead / "half.gguf").write_bytes(b"x")
    Library(Paths(home)).sweep()
    assert (dead.exists(), alive.parent.exists()) == (False, True)
    library.close()
    assert not alive.parent.exists()


def test_a_broken_entry_is_reported_and_the_rest_stays(library: Library, own: Path, home: Path) -> None:
    (variant,) = library.add(own)
    broken = home / "models" / "other" / "q8_0"
    broken.mkdir(parents=True)
    (broken / "entry.json").write_text("{]")
    (home / "models" / "third" / "q8_0").mkdir(parents=True)
    assert library.variants() == [variant]
    assert [p.split(" ")[0] for p in library.problems()] == ["other:q8_0", "third:q8_0"]


def test_unknown_keys_of_a_newer_tandem_are_ignored(library: Library, own: Path, home: Path) -> None:
    (variant,) = library.add(own)
    path = home / "models" / "tiny-chat" / "f32" / "entry.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "newer": [1]}))
    assert Library(Paths(home)).variants() == [variant]


def test_a_home_can_be_moved(library: Library, own: Path, home: Path, tmp_path: Path) -> None:
    (original,) = library.add(own)
    made(library, original)
    home.rename(tmp_path / "moved")
    moved = Library(Paths(tmp_path / "moved")).get("tiny-chat:q8_0")
    assert (moved.problem, Path(moved.path).is_file()) == ("", True)
