"""Files as the tools write them: reports from real runs, pytest-benchmark and asv run in small projects."""

from __future__ import annotations

import copy
import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from harness.assess import assess
from harness.cli import main
from harness.scenario.load import find_scenario, load_scenarios
from tests.compare.toy import SCENARIOS

Document = dict[str, Any]


def real_report(folder: Path, clock: str = "virtual", replications: int = 5) -> Document:
    """The document of a run of the small scenario."""
    path = folder / "few.toml"
    path.write_text(SCENARIOS)
    scenario = find_scenario(load_scenarios(path), "few")
    report = assess(scenario, range(replications), clock=clock)  # type: ignore[arg-type]  # a clock's name
    return json.loads(json.dumps(report.document))


def variant(document: Mapping[str, Any], **fields: Any) -> Document:
    """Another run like it, with some fields changed."""
    return {**copy.deepcopy(dict(document)), "run_id": uuid.uuid4().hex, **fields}


def scaled(document: Mapping[str, Any], factor: float, **fields: Any) -> Document:
    """Another run, all of whose times are `factor` times as long."""
    found = variant(document, **fields)
    for one in found["replications"]:
        for name in one:
            if name.endswith("_s") or name == "seconds_per_workflow":
                one[name] = None if one[name] is None else one[name] * factor
    return found


def write(path: Path, document: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def command(*arguments: str | Path) -> Result:
    """`harness …` in this process; an exception that is no exit is raised."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)
