"""A user's project in a folder of its own, and pytest sessions in it."""

from __future__ import annotations

from pathlib import Path

import pytest

# the sessions run in this process: what they import must not be imported afresh by each of them
import harness.bridges.load_scenario
import harness.report.terminal  # noqa: F401

ALONE = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-p", "no:langsmith_plugin", "-p", "no:anyio")
"""Without the plugins that take seconds to import; each session would import them afresh."""

TESTS = """
import pytest

@pytest.mark.performance
@pytest.mark.benchmark(group="mine")
def test_quick(load_scenario):
    result = load_scenario("quick")
    assert result.metrics.offered == 4 * len(result.runs)

def test_other():
    pass
"""

SCENARIOS = """
[workflow.brief]
steps = [{ name = "wait", wait = { dist = "uniform", low = "5 ms", high = "15 ms" } }]

[scenario.quick]
load = { law = "closed", in_flight = 2, workflows = 4 }
mix = { brief = 1 }
pools.agents = { size = 2, queue = 4 }
baseline = { success_rate = ">= 80 %" }

[scenario.hopeless]
extends = "quick"
baseline = { latency_p95 = "< 1 ms", success_rate = ">= 80 %" }

[scenario.unseen]
extends = "quick"
baseline = { queue_depth_max = "< 5", success_rate = ">= 80 %" }

[scenario.endless]
load = { law = "closed", in_flight = 1, workflows = 100000 }
mix = { brief = 1 }
pools.agents = { size = 1, queue = 1 }
"""

TARGETS = """
import asyncio

async def handle(workflow):
    await asyncio.sleep(0.01)

async def tell(workflow):
    await asyncio.sleep(0.01)
    if workflow.number == 20:
        open("under_way", "w").close()
"""


def session(project: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return project.runpytest_inprocess(*ALONE, "-W", "error", *arguments)


def write_test(project: pytest.Pytester, body: str) -> None:
    project.makepyfile(test_load=f"import pytest, targets\n\ndef test_it(load_scenario):\n    {body}\n")


def reports(project: pytest.Pytester) -> list[Path]:
    return sorted((project.path / "reports").glob("*.json"))
