"""The same on a Dask cluster: a real scheduler and real workers on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from distributed import LocalCluster

from harness.distribute import cluster
from harness.distribute.driving import Crew, drive_with
from harness.errors import DeclarationError, HarnessError
from harness.measure.record import Run
from harness.scenario.model import ClosedLoad, RateLoad
from tests.distribute import flows
from tests.distribute.flows import scenario_with

FLOWS = str(Path(flows.__file__))
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # of distributed's own, at its start and its end
]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    made: Any = LocalCluster
    with made(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50) as found:
        yield found.scheduler_address


def test_workers_of_a_cluster_drive_one_run(address: str) -> None:
    load = scenario_with(RateLoad(100.0, "constant", duration_s=1.0))
    done = drive_with(Crew(None, address), load, 0, target=f"{FLOWS}:handle")
    assert isinstance(done, Run)
    assert len(done.workflows) == 100
    assert [share.offered for share in done.shares] == [50, 50]
    assert len({share.pid for share in done.shares}) == 2
    assert "worker died" not in (done.invalid or "")  # how busy this machine is, is not the question here


def test_a_worker_of_another_version_is_named(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster.harness, "__version__", "99.0")
    with pytest.raises(HarnessError, match=r"expected harness 99\.0, found 0\..*install the same version"):
        drive_with(Crew(None, address), scenario_with(ClosedLoad(4, workflows=8)), 0, target=f"{FLOWS}:handle")


def test_more_workers_than_the_cluster_has(address: str) -> None:
    with pytest.raises(DeclarationError, match="3 of the 2"):
        drive_with(Crew(3, address), scenario_with(ClosedLoad(4, workflows=8)), 0, target=f"{FLOWS}:handle")


def test_a_worker_that_dies_is_not_begun_again(address: str) -> None:
    done = drive_with(Crew(2, address), scenario_with(ClosedLoad(10, workflows=120)), 0, target=f"{FLOWS}:deadly")
    assert isinstance(done, Run)
    assert "worker died" in (done.invalid or "")
    assert 1 <= sum(share.lost for share in done.shares) <= 5
    assert len(done.workflows) >= 60
