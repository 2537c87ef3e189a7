"""The counters of a provider in the text format that Prometheus reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

_GAUGES = {
    "in_flight": "Requests that were not answered yet.",
    "peak_in_flight": "Most requests in flight at any instant.",
    "in_service": "Requests that hold a slot.",
    "peak_in_service": "Most requests that held a slot at any instant.",
    "slots": "Slots there are; absent where there is no limit.",
    "queue_depth": "Requests that wait for a slot.",
    "peak_queue_depth": "Most that waited at any instant.",
    "most_retries_in_100_ms": "Most retries that came within one tenth of a second.",
}
_COUNTERS = {
    "requests": "Requests that came.",
    "overflowed": "Requests that found the queue full.",
    "cut_streams": "Streams cut on purpose.",
    "stalls": "Answers stalled on purpose.",
    "clients_left": "Clients that hung up before their answer was complete.",
    "retries": "Requests that came after one at the same call had failed.",
}
_LABELLED = {
    "statuses": ("responses", "status", "Answers by status."),
    "limited": ("limited", "limit", "Requests refused by a rate limit."),
    "planted_errors": ("planted_errors", "status", "Errors planted."),
    "tokens": ("tokens", "kind", "Tokens taken in and given out."),
}


class _Collected(Collector):
    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        document = self._document
        for name, text in _GAUGES.items():
            if document[name] is not None:
                yield GaugeMetricFamily(f"fake_llm_{name}", text, value=document[name])
        for name, text in _COUNTERS.items():
            yield CounterMetricFamily(f"fake_llm_{name}", text, value=document[name])
        for name, (metric, label, text) in _LABELLED.items():
            family = CounterMetricFamily(f"fake_llm_{metric}", text, labels=[label])
            for value, count in document[name].items():
                family.add_metric([value], count)
            yield family
        told = "Calls that succeeded, by the attempts they took."
        calls = CounterMetricFamily("fake_llm_calls", told, labels=["attempts"])
        for attempts, count in document["calls"]["attempts"].items():
            calls.add_metric([attempts], count)
        yield calls


def metrics_text(document: Mapping[str, Any]) -> bytes:
    """The document of `Counters` as Prometheus text."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected(document))
    return generate_latest(registry)
