"""`advise`: tries what applies, each with the same seeds, and ranks it by what it does for the goal and what it costs.

Dials are turned until the goal is reached, or until turning them brings no more; then the least turn that does as well
is searched by halving. The search has seeds of its own: what is reported is run anew with others, so that an interval
is not that of the luckiest of several tries.

Ranking: what helps before what does not; of what helps, what rests on no assumption first, then what does not pay with
workflows that fail or are turned away, then what leaves fewest lines broken. Where the goal was broken, the cheapest of
what holds every line comes first; in all else the largest effect.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from harness.errors import HarnessError
from harness.judge.advice.candidates import Candidate, Dial, Untried, dials, policies
from harness.judge.advice.measuring import (
    Goal,
    Measured,
    RunOnce,
    StoppedEarlyError,
    goal_of,
    measured_of,
    replications,
)
from harness.judge.advice.paired import Paired, paired
from harness.judge.bottleneck.limiting import limiting
from harness.measure.metrics import summarise
from harness.scenario.model import Scenario

Does = Literal["helps", "nothing", "harms", "unclear", "failed"]
_ENOUGH = 0.95
"""So much of what the largest turn brings is as good, where there is no limit to be reached."""
_FLOOR = 0.005
"""A change of the goal's figure by less than this share is none."""
_FURTHER = 0.02
"""A turn that brings less than this share of the figure more is the last one that is tried."""
_LESS = 0.75
_SHED = 0.005
"""Where so many fewer workflows succeed, a share of those offered, load was shed rather than carried."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A candidate that was run. `effect`, `agent_s`, `attempts` and `rejected` are paired differences to what is now.

    `effect` is in the goal's base unit; `newly_broken` names lines that held before. `pareto`: nothing else that was
    tried is at least as good and as cheap, and better in one. Where it failed, `why` says so and there are no figures.
    """

    candidate: Candidate
    does: Does
    measured: Measured | None = None
    effect: Paired | None = None
    agent_s: Paired | None = None
    attempts: Paired | None = None
    rejected: Paired | None = None
    succeeded: Paired | None = None
    newly_broken: tuple[str, ...] = ()
    pareto: bool = False
    why: str = ""

    @property
    def sheds(self) -> bool:
        """Whether fewer workflows succeed, by more than chance and by more than a trifle."""
        return self.succeeded is not None and self.succeeded.high < 0 and self.succeeded.mean < -_SHED

    @property
    def holds(self) -> bool:
        """Whether no line of the baseline is broken."""
        return self.measured is not None and not self.measured.broken


@dataclass(frozen=True, slots=True)
class Advice:
    """What was found, `tried` ranked. `best` is its first, where that helps; None: nothing that was tried does."""

    scenario: Scenario
    goal: Goal
    now: Measured
    limited_by: str
    tried: tuple[Tried, ...]
    untried: tuple[Untried, ...]
    search_seeds: tuple[int, ...]
    seeds: tuple[int, ...]
    variations: int
    """How many variations were run in all, those of the search counted in."""
    stopped: str | None = None

    @property
    def best(self) -> Tried | None:
        """What to do first, resting on no assumption; None where nothing of that kind helps."""
        return next((one for one in self.tried if one.does == "helps" and not one.candidate.assumption), None)


