"""The verdict on a metric: two lists of processes in, one word and its evidence out.

The unit of evidence is the process (one run, round or seeded replication), never the request. A metric is called
changed when four things agree: a t test on a robust location, with the effective number of runs and the session noise
in its error, at level `Rules.alpha`; the same after Benjamini and Yekutieli's correction over all metrics of the
comparison, at `Rules.family_alpha`; an exact rank test, which holds whatever the noise looks like; and an effect
beyond the floor. It is called unchanged when two one-sided tests place the effect inside the margin, and inconclusive
otherwise.

>>> quiet = [[1.00], [1.01], [0.99], [1.00], [1.01], [1.00], [0.99], [1.00], [1.01], [0.99]]
>>> judge_metric(quiet, [[1.1 * process[0]] for process in quiet[::-1]]).verdict
'regressed'
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from scipy.stats import false_discovery_control

from harness.judge.statistics.decision import Family, decide
from harness.judge.statistics.evidence import FEWEST, Evidence, Prepared, gather, prepare
from harness.judge.statistics.exact import judge_exact
from harness.judge.statistics.rates import rate_evidence
from harness.judge.statistics.records import Direction, Kind, MetricSamples, Rules, Verdict
from harness.judge.statistics.screening import Screened, screen

__all__ = [
    "Direction",
    "Kind",
    "MetricSamples",
    "Rules",
    "Verdict",
    "judge_all",
    "judge_distribution",
    "judge_each",
    "judge_metric",
]

Side: TypeAlias = Sequence[Sequence[float]]
_FIRST_ADVICE = 10
"""Runs a side advised where too few were made to tell how noisy they are."""


def judge_metric(
    base: Side,
    head: Side,
    *,
    name: str = "",
    direction: Direction = "lower",
    kind: Kind = "noisy",
    statistic: str = "median",
    paired: bool | None = None,
    ordered: bool = True,
    floor: float | None = None,
    margin: float | None = None,
    resolution: float = 0.0,
    session_noise: float = 0.0,
    rules: Rules | None = None,
    seed: int | None = None,
) -> Verdict:
    """Judge one metric measured by several processes on each side.

    `base` and `head` are lists of processes, each a list of the values that the process measured, in any one unit;
    the numbers of processes and of values may differ. The other arguments are those of `MetricSamples` and `judge_all`.

    Raises ValueError for settings that make no sense and TypeError for a flat list of numbers. Data never raises:
    NaN, infinity, missing sides and too few processes are verdicts.
    """
    metric = MetricSamples(
        base=base,
        head=head,
        name=name,
        direction=direction,
        kind=kind,
        statistic=statistic,
        paired=paired,
        ordered=ordered,
        floor=floor,
        margin=margin,
        resolution=resolution,
        session_noise=session_noise,
    )
    return judge_all([metric], rules=rules, seed=seed)[0]


def judge_distribution(
    base: Side,
    head: Side,
    *,
    statistics: Sequence[str] = ("p50", "p95", "p99"),
    name: str = "latency",
    direction: Direction = "lower",
    paired: bool | None = None,
    rules: Rules | None = None,
    seed: int | None = None,
) -> list[Verdict]:
    """Judge several quantiles of the same processes together: a doubled p99 hides behind an unchanged median.

    One verdict per entry of `statistics`, named `name.statistic`. Shapes, units and errors are those of `judge_metric`.
    """
    metrics = [
        MetricSamples(
            base=base, head=head, name=f"{name}.{statistic}", direction=direction, statistic=statistic, paired=paired
        )
        for statistic in statistics
    ]
    return judge_all(metrics, rules=rules, seed=seed)


def judge_all(
    metrics: Sequence[MetricSamples], *, rules: Rules | None = None, seed: int | None = None
) -> list[Verdict]:
    """Judge all metrics of one comparison, in their order, with the correction for how many they are.

    `seed` is only passed on into the verdicts. Metrics that could not be tested (exact, missing, new, incomparable,
    below 4 processes) do not count for the correction. Raises TypeError for a flat list of numbers.
    """
    return _judge(metrics, rules or Rules(), seed, alone=False)


def judge_each(
    metrics: Sequence[MetricSamples], *, rules: Rules | None = None, seed: int | None = None
) -> list[Verdict]:
    """Judge each metric as a comparison of its own: `judge_metric` for many, without a correction for their number."""
    return _judge(metrics, rules or Rules(), seed, alone=True)


def _judge(metrics: Sequence[MetricSamples], rules: Rules, seed: int | None, *, alone: bool) -> list[Verdict]:
    verdicts: dict[int, Verdict] = {}
    tested: dict[int, Screened] = {}
    for index, metric in enumerate(metrics):
        screened = screen(metric)
        early = _without_a_test(screened, rules, seed)
        if early is None:
            tested[index] = screened
        else:
            verdicts[index] = early
    evidence = _evidence(tested)
    family = Family(rules, 1 if alone else len(evidence), seed)
    adjusted = [found.best.p for found in evidence.values()] if alone else _adjusted(list(evidence.values()))
    for (index, found), p in zip(evidence.items(), adjusted, strict=True):
        verdicts[index] = decide(metrics[index], found, p, family)
    return [verdicts[index] for index in range(len(metrics))]


def _without_a_test(screened: Screened, rules: Rules, seed: int | None) -> Verdict | None:
    metric = screened.metric
    if screened.word is None and metric.kind == "exact":
        return judge_exact(screened, seed)
    few = min(len(screened.base), len(screened.head))
    if screened.word is None and few >= FEWEST:
        return None
    return Verdict(
        name=metric.name,
        verdict=screened.word or "inconclusive",
        reason=screened.reason or f"{few} processes a side: nothing is concluded below {FEWEST}",
        direction=metric.direction,
        kind=metric.kind,
        statistic=metric.statistic,
        confidence=rules.confidence,
        n_base=len(screened.base),
        n_head=len(screened.head),
        runs_needed=None if screened.word else _FIRST_ADVICE,
        seed=seed,
        notes=tuple(screened.notes),
    )


def _evidence(tested: dict[int, Screened]) -> dict[int, Evidence]:
    """Evidence by the metric's index: rates one by one, the others in groups of one shape."""
    found: dict[int, Evidence] = {}
    groups: defaultdict[tuple[object, ...], dict[int, Prepared]] = defaultdict(dict)
    for index, screened in tested.items():
        if screened.metric.kind == "rate":
            found[index] = rate_evidence(screened)
        else:
            shape = (len(screened.base), len(screened.head), screened.paired, screened.metric.ordered)
            groups[shape][index] = prepare(screened)
    for group in groups.values():
        found.update(zip(group, gather(list(group.values())), strict=True))
    return found


def _adjusted(evidence: list[Evidence]) -> list[float]:
    if not evidence:
        return []
    return [float(p) for p in false_discovery_control(np.array([e.best.p for e in evidence]), method="by")]
