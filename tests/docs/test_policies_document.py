"""The document on policies: what it declares is a scenario with every policy, and runs."""

from __future__ import annotations

import re
from pathlib import Path

import harness
from harness.scenario.in_force import policies_in_force
from harness.scenario.load import load_scenarios

DOCUMENT = Path(__file__).parents[2] / "docs" / "policies.md"


def test_its_file_runs_with_every_policy(tmp_path):
    (block,) = re.findall(r"```toml\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), flags=re.DOTALL)
    path = tmp_path / "mine.toml"
    path.write_text(block, encoding="utf-8")
    scenario = load_scenarios(path)["policies"]
    assert len(policies_in_force(scenario)) == 12
    run = harness.run(scenario, clock="virtual")
    assert set(run.pool_kinds) == {"agents", "connections", "rate_limit", "memory"}
    assert len(run.workflows) > 300
    assert (run.workflows.outcome == 0).mean() > 0.9
