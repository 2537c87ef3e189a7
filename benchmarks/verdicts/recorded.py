"""Rounds recorded on a small shared host: identical servers, one with more work, identical micro-benchmarks.

The files are handed in by `--data`. That rounds are compared stretch by stretch was chosen with all rounds in view, how
long the stretches of a tail are and how rounds are weighed on the even-numbered ones. The figures here come from the
odd-numbered rounds, except those that say all rounds.
"""

import gzip
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from benchmarks.verdicts.noise import Side
from benchmarks.verdicts.peers import PEERS
from benchmarks.verdicts.synthetic import OURS, SEED
from benchmarks.verdicts.table import Rate, Row, Section
from harness.judge.statistics.ranks import signed_rank_p
from harness.judge.verdict import MetricSamples, judge_each

Rounds: TypeAlias = list[list[float]]
Reduce: TypeAlias = Callable[[Side, Side], Side]
"""Logarithms of base and head, shape (rounds, requests), to a difference per round."""
PAIRS = 20
NOTE = (
    "Per cent called changed, over random choices from the odd-numbered rounds (these overlap, so the binomial "
    "intervals are too narrow). `+10 % work` is what the server was given: its median latency rose by 3 to 4 %. "
    "`x 1.10` multiplies every latency of one of two identical servers, which slows every quantile by 10 %, on top of "
    "the difference of about 1.5 % that these two processes have anyway. `Either` draws for each round which of the "
    "two servers is base, so that this difference is noise. `Up to its p90` slows only the requests below the "
    "round's p90 by 10 %: p99 is as it was, and each verdict on it is an error."
)
MICRO_NOTE = "Per cent called changed, over random choices from 30 processes, in random order."


def sections(data: Path, comparisons: int) -> list[Section]:
    """Tables from `interleaved.json.gz` and `runs.json.gz` in the folder `data`."""
    interleaved = json.loads(gzip.decompress((data / "interleaved.json.gz").read_bytes()))
    runs = json.loads(gzip.decompress((data / "runs.json.gz").read_bytes()))
    return [
        _servers(interleaved["http"][1::2], comparisons),
        frontier(data, 10 * comparisons),
        _micro(runs["micro"][1::2], comparisons),
    ]


def _servers(rounds: Sequence[Any], comparisons: int) -> Section:
    section = Section(f"A shared host, {PAIRS} interleaved pairs of rounds", NOTE)
    side = {name: [_values(round_[name]) for round_ in rounds] for name in ("A1", "A2", "B10")}
    slow = {name: _slowed(side[name]) for name in ("A1", "A2")}
    one, other = _either(side["A1"], side["A2"])
    for statistic, must in (("p50", "≥ 90"), ("p95", ""), ("p99", "≥ 80")):
        tail = statistic == "p99"
        for question, base, head, wanted in (
            ("identical", side["A1"], side["A2"], "≤ 0.2"),
            ("identical, either", one, other, "≤ 0.2"),
            ("second server x 1.10", side["A1"], slow["A2"], must),
            ("first server x 1.10", side["A2"], slow["A1"], must),
            ("either x 1.10", one, _slowed(other), must),
            ("either, up to its p50 x 1.10", one, _slowed(other, 0.5), "≤ 0.2" if tail else ""),
            ("either, up to its p90 x 1.10", one, _slowed(other, 0.9), "≤ 0.2" if tail else ""),
            ("either, up to its p95 x 1.10", one, _slowed(other, 0.95), ""),
            ("+10 % work against the first", side["A1"], side["B10"], ""),
            ("+10 % work against the second", side["A2"], side["B10"], ""),
        ):
            answers = _pairs(base, head, statistic, comparisons)
            section.rows.append(Row(f"{statistic}: {question}", wanted, answers))
    return section


def _values(batches: Sequence[Any]) -> list[float]:
    return [value for batch in batches for value in batch["lat"]]


def _slowed(side: Rounds, up_to: float = 1.0) -> Rounds:
    """Latencies up to this quantile of their round taken times 1.10, but not past it."""
    slowed = []
    for values in side:
        edge = float(np.quantile(values, up_to)) if up_to < 1 else np.inf
        slowed.append([max(value, min(1.1 * value, edge)) for value in values])
    return slowed


