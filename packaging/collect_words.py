"""Writes every text that the window shows into resources/languages/tandem.ts, where Qt Linguist and translators find it.

python packaging/collect_words.py
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "resources" / "languages" / "tandem.ts"
CONTEXT = "tandem"  # `app.ui.language.CONTEXT`

HEAD = f"""<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" sourcelanguage="en">
<context>
    <name>{CONTEXT}</name>
"""
FOOT = "</context>\n</TS>\n"


def texts(folder: Path) -> Iterator[str]:
    """The literal of every `tr(…)` below `folder`."""
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "tr" and node.args:
                first = node.args[0]
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    yield first.value


def write(folder: Path, out: Path) -> int:
    """Write the file; how many texts it has."""
    found = sorted(set(texts(folder)))
    lines = [
        f'    <message><source>{escape(text)}</source><translation type="unfinished"/></message>\n' for text in found
    ]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(HEAD + "".join(lines) + FOOT, encoding="utf-8")
    return len(found)


if __name__ == "__main__":
    print(f"{write(ROOT / 'app' / 'ui', OUT):,} texts in {OUT.relative_to(ROOT)}")
