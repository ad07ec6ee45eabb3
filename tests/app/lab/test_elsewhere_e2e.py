"""Models of other programs, used where they lie: real engines open Ollama's blob, the cache's links and LM Studio's file."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app.lab.headless import ChatOrder, HeadlessChat, Watcher
from app.lab.services import Services
from engines import registry
from tests.app.library import layouts

pytestmark = pytest.mark.e2e
Build = Callable[[Path, Path], object]
ROOT = Path(__file__).resolve().parents[3]

LAYOUTS: dict[str, Build] = {
    "ollama": lambda root, file: layouts.ollama(root, "registry.ollama.ai/library/smol/latest", file),
    "hf-cache": lambda root, file: layouts.hub(root, "org/Smol-GGUF", {"smol-Q4_1.gguf": file}),
    "lm-studio": lambda root, file: layouts.put(root / "org" / "Smol-GGUF" / "smol-Q4_1.gguf", file),
}


def ask(services: Services, model: str, engine: str) -> dict[str, object]:
    knobs = {"temperature": 0.0, "max_tokens": 12, "n_ctx": 512} if engine == "llama-cpp" else {"max_tokens": 4}
    order = ChatOrder("Explain photosynthesis in one sentence.", model, registry.spec(engine), knobs)
    return HeadlessChat(services.launcher, services.descriptions, order, Watcher()).run()


@pytest.mark.parametrize("kind", LAYOUTS)
def test_llama_cpp_answers_from_the_file_in_place(
    services: Services, starter_gguf: Path, tmp_path: Path, kind: str
) -> None:
    root = tmp_path / kind
    LAYOUTS[kind](root, starter_gguf)
    services.library.add_place(root)
    scan = services.library.scan()
    mine = [f for f in scan.found if f.variant is not None and f.path.startswith(str(root))]
    assert len(mine) == 1, "the model is found, once"
    variant = mine[0].variant
    assert variant is not None
    result = ask(services, variant.ref, "llama-cpp")
    assert "photosynthesis" in str(result["text"]).lower()
    assert not list((services.paths.home / "models").rglob("*.gguf")), "nothing was copied"


def test_transformers_answers_from_a_snapshot_of_links(services: Services, tmp_path: Path) -> None:
    made = tmp_path / "made"
    code = f"from pathlib import Path; from engines.chat.transformers_tiny import write_tiny_folder as w; w(Path({str(made)!r}))"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)
    files: dict[str, bytes | Path] = {p.name: p.read_bytes() for p in made.iterdir()}
    snapshot = layouts.hub(tmp_path / "hub", "org/Tiny-Folder", files)
    services.library.add_place(tmp_path / "hub")
    services.library.scan()
    variant = services.library.get("tiny-folder")
    assert (variant.format, variant.path) == ("safetensors", str(snapshot))
    result = ask(services, variant.ref, "transformers")
    assert result["reason"] in ("stop", "length")
    assert result["metrics"]["n_out"]  # type: ignore[index]
