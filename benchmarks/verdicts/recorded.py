"""Rounds recorded on a small shared host: identical servers, one with more work, identical micro-benchmarks.

The files are handed in by `--data`. The block-wise comparison of medians was chosen with all rounds in view; no
threshold was fitted to them. The figures here come from the odd-numbered rounds.
"""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from benchmarks.verdicts.noise import Side
from benchmarks.verdicts.peers import PEERS
from benchmarks.verdicts.synthetic import OURS, SEED
from benchmarks.verdicts.table import Rate, Row, Section
from harness.judge.verdict import MetricSamples, judge_each

Rounds: TypeAlias = list[list[float]]
PAIRS = 20
NOTE = (
    "Per cent called changed, over random choices from the odd-numbered rounds (these overlap, so the binomial "
    "intervals are too narrow). `+10 % work` is what the server was given: its median latency rose by 3 to 4 %. "
    "`x 1.10` multiplies every latency of one of two identical servers, which slows every quantile by 10 %, on top of "
    "the difference of about 1.5 % that these two processes have anyway."
)
MICRO_NOTE = "Per cent called changed, over random choices from 30 processes, in random order."


def sections(data: Path, comparisons: int) -> list[Section]:
    """Tables from `interleaved.json.gz` and `runs.json.gz` in the folder `data`."""
    interleaved = json.loads(gzip.decompress((data / "interleaved.json.gz").read_bytes()))
    runs = json.loads(gzip.decompress((data / "runs.json.gz").read_bytes()))
    return [_servers(interleaved["http"][1::2], comparisons), _micro(runs["micro"][1::2], comparisons)]


def _servers(rounds: Sequence[Any], comparisons: int) -> Section:
    section = Section(f"A shared host, {PAIRS} interleaved pairs of rounds", NOTE)
    side = {
        name: [[value for batch in round_[name] for value in batch["lat"]] for round_ in rounds]
        for name in ("A1", "A2", "B10")
    }
    slow = {name: [[1.1 * value for value in values] for values in side[name]] for name in ("A1", "A2")}
    for statistic, must in (("p50", "≥ 90"), ("p95", ""), ("p99", "≥ 80")):
        for question, base, head, wanted in (
            ("identical", side["A1"], side["A2"], "≤ 0.2"),
            ("second server x 1.10", side["A1"], slow["A2"], must),
            ("first server x 1.10", side["A2"], slow["A1"], must),
            ("+10 % work against the first", side["A1"], side["B10"], must),
            ("+10 % work against the second", side["A2"], side["B10"], must),
        ):
            answers = _pairs(base, head, statistic, comparisons)
            section.rows.append(Row(f"{statistic}: {question}", wanted, answers))
    return section


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
