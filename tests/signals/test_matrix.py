"""Each fault fires its own signal and no other; a healthy target fires none.

Every target does the same healthy work beside its fault, on the wall clock. One run in ten looks at what a real process
does in less than a second, so the figures are not held to anything here: only which of fourteen signals fire.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.execute import run
from harness.judge.signals import RULES, Signal, judge_signals
from harness.measure.metrics import summarise
from harness.scenario.model import BaselineLine, ClosedLoad, Load, Pool, Scenario, Step, WorkflowType
from harness.scenario.parts import RateLoad
from tests.signals import targets
from tests.signals.targets import FAULTS

OPEN = frozenset({"backlog_grows"})
"""Faults that only an open load shows."""

COUNTS = {"memory_grows": 400, "none": 400, "retries_amplify": 120, "pool_exhausted": 120, "executor_exhausted": 120}
COUNTS |= {"long_collections": 120}
"""A slope of memory needs six samples after warm-up: a run of a second. What is slow gets fewer workflows."""


def scenario(load: Load, baseline: tuple[BaselineLine, ...] = ()) -> Scenario:
    """One type of workflow; what it does is the target's own business."""
    kind = WorkflowType("simple", (Step("only"),))
    return Scenario("signals", load, (kind,), (("simple", 1.0),), (Pool("agents", 30),), baseline=baseline)


def load_for(signal: str) -> Load:
    """Ten in flight, or 200 in a second that come whatever is in flight."""
    if signal in OPEN:
        return RateLoad(200.0, "poisson", workflows=240)
    return ClosedLoad(10, workflows=COUNTS.get(signal, 240))


def signals_of(target: object, load: Load, seed: int = 1) -> dict[str, Signal]:
    """Signal by name, after one run of `target` under `load`."""
    declared = scenario(load)
    metrics = summarise(declared, [run(declared, target=target, seed=seed)])
    return {signal.name: signal for signal in judge_signals(metrics)}


def fired(signals: dict[str, Signal]) -> dict[str, str]:
    return {name: signal.text for name, signal in signals.items() if signal.state == "fired"}


@pytest.fixture(autouse=True)
def _only_the_targets_own_garbage() -> Iterator[None]:
    """A collection walks the whole heap, and that of a long test session is not the target's."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def test_every_rule_has_its_fault() -> None:
    assert [rule.name for rule in RULES] == list(FAULTS)


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_a_fault_fires_its_own_signal_and_no_other(fault: str) -> None:
    try:
        found = fired(signals_of(FAULTS[fault], load_for(fault)))
    finally:
        if targets.LeftChild.child is not None:
            targets.LeftChild.child.kill()
            targets.LeftChild.child.wait()
    assert list(found) == [fault], found
    if fault == "blocked_loop":
        assert "parse_report (signals/targets.py:" in found[fault]
        assert "< call (signals/targets.py:" in found[fault]


@pytest.mark.parametrize("load", [load_for("none"), load_for("backlog_grows")], ids=["closed", "open"])
def test_a_healthy_target_fires_none(load: Load) -> None:
    signals = signals_of(targets.Healthy, load)
    assert fired(signals) == {}
    unseen = {name for name, signal in signals.items() if signal.state == "not_observable"}
    assert unseen == (set() if isinstance(load, RateLoad) else {"backlog_grows"})


# --------------------------------------------------------------------------- memory, in a process of its own

CALIBRATE = """
import json, sys
from harness.execute import run
from harness.measure.metrics import summarise
from harness.judge.signals import judge_signals
from harness.scenario.model import ClosedLoad
from tests.signals import graphs
from tests.signals.test_matrix import scenario

declared = scenario(ClosedLoad(10, workflows=400))
metrics = summarise(declared, [run(declared, target=getattr(graphs, sys.argv[1]))])
slope = metrics.resources.memory_slope_b_per_100
fired = [signal.name for signal in judge_signals(metrics) if signal.state == "fired"]
print(json.dumps([slope.value, slope.low, slope.high, fired]))
"""
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("graph", "least_kib", "most_kib", "names"),
    [("Graph", -1.0, 2.0, []), ("SavedGraph", 4.0, 16.0, ["memory_grows"])],
    ids=["without checkpointer", "InMemorySaver"],
)
def test_what_langgraph_keeps_per_workflow(graph: str, least_kib: float, most_kib: float, names: list[str]) -> None:
    """Two nodes keep 5.5 to 9.5 KiB a workflow in `InMemorySaver`, as the allocator has it, and nothing without one."""
    command = [sys.executable, "-c", CALIBRATE, graph]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    value, low, high, found = json.loads(done.stdout)
    assert least_kib * 102_400 <= low <= value <= high <= most_kib * 102_400, done.stdout
    assert found == names
