"""From evidence to a word: beyond the floor and beyond doubt, shown to be small, or not settled yet."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import stdtr

from harness.judge.statistics.evidence import FEWEST, Evidence, interval
from harness.judge.statistics.planning import Plan, runs_needed, runs_to_separate
from harness.judge.statistics.records import MetricSamples, Rules, Verdict, Word

_LARGEST_SHARE = 1e9
"""Of a level that is next to nothing beside the resolution."""
_LARGEST_LOG = 700.0
"""Beyond this a ratio is no floating-point number."""


@dataclass(frozen=True, slots=True)
class Family:
    """The comparison a metric was judged in: what its p value had to become, and by which correction."""

    rules: Rules
    metrics: int
    seed: int | None

    @property
    def correction(self) -> str:
        looks = f", alpha / {self.rules.looks} looks" if self.rules.looks > 1 else ""
        return f"Benjamini-Yekutieli over {self.metrics} metrics{looks}"

    @property
    def alpha(self) -> float:
        return self.rules.alpha / self.rules.looks

    @property
    def family_alpha(self) -> float:
        return self.rules.family_alpha / self.rules.looks

    @property
    def equivalence_alpha(self) -> float:
        return self.rules.equivalence_alpha / self.rules.looks

    @property
    def lone_alpha(self) -> float:
        """The p that the only changed metric of the family has to reach."""
        harmonic = float(np.sum(1 / np.arange(1, self.metrics + 1)))
        return min(self.alpha, self.family_alpha / (self.metrics * harmonic))


def decide(metric: MetricSamples, evidence: Evidence, p_adjusted: float, family: Family) -> Verdict:
    # long: one record, field by field
    """Apply floor, margin and error rates to one metric's evidence."""
    before, after = evidence.levels
    word, reason, needed = _settle(metric, evidence, p_adjusted, family)
    p, bounds = evidence.best.p, _bounds(metric, evidence)
    if word in {"regressed", "improved"}:
        evidence = evidence.best
    return Verdict(
        name=metric.name,
        verdict=word,
        reason=reason,
        direction=metric.direction,
        kind=metric.kind,
        statistic=metric.statistic,
        effect=_effect(evidence.shift, evidence.scale),
        interval=_interval(evidence, family.rules.confidence),
        confidence=family.rules.confidence,
        floor=bounds.floor,
        margin=bounds.margin,
        base_value=before,
        head_value=after,
        n_base=evidence.n[0],
        n_head=evidence.n[1],
        n_effective=evidence.n_effective,
        p=p,
        p_adjusted=p_adjusted,
        method=evidence.method,
        correction=family.correction,
        runs_needed=needed,
        seed=family.seed,
        notes=evidence.notes,
    )


def _settle(
    metric: MetricSamples, evidence: Evidence, p_adjusted: float, family: Family
) -> tuple[Word, str, int | None]:
    """The word, its reason, and for `inconclusive` the runs a side that would settle it."""
    plan = _plan(_bounds(metric, evidence), evidence.scale, family)
    word, reason = _word(metric, evidence, p_adjusted, family, plan)
    if word != "inconclusive":
        return word, reason, None
    needed = _runs_needed(evidence, plan, family, p_adjusted)
    advice = f"{needed} runs a side would settle it" if needed else "no number of runs like these will settle it"
    return word, f"{reason}; {advice}", needed


def _interval(evidence: Evidence, confidence: float) -> tuple[float, float]:
    low, high = interval(evidence, confidence)
    return _effect(low, evidence.scale), _effect(high, evidence.scale)


@dataclass(frozen=True, slots=True)
class _Bounds:
    """The metric's thresholds as its effect is given: relative, for a rate a difference of proportions."""

    floor: float
    margin: float


