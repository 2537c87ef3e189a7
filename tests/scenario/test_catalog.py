"""The built-in catalog: it fits its schema, asks for what the design asks for, and costs little to load."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import harness.scenario.load
from harness.scenario.load import load_catalog
from harness.scenario.model import BASELINE_METRICS, BurstLoad, ClosedLoad, Constant
from harness.schema import load_schema, schema_mistakes

BASELINES = {
    "test_10_concurrent_workflows": {
        "success_rate": ">= 80 %",
        "latency_p95": "< 5 s",
        "error_rate": "< 5 %",
        "memory_peak": "< 512 MB",
        "cpu_mean": "< 80 %",
    },
    "test_25_concurrent_workflows": {
        "success_rate": ">= 80 %",
        "latency_p95": "< 10 s",
        "latency_p99": "< 10 s",
        "error_rate": "< 20 %",
        "memory_peak": "< 1 GB",
        "cpu_mean": "< 90 %",
    },
    "test_50_concurrent_workflows": {
        "success_rate": ">= 70 %",
        "latency_p95": "< 30 s",
        "latency_p99": "< 30 s",
        "error_rate": "< 30 %",
        "memory_peak": "< 2 GB",
        "cpu_mean": "< 95 %",
    },
    "test_resource_contention_scenarios": {
        "success_rate": ">= 80 %",
        "memory_peak": "< 2 GB",
        "cpu_mean": "recorded",
        "cpu_max": "recorded",
    },
    "test_memory_usage_patterns": {
        "memory_peak": "< 1 GB",
        "memory_batch_spread": "< 512 MB",
        "memory_unreturned": "recorded",
    },
    "test_cpu_usage_patterns": {"cpu_max": "< 95 %", "throughput_mean": "> 5 /s"},
    "test_agent_pool_exhaustion": {
        "pool_utilization_max": "recorded",
        "pool_overcommit": "= 0",
        "pool_exhausted_at": "recorded",
    },
    "test_queue_overflow_handling": {"queue_overflow": "= 0", "rejected": "= 100", "rejection_rate": "> 0 %"},
}


@pytest.fixture(scope="module")
def catalog():
    return load_catalog()


def test_the_eight_scenarios_have_the_baselines_of_the_design(catalog):
    assert {name: {line.metric: line.text for line in s.baseline} for name, s in catalog.items()} == BASELINES


def test_the_catalog_file_fits_the_schema_that_a_users_file_is_held_to():
    path = Path(harness.scenario.load.__file__).with_name("catalog.toml")
    assert schema_mistakes("scenario", tomllib.loads(path.read_text(encoding="utf-8"))) == []


def test_the_schema_is_a_schema_and_its_metrics_are_those_of_the_model():
    schema = load_schema("scenario")
    Draft202012Validator.check_schema(schema)
    lines = schema["$defs"]["baseline"]["properties"]
    kinds = {metric: line["$ref"].removeprefix("#/$defs/").removesuffix("_line") for metric, line in lines.items()}
    assert kinds == dict(BASELINE_METRICS)


def test_every_key_a_user_may_write_is_described():
    silent = []

    def walk(where, schema):
        for key, inner in schema.get("properties", {}).items():
            if inner is not True and "description" not in inner and "$ref" not in inner and "title" not in inner:
                silent.append(f"{where}.{key}")

    for name, schema in load_schema("scenario")["$defs"].items():
        if schema.get("additionalProperties") is False:
            walk(name, schema)
    assert silent == []


def test_the_five_types(catalog):
    assert list(catalog.types) == ["simple", "complex", "data_intensive", "optimization", "reporting"]
    assert all(kind.description for kind in catalog.types.values())
    assert all(scenario.description for scenario in catalog.values())


def test_a_simple_workflow_is_one_step_so_that_queue_arithmetic_counts_workflows(catalog):
    assert len(catalog.types["simple"].steps) == 1


def test_the_drops_are_what_arithmetic_says(catalog):
    scenario = catalog["test_queue_overflow_handling"]
    (pool,), load = scenario.pools, scenario.load
    assert isinstance(load, BurstLoad)
    assert load.every_s is None  # the second burst meets an empty system, however long the tail
    assert scenario.mix == (("simple", 1.0),)
    assert "rejected" not in scenario.retry.on
    assert sum(max(0, size - pool.size - pool.queue) for size in load.sizes) == 100


def test_the_bursts_rise_past_the_agents_and_nobody_is_turned_away(catalog):
    scenario = catalog["test_agent_pool_exhaustion"]
    (pool,), sizes = scenario.pools, scenario.load.sizes
    assert pool.size == 75
    assert list(sizes) == sorted(sizes)
    assert sizes[0] < pool.size < sizes[-1] <= pool.size + pool.queue


def test_the_contention_is_20_to_15_in_each_burst(catalog):
    scenario = catalog["test_resource_contention_scenarios"]
    assert scenario.mix == (("optimization", 20.0), ("data_intensive", 15.0))
    assert set(scenario.load.sizes) == {35}


@pytest.mark.parametrize("in_flight", [10, 25])
def test_as_many_are_in_flight_as_the_name_says(catalog, in_flight):
    load = catalog[f"test_{in_flight}_concurrent_workflows"].load
    assert isinstance(load, ClosedLoad)
    assert load.in_flight == in_flight


def test_one_solver_keeps_the_cpu_scenario_below_its_limit(catalog):
    scenario = catalog["test_cpu_usage_patterns"]
    solvers = scenario.pools[scenario.pool_index("solvers")]
    assert solvers.size < scenario.cores


def test_held_memory_stays_far_below_the_limits(catalog):
    for scenario in catalog.values():
        held = max(step.hold_b for kind in scenario.types for step in kind.steps)
        limits = [line.limit for line in scenario.baseline if line.metric == "memory_peak"]
        assert held * sum(pool.size for pool in scenario.pools) < 0.95 * min(limits, default=10**9)


def test_every_step_burns_or_waits(catalog):
    for kind in catalog.types.values():
        assert all((step.wait, step.burn) != (Constant(0.0), Constant(0.0)) for step in kind.steps)


def test_loading_the_catalog_imports_nothing_heavy():
    code = "import sys; from harness.scenario.load import load_catalog; load_catalog(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"jsonschema", "numpy", "scipy", "psutil", "rich", "click", "asyncio", "difflib", "httpx", "langgraph"}
    assert heavy & set(loaded) == set()


def test_the_catalog_is_a_mapping_that_cannot_be_changed(catalog):
    assert len(catalog) == 8
    assert "test_10_concurrent_workflows" in catalog
    with pytest.raises(TypeError):
        catalog.scenarios["x"] = None
