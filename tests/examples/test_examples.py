"""The examples do what their READMEs say: newcomers run them first."""

from __future__ import annotations

import dataclasses
import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.execute import run
from harness.measure.record import Outcome, Run
from harness.scenario.load import load_catalog
from harness.scenario.model import BurstLoad

ROOT = Path(__file__).parents[2]
RESEARCH = "langgraph:examples.langgraph_research.graph:graph"
DESK = "examples.own_orchestrator.target:Target"
BLOCKING = "examples.own_orchestrator.blocking:answer"

DIGEST = f"""
import hashlib
from harness.execute import run
from harness.scenario.load import load_catalog
done = run(load_catalog()["test_25_concurrent_workflows"], target="{RESEARCH}", clock="virtual", seed=3)
columns = done.workflows
print(hashlib.sha256(b"".join(getattr(columns, name).tobytes() for name in columns.__slots__)).hexdigest())
"""


def succeeded(done: Run) -> float:
    return float(np.mean(done.workflows.outcome == Outcome.SUCCEEDED))


@pytest.mark.parametrize("name", load_catalog())
def test_every_scenario_runs_on_the_research_team_in_virtual_time(name: str) -> None:
    done = run(load_catalog()[name], target=RESEARCH, clock="virtual")
    assert done.stopped is None
    assert done.doubts == ()
    assert succeeded(done) > 0.95
    assert set(done.error_kinds) <= {"ModelOverloadedError"}
    latency_s = done.workflows.finished_s - done.workflows.due_s
    assert 0.4 < np.median(latency_s) < 0.8
    # no pool and no queue that the harness could see: nothing is made up for them
    assert len(done.attempts) == 0
    assert done.gauges.values == {}


def test_the_research_team_runs_in_real_time_with_the_same_luck() -> None:
    scenario = dataclasses.replace(load_catalog()["test_50_concurrent_workflows"], load=BurstLoad((20,)))
    real = run(scenario, target=RESEARCH, clock="wall")
    exact = run(scenario, target=RESEARCH, clock="virtual")
    assert real.workflows.outcome.tolist() == exact.workflows.outcome.tolist()
    # real time adds the graph's own overhead to what the models take; it takes nothing away
    assert (real.workflows.finished_s > exact.workflows.finished_s).all()
    assert succeeded(real) > 0.9


def test_the_same_seed_gives_the_same_columns_in_another_process() -> None:
    found = {
        subprocess.run(
            [sys.executable, "-c", DIGEST], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
        ).stdout.strip()
        for _ in range(2)
    }
    assert len(found) == 1
    assert len(found.pop()) == hashlib.sha256().digest_size * 2


def test_the_desk_shows_its_own_line() -> None:
    done = run(load_catalog()["test_25_concurrent_workflows"], target=DESK, clock="virtual")
    assert succeeded(done) == 1.0
    assert done.gauges.values["agents_busy"].max() == 8
    assert done.gauges.values["queue_depth"].max() == 17
    assert done.ended_s == pytest.approx(200 / 8 * 0.05)


def test_the_desk_and_the_plain_function_run_in_real_time() -> None:
    scenario = dataclasses.replace(load_catalog()["test_25_concurrent_workflows"], load=BurstLoad((25,)))
    for target in (DESK, BLOCKING):
        done = run(scenario, target=target)
        assert succeeded(done) == 1.0
        # a machine that does much else starts them late, and says so
        assert [doubt for doubt in done.doubts if "after they were due" not in doubt] == []
        assert 0.05 <= done.ended_s < 2.0


def test_the_target_in_the_readme_is_the_file() -> None:
    folder = ROOT / "examples" / "own_orchestrator"
    code = (folder / "README.md").read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    assert code.strip() in (folder / "target.py").read_text(encoding="utf-8")
    assert len([line for line in code.splitlines() if line.strip()]) < 10
