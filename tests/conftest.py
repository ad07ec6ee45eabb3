"""What every test gets: a home of its own, a strict watch on leftovers, and models to work on."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"  # never the person's own

ROOT = Path(__file__).resolve().parents[1]
STARTER = ROOT / ".cache" / "starter"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """TANDEM_HOME of this test: always a temporary folder."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("TANDEM_HOME", str(folder))
    if STARTER.is_dir():
        monkeypatch.setenv("TANDEM_STARTER", str(STARTER))
    return folder


@pytest.fixture(autouse=True)
def _nothing_left_over(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a worker or a thread of ours behind."""
    before = {p.pid for p in psutil.Process().children(recursive=True)}
    yield
    workers = [p for p in psutil.Process().children(recursive=True) if p.pid not in before and _is_worker(p)]
    for process in workers:
        process.kill()
    threads = [t.name for t in threading.enumerate() if t.name.startswith("tandem-")]
    assert not workers, f"left workers behind: {workers}"
    assert not threads, f"left threads behind: {threads}"


@pytest.fixture(autouse=True)
def _no_unexpected_logs(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """A log record of WARNING or more fails a test, unless it clears `caplog` after expecting it."""
    yield
    loud = [r for r in caplog.get_records("call") if r.levelno >= logging.WARNING]
    assert not loud, f"unexpected log records: {[r.getMessage() for r in loud]}"


@pytest.fixture(scope="session")
def starter_gguf() -> Path:
    """The real SmolLM2-135M-Instruct GGUF, fetched once into the checkout's `.cache/starter/`."""
    for path in sorted(STARTER.rglob("*.gguf")):
        if hashlib.sha256(path.read_bytes()).hexdigest() == GGUF_SHA256:
            return path
    pytest.fail("The starter model is missing: run `make test`, which fetches it.")


@pytest.fixture(scope="session")
def tiny_gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A llama of random weights, under 1 MB."""
    from engines.chat.llama_tiny import write_tiny_gguf

    path = tmp_path_factory.mktemp("tiny") / "tiny.gguf"
    write_tiny_gguf(path)
    return path


def _is_worker(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE and "boot.py" in " ".join(process.cmdline())
    except psutil.Error:
        return False
