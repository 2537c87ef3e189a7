"""The rule of `judge_baseline`, probed at each limit's neighbours and at every way a figure can be missing."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from harness.judge.baseline import AT_THE_LIMIT, FORMATS, OPERATORS, LineVerdict, judge_baseline, overall
from harness.judge.observed import METRICS
from harness.measure.metrics import (
    Estimate,
    LatencyMetrics,
    MultiAgentLoadMetrics,
    PoolMetrics,
    ReplicationMetrics,
    ResourceMetrics,
    ThroughputMetrics,
)
from harness.measure.record import CORES
from harness.scenario.model import BASELINE_METRICS, BaselineLine, ClosedLoad, Pool, Scenario, Step, WorkflowType
from tests.report.made_reports import filled


def pool(name: str = "agents", **given: Any) -> PoolMetrics:
    return filled(PoolMetrics, name=name, size=4, queue=10, **given)


def metrics(**given: Any) -> MultiAgentLoadMetrics:
    latency = filled(LatencyMetrics, **{"samples": 30, **given.pop("latency", {})})
    resources = {"modelled": False, "memory_peaks_b": (), "cpu_peaks": (), **given.pop("resources", {})}
    defaults: dict[str, Any] = {
        "scenario": "s",
        "offered": 30,
        "outcomes": {"succeeded": 30},
        "errors": {},
        "concurrent_workflows": 10,
        "latency": latency,
        "throughput": filled(ThroughputMetrics, window_s=1.0, excluded=""),
        "pools": (),
        "resources": filled(ResourceMetrics, **resources),
        "replications": (),
        "doubts": (),
    }
    return filled(MultiAgentLoadMetrics, **{**defaults, **given})


def judge(metric: str, op: str, limit: float, measured: MultiAgentLoadMetrics, text: str = "") -> LineVerdict:
    pools = tuple(Pool(p.name, 4) for p in measured.pools if p.name != CORES) or (Pool("agents", 4),)
    kind = WorkflowType("w", tuple(Step(f"s{k}", pool=p.name) for k, p in enumerate(pools)))
    line = BaselineLine(metric, op, limit, text)  # type: ignore[arg-type]
    scenario = Scenario("s", ClosedLoad(1, workflows=1), (kind,), (("w", 1.0),), pools, baseline=(line,))
    (verdict,) = judge_baseline(scenario, measured)
    assert verdict.line == line
    return verdict


def below(value: float) -> float:
    """The nearest that is told apart from `value`, give or take a tenth of the width."""
    return value * (1 - 1.1 * AT_THE_LIMIT)


def above(value: float) -> float:
    return value * (1 + 1.1 * AT_THE_LIMIT)


def test_every_metric_that_can_be_declared_can_be_judged() -> None:
    assert set(METRICS) == set(BASELINE_METRICS)
    assert set(FORMATS) == set(BASELINE_METRICS.values())


@pytest.mark.parametrize(
    ("op", "at_below", "at_limit", "at_above"),
    [
        ("<", "held", "broken", "broken"),
        ("<=", "held", "held", "broken"),
        (">", "broken", "broken", "held"),
        (">=", "broken", "held", "held"),
        ("=", "broken", "held", "broken"),
    ],
)
def test_a_limit_and_its_neighbours(op: str, at_below: str, at_limit: str, at_above: str) -> None:
    rounded = [5.0 * (1 + 0.9 * AT_THE_LIMIT), 5.0 * (1 - 0.9 * AT_THE_LIMIT), math.nextafter(5.0, 6.0)]
    cases = [(below(5.0), at_below), (above(5.0), at_above), *((value, at_limit) for value in (5.0, *rounded))]
    for value, expected in cases:
        verdict = judge("latency_p95", op, 5.0, metrics(latency={"p95": Estimate(value)}))
        assert (verdict.verdict, verdict.observed) == (expected, value)
    assert set(OPERATORS) == {"<", "<=", ">", ">=", "="}


@pytest.mark.parametrize(("op", "verdict"), [("<", "broken"), ("<=", "held"), (">", "broken"), (">=", "held")])
def test_rounding_does_not_break_a_line_at_its_limit(op: str, verdict: str) -> None:
    ended = 0.1 + 0.2 - 0.27  # 30 ms by the clock, 0.030000000000000027 as floats subtract
    assert ended > 0.03
    judged = judge("latency_max", op, 0.03, metrics(latency={"max": Estimate(ended)}), f"{op} 30 ms")
    assert judged.verdict == verdict
    assert judged.reason == f"latency max 30 ms{', not' if verdict == 'broken' else ''} {op} 30 ms"
    assert (
        "spans"
        not in judge(
            "latency_max", op, 0.03, metrics(latency={"max": Estimate(0.03, 0.03, ended)}), f"{op} 30 ms"
        ).reason
    )


def test_counts_have_no_rounding_and_zero_has_no_width() -> None:
    many = (pool(max_depth=Estimate(1e9 + 1), overflow=Estimate(1e-12)),)
    assert judge("queue_depth_max", "<=", 1e9, metrics(pools=many)).verdict == "broken"
    assert judge("queue_overflow", "=", 0.0, metrics(pools=many)).verdict == "broken"
    assert judge("error_rate", "<=", 0.0, metrics(error_rate=Estimate(1e-12))).verdict == "broken"


@pytest.mark.parametrize(
    ("metric", "limit", "given", "reason"),
    [
        ("latency_p95", (5.0, "< 5 s"), {"latency": {"p95": Estimate(3.1)}}, "latency p95 3.1 s < 5 s"),
        ("latency_p95", (5.0, "< 5 s"), {"latency": {"p95": Estimate(6.0)}}, "latency p95 6 s, not < 5 s"),
        ("success_rate", (0.8, ">= 80 %"), {"success_rate": Estimate(0.795)}, "success rate 79.5 %, not >= 80 %"),
        (
            "memory_peak",
            (512e6, "< 512 MB"),
            {"resources": {"memory_peak_b": Estimate(300 * 2**20)}},
            "memory peak 300 MiB < 512 MB (488 MiB)",
        ),
        (
            "cpu_mean",
            (0.8, "< 80 %"),
            {"resources": {"modelled": True, "cpu_mean": Estimate(0.25)}},
            "mean CPU 25 % < 80 % (modelled)",
        ),
        ("queue_depth_max", (10, "<= 10"), {"pools": (pool(max_depth=Estimate(7.0)),)}, "deepest queue 7 <= 10"),
        ("makespan", (0.0, "recorded"), {"makespan": Estimate(12.0)}, "makespan 12 s, recorded"),
    ],
)
def test_reasons_give_the_figures(metric: str, limit: tuple[float, str], given: dict[str, Any], reason: str) -> None:
    value, text = limit
    assert judge(metric, text.split()[0], value, metrics(**given), text).reason == reason


def test_figures_that_three_digits_would_print_alike_are_printed_in_full() -> None:
    reason = judge("latency_p95", "<", 5.0, metrics(latency={"p95": Estimate(5.0001)}), "< 5 s").reason
    assert reason == "latency p95 5.0001 s, not < 5.0 s"


@pytest.mark.parametrize(("value", "verdict"), [(4.9, "held"), (5.1, "broken")])
def test_the_point_estimate_decides_and_an_interval_across_the_limit_is_said(value: float, verdict: str) -> None:
    p99 = Estimate(value, low=4.0, high=6.0, doubt="p99 rests on 30 workflows.")
    judged = judge("latency_p99", "<", 5.0, metrics(latency={"p99": p99}), "< 5 s")
    assert judged.verdict == verdict
    assert judged.reason.endswith("; its 95 % interval [4 s, 6 s] spans the limit; p99 rests on 30 workflows")


@pytest.mark.parametrize(
    ("low", "high", "doubt", "ends"),
    [
        (2.0, 4.0, "few", "latency p99 3 s < 5 s"),  # the whole interval holds: the doubt changes nothing
        (2.0, 5.0, None, "[2 s, 5 s] spans the limit"),  # the limit itself does not hold
        (2.0, below(5.0), None, "latency p99 3 s < 5 s"),
        (2.0, None, "no upper bound from 30 workflows", "; no upper bound from 30 workflows"),
        (None, None, None, "latency p99 3 s < 5 s"),
        (2.0, math.nan, "few", "; few"),
    ],
)
def test_which_intervals_are_said(low: float | None, high: float | None, doubt: str | None, ends: str) -> None:
    judged = judge("latency_p99", "<", 5.0, metrics(latency={"p99": Estimate(3.0, low, high, doubt)}), "< 5 s")
    assert judged.verdict == "held"
    assert judged.reason.endswith(ends)


@pytest.mark.parametrize("metric", sorted(BASELINE_METRICS))
@pytest.mark.parametrize("op", ["<", ">=", "=", "recorded"])
def test_what_was_not_seen_cannot_be_told(metric: str, op: str) -> None:
    verdict = judge(metric, op, 1.0, metrics())
    assert (verdict.verdict, verdict.observed) == ("cannot_tell", None)
    assert verdict.reason == f"{METRICS[metric].label}: not observable on this target"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_figure_that_is_no_number_was_not_seen(value: float) -> None:
    assert judge("makespan", "<", 5.0, metrics(makespan=Estimate(value))).verdict == "cannot_tell"


def test_no_sample_is_no_zero() -> None:
    nothing = metrics(offered=0, outcomes={}, success_rate=Estimate(0.0), latency={"samples": 0, "p95": Estimate(0.0)})
    assert judge("latency_p95", "<", 5.0, nothing).reason == "latency p95: no workflow finished"
    assert judge("success_rate", ">=", 0.0, nothing).reason == "success rate: no workflow was offered"
    assert judge("rejected", "=", 0.0, nothing).verdict == "cannot_tell"


def test_rejections_count_only_where_they_can_be_seen() -> None:
    rates = {"rejection_rate": Estimate(0.0)}
    assert judge("rejection_rate", "=", 0.0, metrics(**rates)).verdict == "cannot_tell"
    shown = metrics(**rates, pools=(pool(drops=Estimate(0.0)),))
    assert judge("rejection_rate", "=", 0.0, shown).verdict == "held"
    met = metrics(rejection_rate=Estimate(0.1), outcomes={"succeeded": 27, "rejected": 3})
    assert judge("rejected", "=", 3.0, met).verdict == "held"


def replication(seed: int, rejected: int) -> ReplicationMetrics:
    return ReplicationMetrics(seed, 30, 30 - rejected, 1.0, None, None, None, None, 0.0, rejected / 30, None, None)


@pytest.mark.parametrize(
    ("counts", "verdict", "observed"), [((7, 7, 7), "held", 7), ((7, 6, 8), "broken", 6), ((7,), "held", 7)]
)
def test_a_count_of_rejections_is_that_of_each_replication(
    counts: tuple[int, ...], verdict: str, observed: float
) -> None:
    runs = tuple(replication(seed, count) for seed, count in enumerate(counts))
    total = sum(counts)
    judged = judge("rejected", "=", 7.0, metrics(outcomes={"rejected": total}, replications=runs))
    assert (judged.verdict, judged.observed) == (verdict, observed)
    assert ("with seed 1" in judged.reason) == (verdict == "broken")


def test_the_worst_pool_is_judged_and_named() -> None:
    both = (pool("writers", max_depth=Estimate(2.0)), pool("reviewers", max_depth=Estimate(9.0)))
    verdict = judge("queue_depth_max", "<=", 5.0, metrics(pools=both), "<= 5")
    assert (verdict.verdict, verdict.reason) == ("broken", "deepest queue 9, not <= 5 (pool reviewers)")


def test_a_pool_that_shows_nothing_does_not_hide_one_that_does() -> None:
    both = (pool("writers"), pool("reviewers", overflow=Estimate(1.0)))
    assert judge("queue_overflow", "=", 0.0, metrics(pools=both)).verdict == "broken"


def test_modelled_cores_are_not_an_agent_pool() -> None:
    both = (pool("agents", max_utilization=Estimate(0.5)), pool("cores", kind="cores", max_utilization=Estimate(1.0)))
    assert judge("pool_utilization_max", "<", 0.9, metrics(pools=both)).verdict == "held"


def test_the_first_pool_to_give_out_is_the_exhaustion_point() -> None:
    both = (pool("writers", exhausted_at=Estimate(80.0)), pool("reviewers", exhausted_at=Estimate(75.0)))
    verdict = judge("pool_exhausted_at", ">=", 76.0, metrics(pools=both), ">= 76")
    assert (verdict.verdict, verdict.observed) == ("broken", 75.0)


@pytest.mark.parametrize(
    ("op", "limit", "verdict"),
    [
        (">", 10, "held"),  # 10 were in flight and none waited: it lies above 10
        (">=", 11, "cannot_tell"),
        (">", 11, "cannot_tell"),
        ("<=", 10, "broken"),
        ("<", 11, "cannot_tell"),
        ("=", 10, "broken"),
        ("=", 11, "cannot_tell"),
        ("recorded", 0, "cannot_tell"),
    ],
)
def test_a_pool_never_exhausted_is_judged_as_far_as_the_load_went(op: str, limit: float, verdict: str) -> None:
    idle = metrics(
        pools=(replace(pool(), size=20, max_utilization=Estimate(0.5), exhausted_at=Estimate(None, doubt="never")),)
    )
    judged = judge("pool_exhausted_at", op, limit, idle)
    assert (judged.verdict, judged.observed) == (verdict, None)
    assert judged.reason == "agent pool's exhaustion point (in flight): not reached with up to 10 in flight"


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ((), "cannot_tell"),
        (("held",), "held"),
        (("held", "cannot_tell"), "cannot_tell"),
        (("cannot_tell", "broken", "held"), "broken"),
    ],
)
def test_overall_fails_closed(verdicts: tuple[Any, ...], expected: str) -> None:
    line = BaselineLine("makespan", "<", 1.0, "< 1 s")
    assert overall(LineVerdict(line, verdict, None, "") for verdict in verdicts) == expected
