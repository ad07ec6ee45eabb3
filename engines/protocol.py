"""Requests and events: the only types that the program and a worker share. Imports msgspec alone.

Times on the wire are nanoseconds of the worker's own `perf_counter_ns`, relative to `t_submit` of
their request; clocks of two processes are never subtracted. Sizes are bytes, durations seconds.
"""

from __future__ import annotations

import enum

import msgspec

from engines.knobs import KnobState, Settings, Value

PROTOCOL_VERSION = 4
TEXT_ALONE = "the model was made for text alone"


class Wire(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag=True):
    """Base of everything that travels: tagged by its class's name."""


class FinishReason(enum.StrEnum):
    STOP = "stop"
    LENGTH = "length"
    CANCELLED = "cancelled"
    ERROR = "error"


# --- values ---------------------------------------------------------------------------------


class Blob(msgspec.Struct, frozen=True, gc=False):
    """A value over 1 MiB, as a raw file in the session's folder: written, closed, then named."""

    path: str
    shape: tuple[int, ...]
    dtype: str
    bytes: int


class ModelShape(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What a model's header says of its size. Counts are elements, `tensor_bytes` is exact."""

    architecture: str
    n_layers: int
    n_embd: int
    n_heads: int
    n_kv_heads: int
    head_dim_k: int
    head_dim_v: int
    n_vocab: int
    n_ff: int
    n_ctx_train: int
    n_params: int
    tensor_bytes: int


class Address(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A model on an OpenAI-compatible server.

    url: up to and with "/v1", without a closing slash. model: the server's own name of it. kind: which server it is
    (`engines.servers.dialects`), "" where nobody knows. ca_file: a PEM file to trust besides the system's; verify False
    trusts any certificate. The key is shown nowhere: not in a repr, a log, a record or an error.
    """

    url: str
    model: str = ""
    key: str = ""
    kind: str = ""
    ca_file: str = ""
    verify: bool = True

    def __repr__(self) -> str:
        key = "…" if self.key else ""
        return f"Address(url={self.url!r}, model={self.model!r}, kind={self.kind!r}, key={key!r})"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return [("url", self.url), ("model", self.model), ("kind", self.kind)]


class ModelFiles(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One variant as an engine gets it: checked, local, complete.

    path: the GGUF file, or the folder of safetensors. template: the chat template's jinja source,
    None for a base model. bos, eos: their texts, for the template. server: instead of files, where it is served.
    """

    id: str
    variant: str
    format: str
    path: str
    files: tuple[str, ...] = ()
    bytes: int = 0
    template: str | None = None
    bos: str = ""
    eos: str = ""
    shape: ModelShape | None = None
    server: Address | None = None


class Message(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """images: absolute paths of prepared PNG files that stand before the text; only for models that see."""

    role: str
    content: str
    images: tuple[str, ...] = ()


class ChatRequest(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag="chat"):
    """Everything one chat run needs. Exactly one of messages, prompt, ids is given.

    messages go through the template; prompt is raw text (completion mode); ids are token ids as
    they are. clear_cache: forget the prefix cache first. discard_text: measure only, send no text.
    """

    messages: tuple[Message, ...] = ()
    prompt: str | None = None
    ids: tuple[int, ...] | None = None
    knobs: Settings = {}
    clear_cache: bool = False
    discard_text: bool = False


class Planned(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One request of a simulated user. at_s: when it is due after the test's start; None: when a user is free.

    Exactly one of messages, prompt, ids is given, as in `ChatRequest`. max_tokens: how many are asked for.
    """

    max_tokens: int
    at_s: float | None = None
    messages: tuple[Message, ...] = ()
    prompt: str | None = None
    ids: tuple[int, ...] | None = None


class LoadTest(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag="load_test"):
    """Simulated users on one server: for engines with `Verb.LOAD_TEST`.

    Closed loop (every `at_s` None): `users` requests are in flight until `requests` are used up or `seconds` are over.
    Open loop: each is sent when it is due, at most `users` (0: no limit) in flight; latency counts from the due time.
    warmup: so many requests at the start are sent before the clock begins and are not in the result.
    seconds: no new request is sent after so long, None is without a limit. knobs: run knobs of all requests.
    The answer is `Finished`, its `detail` a file of msgpack `tuple[Served, ...]`, and `Stats` each second before.
    """

    users: int
    requests: tuple[Planned, ...]
    warmup: int = 0
    seconds: float | None = None
    knobs: Settings = {}


class Served(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What became of one `Planned`. Times are nanoseconds after the test's start, of the worker's clock.

    due_ns: when it should have been sent (closed loop: when it was). times_ns[i]: arrival of output chunk i; counts[i]: tokens
    in it as far as the server says, else 1. n_in, n_cached, n_out: by the server's usage, None where it does not say.
    reason: a `FinishReason`, "error" with `error` in words. A request that was cut off is "cancelled".
    """

    index: int
    due_ns: int
    sent_ns: int
    end_ns: int
    times_ns: tuple[int, ...] = ()
    counts: tuple[int, ...] = ()
    n_in: int | None = None
    n_cached: int | None = None
    n_out: int | None = None
    reason: str = "stop"
    error: str = ""


Request = ChatRequest  # a union with the other tasks' requests, as they are built


class Memory(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """METRICS "Memory". None is "cannot be had"."""

    runtime_bytes: int | None = None
    model_bytes: int | None = None
    mapped_bytes: int | None = None
    peak_bytes: int | None = None
    estimate_bytes: int | None = None
    device: str = "cpu"
    device_bytes: int | None = None
    parts: dict[str, int] = {}  # weights, kv, compute, other


# --- requests: program → worker -------------------------------------------------------------


class Describe(Wire, frozen=True, kw_only=True):
    id: int
    engine: str


class Load(Wire, frozen=True, kw_only=True):
    id: int
    engine: str
    files: ModelFiles
    knobs: Settings


class Run(Wire, frozen=True, kw_only=True):
    id: int
    request: Request | LoadTest


class Tokenize(Wire, frozen=True, kw_only=True):
    """Answered by the reader thread while a run works. messages: through the template.

    ids: instead of a text, token ids whose pieces are wanted. pieces: the texts of the ids too.
    """

    id: int
    text: str = ""
    messages: tuple[Message, ...] = ()
    ids: tuple[int, ...] = ()
    pieces: bool = False


class Score(Wire, frozen=True, kw_only=True):
    """Teacher-forced log-probabilities through the path under test (METRICS, Comparing 6).

    The first `prefill` ids are prefilled, the rest fed `step` (1, or at most 32) at a time.
    write: file for the reference's fp16 log-probabilities, one row a position, n_vocab wide.
    against: such a file to compare with; then only statistics come back.
    pieces: the scored tokens' texts too, for a page that colours them.
    """

    id: int
    ids: tuple[int, ...]
    prefill: int
    step: int = 1
    write: str | None = None
    against: str | None = None
    pieces: bool = False


class Convert(Wire, frozen=True, kw_only=True):
    """Make `variant` of `files` at `target` (a temporary name that the library renames)."""

    id: int
    engine: str
    files: ModelFiles
    variant: str
    target: str


class Input(Wire, frozen=True, kw_only=True):
    """More input for the running request `run`; `end` closes it."""

    id: int
    run: int
    text: str = ""
    audio: Blob | None = None
    end: bool = False


class Cancel(Wire, frozen=True, kw_only=True):
    id: int


class Stop(Wire, frozen=True, kw_only=True):
    pass


Command = Describe | Load | Run | Tokenize | Score | Convert | Input | Cancel | Stop


# --- events: worker → program ---------------------------------------------------------------


class Hello(Wire, frozen=True, kw_only=True):
    protocol: int
    pid: int
    python: str


class Progress(Wire, frozen=True, kw_only=True):
    """fraction: 0–1, or None where it cannot be known. message: words for a person."""

    id: int
    phase: str
    fraction: float | None = None
    message: str = ""


class Described(Wire, frozen=True, kw_only=True):
    """knobs: only those with something to say. available False: `reason` says why and what to do."""

    id: int
    engine: str
    version: str
    build: str
    available: bool
    reason: str = ""
    devices: tuple[str, ...] = ()
    knobs: dict[str, KnobState] = {}
    notes: tuple[str, ...] = ()


class Loaded(Wire, frozen=True, kw_only=True):
    """effective: the value really used for each load knob. why: knob → why it differs from what was asked.

    phases: import_s, read_s, prime_s, compile_s. template: "model" or "none" (a base model).
    sees: messages may carry images. blind: why they may not, as the end of a sentence.
    command: of a server that was started for this session, its exact command line, keys masked.
    """

    id: int
    engine: str
    version: str
    build: str
    device: str
    effective: Settings
    why: dict[str, str] = {}
    phases: dict[str, float] = {}
    memory: Memory = Memory()
    n_ctx: int = 0
    template: str = "none"
    sees: bool = False
    blind: str = TEXT_ALONE
    command: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Text(Wire, frozen=True, kw_only=True):
    """New text and the figures so far, which describe it."""

    id: int
    text: str
    stats: dict[str, float] = {}


class Segment(Wire, frozen=True, kw_only=True):
    id: int
    start_s: float
    end_s: float
    text: str


class Audio(Wire, frozen=True, kw_only=True):
    id: int
    rate: int
    samples: bytes | Blob  # float32, mono


class Preview(Wire, frozen=True, kw_only=True):
    id: int
    step: int
    image: Blob


class Stats(Wire, frozen=True, kw_only=True):
    id: int
    stats: dict[str, float]


class Tokens(Wire, frozen=True, kw_only=True):
    """pieces: where they were asked for, the text of each id as it stands inside a prompt, special tokens by name.

    Joined they are the text that the model reads; bytes that are part of a character show as U+FFFD.
    """

    id: int
    ids: tuple[int, ...]
    pieces: tuple[str, ...] = ()


class Scored(Wire, frozen=True, kw_only=True):
    """One entry a scored position: negative log-likelihood (nats) and, with `against`, KL and top-1.

    pieces: with `Score.pieces`, the text of the token whose likelihood that is; parts of a character may show as such.
    """

    id: int
    nll: tuple[float, ...]
    kl: tuple[float, ...] = ()
    top1: tuple[bool, ...] = ()
    stats: dict[str, float] = {}
    written: Blob | None = None
    pieces: tuple[str, ...] = ()


class Converted(Wire, frozen=True, kw_only=True):
    id: int
    path: str
    bytes: int
    seconds: float
    notes: tuple[str, ...] = ()


class CancelSeen(Wire, frozen=True, kw_only=True):
    id: int


class Beat(Wire, frozen=True, kw_only=True):
    """Each second. counter moves with the work; cpu_s is the process's, less what sampling costs; rss in bytes."""

    phase: str
    counter: int
    cpu_s: float
    rss: int
    device_bytes: int | None = None
    sample: dict[str, float] = {}  # cpu_percent, gpu_percent, power_w …


class Finished(Wire, frozen=True, kw_only=True):
    """times_ns[i]: when output step i was sampled, after t_submit; counts[i]: tokens in that step.

    shown[i]: how many characters of `text` had been given out before step i + 1; the last entry is all of `text`.
    Empty where none were: the text was discarded, or there is none.
    detail: what one kind of request alone brings back (`LoadTest`).
    offsets[i]: how many characters of `text` had been given out once token i of `ids` was taken in, whether or not the
    text was discarded; the last may be less than all of `text`. Empty where the engine cannot say.
    """

    id: int
    reason: FinishReason
    text: str = ""
    metrics: dict[str, float | None] = {}
    memory: Memory = Memory()
    times_ns: tuple[int, ...] = ()
    counts: tuple[int, ...] = ()
    shown: tuple[int, ...] = ()
    offsets: tuple[int, ...] = ()
    prompt_ids: tuple[int, ...] = ()
    ids: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()
    top_logprobs: tuple[dict[str, float], ...] = ()
    effective: dict[str, Value] = {}
    notes: tuple[str, ...] = ()
    detail: Blob | None = None


class Failed(Wire, frozen=True, kw_only=True):
    """id None: the worker itself. fatal: replace the worker (out of memory, broken engine)."""

    id: int | None
    code: str
    message: str
    hint: str = ""
    fatal: bool = False


class Ended(Wire, frozen=True, kw_only=True):
    """Made by the client, last of all: how the worker ended, in words, and its last stderr lines."""

    code: int | None
    words: str
    expected: bool
    stderr: tuple[str, ...] = ()


class Unresponsive(Wire, frozen=True, kw_only=True):
    """Made by the client: no beat, or nothing moving, for `seconds`."""

    seconds: float
    phase: str


class Responsive(Wire, frozen=True, kw_only=True):
    """Made by the client: it moves again."""


Event = (
    Hello | Progress | Described | Loaded | Text | Segment | Audio | Preview | Stats | Tokens | Scored
    | Converted | CancelSeen | Beat | Finished | Failed | Ended | Unresponsive | Responsive
)  # fmt: skip
