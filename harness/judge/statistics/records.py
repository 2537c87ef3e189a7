"""What the judge is handed and what it hands back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from harness.judge.statistics.replicates import quantile_of

Direction: TypeAlias = Literal["lower", "higher"]
Kind: TypeAlias = Literal["noisy", "exact", "memory", "rate"]
Word: TypeAlias = Literal["regressed", "improved", "unchanged", "inconclusive", "missing", "new", "incomparable"]

FLOORS: dict[Kind, float] = {"noisy": 0.01, "exact": 0.001, "memory": 0.02, "rate": 0.005}
"""Smallest effect worth a verdict: relative, except for a rate, where it is a difference of two proportions."""
MARGINS: dict[Kind, float] = {"noisy": 0.03, "exact": 0.001, "memory": 0.05, "rate": 0.01}
"""Largest effect that `unchanged` may hide, in the same units as the floor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Error rates of a whole comparison. Every alpha is divided by `looks`."""

    alpha: float = 0.002
    """Chance of calling one unchanged metric changed, whatever the number of metrics."""
    family_alpha: float = 0.02
    """Chance of calling any metric changed when none did (false discovery rate when some did)."""
    equivalence_alpha: float = 0.05
    """Chance of calling a metric unchanged whose effect is just as large as its margin."""
    confidence: float = 0.95
    """Level of the reported interval; the verdict itself uses the levels above."""
    looks: int = 1
    """How often the same comparison may be judged in all while rounds are added to it."""

    def __post_init__(self) -> None:
        for name in ("alpha", "family_alpha", "equivalence_alpha", "confidence"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name}: expected between 0 and 1, found {getattr(self, name)!r}")
        if self.looks < 1:
            raise ValueError(f"looks: expected at least 1, found {self.looks!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSamples:
    """One metric on both sides: a list of processes, each a list of the values it measured.

    `base` and `head` have the shape (processes, values): a process is one run, round or seeded replication.
    Values share one unit, any unit; the numbers of processes and of values may differ. For kind `rate` each process
    is the pair `(count, trials)`. Raises ValueError for settings that make no sense; strange values are judged, not
    raised.
    """

    base: Sequence[Sequence[float]]
    head: Sequence[Sequence[float]]
    name: str = ""
    direction: Direction = "lower"
    """Which way is better."""
    kind: Kind = "noisy"
    statistic: str = "median"
    """What a process's values are reduced to: mean, median, min, max, p1 … p99.9."""
    paired: bool | None = None
    """True: process i of both sides ran in the same round; medians are then compared stretch by stretch in time, values
    being listed as they were measured. None: found out from the data, cautiously."""
    ordered: bool = True
    """Processes are listed in the order they ran, so that drift and correlation can be seen. False where the order
    means nothing because it was drawn at random: then no correlation has to be paid for, and less data is enough."""
    floor: float | None = None
    """Effects up to this are too small to matter; None takes the kind's from `FLOORS`."""
    margin: float | None = None
    """`unchanged` means smaller than this; None takes the kind's from `MARGINS`."""
    resolution: float = 0.0
    """Differences up to this, in the values' unit, are below what the measurement can tell: floor and margin are never
    less. Exact metrics and rates have none."""
    session_noise: float = 0.0
    """Relative standard deviation of one side's level from session to session on unchanged code."""

    def __post_init__(self) -> None:
        _expect("direction", self.direction, get_args(Direction))
        _expect("kind", self.kind, get_args(Kind))
        quantile_of(self.statistic)
        if not (self.effect_floor >= 0 and self.effect_margin > 0):
            raise ValueError(
                f"expected floor >= 0 and margin > 0, found {self.effect_floor!r} and {self.effect_margin!r}"
            )
        for name in ("session_noise", "resolution"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name}: expected a number from 0, found {getattr(self, name)!r}")

    @property
    def effect_floor(self) -> float:
        return FLOORS[self.kind] if self.floor is None else self.floor

    @property
    def effect_margin(self) -> float:
        return MARGINS[self.kind] if self.margin is None else self.margin


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of one metric, and everything needed to argue about it."""

    name: str
    verdict: Word
    reason: str
    """The verdict in a sentence, with the figures that decided it."""
    direction: Direction = "lower"
    kind: Kind = "noisy"
    statistic: str = "median"
    effect: float | None = None
    """Head against base: +0.05 is 5 % more. For a rate the difference of the proportions. None if undefined."""
    interval: tuple[float, float] | None = None
    """Where the effect lies, in the effect's unit, at level `confidence`; None for exact metrics."""
    confidence: float = 0.95
    floor: float | None = None
    """Effects up to this were too small to matter, in the effect's unit; None where nothing was judged."""
    margin: float | None = None
    """Largest effect that `unchanged` could have hidden, in the effect's unit; None where nothing was judged."""
    base_value: float | None = None
    """Median over the processes of the statistic (exact: mean; rate: pooled proportion), in the values' unit."""
    head_value: float | None = None
    n_base: int = 0
    """Processes judged, not values."""
    n_head: int = 0
    n_effective: float | None = None
    """Independent processes that the smaller side is worth once autocorrelation is paid for."""
    p: float | None = None
    p_adjusted: float | None = None
    method: str = "none"
    correction: str = "none"
    runs_needed: int | None = None
    """Inconclusive only: processes a side that would settle it (8 times in 10, if noise and effect stay as seen)."""
    seed: int | None = None
    """The seed of the runs, as handed in: the judge itself draws no random number."""
    notes: tuple[str, ...] = ()
    """Doubts about the data that did not change the verdict."""

    @property
    def changed(self) -> bool:
        return self.verdict in {"regressed", "improved"}


def _expect(field: str, found: str, known: Sequence[str]) -> None:
    if found not in known:
        raise ValueError(f"{field}: expected one of {', '.join(known)}, found {found!r}")