def _bounds(metric: MetricSamples, evidence: Evidence) -> _Bounds:
    """Floor and margin, neither less than what the measurement can tell."""
    told = 0.0
    if metric.resolution > 0 and evidence.scale != "points":
        sizes = [abs(level) for level in evidence.levels]
        level = min(sizes) if evidence.scale == "log" else sum(sizes) / 2
        told = min(metric.resolution / level, _LARGEST_SHARE) if level > 0 else _LARGEST_SHARE
    return _Bounds(max(metric.effect_floor, told), max(metric.effect_margin, told))


def _plan(bounds: _Bounds, scale: str, family: Family) -> Plan:
    floor, margin = bounds.floor, bounds.margin
    if scale == "log":
        floor, margin = float(np.log1p(floor)), float(np.log1p(margin))
    return Plan(floor, margin, family.lone_alpha, family.equivalence_alpha)


def _word(metric: MetricSamples, evidence: Evidence, p_adjusted: float, family: Family, plan: Plan) -> tuple[Word, str]:
    unit = " points" if evidence.scale == "points" else ""
    if min(evidence.n) < FEWEST:
        return "inconclusive", f"{min(evidence.n)} processes a side: nothing is concluded below {FEWEST}"
    if evidence.error == 0:
        return "unchanged", "every process of both sides gave the same value"
    best, bounds = evidence.best, _bounds(metric, evidence)
    significant, guarded = _significant(best, p_adjusted, family), _guarded(best, family)
    if significant and guarded and abs(best.shift) > plan.floor:
        worse = (best.shift > 0) == (metric.direction == "lower")
        size = f"{_effect(best.shift, best.scale):+.2%}{unit}"
        reason = f"{size}, beyond the floor of {bounds.floor:.1%}, p {p_adjusted:.2g} after correction"
        return ("regressed" if worse else "improved"), reason
    size = f"{_effect(evidence.shift, evidence.scale):+.2%}{unit}"
    # that nothing changed is only ever shown by the figure itself
    if _equivalence_p(evidence, plan.margin) <= family.equivalence_alpha:
        return "unchanged", f"{size}, shown to be within {bounds.margin:.1%}"
    return "inconclusive", f"{size}: {_why_not(best, significant, guarded, p_adjusted, plan)}"


def _why_not(evidence: Evidence, significant: bool, guarded: bool, p_adjusted: float, plan: Plan) -> str:
    if significant and abs(evidence.shift) <= plan.floor:
        return "real, but neither beyond the floor nor shown to be within the margin"
    if significant and not guarded:
        return f"the sides overlap too much (rank test p {evidence.separated:.2g})"
    return f"neither told from no change (p {p_adjusted:.2g} after correction) nor shown to be within the margin"


def _significant(evidence: Evidence, p_adjusted: float, family: Family) -> bool:
    return evidence.p <= family.alpha and p_adjusted <= family.family_alpha


def _guarded(evidence: Evidence, family: Family) -> bool:
    """The rank test agrees; where so few runs can never reach its level, the sides must not overlap at all."""
    return evidence.separated <= max(family.alpha, evidence.separable * (1 + 1e-9))


def _runs_needed(evidence: Evidence, plan: Plan, family: Family, p_adjusted: float) -> int | None:
    best = evidence.best
    if _significant(best, p_adjusted, family) and not _guarded(best, family):
        return runs_to_separate(min(best.n), best.separated, family.alpha)
    looks = [(evidence, plan)]
    if evidence.tail is not None:
        # stretches can only ever show a change
        looks.append((evidence.tail, replace(plan, margin=0.0)))
    counts = [
        runs_needed(one.shift, one.run_variance, one.session_variance, wanted, n=min(one.n), pair=one.paired)
        for one, wanted in looks
    ]
    return min((count for count in counts if count is not None), default=None)


def _equivalence_p(evidence: Evidence, margin: float) -> float:
    """The larger p of two one-sided tests against the margin's ends (Schuirmann, J. Pharmacokinet. 15, 1987)."""
    return float(stdtr(evidence.freedom, (abs(evidence.shift) - margin) / evidence.error))


def _effect(shift: float, scale: str) -> float:
    return float(np.expm1(min(shift, _LARGEST_LOG))) if scale == "log" else shift
