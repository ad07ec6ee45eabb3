"""`tandem`, and `python -m app`: composes and starts; no logic."""

from __future__ import annotations

import sys

from app import compose
from app.cli import root
from app.cli.program import Program


def main() -> None:
    sys.exit(root.main(Program(compose.services, compose.window, compose.shot), sys.argv[1:]))


if __name__ == "__main__":
    main()
