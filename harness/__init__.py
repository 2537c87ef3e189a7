"""Declarative load benchmarks for multi-agent workflow orchestrators.

The public API; everything else may move. Names are imported on first use, so that `import harness` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.drive.target import Failed, Rejected, Target, TimedOut, Workflow
    from harness.errors import ExitCode, HarnessError
    from harness.execute import run
    from harness.judge.baseline import judge_baseline
    from harness.judge.compare import compare
    from harness.judge.verdict import Verdict, judge_metric
    from harness.measure.metrics import MultiAgentLoadMetrics, summarise
    from harness.measure.record import Run
    from harness.measure.resources import ResourceMonitor
    from harness.scenario.load import load_scenarios
    from harness.scenario.model import Scenario
    from harness.simulate.simulator import AgentLoadSimulator

__version__ = "0.1.0"

_HOMES = {
    "AgentLoadSimulator": "harness.simulate.simulator",
    "ExitCode": "harness.errors",
    "Failed": "harness.drive.target",
    "HarnessError": "harness.errors",
    "MultiAgentLoadMetrics": "harness.measure.metrics",
    "Rejected": "harness.drive.target",
    "ResourceMonitor": "harness.measure.resources",
    "Run": "harness.measure.record",
    "Scenario": "harness.scenario.model",
    "Target": "harness.drive.target",
    "TimedOut": "harness.drive.target",
    "Verdict": "harness.judge.verdict",
    "Workflow": "harness.drive.target",
    "compare": "harness.judge.compare",
    "judge_baseline": "harness.judge.baseline",
    "judge_metric": "harness.judge.verdict",
    "load_scenarios": "harness.scenario.load",
    "run": "harness.execute",
    "summarise": "harness.measure.metrics",
}

__all__ = [
    "AgentLoadSimulator",
    "ExitCode",
    "Failed",
    "HarnessError",
    "MultiAgentLoadMetrics",
    "Rejected",
    "ResourceMonitor",
    "Run",
    "Scenario",
    "Target",
    "TimedOut",
    "Verdict",
    "Workflow",
    "compare",
    "judge_baseline",
    "judge_metric",
    "load_scenarios",
    "run",
    "summarise",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
