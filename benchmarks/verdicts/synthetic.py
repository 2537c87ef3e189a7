"""Noise of known truth: how often each judge cries wolf, and how often it sleeps."""

from collections import Counter
from collections.abc import Iterator, Sequence
from time import process_time
from typing import Any

import numpy as np

from benchmarks.verdicts import noise
from benchmarks.verdicts.noise import Draw, Side
from benchmarks.verdicts.peers import PEERS
from benchmarks.verdicts.table import Rate, Row, Section
from harness.judge.verdict import MetricSamples, Verdict, judge_all, judge_each

OURS = "harness"
VALUES = 5
_AT_ONCE = 1000
_PEERS_AT_MOST = 1000
SEED = 20_000
"""Tuning used seeds below 10 000."""


def verdicts(base: Side, head: Side, **settings: Any) -> Iterator[Verdict]:
    """Our verdict on each comparison alone, sides of shape (comparisons, processes, values)."""
    for start in range(0, len(base), _AT_ONCE):
        pairs = zip(base[start : start + _AT_ONCE].tolist(), head[start : start + _AT_ONCE].tolist(), strict=True)
        yield from judge_each([MetricSamples(base=b, head=h, **settings) for b, h in pairs])


def changed(base: Side, head: Side, unit: int = 100, **settings: Any) -> dict[str, str]:
    """Share of comparisons called changed, by every judge; the peers see the first thousand."""
    ours = sum(verdict.changed for verdict in verdicts(base, head, **settings))
    answers = {OURS: str(Rate(ours, len(base), unit))}
    few, those = base[:_PEERS_AT_MOST], head[:_PEERS_AT_MOST]
    for name, peer in PEERS.items():
        answers[name] = str(Rate(int(peer(few, those).sum()), len(few), unit))
    return answers


def _draw(draw: Draw, comparisons: int, n: int, seed: Sequence[int], values: int = VALUES) -> tuple[Side, Side]:
    rng = np.random.default_rng([SEED, *seed])
    return draw(rng, (comparisons, n, values)), draw(rng, (comparisons, n, values))


def false_alarms(comparisons: int) -> Section:
    """Identical code under each family of noise."""
    section = Section(
        "False alarms on identical code",
        f"Per 1000 single-metric comparisons (95 % interval); {comparisons} comparisons each, {VALUES} values per "
        "process, processes in the order they ran. The held-out families were not used for tuning.",
    )
    families = [(name, draw, "≤ 2") for name, draw in noise.FAMILIES.items()]
    families.append(("AR(1), rho = 0.7", noise.autocorrelated(0.7), "≤ 10"))
    families += [(f"{name} (held out)", draw, "≤ 2") for name, draw in noise.HELD_OUT.items()]
    for k, (name, draw, must) in enumerate(families):
        for n in (10, 20):
            sides = _draw(draw, comparisons, n, (1, k, n))
            section.rows.append(Row(f"{name}, {n} processes", must, changed(*sides, unit=1000)))
    sides = _draw(noise.autocorrelated(0.7), comparisons, 20, (2,), values=1)
    answers = {OURS: str(Rate(sum(v.changed for v in verdicts(*sides, paired=True)), comparisons, 1000))}
    section.rows.append(Row("AR(1), rho = 0.7, said to be paired, 20 rounds", "", answers))
    return section


def whole_comparisons(comparisons: int) -> Section:
    """Forty metrics at once, none of them changed: did any alarm?"""
    section = Section(
        "Whole comparisons of 40 metrics",
        f"Per cent of {comparisons} comparisons in which any metric of 40 was called changed, 10 processes a side.",
    )
    for k, name in enumerate(("normal", "bimodal", "heavy-tailed")):
        base, head = _draw(noise.FAMILIES[name], 40 * comparisons, 10, (3, k))
        ours = 0
        for start in range(0, len(base), 40):
            rows = slice(start, start + 40)
            pairs = zip(base[rows].tolist(), head[rows].tolist(), strict=True)
            ours += any(v.changed for v in judge_all([MetricSamples(base=b, head=h) for b, h in pairs]))
        answers = {OURS: str(Rate(ours, comparisons))}
        few = min(comparisons, 25)
        for peer, rule in PEERS.items():
            alarms = rule(base[: 40 * few], head[: 40 * few]).reshape(few, 40).any(axis=1)
            answers[peer] = str(Rate(int(alarms.sum()), few))
        section.rows.append(Row(name, "≤ 2", answers))
    return section


def power(comparisons: int) -> Section:
    """A quiet host: what is found, and what is shown to be unchanged."""
    section = Section(
        "A quiet host (1 % between processes)",
        f"Per cent of {comparisons} comparisons called changed, except where the row says otherwise.",
    )
    for effect, n, must in ((0.05, 10, "≥ 95"), (0.02, 20, "≥ 90"), (0.05, 6, ""), (0.10, 6, ""), (0.10, 5, "")):
        base, head = _draw(noise.quiet_processes, comparisons, n, (4, n, round(100 * effect)))
        question = f"{effect:+.0%}, {n} processes"
        section.rows.append(Row(question, must, changed(base, head * (1 + effect))))
        if must:
            base, head = _draw(noise.quiet, comparisons, n, (5, n))
            section.rows.append(Row(f"{question}, and 1 % within each of them", "", changed(base, head * (1 + effect))))
    for n, must in ((20, "≤ 5"), (10, "")):
        words = Counter(v.verdict for v in verdicts(*_draw(noise.quiet_processes, comparisons, n, (6, n))))
        answers = {OURS: str(Rate(words["inconclusive"], comparisons))}
        section.rows.append(Row(f"inconclusive on identical code, {n} processes", must, answers))
    return section


def special(comparisons: int) -> Section:
    """Exact metrics and tails."""
    section = Section("Exact metrics and tails", f"Per cent of {comparisons} comparisons called changed.")
    rng = np.random.default_rng([SEED, 7])
    base = rng.lognormal(0, 0.5, (comparisons, 5, 1))
    found = sum(v.verdict == "regressed" for v in verdicts(base, 1.01 * base, kind="exact"))
    section.rows.append(Row("exact, +1 %, 5 seeds", "100", {OURS: str(Rate(found, comparisons))}))
    wrong = sum(v.changed for v in verdicts(base, base, kind="exact"))
    section.rows.append(Row("exact, identical", "0", {OURS: str(Rate(wrong, comparisons))}))
    fewer = max(comparisons // 10, 20)
    base, head = rng.lognormal(0, 0.3, (2, fewer, 30, 200))
    doubled = np.where(
        rng.random(head.shape) < 0.02, 2 * np.exp(0.3 * 2.326 + 0.1 * rng.standard_normal(head.shape)), head
    )
    section.rows.append(
        Row("p99 doubled, median as it was, 30 processes", "≥ 90", changed(base, doubled, statistic="p99"))
    )
    section.rows.append(Row("p99 of identical code, 30 processes", "≤ 0.2", changed(base, head, statistic="p99")))
    return section


def speed() -> Section:
    """A thousand metrics of fifty samples a side."""
    rng = np.random.default_rng([SEED, 8])
    metrics = [MetricSamples(base=b, head=h) for b, h in np.exp(0.01 * rng.standard_normal((1000, 2, 50, 1))).tolist()]
    start = process_time()
    judge_all(metrics)
    answers = {OURS: f"{process_time() - start:.2f} s"}
    return Section("Speed", "CPU time.", [Row("1000 metrics x 50 samples a side", "≤ 2 s", answers)])
