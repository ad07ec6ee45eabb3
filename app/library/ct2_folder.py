"""A folder that CTranslate2 loads (faster-whisper's form of a Whisper model): model.bin read as data, no value of it kept."""

from __future__ import annotations

import re
import struct
from collections import Counter
from pathlib import Path
from typing import IO, Any

from app.library.facts import Facts
from app.library.folder_files import licence_of, plain_files
from app.library.hf_folder import CONFIG_BYTES, read_json
from app.library.refusal import Reason, refused
from engines.protocol import ModelShape

WEIGHTS = "model.bin"
VERSIONS = range(3, 20)
MAX_VARIABLES = 65_536
MAX_ALIASES_BYTES = 1 << 20
TYPES = {0: ("f32", 4), 1: ("int8", 1), 2: ("int16", 2), 3: ("int32", 4), 4: ("f16", 2), 5: ("bf16", 2)}
"""Number → (name, bytes), as in ctranslate2/specs/model_spec.py."""
WORDS = ("tokenizer.json", "vocabulary.json", "vocabulary.txt")
_LAYER = re.compile(r"^(encoder|decoder)/layer_(\d+)/")
Variable = tuple[str, tuple[int, ...], int, int]


def is_ct2(path: Path) -> bool:
    """True if the file begins like a model of CTranslate2: a small version, then the name of a “…Spec”."""
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError:
        return False
    if len(head) < 8 or int.from_bytes(head[:4], "little") not in VERSIONS:
        return False
    length = int.from_bytes(head[4:6], "little")
    return 5 < length < 58 and head[6 : 5 + length].endswith(b"Spec") and head[5 + length] == 0


def inspect_ct2(folder: Path) -> Facts:
    """Facts of a Whisper model for CTranslate2. Raises TandemError `refused_…`."""
    names = plain_files(folder, pickles=(WEIGHTS,))
    if not is_ct2(folder / WEIGHTS):
        raise refused(Reason.PICKLE, folder, f"its {WEIGHTS} is no model of CTranslate2, and may be a pickle")
    kind, variables = _variables(folder / WEIGHTS)
    if kind != "WhisperSpec":
        raise refused(
            Reason.UNSUPPORTED, folder, f"it is a “{kind[:40]}” of CTranslate2, of which only Whisper is used"
        )
    if "config.json" in names:
        read_json(folder / "config.json", CONFIG_BYTES)
    if not any(name in names for name in WORDS):
        raise refused(
            Reason.MISSING, folder, "it has neither tokenizer.json nor a vocabulary", "Fetch its other files."
        )
    shape = _shape(folder, variables)
    return Facts(
        path=folder,
        files=names,
        format="ctranslate2",
        task="transcribe",
        title=folder.name,
        licence=licence_of(folder),
        precision=_precision(variables),
        mix=dict(Counter(type_name(kind) for _, shape, kind, _ in variables if shape).most_common()),
        bits_per_weight=shape.tensor_bytes * 8 / shape.n_params,
        shape=shape,
        template=None,
    )


def variables_of(folder: Path) -> list[Variable]:
    """(name, shape, type, bytes) of everything that is stored. Raises TandemError `refused_…`."""
    return _variables(folder / WEIGHTS)[1]


def type_name(number: int) -> str:
    """ "F16" """
    return TYPES.get(number, ("other", 0))[0].upper()


def _variables(path: Path) -> tuple[str, list[Variable]]:
    try:
        size = path.stat().st_size
        with path.open("rb", buffering=0) as file:
            return _Reader(path, file, size).read()
    except OSError as error:
        raise refused(Reason.MISSING, path, f"it cannot be read ({error.strerror or error})") from error
    except (struct.error, UnicodeDecodeError):
        raise refused(Reason.TRUNCATED, path, "it ends in the middle of its list of tensors") from None


class _Reader:
    """Steps from one variable's head to the next, over the values."""

    def __init__(self, path: Path, file: IO[bytes], size: int) -> None:
        self.path, self.file, self.size = path, file, size
        self.at = 0

    def read(self) -> tuple[str, list[Variable]]:
        head = self._piece(4096)
        _, at = struct.unpack_from("<I", head), 4
        kind, at = _string(head, at)
        _, count = struct.unpack_from("<II", head, at)
        if count > MAX_VARIABLES:
            raise refused(Reason.OVERSIZED, self.path, f"it claims {count:,} tensors")
        self.at = at + 8
        found = [self._variable() for _ in range(count)]
        if not 0 <= self.size - self.at <= MAX_ALIASES_BYTES:
            raise refused(Reason.TRUNCATED, self.path, f"at least {self.at - self.size:,} bytes are missing at its end")
        return kind, found

    def _variable(self) -> Variable:
        head = self._piece(512)
        name, at = _string(head, 0)
        rank = head[at] if at < len(head) else 99
        if rank > 8:
            raise refused(Reason.DAMAGED, self.path, f"its tensor “{name[:60]}” has {rank} dimensions")
        shape = struct.unpack_from(f"<{rank}I", head, at + 1)
        kind, size = struct.unpack_from("<BI", head, at + 1 + rank * 4)
        elements = 1
        for side in shape:
            elements *= side
        if kind in TYPES and elements * TYPES[kind][1] != size:
            raise refused(Reason.DAMAGED, self.path, f"its tensor “{name[:60]}” does not have the size of its shape")
        self.at += at + 6 + rank * 4 + size
        return name, shape, kind, size

    def _piece(self, size: int) -> bytes:
        self.file.seek(self.at)
        return self.file.read(size)


def _string(data: bytes, at: int) -> tuple[str, int]:
    (length,) = struct.unpack_from("<H", data, at)
    if not 1 <= length <= 400 or at + 2 + length > len(data):
        raise struct.error
    return data[at + 2 : at + 1 + length].decode("utf-8"), at + 2 + length


def _shape(folder: Path, variables: list[Variable]) -> ModelShape:
    table: dict[str, Any] = {name: shape for name, shape, _, _ in variables}
    words = table.get("decoder/embeddings/weight", (0, 0))
    layers = {found.groups() for name in table if (found := _LAYER.match(name))}
    n_params = sum(_product(shape) for name, shape, _, _ in variables if shape)
    if not n_params or len(words) != 2:
        raise refused(Reason.DAMAGED, folder, "its tensors are not those of a Whisper model")
    width = int(words[1])
    return ModelShape(
        architecture="whisper", n_layers=sum(side == "decoder" for side, _ in layers), n_embd=width,
        n_heads=width // 64, n_kv_heads=width // 64, head_dim_k=64, head_dim_v=64,  # of every Whisper model
        n_vocab=int(words[0]), n_ff=width * 4, n_ctx_train=448, n_params=n_params,
        tensor_bytes=sum(size for _, shape, _, size in variables if shape),
    )  # fmt: skip


def _product(shape: tuple[int, ...]) -> int:
    product = 1
    for side in shape:
        product *= side
    return product


def _precision(variables: list[Variable]) -> str:
    sizes: Counter[str] = Counter()
    for _, _, kind, size in variables:
        sizes[TYPES.get(kind, ("other", 0))[0]] += size
    return sizes.most_common(1)[0][0]
