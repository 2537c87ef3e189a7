"""The one form that sides are compared in: who is the counterpart of whom, what differs, what stands twice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.judge.compare import compare
from harness.judge.metrics_form import Identity, Measured, Side, differences, merged, paired

LATENCY = Measured(
    metric="latency_p50",
    scenario="ten",
    unit="s",
    kind="exact",
    processes=((1.0,), (2.0,), (3.0,)),
    seeds=(0, 1, 2),
    identity=Identity(digest="d1", target="m:f", clock="virtual", machine={"processor": "one"}),
)
NOISY = replace(LATENCY, kind="noisy", processes=tuple((1 + k / 100,) for k in range(10)), seeds=())


def side(*measured: Measured, source: str = "somewhere") -> Side:
    return Side(source=source, tool="harness", commit=None, measured=measured)


def with_identity(one: Measured, **fields: object) -> Measured:
    return replace(one, identity=replace(one.identity, **fields))  # type: ignore[arg-type]  # names of its fields


@pytest.mark.parametrize(
    ("head", "named"),
    [
        (with_identity(NOISY, digest="d2"), "scenario digest: base d1, head d2"),
        (with_identity(NOISY, target="m:g"), "target: base m:f, head m:g"),
        (with_identity(NOISY, clock="wall"), "clock: base virtual, head wall"),
        (with_identity(NOISY, environment="py3"), "environment: base none, head py3"),
        (with_identity(NOISY, machine={"processor": "two"}), "machine (processor): base one, head two"),
        (replace(NOISY, unit="ms"), "unit: base s, head ms"),
        (replace(NOISY, direction="higher"), "direction: base lower, head higher"),
    ],
)
def test_what_differs_is_named(head: Measured, named: str) -> None:
    assert differences(NOISY, head) == (named,)
    (row,) = compare(side(NOISY), side(head)).rows
    assert (row.word, row.verdict.reason) == ("incomparable", named)


def test_exact_metrics_need_the_same_seeds_and_no_machine() -> None:
    elsewhere = with_identity(LATENCY, machine={"processor": "two"})
    assert compare(side(LATENCY), side(elsewhere)).rows[0].word == "unchanged"
    fewer = replace(LATENCY, processes=LATENCY.processes[:2], seeds=(0, 1))
    assert differences(LATENCY, fewer) == ("seeds: base 0 to 2, head 0, 1",)


def test_exact_metrics_pair_by_seed_in_whatever_order_they_ran() -> None:
    backwards = replace(LATENCY, processes=LATENCY.processes[::-1], seeds=LATENCY.seeds[::-1])
    (row,) = compare(side(LATENCY), side(backwards)).rows
    assert row.verdict.reason == "all 3 replications gave the same value"


def test_a_seed_that_gave_two_values_is_not_exact() -> None:
    again = replace(LATENCY, processes=((1.0,), (2.0,), (3.5,)))
    (row,) = compare(side(LATENCY, again), side(LATENCY)).rows
    assert row.word == "incomparable"
    assert "base: not repeatable: seed 2 gave 3.0 and 3.5" in row.verdict.reason


def test_a_seed_run_again_with_the_same_value_counts_once() -> None:
    (whole,) = merged([LATENCY, LATENCY])
    assert whole.seeds == (0, 1, 2)


@pytest.mark.parametrize(
    ("values", "twice"),
    [
        ((1.0, 2.0, 3.0, 1.0, 2.0, 3.0), True),
        ((1.0, 2.0) * 5, True),
        ((1.0, 2.0, 3.0, 1.0, 2.0, 3.1), False),
        ((1.0, 2.0, 3.0, 1.0, 2.0), False),
        ((1.0,) * 8, False),
        ((1.0, 1.0), False),
    ],
)
def test_samples_that_stand_twice_are_refused(values: tuple[float, ...], twice: bool) -> None:
    (whole,) = merged([replace(NOISY, processes=tuple((value,) for value in values))])
    assert bool(whole.unfit) == twice


def test_records_of_one_name_find_the_one_that_differs_least() -> None:
    on_wall = with_identity(NOISY, clock="wall")
    changed = with_identity(on_wall, digest="d2")
    pairs = paired([on_wall, NOISY], [NOISY, changed])
    assert [(pair.base, pair.head) for pair in pairs] == [(on_wall, changed), (NOISY, NOISY)]
    assert pairs[0].name == "ten.latency_p50 (m:f, wall, d1)"


def test_gone_is_missing_and_what_is_new_comes_last() -> None:
    other = replace(NOISY, scenario="twenty")
    found = compare(side(NOISY), side(other))
    assert [(row.pair.name, row.word) for row in found.rows] == [
        ("ten.latency_p50", "missing"),
        ("twenty.latency_p50", "new"),
    ]
