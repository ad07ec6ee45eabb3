"""A second set-up waits for the first, and the end of a process frees the lock."""

import subprocess
import sys
from pathlib import Path

from tandem_setup.lock import one_at_a_time

PACKAGING = Path(__file__).resolve().parents[2] / "packaging"
HOLD = """
import sys; sys.path.insert(0, {folder!r})
from pathlib import Path
from tandem_setup.lock import one_at_a_time
with one_at_a_time(Path({file!r}), print):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_second_waits_and_says_so(tmp_path):
    file = tmp_path / "deep" / "setup.lock"
    code = HOLD.format(folder=str(PACKAGING), file=str(file))
    said: list[str] = []
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"

        def let_go(text: str) -> None:
            said.append(text)
            first.kill()

        with one_at_a_time(file, let_go):
            assert first.wait(10) != 0
    assert len(said) == 1
    assert "waiting" in said[0]


def test_a_free_lock_is_taken_without_a_word(tmp_path):
    said: list[str] = []
    for _ in range(2):
        with one_at_a_time(tmp_path / "setup.lock", said.append):
            pass
    assert said == []