# long: three stages and the record of all that they found
def advise(
    scenario: Scenario,
    *,
    run: RunOnce,
    search_seeds: Sequence[int],
    seeds: Sequence[int],
    progress: Callable[[int], None] | None = None,
) -> Advice:
    """Try what applies to `scenario`; `run` makes one replication of a variation, with a seed.

    `progress` is told how many variations were run. A run that was stopped ends the search, and what was tried until
    then is ranked. Raises what `run` raises on the scenario as it is.
    """
    runs = replications(scenario, seeds, run)
    goal = goal_of(scenario, summarise(scenario, runs))
    now = measured_of(scenario, goal, runs)
    searching = _Search(scenario, goal, run, tuple(search_seeds), tuple(seeds), now, progress)
    turned, untried = dials(scenario)
    changed, more = policies(scenario, now.metrics.latency.queue_wait.value or 0.0)
    stopped = None
    try:
        for dial in turned:
            searching.turn(dial)
        for candidate in changed:
            searching.report(candidate)
    except StoppedEarlyError as error:
        stopped = str(error)
    return Advice(
        scenario,
        goal,
        now,
        limiting(scenario, now.metrics).sentence,
        ranked(goal, now, searching.tried),
        (*untried, *more),
        tuple(search_seeds),
        tuple(seeds),
        searching.variations,
        stopped,
    )


@dataclass(slots=True)
class _Search:
    """Runs variations, and keeps what is to be reported."""

    scenario: Scenario
    goal: Goal
    run: RunOnce
    search_seeds: tuple[int, ...]
    seeds: tuple[int, ...]
    now: Measured
    progress: Callable[[int], None] | None
    tried: list[Tried] = field(default_factory=list)
    variations: int = 1
    _searched: dict[tuple[str, int], Measured] = field(default_factory=dict)

    def report(self, candidate: Candidate) -> None:
        """Run a candidate with the seeds of the report; one that cannot be run is told too."""
        try:
            measured = self._measured(candidate.scenario, self.seeds)
        except HarnessError as error:
            self.tried.append(Tried(candidate, "failed", why="; ".join(str(error).splitlines())))
            return
        self.tried.append(compared(self.goal, candidate, self.now, measured))

    def _measured(self, scenario: Scenario, seeds: Sequence[int]) -> Measured:
        measured = measured_of(scenario, self.goal, replications(scenario, seeds, self.run))
        self.variations += 1
        if self.progress is not None:
            self.progress(self.variations)
        return measured

    def turn(self, dial: Dial) -> None:
        """Search for the least turn that is enough, and report it; where no turn helps, report the first."""
        at_now = self._at(dial, dial.now)
        below, best = dial.now, None
        climbed = [dial.now]
        for value in dial.ladder():
            climbed.append(value)
            if self._reached(dial, value):
                best = value
                break
            if self._gain(dial, climbed[-2], value) < _FURTHER and len(climbed) > 2:
                break
            below = value
        if best is not None:
            self.report(dial.at(self._least(below, best, lambda value: self._reached(dial, value))))
        else:
            self._turned_in_vain(dial, climbed)
        if dial.now >= 4 and not at_now.broken:
            self.report(dial.at(int(dial.now * _LESS)))

    def _turned_in_vain(self, dial: Dial, climbed: Sequence[int]) -> None:
        """There is no limit to reach, or none is reached: then the least turn that brings most of what there is."""
        most = max(climbed[1:], key=lambda value: self._gain(dial, dial.now, value))
        whole = self._gain(dial, dial.now, most)
        if whole < _FLOOR:
            self.report(dial.at(climbed[1]))
            return
        enough = lambda value: self._gain(dial, dial.now, value) >= _ENOUGH * whole  # noqa: E731 - read where it is used
        self.report(dial.at(self._least(dial.now, most, enough)))

    @staticmethod
    def _least(below: int, above: int, enough: Callable[[int], bool]) -> int:
        """The least value above `below` that is enough, if it only gets better; `above` is known to be."""
        while above - below > 1:
            middle = (below + above) // 2
            below, above = (below, middle) if enough(middle) else (middle, above)
        return above

    def _reached(self, dial: Dial, value: int) -> bool:
        """Whether every line holds that one may hope for, the goal's with its interval; False where it holds now."""
        before, after = self._at(dial, dial.now), self._at(dial, value)
        if self.goal.limit is None or self.goal.metric not in before.broken or after.known is None:
            return False
        there = paired([0.0] * len(after.known), after.known)
        worst = there.high if self.goal.lower_is_better else there.low
        return self.goal.holds(worst) and not set(after.broken) & set(before.broken)

    def _gain(self, dial: Dial, lower: int, upper: int) -> float:
        """How much better the goal's figure is, as a share of what it is now."""
        before, after, now = (self._at(dial, value).known for value in (lower, upper, dial.now))
        if before is None or after is None or now is None:
            return 0.0
        shift = paired(before, after).mean * (-1 if self.goal.lower_is_better else 1)
        return shift / max(abs(sum(now) / len(now)), 1e-12)

    def _at(self, dial: Dial, value: int) -> Measured:
        # as it is, the scenario is the same for every dial
        key = ("", 0) if value == dial.now else (dial.name, value)
        if key not in self._searched:
            self._searched[key] = self._measured(dial.at(value).scenario, self.search_seeds)
        return self._searched[key]


