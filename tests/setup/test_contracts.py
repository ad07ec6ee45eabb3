"""The import contracts hold, and each of them would notice a planted violation."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# A file and the import to plant in it, by the start of the contract's name that must notice.
PLANTS = {
    "app: main, compose": ("app/store/planted.py", "import app.library"),
    "app sees of engines": ("app/lab/planted.py", "import engines.worker"),
    "engines imports neither": ("engines/planted.py", "def late():\n    import PySide6.QtCore"),
    "worker, job": ("engines/metrics.py", "import engines.worker"),
    "client, wire": ("engines/knobs.py", "import engines.client"),
    "The two sides": ("engines/client.py", "import engines.worker"),
    "Adapters are": ("engines/chat/llama_cpp.py", "import engines.chat.transformers"),
    "Pages are": ("app/ui/pages/planted_one.py", "import app.ui.pages.planted_two"),
    "Qt only below": ("app/library/planted.py", "def late():\n    from PySide6 import QtGui"),
    "app imports no engine library": ("app/ui/planted.py", "def late():\n    import torch"),
}


def lint_imports(folder: Path) -> str:
    """What lint-imports prints for the checkout in `folder`, on one line a contract."""
    program = Path(sys.executable).with_name("lint-imports.exe" if os.name == "nt" else "lint-imports")
    command = [str(program), "--no-cache", "--config", str(folder / "pyproject.toml")]
    env = {**os.environ, "COLUMNS": "400", "PYTHONPATH": str(folder)}
    result = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, encoding="utf-8", check=False)
    return result.stdout + result.stderr


def verdicts(printed: str) -> dict[str, str]:
    rows = [line.rsplit(" ", 1) for line in printed.splitlines() if line.endswith((" KEPT", " BROKEN"))]
    return {name: verdict for name, verdict in rows}  # noqa: C416


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The code alone, so that a planted import touches nothing else."""
    for name in ("app", "engines"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_each_contract_notices_its_violation(copy):
    for file, text in PLANTS.values():
        path = copy / file
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        path.write_text(f"{before}\n{text}\n", encoding="utf-8")
    (copy / "app/ui/pages/planted_two.py").write_text("")
    printed = lint_imports(copy)
    found = verdicts(printed)
    assert found, printed
    for start in PLANTS:
        matching = [verdict for name, verdict in found.items() if name.startswith(start)]
        assert matching == ["BROKEN"], f"{start}: {matching}\n{printed}"
    assert len(found) == len(PLANTS), "a contract without a planted violation"


def test_a_new_module_at_the_top_of_app_must_be_given_a_layer(copy):
    (copy / "app" / "elsewhere.py").write_text("")
    assert "elsewhere" in lint_imports(copy)
