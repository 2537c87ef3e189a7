"""The scenarios that docs/load.md declares are declared rightly, and run."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from harness.execute import run
from harness.report.listing import load_in_words
from harness.scenario.load import load_scenarios

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "load.md"
BLOCKS = re.findall(r"```toml\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), flags=re.DOTALL)
LAWS = re.findall(r"^\| `([a-z_]+)`", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE)


@pytest.mark.parametrize("block", BLOCKS, ids=["laws", "trace"])
def test_every_scenario_of_the_document_runs(block: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(block, encoding="utf-8")
    catalog = load_scenarios(path)
    for scenario in catalog.declared_here():
        done = run(scenario, clock="virtual", seed=1)
        assert done.stopped is None, scenario.name
        assert len(done.workflows) >= 4, load_in_words(scenario.load)


def test_every_law_is_in_the_table() -> None:

    schema = json.loads((DOCUMENT.parents[1] / "schemas" / "scenario.schema.json").read_text(encoding="utf-8"))
    assert set(LAWS) == set(schema["$defs"]["load"]["properties"]["law"]["enum"])