def compared(goal: Goal, candidate: Candidate, now: Measured, then: Measured) -> Tried:
    """A candidate beside what is now, seed by seed."""
    effect = None
    does: Does = "unclear"
    if now.known is not None and then.known is not None:
        effect = paired(now.known, then.known)
        does = _does(goal, effect, sum(now.known) / len(now.known))
    newly_broken = tuple(one for one in then.broken if one not in now.broken)
    if newly_broken:
        does = "harms"  # what breaks a line that held is no help, whatever it does for the goal
    attempts = None
    if None not in now.attempts and None not in then.attempts:
        attempts = paired([one or 0.0 for one in now.attempts], [one or 0.0 for one in then.attempts])
    return Tried(
        candidate,
        does,
        then,
        effect,
        paired(now.agent_s, then.agent_s),
        attempts,
        paired(now.rejected, then.rejected),
        paired(now.succeeded, then.succeeded),
        newly_broken,
    )


def _does(goal: Goal, effect: Paired, now: float) -> Does:
    floor = _FLOOR * abs(now)
    better, worse = (effect.high < 0, effect.low > 0) if goal.lower_is_better else (effect.low > 0, effect.high < 0)
    if abs(effect.mean) <= floor and max(abs(effect.low), abs(effect.high)) <= 2 * floor:
        return "nothing"
    if better:
        return "helps"
    return "harms" if worse else "unclear"


_ORDER = {"helps": 0, "nothing": 1, "unclear": 2, "harms": 3, "failed": 4}


def ranked(goal: Goal, now: Measured, tried: Sequence[Tried]) -> tuple[Tried, ...]:
    """In the order of this module's rule, with the marks of what nothing else dominates."""
    marked = [_marked(goal, one, tried) for one in tried]
    broken = goal.metric in now.broken
    return tuple(sorted(marked, key=lambda one: _rank(goal, broken, one)))


def _rank(goal: Goal, broken: bool, one: Tried) -> tuple[float, ...]:
    if one.measured is None or one.effect is None or one.agent_s is None:
        return (_ORDER[one.does],)
    size = one.effect.mean if goal.lower_is_better else -one.effect.mean
    last = (one.agent_s.mean, size) if one.holds and broken else (size, one.agent_s.mean)
    return (_ORDER[one.does], bool(one.candidate.assumption), one.sheds, len(one.measured.broken), *last)


def _marked(goal: Goal, one: Tried, tried: Sequence[Tried]) -> Tried:
    mine = _costs(goal, one)
    others = [costs for other in tried if other is not one and (costs := _costs(goal, other)) is not None]
    dominated = mine is None or any(_dominates(costs, mine) for costs in others)
    return replace(one, pareto=one.does == "helps" and not dominated)


def _costs(goal: Goal, one: Tried) -> tuple[float, ...] | None:
    """What is to be small: the goal's figure, agents·seconds, and what does not succeed."""
    if one.effect is None or one.agent_s is None or one.succeeded is None or one.candidate.assumption:
        return None
    return (one.effect.mean if goal.lower_is_better else -one.effect.mean), one.agent_s.mean, -one.succeeded.mean


def _dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))
