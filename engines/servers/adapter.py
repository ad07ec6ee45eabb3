"""The adapter of a model on a server: connect, ask, measure from both sides, and say what the server cannot."""

from __future__ import annotations

import importlib.metadata
import urllib.parse
from collections.abc import Sequence
from typing import ClassVar

import msgspec.structs

from engines.errors import EngineError
from engines.job import Job
from engines.knobs import AUTO, Settings, Value
from engines.protocol import (
    Address,
    ChatRequest,
    Described,
    Finished,
    Loaded,
    LoadTest,
    Memory,
    Message,
    ModelFiles,
)
from engines.servers.asking import Asker
from engines.servers.client import Client
from engines.servers.dialects import Facts, facts
from engines.servers.errors import HttpError
from engines.servers.gauges import GaugeReader
from engines.servers.load import load_test
from engines.servers.running import ServerRun, watching
from engines.servers.tokenizing import Tokenizing

LOCAL = ("localhost", "127.", "::1", "0.0.0.0")
CONNECTIONS = 64


class ServerAdapter:
    """One session with one served model. See `engines.worker.Adapter`.

    An engine that starts its server overrides `_address`, and what it knows better: `_about`, `_explain`, `close`.
    """

    engine: ClassVar[str] = ""

    def __init__(self) -> None:
        self._client: Client | None = None
        self._facts: Facts | None = None
        self._gauges: GaugeReader | None = None
        self._tokenizing: Tokenizing | None = None
        self._asker: Asker | None = None

    # --- what engines that start their server change -----------------------------------------

    def _address(self, files: ModelFiles, knobs: Settings, job: Job) -> Address:
        """Where the model is served, inside the phase `read`. Raises EngineError; Cancelled."""
        if files.server is None:
            raise EngineError("load_failed", "This model is not on a server.", "Choose an engine that loads files.")
        return files.server

    def _about(self, loaded: Loaded) -> Loaded:
        """`loaded` with what else is known: memory, the command, settings that the server chose."""
        return loaded

    def _explain(self, error: EngineError) -> EngineError:
        """A failure in the words of one who knows more of the server, as why its process ended."""
        return error

    # --- load -------------------------------------------------------------------------------

    def load(self, files: ModelFiles, knobs: Settings, job: Job) -> Loaded:
        """Connect, recognise, warm up. Raises EngineError `no_server`, `bad_key`, `unknown_model` …; Cancelled."""
        with job.phase("import"):
            importlib.import_module("urllib3")
        with job.phase("read"):
            address = self._address(files, knobs, job)
            found = self._connect(address, knobs, job)
        local = _is_local(address)
        warm = bool(knobs.get("warm_up", AUTO)) if knobs.get("warm_up", AUTO) != AUTO else local
        with job.phase("prime"):
            note = self._prime(job) if warm else ""
        return self._about(self._loaded(address, found, knobs, job, warm, note))

    def _connect(self, address: Address, knobs: Settings, job: Job) -> Facts:
        timeout_s = _number(knobs.get("timeout_s"), 600.0)
        self._client = Client(address, timeout_s=timeout_s, pool=CONNECTIONS)
        job.progress(None, "asking the server")
        try:
            found = facts(self._client, watching(job))
        except EngineError as error:
            raise self._explain(error) from error
        address = msgspec.structs.replace(address, model=found.model)
        self._facts = found
        self._tokenizing = Tokenizing(self._client, found.dialect, found.model)
        self._asker = Asker(self._client, address, found, self._tokenizing)
        self._gauges = GaugeReader(self._client, found.dialect)
        self._gauges.start()
        return found

    def _prime(self, job: Job) -> str:
        """One token, so that the first answer is no slower than the second. A note where the server refuses."""
        _, _, asker = self._ready()
        before = self._gauges.latest if self._gauges is not None else None
        knobs: Settings = {"max_tokens": 1, "temperature": 0.0, "cache_prompt": False}  # nothing of it is found again
        try:
            _, exchange = asker.send(
                asker.prepare(ChatRequest(messages=(Message("user", "Hi"),)), knobs), watching(job)
            )
            try:
                for _ in exchange:
                    job.check()
            finally:
                exchange.close()
            if self._gauges is not None:  # else the first run's figures would be those of two requests
                self._gauges.counted(before)
        except HttpError as error:
            if error.code == "server_error" and error.status < 500:  # a base model without a chat template
                return f"not warmed up: {error.message}"
            raise self._explain(error) from error
        except EngineError as error:
            raise self._explain(error) from error
        return ""

    def _loaded(self, address: Address, found: Facts, knobs: Settings, job: Job, warm: bool, note: str) -> Loaded:
        notes = [note] if note else []
        if address.url.startswith("https:") and not address.verify:
            notes.append("the server's certificate is not checked")
        why = {
            "warm_up": f"{'on' if warm else 'off'}: the server is {'' if _is_local(address) else 'not '}on this machine"
        }
        asked_auto = knobs.get("warm_up", AUTO) == AUTO and "warm_up" in knobs
        return Loaded(
            id=job.id, engine=self.engine, version=found.version or found.software or "not said",
            build=" ".join(filter(None, (found.dialect.title, found.version, f"({found.software})" if found.software else ""))),
            device="server", effective=dict(knobs) | ({"warm_up": warm} if "warm_up" in knobs else {}),
            why=why if asked_auto else {}, phases={f"{k}_s": v for k, v in job.clock.phases.items()}, memory=Memory(device="server"),
            n_ctx=found.n_ctx, template="server", sees=found.sees is not False,
            blind="its server says that it takes text alone", notes=tuple(notes),
        )  # fmt: skip

    # --- the verbs --------------------------------------------------------------------------

    def run(self, request: ChatRequest, job: Job) -> Finished:
        """Ask, stream, measure. Raises EngineError: text that had come was given out before."""
        _, found, asker = self._ready()
        try:
            return ServerRun(found, asker, self._gauges, job).answer(request)
        except EngineError as error:
            raise self._explain(error) from error

    def load_test(self, order: LoadTest, job: Job) -> Finished:
        """Simulated users on this server (`engines.servers.load`)."""
        client, found, _ = self._ready()
        return load_test(client, found.dialect, self._served(), order, job, self.sample)

    def sample(self) -> dict[str, float]:
        """The server's figures of the last second, at once."""
        return {} if self._gauges is None else self._gauges.sample()

    def tokenize(self, text: str, messages: tuple[Message, ...] = ()) -> list[int]:
        """Raises EngineError `not_supported` where the server keeps its tokenizer to itself."""
        self._ready()
        assert self._tokenizing is not None
        return self._tokenizing.tokenize(text, messages)

    def pieces(self, ids: Sequence[int]) -> tuple[str, ...]:
        """The texts of ids. Raises EngineError `not_supported`, `bad_ids`."""
        self._ready()
        assert self._tokenizing is not None
        return self._tokenizing.pieces(ids)

    def describe(self, job: Job) -> Described:
        """A client works everywhere; each server says for itself what it can."""
        version = importlib.metadata.version("urllib3")
        return Described(id=job.id, engine=self.engine, version=version, build=f"urllib3 {version}", available=True)

    def close(self) -> None:
        """End the thread that reads figures, and every connection."""
        if self._gauges is not None:
            self._gauges.close()
        if self._client is not None:
            self._client.close()

    def _ready(self) -> tuple[Client, Facts, Asker]:
        if self._client is None or self._facts is None or self._asker is None:
            raise EngineError("not_loaded", "No server is connected.", "Load the model first.")
        return self._client, self._facts, self._asker

    def _served(self) -> Address:
        """The address with the model's name filled in."""
        client, found, _ = self._ready()
        return msgspec.structs.replace(client.address, model=found.model)


class OpenAIServer(ServerAdapter):
    """Any OpenAI-compatible server that a person named."""

    engine: ClassVar[str] = "openai-server"


def _is_local(address: Address) -> bool:
    return (urllib.parse.urlsplit(address.url).hostname or "").startswith(LOCAL)


def _number(value: Value, otherwise: float) -> float:
    return float(value) if isinstance(value, int | float) else otherwise
