"""The worker's side of chat templates: a template is a stranger's program, so a helper child runs it.

Frames are u32 length + JSON over the child's stdin and stdout. Limits: template 64 KiB, 2 s a render;
the child (`engines.chat.template`) holds the rest: 512 MB, output 4 MiB.
"""

from __future__ import annotations

import contextlib
import json
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

from engines.errors import EngineError

BOOT = Path(__file__).resolve().parents[1] / "boot.py"
TEMPLATE_BYTES = 64 * 1024
TIMEOUT_S = 2.0
START_TIMEOUT_S = 20.0

Starter = Callable[..., "subprocess.Popen[bytes]"]


class Renderer:
    """Holds one helper child; starts it when first needed and again after it had to be ended."""

    def __init__(self, start: Starter) -> None:
        self._start = start
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def render(self, files: Any, messages: Sequence[Any], parts: bool = False) -> str:
        """The prompt text. parts: contents as lists of images and text, as templates of models that see want them.
        Raises EngineError `bad_template`."""
        template = files.template or ""
        if len(template.encode()) > TEMPLATE_BYTES:
            raise _bad("it is larger than 64 KiB")
        order = {
            "template": template,
            "bos": files.bos,
            "eos": files.eos,
            "messages": [{"role": m.role, "content": _parts(m) if parts else m.content} for m in messages],
        }
        with self._lock:
            answer = self._ask(order)
        if "error" in answer:
            raise _bad(answer["error"])
        return str(answer["text"])

    def warm(self) -> None:
        """Start the child ahead of the first request."""
        with self._lock:
            self._ready()

    def close(self) -> None:
        """End the child; a later `render` starts another."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):  # what was not written yet
                        pipe.close()

    def _ready(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            argv = [sys.executable, "-I", "-X", "utf8", str(BOOT), "engines.chat.template"]
            self._end()
            self._child = self._start(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            self._exchange(self._child, {}, START_TIMEOUT_S)
        if self._child is None:
            raise OSError("the helper did not start")
        return self._child

    def _ask(self, order: dict[str, Any]) -> dict[str, Any]:
        try:
            return self._exchange(self._ready(), order, TIMEOUT_S)
        except (OSError, ValueError):
            self._end()
            return {"error": "rendering it failed: the helper that does it ended"}

    def _exchange(self, child: subprocess.Popen[bytes], order: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        assert child.stdin is not None
        assert child.stdout is not None
        late = threading.Event()

        def end() -> None:
            late.set()
            child.kill()

        timer = threading.Timer(timeout_s, end)
        timer.daemon = True
        timer.start()
        try:
            write_frame(child.stdin, order)
            return read_frame(child.stdout)
        except EOFError:
            self._end()
            reason = f"it ran longer than {timeout_s:g} s" if late.is_set() else "it needs more than 512 MB, or crashed"
            return {"error": reason}
        finally:
            timer.cancel()
            timer.join()
            if late.is_set():  # also where the answer came just before
                self._end()


def _parts(message: Any) -> list[dict[str, str]]:
    return [*({"type": "image"} for _ in message.images), {"type": "text", "text": message.content}]


def _bad(reason: str) -> EngineError:
    return EngineError(
        "bad_template",
        f"The model's chat template cannot be used: {reason}.",
        "Use completion mode, or another copy of the model.",
    )


def write_frame(stream: IO[bytes], value: dict[str, Any]) -> None:
    data = json.dumps(value).encode()
    stream.write(struct.pack("<I", len(data)) + data)
    stream.flush()


def read_frame(stream: IO[bytes]) -> dict[str, Any]:
    head = stream.read(4)
    if len(head) < 4:
        raise EOFError
    (size,) = struct.unpack("<I", head)
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    value = json.loads(data)
    if not isinstance(value, dict):
        raise EOFError
    return value
