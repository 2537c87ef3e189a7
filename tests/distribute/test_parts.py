"""A plan cut into parts is the plan: every workflow once, with its own number, type, luck and due time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import DeclarationError
from harness.measure.mapped import MappedRecorder, rows_left_in
from harness.measure.record import Outcome
from harness.plan.arrivals import ClosedArrivals, OpenArrivals, Plan, plan
from harness.plan.cutting import part_of
from harness.plan.part import Part
from harness.scenario.model import BurstLoad, ClosedLoad, Load, RateLoad
from tests.distribute.flows import scenario_with


@given(workers=st.integers(1, 9), seed=st.integers(0, 99), rate=st.sampled_from([3.0, 40.0, 500.0]))
@settings(max_examples=40, deadline=None)
def test_an_open_load_is_dealt_out(workers: int, seed: int, rate: float) -> None:
    whole = plan(scenario_with(RateLoad(rate, "poisson", duration_s=2.0, max_in_flight=9)), seed)
    parts = [part_of(whole, Part(k, workers)) for k in range(workers)]
    numbers = [number for part in parts for number in _numbers(part)]
    assert sorted(numbers) == list(range(whole.total or 0))
    due = np.concatenate([_open(part).due_s for part in parts])
    assert due[np.argsort(numbers)].tolist() == _open(whole).due_s.tolist()
    assert sum(_open(part).max_in_flight or 0 for part in parts) == 9


@given(workers=st.integers(1, 7), in_flight=st.integers(7, 50), total=st.integers(50, 300), first=st.integers(0, 49))
@settings(max_examples=40, deadline=None)
def test_a_closed_load_is_dealt_out_from_where_it_was(workers: int, in_flight: int, total: int, first: int) -> None:
    whole = plan(scenario_with(ClosedLoad(in_flight, workflows=total)), 3)
    parts = [part_of(whole, Part(k, workers, first=first)) for k in range(workers)]
    assert sum(_closed(part).in_flight for part in parts) == in_flight
    assert sorted(n for part in parts for n in _numbers(part)) == list(range(first, total))


def test_what_is_left_of_a_run_begins_where_it_was() -> None:
    whole = plan(scenario_with(RateLoad(10.0, "constant", duration_s=5.0)), 0)
    rest = part_of(whole, Part(first=20, begin_s=2.0))
    assert _open(rest).due_s.tolist() == [time - 2.0 for time in _open(whole).due_s[20:].tolist()]
    assert rest.part.number_of(0) == 20


@pytest.mark.parametrize(
    ("load", "said"),
    [
        (BurstLoad((5, 5)), "waits for the one before to drain"),
        (ClosedLoad(3, workflows=10), "in_flight = 3 and 4 workers"),
        (RateLoad(5.0, "constant", workflows=10, max_in_flight=2), "max_in_flight = 2 and 4 workers"),
    ],
)
def test_what_cannot_be_cut_is_refused_by_name(load: Load, said: str) -> None:
    with pytest.raises(DeclarationError, match=said):
        part_of(plan(scenario_with(load), 0), Part(0, 4))


def test_rows_outlive_who_wrote_them(tmp_path: Path) -> None:
    recorder = MappedRecorder(folder=tmp_path, room=5)
    for k in range(4):
        recorder.offer(float(k), k % 2, 0)
        recorder.started[k] = k + 0.25
    recorder.end(0, 1.0, Outcome.SUCCEEDED, None)
    recorder.end(1, 2.5, Outcome.FAILED, "Zebra")
    recorder.end(2, 3.5, Outcome.FAILED, "Ape")
    rows, kinds = rows_left_in(tmp_path)  # as it is at this instant, with the writer still there
    assert rows.due_s.tolist() == [0, 1, 2, 3]
    assert [kinds[k] if k >= 0 else None for k in rows.error] == [None, "Zebra", "Ape", None]
    assert rows.outcome.tolist() == [0, 1, 1, int(Outcome.CANCELLED)]
    assert np.isnan(rows.finished_s).tolist() == [False, False, False, True]
    recorder.give_up("interrupted")
    assert recorder.canonical_errors() == ("Ape", "Zebra", "interrupted")
    assert recorder.workflow_columns().error.tolist() == [-1, 1, 0, 2]
    recorder.offer(9.0, 0, 0)
    with pytest.raises(Exception, match="room for 5 workflows"):
        recorder.offer(9.0, 0, 0)


def _numbers(part: Plan) -> list[int]:
    return [part.part.number_of(k) for k in range(part.total or 0)]


def _open(planned: Plan) -> OpenArrivals:
    assert isinstance(planned.arrivals, OpenArrivals)
    return planned.arrivals


def _closed(planned: Plan) -> ClosedArrivals:
    assert isinstance(planned.arrivals, ClosedArrivals)
    return planned.arrivals
