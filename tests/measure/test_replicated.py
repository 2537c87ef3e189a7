"""Intervals of percentiles where the workflows of one run are not independent: true coverage, and what is said."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest

from harness.measure.alike import alike
from harness.measure.percentiles import percentile
from harness.measure.record import Floats
from harness.measure.replicated import percentiles_of_runs
from harness.measure.summary import Estimate

SHARES = (0.50, 0.95, 0.99)


@functools.cache
def queue(load: float, count: int, runs: int) -> list[Floats]:
    """Sojourn times in M/M/1 that starts empty, mean service 1 s: Lindley's recursion, one row per run."""
    rng = np.random.default_rng([9, int(100 * load), count])
    service = rng.exponential(1.0, (runs, count))
    between = rng.exponential(1 / load, (runs, count))
    wait, rows = np.zeros(runs), np.empty((runs, count))
    for k in range(count):
        rows[:, k] = wait + service[:, k]
        wait = np.maximum(0.0, rows[:, k] - between[:, k])
    return list(rows)


def pooled(runs: list[Floats]) -> Floats:
    return np.sort(np.concatenate(runs))


def estimates(runs: list[Floats]) -> tuple[Estimate, ...]:
    return percentiles_of_runs(runs, pooled(runs), SHARES)


def covers(seen: Estimate, truth: float) -> bool:
    return (seen.low is None or seen.low <= truth) and (seen.high is None or truth <= seen.high)


@pytest.mark.parametrize("load", [0.5, 0.9])
@pytest.mark.parametrize("replications", [1, 2, 5, 10])
def test_intervals_of_a_queue_cover_the_truth(load: float, replications: int) -> None:
    """They covered 8 % at load .9 when workflows were taken as independent; the heaviest tail is the hardest still."""
    runs = queue(load, 2000, 600)
    truth = [percentile(pooled(runs), q).value or math.nan for q in SHARES]
    groups = [runs[k : k + replications] for k in range(0, len(runs), replications)]
    seen = [estimates(group) for group in groups]
    for at, true in enumerate(truth):
        covered = sum(covers(one[at], true) for one in seen) / len(seen)
        assert covered >= 0.90 - 3 * math.sqrt(0.09 / len(seen)), f"p{100 * SHARES[at]:g}: covered {covered}"


@pytest.mark.parametrize("replications", [1, 2, 10])
def test_independent_values_keep_their_interval(replications: int) -> None:
    rng = np.random.default_rng(5)
    rows = [list(rng.lognormal(0.0, 1.0, (replications, 1000))) for _ in range(200)]
    pairs = [
        (percentile(pooled(runs), q), seen) for runs in rows for q, seen in zip(SHARES, estimates(runs), strict=True)
    ]
    # neighbours look alike by chance now and then, most of all where only ten values are beyond the p99
    assert sum(plain == seen for plain, seen in pairs) / len(pairs) >= 0.96
    widened = [_width(seen) / _width(plain) for plain, seen in pairs]
    if replications != 2:  # two that differ by chance, one in a hundred, have Student's factor of 12.7
        bounded = [one for one in widened if math.isfinite(one)]
        assert sum(bounded) / len(bounded) <= 1.03


def _width(seen: Estimate) -> float:
    return math.inf if seen.low is None or seen.high is None else seen.high - seen.low


def test_one_run_of_a_queue_says_how_few_its_workflows_count_as() -> None:
    p50, p95, p99 = estimates(queue(0.9, 2000, 600)[:1])
    assert p50.doubt is not None
    assert p50.doubt.startswith("latencies of neighbours are alike: 2000 workflows count as about ")
    assert p95.high is p99.high is None
    assert p99.doubt is not None
    assert p99.doubt.endswith(", too few for an upper bound")


def test_few_replications_say_so_and_many_do_not() -> None:
    runs = queue(0.5, 2000, 600)
    few, many = estimates(runs[:3])[0], estimates(runs[:10])[0]
    assert few.doubt == "rests on how 3 replications differ; 5 or more show it better"
    assert many.doubt is None


def test_replications_that_differ_widen_the_interval_though_each_is_in_no_order() -> None:
    rng = np.random.default_rng(3)
    levels = [1.0, 1.5, 0.7, 1.2, 0.8, 1.1]
    runs = [level * rng.lognormal(0.0, 0.2, 500) for level in levels]
    seen, plain = estimates(runs)[0], percentile(pooled(runs), 0.5)
    assert None not in (seen.low, seen.high, plain.low, plain.high)
    assert seen.high - seen.low > 4 * (plain.high - plain.low)  # type: ignore[operator]  # asserted above
    assert seen.value == plain.value


def test_the_jackknife_leaves_out_whole_runs() -> None:
    """Against the definition: Student's interval on the logarithm of the median without one run at a time."""
    rng = np.random.default_rng(2)
    runs = [rng.permutation(np.linspace(low, low + 1, 401)) for low in (1.0, 1.1, 1.2, 1.4)]
    seen = estimates(runs)[0]
    without = [math.log(percentile(pooled(runs[:k] + runs[k + 1 :]), 0.5).value or 0.0) for k in range(4)]
    error = math.sqrt(3 / 4 * sum((one - sum(without) / 4) ** 2 for one in without))
    assert seen.value is not None
    assert seen.low is not None
    assert seen.high is not None
    assert seen.low == pytest.approx(seen.value * math.exp(-3.18245 * error))
    assert seen.high == pytest.approx(seen.value * math.exp(3.18245 * error))


def test_equal_replications_and_instant_workflows() -> None:
    flat = [np.zeros(50)] * 3
    assert estimates(flat)[0] == percentile(pooled(flat), 0.5)
    stepped = [np.repeat([0.0, 1.0], 50), np.repeat([0.0, 1.0], [20, 80])]
    for seen in estimates(stepped):
        assert all(bound is None or math.isfinite(bound) for bound in (seen.low, seen.high))


def test_runs_without_any_latency_are_left_out() -> None:
    some = np.arange(1.0, 100.0)
    assert percentiles_of_runs([np.empty(0), some], some, (0.5,)) == percentiles_of_runs([some], some, (0.5,))
    assert percentiles_of_runs([np.empty(0)] * 2, np.empty(0), (0.5,)) == (percentile(np.empty(0), 0.5),)


def test_values_in_blocks_count_by_the_block() -> None:
    """Blocks of 20 equal neighbours: 20 workflows count as one, more or less."""
    rng = np.random.default_rng(8)
    seen = [alike([np.repeat(rng.uniform(0, 1, 200), 20)], 0.5) for _ in range(50)]
    assert 18 <= float(np.median(seen)) <= 45
    assert alike([rng.uniform(0, 1, 4000)], 0.5) == 1.0