def _either(first: Rounds, second: Rounds) -> tuple[Rounds, Rounds]:
    swapped = np.random.default_rng([SEED, 13]).random(len(first)) < 0.5
    pairs = [(b, a) if swap else (a, b) for a, b, swap in zip(first, second, swapped, strict=True)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def frontier(data: Path, comparisons: int) -> Section:
    """Ways to look for +10 % at p99: false alarms and power of each at two levels, odd rounds."""
    interleaved = json.loads(gzip.decompress((data / "interleaved.json.gz").read_bytes()))
    rounds = interleaved["http"][1::2]
    sides = [np.log([_values(round_[name]) for round_ in rounds]) for name in ("A1", "A2")]
    section = Section(
        "Ways to find +10 % at p99 in 20 pairs of rounds of 400 requests",
        f"Odd-numbered rounds, {comparisons} draws of 20 rounds and of which server is base. Signed-rank test of the "
        "round's differences at the level named, nothing else: without the harness's weights, its guards and what it "
        "pays for autocorrelation. False alarms per 1000, then the per cent of `x 1.10` found.",
    )
    for name, reduce in _WAYS.items():
        answers = {}
        for level in (0.002, 0.01, 0.05):
            apart = reduce(*sides)
            effect = float(np.median(reduce(sides[0], sides[1] + np.log(1.1)) - apart))
            alarms, found = _counted(apart, effect, level, comparisons)
            answers[f"at {level:g}"] = f"{1000 * alarms / comparisons:.3g}, {100 * found / comparisons:.0f} %"
        section.rows.append(Row(name, "", answers))
    return section


def _counted(differences: Side, effect: float, level: float, comparisons: int) -> tuple[int, int]:
    rng = np.random.default_rng([SEED, 14])
    rows = np.array([rng.choice(len(differences), PAIRS, replace=False) for _ in range(comparisons)])
    drawn = differences[rows] * rng.choice([-1, 1], rows.shape)
    slowed = drawn + effect
    found = (signed_rank_p(slowed) <= level) & (np.median(slowed, axis=1) > 0)
    return int((signed_rank_p(drawn) <= level).sum()), int(found.sum())


def _whole(quantile: float) -> Reduce:
    def reduce(base: Side, head: Side) -> Side:
        ends = [np.quantile(side, quantile, axis=1, method="median_unbiased") for side in (base, head)]
        return np.asarray(ends[1] - ends[0])

    return reduce


def _stretched(length: int) -> Reduce:
    def reduce(base: Side, head: Side) -> Side:
        tops = [
            side[:, : side.shape[1] // length * length].reshape(len(side), -1, length).max(axis=2)
            for side in (base, head)
        ]
        return np.asarray(np.median(tops[1] - tops[0], axis=1))

    return reduce


def _shortfall(base: Side, head: Side) -> Side:
    """Mean of the logarithms from p95 to p99.5."""
    return np.asarray(np.sort(head, axis=1)[:, -20:-2].mean(axis=1) - np.sort(base, axis=1)[:, -20:-2].mean(axis=1))


def _beside_the_median(base: Side, head: Side) -> Side:
    """The p99 less what the median explains of it (least squares over the rounds): a shift of all goes with it."""
    tail, middle = _whole(0.99)(base, head), _whole(0.5)(base, head)
    slope = np.polyfit(middle, tail, 1)[0]
    return np.asarray(tail - slope * middle)


_WAYS: dict[str, Reduce] = {
    "p99 of each round": _whole(0.99),
    "p95 of each round, for comparison": _whole(0.95),
    "mean of logs from p95 to p99.5 of each round": _shortfall,
    "p99 of each round, its median regressed out": _beside_the_median,
    "median over stretches of 80, of the ratio of their largest (about p99.1)": _stretched(80),
    "the same over stretches of 40 (about p98.3)": _stretched(40),
    "the same over stretches of 25 (about p97.3)": _stretched(25),
    "the same over stretches of 20 (about p96.6), which the harness takes": _stretched(20),
}


def _pairs(base: Rounds, head: Rounds, statistic: str, comparisons: int) -> dict[str, str]:
    rng = np.random.default_rng([SEED, 11])
    chosen = [np.sort(rng.choice(len(base), PAIRS, replace=False)) for _ in range(comparisons)]
    metrics = [
        MetricSamples(base=[base[k] for k in rows], head=[head[k] for k in rows], statistic=statistic, paired=True)
        for rows in chosen
    ]
    answers = {OURS: str(Rate(sum(v.changed for v in judge_each(metrics)), comparisons))}
    if statistic == "p50":
        return answers | _peers([m.base for m in metrics], [m.head for m in metrics])
    return answers


def _peers(base: Sequence[Any], head: Sequence[Any]) -> dict[str, str]:
    few = min(len(base), 50)
    sides: list[Side] = [np.array(side[:few], dtype=np.float64) for side in (base, head)]
    return {name: str(Rate(int(peer(*sides).sum()), few)) for name, peer in PEERS.items()}


def _micro(processes: Sequence[Any], comparisons: int) -> Section:
    section = Section("Nine micro-benchmarks on a shared host, 10 processes a side", MICRO_NOTE)
    rng = np.random.default_rng([SEED, 12])
    base, head = [], []
    for _ in range(comparisons):
        for name in processes[0]:
            rows = rng.permutation(len(processes))[:20]
            base.append([processes[k][name] for k in rows[:10]])
            head.append([processes[k][name] for k in rows[10:]])
    for question, must, factor in (("identical, in random order", "≤ 0.2", 1.0), ("x 1.10", "", 1.1), ("x 2", "", 2.0)):
        slower = (factor * np.array(head)).tolist()
        metrics = [MetricSamples(base=b, head=h) for b, h in zip(base, slower, strict=True)]
        answers = {OURS: str(Rate(sum(v.changed for v in judge_each(metrics)), len(metrics)))}
        section.rows.append(Row(question, must, answers | _peers(base, slower)))
    return section
