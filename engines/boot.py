"""Starts a worker (or the helper named in argv) in a runtime's Python, from plain files.

`[python, "-I", "-X", "utf8", boot.py]`. Only the folder that holds `engines/` is added to the path, at
its end, so that nothing here can shadow an installed library.
"""

import os
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def main() -> None:
    if len(sys.argv) > 1:
        import importlib

        importlib.import_module(sys.argv[1]).main()
    else:
        from engines import worker

        worker.main()


if __name__ == "__main__":
    main()
