"""Metrics on virtual time: same seed, same value, so any difference is the commit's and only its size is judged."""

import numpy as np

from harness.judge.statistics.records import Verdict, Word
from harness.judge.statistics.replicates import Floats, per_process
from harness.judge.statistics.screening import Screened

METHOD = "exact paired difference"
_AS_GOOD_AS_ZERO = 1e-150


def judge_exact(screened: Screened, seed: int | None) -> Verdict:
    """Compare replication by replication (same seed, same place in the list), any number of replications."""
    metric = screened.metric
    base = per_process(screened.base, metric.statistic)
    head = per_process(screened.head, metric.statistic)
    effect = _effect(base, head)
    word: Word = "unchanged"
    if effect is None or _size(effect) > np.log1p(metric.effect_floor):
        worse = (head.mean() > base.mean()) == (metric.direction == "lower")
        word = "regressed" if worse else "improved"
    return Verdict(
        name=metric.name,
        verdict=word,
        reason=_reason(base, head, effect, metric.effect_floor),
        direction=metric.direction,
        kind=metric.kind,
        statistic=metric.statistic,
        effect=effect,
        base_value=float(base.mean()),
        head_value=float(head.mean()),
        n_base=len(base),
        n_head=len(head),
        n_effective=float(len(base)),
        method=METHOD,
        seed=seed,
        notes=tuple(screened.notes),
    )


def _effect(base: Floats, head: Floats) -> float | None:
    """Relative change of the mean over replications; None where base is zero and head is not."""
    before, after = float(base.mean()), float(head.mean())
    if before == after:
        return 0.0
    if abs(before) < _AS_GOOD_AS_ZERO:
        return None
    return (after - before) / abs(before)


def _size(effect: float) -> float:
    """The effect's size on a scale where swapping the sides only turns the sign: +1 % and -0.99 % are equals."""
    return abs(float(np.log1p(effect))) if effect > -1 else np.inf


def _reason(base: Floats, head: Floats, effect: float | None, floor: float) -> str:
    differ = int((base != head).sum())
    if not differ:
        return f"all {len(base)} replications gave the same value"
    size = f"{effect:+.3%}" if effect is not None else f"from 0 to {head.mean():.6g}"
    beyond = effect is None or _size(effect) > np.log1p(floor)
    verb = "beyond" if beyond else "within"
    return f"{differ} of {len(base)} replications differ; {size} on average, {verb} the floor of {floor:.2%}"
