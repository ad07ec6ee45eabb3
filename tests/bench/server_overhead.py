"""How much of the time to the first token is ours and the network's: our TTFT less the server's own, request by request.

    .venv/bin/python tests/bench/server_overhead.py http://127.0.0.1:8123/v1 --key test-key   (target: median ≤ 10 ms)

Needs a server that tells its own side: vLLM (/metrics) or llama-server (timings). A worker asks, as in the window.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from engines.client import Session, checkout
from engines.protocol import Address, ModelFiles
from tests.engines.talk import Talk


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("url")
    options.add_argument("--key", default="")
    options.add_argument("-n", type=int, default=50)
    given = options.parse_args()
    files = ModelFiles(
        id="s", variant="served", format="server", path=given.url, server=Address(url=given.url, key=given.key)
    )
    with tempfile.TemporaryDirectory() as folder:
        one = Talk(Session(checkout(), Path(folder) / "run", lambda: None))
        try:
            print(one.loaded("openai-server", files).build)
            found = sorted(v for i in range(given.n) if (v := _share(one, i)) is not None)
        finally:
            one.session.close()
    ms = [v * 1e3 for v in found]
    print(
        f"{len(ms)} of {given.n} requests: median {statistics.median(ms):.2f} ms, least {ms[0]:.2f}, most {ms[-1]:.2f}"
    )


def _share(one: Talk, number: int) -> float | None:
    return one.finished(f"Number {number}: how are you?", temperature=0.0, max_tokens=8).metrics["network_s"]


if __name__ == "__main__":
    main()
