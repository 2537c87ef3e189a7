"""Two sides, metric by metric: refuse what is unlike, judge the rest together, apply waivers, decide how it ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import get_args

from harness.errors import ExitCode
from harness.judge.metrics_form import Measured, Pair, Side, differences, paired
from harness.judge.statistics.records import MARGINS, Word
from harness.judge.verdict import MetricSamples, Rules, Verdict, judge_all
from harness.judge.waivers import State, Waived, Waiver, bearing, states

COMPARED: frozenset[Word] = frozenset({"regressed", "improved", "unchanged", "inconclusive"})
SETTLED: frozenset[Word] = COMPARED - {"inconclusive"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One metric of a comparison."""

    pair: Pair
    verdict: Verdict
    waived: Waived | None = None

    @property
    def word(self) -> Word:
        """The verdict in a word; a waiver does not change it."""
        return self.verdict.verdict

    @property
    def accepted(self) -> bool:
        """Whether a waiver accepts what was found."""
        return self.waived is not None and self.waived.accepted

    @property
    def no_worse(self) -> bool:
        """Inconclusive, and yet shown not to be worse by more than the metric's margin (it may be better).

        The interval's worse end lies within the margin: a test of non-inferiority at half the interval's error.
        """
        if self.word != "inconclusive" or self.verdict.interval is None:
            return False
        low, high = self.verdict.interval
        margin = self.verdict.margin or MARGINS[self.verdict.kind]
        if self.verdict.direction == "lower":
            return high <= margin
        # a ratio that falls by as much as it would have had to rise; a proportion by as many points
        return low >= (-margin if self.verdict.kind == "rate" else 1 / (1 + margin) - 1)

    @property
    def advisory(self) -> str:
        """Why this inconclusive verdict is no gap; empty where it is one, and for every other verdict."""
        sides = [side for side in (self.pair.base, self.pair.head) if side is not None]
        # head alone cannot take a metric out of the gate
        return sides[-1].advisory if self.word == "inconclusive" and all(side.advisory for side in sides) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All metrics of both sides with their verdicts. `rows` has the base's order, what is new at the end."""

    base: Side
    head: Side
    rows: tuple[Row, ...]
    rules: Rules
    seed: int | None
    waivers: tuple[tuple[Waiver, State], ...] = ()

    @property
    def counts(self) -> dict[Word, int]:
        """How many metrics have each verdict, all seven words."""
        found = Counter(row.word for row in self.rows)
        return {word: found[word] for word in get_args(Word)}

    @property
    def unsettled(self) -> list[Row]:
        """Metrics that more runs may settle, as far as a gate needs it."""
        return [row for row in self.rows if row.word == "inconclusive" and not (row.no_worse or row.advisory)]

    def exit_code(self, *, allow_inconclusive: bool = False) -> ExitCode:
        """REGRESSION where a metric regressed that no waiver accepts; else NOT_ENOUGH where anything was not compared.

        Fails closed: nothing settled, a metric gone or incomparable, and, unless allowed or shown to be no worse, an
        inconclusive one are no success. Metrics that are new cannot be compared yet, and do not count; nor do those
        that are inconclusive and for which nobody waits.
        """
        awaited = [row for row in self.rows if not row.advisory or row.no_worse]
        return exit_code_of(
            [row.word for row in awaited],
            [row.accepted or row.no_worse for row in awaited],
            allow_inconclusive=allow_inconclusive,
        )


def exit_code_of(words: Sequence[str], accepted: Sequence[bool], *, allow_inconclusive: bool) -> ExitCode:
    """How a comparison ends whose metrics have these verdicts; `accepted`: by a waiver, or shown to be no worse."""
    open_words = {word for word, fine in zip(words, accepted, strict=True) if not fine}
    if "regressed" in open_words:
        return ExitCode.REGRESSION
    settled = any(accepted) or not SETTLED.isdisjoint(words)
    gaps = {"missing", "incomparable"} | (set() if allow_inconclusive else {"inconclusive"})
    return ExitCode.NOT_ENOUGH if gaps & open_words or not settled else ExitCode.HELD


def compare(
    base: Side,
    head: Side,
    *,
    rules: Rules | None = None,
    seed: int | None = None,
    interleaved: bool = False,
    waivers: Sequence[Waiver] = (),
    today: date | None = None,
    session_noise: Mapping[str, float] | None = None,
) -> Comparison:
    """Judge every metric that either side has.

    `interleaved` says that process i of both sides ran in the same round, in an order drawn at random: they are then
    compared pairwise. `today` is what waivers expire against, and is needed with waivers: raises ValueError without.
    `session_noise` is, by the metric's name, how far its level moves from session to session on unchanged code
    (relative standard deviation); it widens what is concluded of sides measured in sessions of their own.
    """
    if waivers and today is None:
        raise ValueError("waivers expire: expected today's date with them")
    rules = rules or Rules()
    pairs = paired(base.measured, head.measured)
    noise = session_noise or {}
    ready = {
        k: _samples(pair, interleaved, noise.get(pair.name, 0.0)) for k, pair in enumerate(pairs) if not _refused(pair)
    }
    judged = dict(zip(ready, judge_all(list(ready.values()), rules=rules, seed=seed), strict=True))
    rows = [_row(pair, judged.get(k) or _incomparable(pair, seed), waivers, today) for k, pair in enumerate(pairs)]
    touched = [row.waived for row in rows if row.waived]
    said = states(waivers, touched, today) if today else []
    return Comparison(
        base=base, head=head, rows=tuple(rows), rules=rules, seed=seed, waivers=tuple(zip(waivers, said, strict=True))
    )


def _row(pair: Pair, verdict: Verdict, waivers: Sequence[Waiver], today: date | None) -> Row:
    one = pair.known
    notes = dict.fromkeys((*verdict.notes, *_notes("base", pair.base), *_notes("head", pair.head)))
    verdict = replace(verdict, notes=tuple(notes))
    return Row(
        pair=pair, verdict=verdict, waived=bearing(waivers, one.scenario, one.metric, verdict, today) if today else None
    )


def _notes(side: str, one: Measured | None) -> list[str]:
    return [f"{side}: {note}" for note in one.notes] if one else []


def _samples(pair: Pair, interleaved: bool, session_noise: float) -> MetricSamples:
    one = pair.known
    together = interleaved and one.kind != "rate"
    return MetricSamples(
        base=pair.base.processes if pair.base else [],
        head=pair.head.processes if pair.head else [],
        name=pair.name,
        direction=one.direction,
        kind=one.kind,
        paired=True if together else None,
        # which side of a round went first was drawn, so no drift and no correlation can favour one of them
        ordered=not interleaved,
        resolution=one.resolution,
        session_noise=session_noise,
    )


def _refused(pair: Pair) -> str:
    """Why the two may not be compared, every difference named; empty where they may, or where one is not there."""
    unfit = [f"{side}: {one.unfit}" for side, one in (("base", pair.base), ("head", pair.head)) if one and one.unfit]
    if unfit or pair.base is None or pair.head is None:
        return "; ".join(unfit)
    return "; ".join(differences(pair.base, pair.head))


def _incomparable(pair: Pair, seed: int | None) -> Verdict:
    one = pair.known
    return Verdict(
        name=pair.name,
        verdict="incomparable",
        reason=_refused(pair),
        direction=one.direction,
        kind=one.kind,
        n_base=len(pair.base.processes) if pair.base else 0,
        n_head=len(pair.head.processes) if pair.head else 0,
        seed=seed,
    )
