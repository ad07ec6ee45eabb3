"""Pages of metrics as servers of several versions write them, and what one request left on them."""

from __future__ import annotations

import json

import pytest

from engines.servers.gauges import Around
from engines.servers.metrics_page import QUOTIENTS, RATIOS, SUMS, Gauges, read

VLLM = """# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="a {b} \\"c\\" d"} 2.0
vllm:num_requests_running{engine="1",model_name="m"} 1.0
vllm:num_requests_waiting{engine="0",model_name="m"} 4.0
vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.5
vllm:kv_cache_usage_perc{engine="1",model_name="m"} 0.7
vllm:prefix_cache_queries_total{engine="0",model_name="m"} 200.0
vllm:prefix_cache_hits_total{engine="0",model_name="m"} 50.0
vllm:prefix_cache_hits_created{engine="0",model_name="m"} 1.79e+09
vllm:spec_decode_num_draft_tokens_total{engine="0"} 10.0
vllm:spec_decode_num_accepted_tokens_total{engine="0"} 4.0
vllm:time_to_first_token_seconds_bucket{engine="0",le="0.001",model_name="m"} 0.0
vllm:time_to_first_token_seconds_count{engine="0",model_name="m"} 3.0
vllm:time_to_first_token_seconds_sum{engine="0",model_name="m"} 1.5
vllm:e2e_request_latency_seconds_sum{engine="0"} NaN
"""


def test_vllm_sums_over_engines_and_takes_the_mean_of_shares() -> None:
    found = read(VLLM)
    assert found is not None
    assert (found.running, found.waiting) == (3.0, 4.0)
    assert found.kv_use == pytest.approx(0.6)
    assert (found.prefix_hit_rate, found.accept_rate) == (0.25, 0.4)
    assert (found.ttft_sum_s, found.ttft_count, found.queue_count) == (1.5, 3.0, None)


@pytest.mark.parametrize(
    ("page", "wanted"),
    [
        ("vllm:gpu_cache_usage_perc 0.25\nvllm:gpu_prefix_cache_hits_total 1\nvllm:gpu_prefix_cache_queries_total 4\n",
         Gauges(kv_use=0.25, prefix_hit_rate=0.25)),
        ('sglang:num_running_reqs{tp_rank="0"} 2\nsglang:num_queue_reqs{tp_rank="0"} 1\nsglang:token_usage 0.28\n'
         "sglang:cache_hit_rate 0.0075\nsglang:spec_accept_rate 0.6\nsglang:spec_accept_length 2.5\n",
         Gauges(running=2, waiting=1, kv_use=0.28, prefix_hit_rate=0.0075, accept_rate=0.6)),
        ("llamacpp:requests_processing 4\nllamacpp:requests_deferred 46\nllamacpp:predicted_tokens_seconds nan\n"
         "llamacpp:spec_decode_num_draft_tokens_total 8\nllamacpp:spec_decode_num_accepted_tokens_total 6\n",
         Gauges(running=4, waiting=46, accept_rate=0.75, drafted=8, accepted=6)),
        ('dynamo_frontend_inflight_requests{model="m"} 12\ndynamo_frontend_queued_requests{model="m"} 3\n'
         "dynamo_component_kvstats_gpu_cache_usage_percent 45.0\n", Gauges(running=12, waiting=3, kv_use=0.45)),
        ("trtllm_time_to_first_token_seconds_sum 2.0\ntrtllm_time_to_first_token_seconds_count 4\ntrtllm_kv_cache_hit_rate 0.5\n",
         Gauges(ttft_sum_s=2.0, ttft_count=4.0, prefix_hit_rate=0.5)),
        (json.dumps([{"numActiveRequests": 9}, {"numActiveRequests": 1, "numQueuedRequests": 2, "kvCacheStats": {
            "usedNumBlocks": 4, "maxNumBlocks": 10, "cacheHitRate": 0.2}}]),
         Gauges(running=1, waiting=2, kv_use=0.4, prefix_hit_rate=0.2)),
    ],
    ids=["older vLLM", "SGLang", "llama-server", "Dynamo", "TensorRT-LLM", "TensorRT-LLM's JSON"],
)  # fmt: skip
def test_other_servers_and_other_names(page: str, wanted: Gauges) -> None:
    assert read(page) == wanted


@pytest.mark.parametrize(
    "page", ["", "# only words\n", "some_other_metric 4\n", "<html></html>", "[]", "{", '{"a": 1}', "x\ny z\n"]
)
def test_a_page_that_says_nothing_of_it_is_none(page: str) -> None:
    assert read(page) is None


def test_no_queries_is_no_rate() -> None:
    assert read("vllm:prefix_cache_hits_total 0\nvllm:prefix_cache_queries_total 0\n") == Gauges(cached_tokens=0.0)


def test_every_figure_of_the_tables_is_one_of_gauges() -> None:
    fields = set(Gauges.__struct_fields__)
    assert {*SUMS, *RATIOS, *QUOTIENTS} == fields
    for names in (*SUMS.values(), *RATIOS.values()):
        assert not any(n.endswith("_total") for n in names), "clients of Prometheus add it; it is dropped on reading"


def test_what_one_request_left_behind() -> None:
    before = Gauges(ttft_sum_s=1.0, ttft_count=4.0, queue_sum_s=0.0, queue_count=4.0, cached_tokens=10.0, drafted=0.0,
                    accepted=0.0)  # fmt: skip
    after = Gauges(
        ttft_sum_s=1.25, ttft_count=5.0, queue_sum_s=0.5, queue_count=5.0, cached_tokens=26.0, drafted=8.0, accepted=6.0
    )
    around = Around(before, after)
    assert around.figures() == {"server_ttft_s": 0.25, "server_queue_s": 0.5}
    assert around.n_cached() == 16
    assert around.speculation() == (8, 6)


@pytest.mark.parametrize("count", [4.0, 6.0])
def test_none_or_several_requests_between_say_nothing_of_one(count: float) -> None:
    before = Gauges(ttft_sum_s=1.0, ttft_count=4.0, cached_tokens=10.0)
    around = Around(before, Gauges(ttft_sum_s=2.0, ttft_count=count, cached_tokens=12.0))
    assert around.figures() == {}
    assert around.n_cached() is None
    assert around.speculation() == (0, 0)
    assert Around(None, before).figures() == {}
