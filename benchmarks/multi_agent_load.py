"""The eight scenarios as asv benchmarks, one class each; `harness.bridges.asv_suite` says how to set them."""

from pathlib import Path as _Path

from harness.bridges.asv_suite import ScenarioSuite as _ScenarioSuite


class _Catalog(_ScenarioSuite):
    # the working tree's declaration, like these benchmarks themselves, for every commit that is measured: the scenario
    # must not change between two commits that are compared
    file = _Path(__file__).resolve().parents[1] / "harness" / "scenario" / "catalog.toml"


class TenConcurrentWorkflows(_Catalog):
    scenario = "test_10_concurrent_workflows"


class TwentyFiveConcurrentWorkflows(_Catalog):
    scenario = "test_25_concurrent_workflows"


class FiftyConcurrentWorkflows(_Catalog):
    scenario = "test_50_concurrent_workflows"


class ResourceContentionScenarios(_Catalog):
    scenario = "test_resource_contention_scenarios"


class MemoryUsagePatterns(_Catalog):
    scenario = "test_memory_usage_patterns"


class CpuUsagePatterns(_Catalog):
    scenario = "test_cpu_usage_patterns"


class AgentPoolExhaustion(_Catalog):
    scenario = "test_agent_pool_exhaustion"


class QueueOverflowHandling(_Catalog):
    scenario = "test_queue_overflow_handling"
