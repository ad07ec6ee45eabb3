"""What a fresh interpreter loads: the window and the command line stay light, and work without each other."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENGINE_LIBRARIES = [
    "torch", "transformers", "diffusers", "llama_cpp", "faster_whisper", "ctranslate2", "onnxruntime", "piper",
    "accelerate", "torchao", "bitsandbytes", "hqq", "optimum", "pyqtgraph",
]  # fmt: skip
LOADED = f"import sys, json; print(json.dumps([m for m in {ENGINE_LIBRARIES} + ['PySide6'] if m in sys.modules]))"
PAGES = """
import importlib, pkgutil
import app.ui.pages as pages
for page in pkgutil.iter_modules(pages.__path__):
    importlib.import_module("app.ui.pages." + page.name)
"""


def fresh(code: str) -> str:
    command = [sys.executable, "-W", "error", "-c", code]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_the_library_packaging_is_found_in_the_root():
    assert (
        fresh("import packaging.version; print(packaging.version.Version('1.10') > packaging.version.Version('1.9'))")
        == "True"
    )


def test_every_spec_is_read_without_an_engine_library():
    assert json.loads(fresh(f"from engines import registry; assert len(registry.specs()) > 1; {LOADED}")) == []


@pytest.mark.skipif(not importlib.util.find_spec("PySide6"), reason="no window without PySide6")
def test_every_page_is_imported_without_an_engine_library():
    assert json.loads(fresh(f"{PAGES}\n{LOADED}")) == ["PySide6"]


def test_the_command_line_needs_neither_qt_nor_an_engine_library():
    assert json.loads(fresh(f"import app.__main__; {LOADED}")) == []


@pytest.mark.parametrize("arguments", [["models", "list", "--json"], ["history", "--json"], ["--help"]])
def test_commands_work_with_qt_blocked(arguments):
    block = "import sys; sys.modules['PySide6'] = None; sys.modules['shiboken6'] = None"
    code = f"{block}\nsys.argv[1:] = {arguments}\nfrom app.__main__ import main\nmain()"
    assert fresh(code)


@pytest.mark.e2e
def test_a_chat_is_held_with_qt_blocked(starter_gguf):
    block = "import sys; sys.modules['PySide6'] = None; sys.modules['shiboken6'] = None"
    get = ["models", "get", "smollm2-135m", "--json"]
    chat = ["run", "chat", "Hi", "--model", "smollm2-135m", "--engine", "llama-cpp", "--max-tokens", "4", "--json"]
    for arguments in (get, chat):
        shown = fresh(f"{block}\nsys.argv[1:] = {arguments}\nfrom app.__main__ import main\nmain()")
    run = json.loads(shown)
    assert run["text"]
    assert run["reason"] in {"stop", "length"}
    assert run["metrics"]
