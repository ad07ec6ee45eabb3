"""YAML as people write it: in the mapping's order, long texts as blocks."""

from __future__ import annotations

import importlib
from typing import Any

WIDTH = 10_000  # no line is broken for its length: commands stay whole


def as_yaml(value: object) -> str:
    """One document."""
    yaml: Any = importlib.import_module("yaml")  # when the first file is written: the window opens without it

    class Dumper(yaml.SafeDumper):  # type: ignore[misc]
        """With blocks for texts of several lines, and every value written out where it stands."""

        def ignore_aliases(self, data: object) -> bool:
            return True

    def text(dumper: Any, words: str) -> Any:
        return dumper.represent_scalar("tag:yaml.org,2002:str", words, style="|" if "\n" in words else None)

    Dumper.add_representer(str, text)
    written: str = yaml.dump(value, Dumper=Dumper, sort_keys=False, width=WIDTH, allow_unicode=True)
    return written
