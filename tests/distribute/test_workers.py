"""Several workers give the run that one process gives; one that dies loses only what it had under way."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import harness
from harness.distribute.driving import Crew, drive_with
from harness.drive.interrupts import StopSignals
from harness.errors import DeclarationError, HarnessError, TargetError
from harness.measure.metrics import summarise
from harness.measure.record import Outcome, Run
from harness.measure.totals.record import Totals
from harness.scenario.model import ClosedLoad, RateLoad
from tests.distribute import flows
from tests.distribute.flows import scenario_with

FLOWS = str(Path(flows.__file__))
OPEN = scenario_with(RateLoad(100.0, "poisson", duration_s=1.0))
CLOSED = scenario_with(ClosedLoad(10, workflows=120))


def test_two_workers_give_the_run_of_one() -> None:
    alone = harness.run(OPEN, target=f"{FLOWS}:handle", seed=5, clock="virtual")
    together = drive_with(Crew(2), OPEN, 5, target=f"{FLOWS}:handle")
    assert isinstance(together, Run)
    assert together.workflows.due_s.tolist() == alone.workflows.due_s.tolist()
    assert together.workflows.type.tolist() == alone.workflows.type.tolist()
    assert (together.workflows.outcome == Outcome.SUCCEEDED).all()
    # each workflow has its own luck, whoever drives it: with another's, some would take less than they drew
    took = together.workflows.finished_s - together.workflows.started_s
    drawn = alone.workflows.finished_s - alone.workflows.started_s
    assert (took >= drawn - 1e-4).all()
    assert np.ptp(drawn) > 0.015
    assert [share.offered for share in together.shares] == [(len(took) + 1) // 2, len(took) // 2]
    assert all(share.clock_error_s < 0.1 for share in together.shares)


def test_errors_of_all_workers_have_one_list() -> None:
    done = drive_with(Crew(3), CLOSED, 0, target=f"{FLOWS}:failing")
    assert isinstance(done, Run)
    metrics = summarise(CLOSED, [done])
    assert metrics.errors == {"KeyError": 20, "ValueError": 20}
    assert metrics.offered == 120


def test_totals_of_workers_add_up() -> None:
    done = drive_with(Crew(2), CLOSED, 0, target=f"{FLOWS}:handle", totals=True)
    assert isinstance(done, Totals)
    assert done.offered == done.outcomes.sum() == done.carried_out == 120
    assert done.most_in_flight <= 10


def test_a_worker_that_dies_loses_only_what_it_had_under_way() -> None:
    done = drive_with(Crew(2), CLOSED, 0, target=f"{FLOWS}:deadly")
    assert isinstance(done, Run)
    alive, dead = done.shares
    assert (alive.offered, alive.lost) == (60, 0)
    assert 1 <= dead.lost <= 5
    assert "worker died (signal SIGKILL)" in (done.invalid or "")
    metrics = summarise(CLOSED, [done])
    assert metrics.outcomes["cancelled"] == dead.lost
    assert metrics.outcomes["succeeded"] == 60 + dead.offered - dead.lost
    assert dead.offered - dead.lost >= 10, "what it had done before it died is there"


def test_a_request_to_stop_reaches_all_workers() -> None:
    endless = scenario_with(RateLoad(50.0, "constant", duration_s=60.0), run_timeout_s=90.0)

    def interrupt() -> None:
        time.sleep(4.0)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with StopSignals() as signals:
        done = drive_with(Crew(2), endless, 0, target=f"{FLOWS}:handle")
    assert signals.reason == "interrupted"
    assert done.stopped == "interrupted"
    assert isinstance(done, Run)
    assert 10 < len(done.workflows) < 1000


@pytest.mark.parametrize(
    ("target", "error", "said"),
    [
        ("builtin", DeclarationError, "each worker would have pools of its own"),
        (f"{FLOWS}:missing", TargetError, "missing"),
        (f"{FLOWS}:Stubborn", TargetError, "no database"),
    ],
)
def test_a_target_that_cannot_be_driven_is_refused_before_the_start(
    target: str, error: type[HarnessError], said: str
) -> None:
    with pytest.raises(error, match=said):
        drive_with(Crew(2), CLOSED, 0, target=target)


def test_clocks_that_jump_are_refused() -> None:
    with pytest.raises(DeclarationError, match="clocks that jump"):
        drive_with(Crew(2), CLOSED, 0, target=f"{FLOWS}:handle", clock="virtual")


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.distribute.cluster._CONNECT_S", 0.5)
    threads = set(threading.enumerate())
    for address in ("tcp://127.0.0.1:1", "not an address", "nonsense://x", "tls://127.0.0.1:1", "tcp://127.0.0.1:x"):
        with pytest.raises(DeclarationError, match=r"--scheduler: expected the address of a Dask scheduler that"):
            drive_with(Crew(None, address), CLOSED, 0, target=f"{FLOWS}:handle")
        left = [thread for thread in set(threading.enumerate()) - threads if thread.name == "IO loop"]
        assert not left, f"the client of {address} left its thread"
    gc.collect()  # what is left to be collected must not find an end to wait for
