"""How the stand-in server (`tests.stand_in_server`) streams an answer, and what goes wrong in the middle of one."""

from __future__ import annotations

import json
import time
from typing import Any

MIDDLE = 3  # after so many tokens the faults of a stream happen


class Writer:
    """One answer on its way."""

    def __init__(self, handler: Any, body: dict[str, Any], prompt: list[int], chat: bool) -> None:
        self.h, self.s, self.body, self.prompt, self.chat = handler, handler.server_, body, prompt, chat
        self.ids, self.finish = self.s.answer(prompt, body)
        self.n_cached = self.s.cached(prompt, body)
        self.start = time.perf_counter()
        self.first = self.start

    def whole(self) -> None:
        text = "".join(map(self.s.piece, self.ids))
        choice: dict[str, Any] = {"index": 0, "finish_reason": self.finish}
        choice |= {"message": {"role": "assistant", "content": text}} if self.chat else {"text": text}
        self.h.json({"object": "chat.completion", "choices": [choice], "usage": self._usage(len(self.ids))})

    def stream(self) -> None:
        h, fault = self.h, self.s.fault
        h.send_response(200)
        h.send_header("Content-Type", "text/html" if fault == "html_stream" else "text/event-stream; charset=utf-8")
        h.send_header("Transfer-Encoding", "chunked")
        h.end_headers()
        time.sleep(self.s.prefill_s)
        self.first = time.perf_counter()
        if self.chat:
            self._event({"choices": [self._choice({"role": "assistant", "content": ""})]} | self._prompt_ids())
        for index, token in enumerate(self.ids):
            if index == MIDDLE and self._broken():
                return
            last = index == len(self.ids) - 1
            self._token(index, token, self.finish if last else None)
            time.sleep(self.s.token_s)
        self._end()

    def _token(self, index: int, token: int, finish: str | None) -> None:
        name = "reasoning_content" if self.s.fault == "reasoning" and index < MIDDLE else "content"
        choice = self._choice({name: self.s.piece(token)}, finish)
        if self.body.get("return_token_ids") and self.s.kind == "vllm":
            choice["token_ids"] = [token]
        if (n := self.body.get("top_logprobs" if self.chat else "logprobs")) and self.s.kind != "":
            choice["logprobs"] = self._logprobs(token, int(n))
        event: dict[str, Any] = {"choices": [choice]} | (self._prompt_ids() if not self.chat and index == 0 else {})
        if self.body.get("timings_per_token") and self.s.kind == "llama-server":
            event["timings"] = self._timings(index + 1)
        if self.body.get("stream_options", {}).get("continuous_usage_stats"):
            event["usage"] = self._usage(index + 1)
        self._event(event)

    def _end(self) -> None:
        s, fault, options = self.s, self.s.fault, self.body.get("stream_options") or {}
        with s.guard:  # before the last bytes: who has them may look at /metrics at once
            c = s.counters
            c.done, c.read, c.cached = c.done + 1, c.read + len(self.prompt), c.cached + self.n_cached
            c.made += len(self.ids)
            c.ttft_s += self.first - self.start
            c.prefill_s += self.first - self.start
            c.decode_s += time.perf_counter() - self.first
        if options.get("include_usage") and fault not in ("no_usage", "no_count"):
            self._event({"choices": [], "usage": self._usage(1 if fault == "wrong_usage" else len(self.ids))})
        if fault != "no_done":
            self._raw(b"data: [DONE]\n\n")
        self._chunk(b"")

    def _broken(self) -> bool:
        """The faults in the middle of a stream."""
        h, fault = self.h, self.s.fault
        if fault == "cut":
            h.close_connection = True
        elif fault == "half_chunk":
            h.wfile.write(b'40\r\ndata: {"choices": [{"ind')
            h.close_connection = True
        elif fault == "hang_midstream":
            self.s.stopping.wait()
        elif fault == "error_event":
            self._event({"error": {"message": "the engine ran out of memory", "code": 500}})
        elif fault == "bad_json":
            self._raw(b"data: {nonsense\n\n")
        elif fault == "long_line":
            self._raw(b": " + b"x" * (1 << 20) + b"\n\n")
            return False
        elif fault == "endless_line":
            for _ in range(20):
                self._raw(b"x" * (1 << 20))
        else:
            return False
        h.wfile.flush()
        return True

    def _choice(self, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        said = {"delta": delta} if self.chat else {"text": delta.get("content", "")}
        return {"index": 0, **said, "finish_reason": finish}

    def _prompt_ids(self) -> dict[str, Any]:
        return {"prompt_token_ids": self.prompt} if self.body.get("return_token_ids") and self.s.kind == "vllm" else {}

    def _logprobs(self, token: int, n: int) -> dict[str, Any]:
        word = self.s.piece(token)
        top = [(word, -0.5), *((f"other{i}", -1.5 - i) for i in range(n - 1))]
        if self.chat:
            rows = [{"token": t, "logprob": p} for t, p in top]
            return {"content": [{"token": word, "logprob": -0.5, "top_logprobs": rows}]}
        return {"tokens": [word], "token_logprobs": [-0.5], "top_logprobs": [dict(top)]}

    def _timings(self, n: int) -> dict[str, Any]:
        now = time.perf_counter()
        return {"cache_n": self.n_cached, "prompt_n": len(self.prompt) - self.n_cached, "prompt_ms": (self.first - self.start) * 1e3,
                "predicted_n": n, "predicted_ms": (now - self.first) * 1e3}  # fmt: skip

    def _usage(self, n: int) -> dict[str, Any]:
        details = {"cached_tokens": self.n_cached}
        return {"prompt_tokens": len(self.prompt), "completion_tokens": n, "total_tokens": len(self.prompt) + n,
                "prompt_tokens_details": details}  # fmt: skip

    def _event(self, value: dict[str, Any]) -> None:
        data = b"data: " + json.dumps({"id": "x", "object": "chunk", **value}).encode() + b"\n\n"
        self._raw(data.replace(b"\n", b"\r\n") if self.s.fault == "crlf" else data)

    def _raw(self, data: bytes) -> None:
        if self.s.fault == "split":
            for byte in data:
                self._chunk(bytes([byte]))
        else:
            self._chunk(data)

    def _chunk(self, data: bytes) -> None:
        self.h.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.h.wfile.flush()


def page_vllm(c: Any) -> str:
    labels = '{engine="0",model_name="stand-in"}'
    rows = {
        "num_requests_running": c.running, "num_requests_waiting": 0, "kv_cache_usage_perc": 0.125,
        "prefix_cache_queries_total": c.read, "prefix_cache_hits_total": c.cached, "prompt_tokens_total": c.read,
        "prompt_tokens_cached_total": c.cached, "generation_tokens_total": c.made,
        "time_to_first_token_seconds_sum": c.ttft_s, "time_to_first_token_seconds_count": c.done,
        "request_queue_time_seconds_sum": 0.0, "request_queue_time_seconds_count": c.done,
        "request_prefill_time_seconds_sum": c.prefill_s, "request_prefill_time_seconds_count": c.done,
        "request_decode_time_seconds_sum": c.decode_s, "request_decode_time_seconds_count": c.done,
    }  # fmt: skip
    return "# HELP vllm:num_requests_running Requests.\n" + "".join(f"vllm:{n}{labels} {v}\n" for n, v in rows.items())
