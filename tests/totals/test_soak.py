"""A soak keeps no rows, loses nothing that was written down, and goes on where it was cut off."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import harness
from harness.assess import report_on
from harness.errors import DeclarationError, ReportError
from harness.measure.metrics import summarise
from harness.measure.record import Outcome
from harness.measure.totals.state import state_of, totals_of
from harness.measure.totals.summarised import summarise_totals
from harness.report.checkpoint import read_checkpoint, write_checkpoint
from harness.scenario.load import load_catalog
from harness.scenario.model import ClosedLoad, RateLoad
from harness.soak import Soak, soak
from tests.distribute import flows
from tests.distribute.flows import scenario_with

FLOWS = str(Path(flows.__file__))
DECLARED = """
[scenario.long]
mix = { simple = 1 }
pools = { agents = { size = 5 } }
load = { law = "constant", rate = "100/s", duration = "5s" }
baseline = { success_rate = ">= 50%" }
"""


def test_a_soak_on_the_virtual_clock_is_the_run_without_its_rows() -> None:
    scenario = load_catalog()["test_50_concurrent_workflows"]
    rows = summarise(scenario, [harness.run(scenario, clock="virtual", seed=3)])
    totals = summarise_totals(scenario, [soak(scenario, 3, clock="virtual")])
    assert (totals.outcomes, totals.errors, totals.offered) == (rows.outcomes, rows.errors, rows.offered)
    assert totals.concurrent_workflows == rows.concurrent_workflows
    assert totals.makespan.value == rows.makespan.value
    for name in ("p50", "p95", "p99"):
        exact, read = getattr(rows.latency, name).value, getattr(totals.latency, name).value
        assert read == pytest.approx(exact, rel=0.001)


def test_memory_does_not_grow_with_what_was_done() -> None:
    """Live blocks of memory after 20,000 workflows of the built-in orchestrator beside those after 60,000."""
    seen = []
    for workflows in (20_000, 60_000):
        load = scenario_with(ClosedLoad(20, workflows=workflows))
        tracemalloc.start()
        soak(load, 0, clock="virtual", keep=Soak())
        seen.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert seen[1] < 1.1 * seen[0], seen


def test_a_state_is_exact() -> None:
    totals = soak(load_catalog()["test_queue_overflow_handling"], 1, clock="virtual")
    again = totals_of(json.loads(json.dumps(state_of(totals))))
    assert state_of(again) == state_of(totals)
    assert (again.windows.latency == totals.windows.latency).all()


def test_a_run_in_two_pieces_offers_what_one_would() -> None:
    load = scenario_with(RateLoad(40.0, "poisson", duration_s=50.0))
    whole = soak(load, 7, target=f"{FLOWS}:handle", clock="virtual")
    first = _as_if_running(soak_until(20.0, load))
    both = soak(load, 7, target=f"{FLOWS}:handle", clock="virtual", keep=Soak(before=first))
    assert both.offered == whole.offered
    assert int(both.outcomes.sum()) == both.offered
    cut = both.errors.get("cut off", 0)
    assert int(both.outcomes[Outcome.SUCCEEDED]) == whole.offered - cut
    assert both.ended_s == pytest.approx(whole.ended_s, abs=1.0)
    assert both.windows.carried_out.sum() == whole.offered - cut


def soak_until(time_s: float, load: Any) -> Any:
    """The totals of a run that was cut off at `time_s`, as its last checkpoint has them."""
    return soak(dataclasses.replace(load, run_timeout_s=time_s), 7, target=f"{FLOWS}:handle", clock="virtual")


def _as_if_running(totals: Any) -> Any:
    """What was cancelled at the end was under way at the checkpoint."""
    outcomes = totals.outcomes.copy()
    outcomes[Outcome.CANCELLED] = 0
    scenario = scenario_with(RateLoad(40.0, "poisson", duration_s=50.0))
    return dataclasses.replace(totals, outcomes=outcomes, errors={}, stopped=None, digest=scenario.digest)


def test_another_run_cannot_be_resumed() -> None:
    load = scenario_with(RateLoad(40.0, "constant", duration_s=1.0))
    done = soak(load, 1, target=f"{FLOWS}:handle", clock="virtual")
    with pytest.raises(DeclarationError, match=r"seed: expected 2, which is to go on, found 1"):
        soak(load, 2, target=f"{FLOWS}:handle", clock="virtual", keep=Soak(before=done))
    with pytest.raises(DeclarationError, match="a run with some left, found all 40"):
        soak(load, 1, target=f"{FLOWS}:handle", clock="virtual", keep=Soak(before=done))


@pytest.mark.slow
def test_what_was_checkpointed_survives_kill_9_and_goes_on(tmp_path: Path) -> None:
    (tmp_path / "long.toml").write_text(DECLARED)
    command = [sys.executable, "-m", "harness", "run", "long", "-f", "long.toml", "-t", f"{FLOWS}:handle", "--quiet"]
    began = subprocess.Popen([*command, "--soak", "--checkpoint", "500ms"], cwd=tmp_path, stdout=subprocess.DEVNULL)
    checkpoint = _first_file(tmp_path / "reports", "*.checkpoint.json")
    time.sleep(1.5)
    os.kill(began.pid, signal.SIGKILL)
    began.wait()
    kept = read_checkpoint(checkpoint)
    assert 0 < kept.offered < 500
    shown = subprocess.run(
        [sys.executable, "-m", "harness", "report", str(checkpoint)], capture_output=True, text=True, check=False
    )
    assert shown.returncode == 5
    assert "a checkpoint after" in shown.stdout
    went_on = subprocess.run(
        [*command, "--resume", str(checkpoint), "--json"], cwd=tmp_path, capture_output=True, check=False
    )
    document = json.loads(went_on.stdout)["reports"][0]
    assert went_on.returncode in {0, 5}, went_on.stderr  # 5: this machine was too busy to keep to the schedule
    assert document["offered"] == 500
    lost = kept.offered - int(np.sum(kept.outcomes))
    assert document["errors"].get("cut off", 0) == lost
    assert document["outcomes"]["succeeded"] == 500 - lost
    assert any("resumed" in doubt for doubt in document["doubts"])
    assert not list((tmp_path / "reports").glob("*.checkpoint.json")), "once the report is there, it is not needed"


def _first_file(folder: Path, pattern: str) -> Path:
    for _ in range(600):
        found = list(folder.glob(pattern)) if folder.is_dir() else []
        if found:
            return found[0]
        time.sleep(0.05)
    raise AssertionError(f"no {pattern} in {folder}")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda text: text[:200], "is it truncated?"),
        (lambda _: "{}", "checkpoint: expected a checkpoint, as harness run --soak writes it"),
        (lambda text: text.replace('"offered": ', '"offered": -', 1), "offered"),
        (lambda text: text.replace('"width_s": 1.0', '"width_s": NaN'), "NaN"),
    ],
)
def test_a_spoilt_checkpoint_is_named(tmp_path: Path, spoil: Any, said: str) -> None:
    scenario = scenario_with(RateLoad(40.0, "constant", duration_s=0.5))
    totals = soak(scenario, 1, target=f"{FLOWS}:handle", clock="virtual")
    path = tmp_path / "x.checkpoint.json"
    write_checkpoint(path, report_on(scenario, [totals]), totals)
    assert state_of(read_checkpoint(path)) == state_of(totals)
    text = path.read_text()
    path.write_text(spoil(text))
    with pytest.raises(ReportError) as refused:
        read_checkpoint(path)
    assert said in str(refused.value)
    assert str(path) in str(refused.value)
