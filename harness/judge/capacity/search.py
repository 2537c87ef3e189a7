"""The search: doubling until the load breaks what must hold and throughput has stopped growing, then bisection.

What is run comes from outside: a function that runs a scenario once per seed. The same seeds at every level, so that
every workflow has the same luck at every load.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from harness.errors import DeclarationError, HarnessError, Mistake
from harness.judge.capacity.load import Axis, Length, axis_of, baseline_trial, same_trial, steady_trial
from harness.judge.capacity.record import Trial
from harness.judge.capacity.trial import searched_lines, trial_of
from harness.measure.record import Floats, Run
from harness.scenario.model import Scenario

RunEach = Callable[[Scenario, range], Iterable[Run]]
"""Runs a scenario once per seed, lazily: it may end early, where it was asked to stop."""

STOPPED = ("interrupted", "terminated")
_GROWS = 1.25
"""A doubled load that brings less than a quarter more has passed the knee."""
_FLAT_ENOUGH = 2
_MOSTLY = 0.5
_AGAIN = 2
_MOST_IN_FLIGHT = 100_000


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is run: `replications` per level, up to `most_replications` where a verdict is not settled.

    `resolution` is the step, relative to the load, at which bisection ends; `length` how long a trial is.
    """

    replications: int = 5
    most_replications: int = 20
    resolution: float = 0.02
    seed: int = 0
    length: Length = field(default_factory=Length)


@dataclass(frozen=True, slots=True)
class Watch:
    """What the search is told, and tells: `asked` gives the reason to stop, if any, `over` whether the time is up."""

    asked: Callable[[], str | None] = lambda: None
    over: Callable[[], bool] = lambda: False
    tried: Callable[[Axis, Trial], None] = lambda _axis, _trial: None


class EndedError(Exception):
    """The search is over before its time; `reason` is "interrupted", "terminated", "budget" or why a run is invalid."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@dataclass(slots=True)
class Search:
    """The trials of one scenario, each made at most once for each number of replications."""

    scenario: Scenario
    run: RunEach
    axis: Axis
    first: float
    last: float
    effort: Effort = field(default_factory=Effort)
    watch: Watch = field(default_factory=Watch)
    trials: dict[float, Trial] = field(default_factory=dict)
    _runs: dict[float, tuple[list[Run], list[Run]]] = field(default_factory=dict)

    def at(self, level: float, replications: int | None = None) -> Trial:
        """The trial at `level`; raises `EndedError` where nothing more may be run."""
        wanted = replications or self.effort.replications
        level = self.rounded(level)
        made = self.trials.get(level)
        if made is not None and made.replications >= wanted:
            return made
        trial = self._tried(level, wanted)
        self.trials[level] = trial
        if self.effort.length.service_s is None and len(latency := _latencies(trial)):
            length = replace(self.effort.length, service_s=float(np.mean(latency)))
            self.effort = replace(self.effort, length=length)
        self.watch.tried(self.axis, trial)
        return trial

    def rounded(self, level: float) -> float:
        """`level` within the bounds, as a level can be."""
        level = min(max(level, self.first), self.last)
        return float(round(level)) if self.axis.whole else float(f"{level:.4g}")

    def _tried(self, level: float, replications: int) -> Trial:
        lines = bool(searched_lines(self.scenario))
        length = self.effort.length
        steady = steady_trial(self.scenario, level, length) if self.axis.steady else None
        judged = baseline_trial(self.scenario, level, length) if lines or steady is None else None
        kept, kept_judged = self._runs.get(level, ([], []))
        more = range(self.effort.seed + len(kept or kept_judged), self.effort.seed + replications)
        if steady is not None:
            kept = kept + self._all(steady, more)
        same = steady is not None and same_trial(self.scenario)
        if judged is not None:
            kept_judged = kept if same else kept_judged + self._all(judged, more)
        if replications < self.effort.most_replications:  # a verdict that is not settled may want more of them
            self._runs[level] = kept, kept_judged
        lowest = self.trials[min(self.trials)] if self.trials and level > min(self.trials) else None
        runs = kept if steady is not None else ()
        return trial_of(level, steady or self.scenario, runs, judged, kept_judged, lowest=lowest)

    def _all(self, scenario: Scenario, seeds: range) -> list[Run]:
        """Every replication, or none: half a trial is not kept."""
        done: list[Run] = []
        try:
            for one in self.run(scenario, seeds):
                done.append(self._again_if_invalid(scenario, one))
                self._may_go_on()
        except HarnessError as error:
            if not self.trials:
                raise
            raise EndedError(f"invalid: {error}") from error
        if len(done) < len(seeds):
            raise EndedError(self.watch.asked() or "interrupted")
        return done

    def _again_if_invalid(self, scenario: Scenario, done: Run) -> Run:
        """A run that cannot be believed is made again, a bounded number of times: one hiccup is not a limit."""
        for _ in range(_AGAIN):
            if done.stopped in STOPPED:
                raise EndedError(str(done.stopped))
            if done.invalid is None:
                return done
            self._may_go_on()
            done = next(iter(self.run(scenario, range(done.seed, done.seed + 1))))
        return done

    def _may_go_on(self) -> None:
        if reason := self.watch.asked():
            raise EndedError(reason)
        if self.watch.over():
            raise EndedError("budget")

    # ----------------------------------------------------------------------- the stages

    def explore(self) -> None:
        """Every stage but the refinement of the knee; raises `EndedError`."""
        self.double()
        self.refusal(0.12)
        self.baseline()

    def double(self) -> None:
        """Twice the load, again and again, until it has broken what it can break."""
        level = self.rounded(self.first)
        while True:
            self.at(level)
            over = level >= self.last or self._drowned() or self._beyond_belief()
            if over or (self._baseline_done() and self._knee_passed()):
                return
            level = self.rounded(max(level * 2, level + 1 if self.axis.whole else 0))

    def refusal(self, resolution: float) -> None:
        """Bisect between the highest load that is carried and the lowest that is not, down to `resolution`."""
        while (bracket := self.refused_from()) and self._apart(*bracket, resolution):
            self.at(self._between(*bracket))

    def baseline(self) -> None:
        """Bisect between the highest load that holds and the lowest that does not; settle both by replications."""
        while (bracket := self.held_between()) is not None:
            loose = [self.trials[level] for level in bracket if not self.trials[level].settled]
            more = [one for one in loose if one.replications < self.effort.most_replications]
            if self._apart(*bracket, self.effort.resolution):
                self.at(self._between(*bracket))
            elif more:
                for one in more:
                    self.at(one.level, min(2 * one.replications, self.effort.most_replications))
            else:
                return

    # ----------------------------------------------------------------------- what is known so far

    def ordered(self) -> list[Trial]:
        """All trials, by load."""
        return [self.trials[level] for level in sorted(self.trials)]

    def usable(self) -> list[Trial]:
        """Those that the knee is fitted to."""
        return [one for one in self.ordered() if one.usable]

    def refused_from(self) -> tuple[float, float] | None:
        """The highest load without rejections and the lowest with them; None where nothing was turned away."""
        refused = [one.level for one in self.ordered() if one.refused > 0]
        if not refused:
            return None
        below = [one.level for one in self.ordered() if one.level < refused[0]]
        return (below[-1], refused[0]) if below else None

    def held_between(self) -> tuple[float, float] | None:
        """The highest load that holds, and the lowest above it that does not."""
        judged = [one for one in self.ordered() if one.verdict in ("held", "broken") and not one.invalid]
        held = [one.level for one in judged if one.verdict == "held"]
        broken = [one.level for one in judged if held and one.verdict == "broken" and one.level > held[0]]
        return (max(level for level in held if level < broken[0]), broken[0]) if broken else None

    def _baseline_done(self) -> bool:
        judged = [one for one in self.ordered() if one.verdict in ("held", "broken")]
        if not judged:
            return True
        if self.held_between() is not None:
            return True
        # it never held: where it was declared, it has to
        return all(one.verdict == "broken" for one in judged) and judged[-1].level >= self.axis.declared

    def _beyond_belief(self) -> bool:
        """The two highest loads could not be measured: whatever limits that is not the target."""
        return [bool(one.invalid) for one in self.ordered()][-_FLAT_ENOUGH:] == [True] * _FLAT_ENOUGH

    def _drowned(self) -> bool:
        """Most of the work has been turned away twice: what still breaks then breaks for another reason than load."""
        return sum(one.refused > _MOSTLY for one in self.ordered()) >= _FLAT_ENOUGH and self.held_between() is None

    def _knee_passed(self) -> bool:
        if not self.axis.steady or any(one.why_not for one in self.ordered()):
            return True
        rates = [one.throughput.value or 0.0 for one in self.usable()]
        flat = [later < _GROWS * before for before, later in itertools.pairwise(rates)]
        return sum(flat[-_FLAT_ENOUGH:]) == _FLAT_ENOUGH

    def _apart(self, low: float, high: float, resolution: float) -> bool:
        if self.axis.whole and high - low <= 1:
            return False
        return high - low > resolution * low and self._between(low, high) not in (low, high)

    def _between(self, low: float, high: float) -> float:
        return self.rounded((low + high) / 2)


def _latencies(trial: Trial) -> Floats:
    return np.concatenate([np.empty(0), *(part.latency_s for part in trial.parts)])


def search_of(
    scenario: Scenario,
    run: RunEach,
    *,
    first: float | None = None,
    last: float | None = None,
    effort: Effort | None = None,
    watch: Watch | None = None,
) -> Search:
    """A search of `scenario` between two loads (None: the axis's own); raises `DeclarationError` for what cannot be."""
    axis = axis_of(scenario)
    if not axis.steady and not searched_lines(scenario):
        law = scenario.load.law
        allowed = f"a line that load can break: a load of law {law} has no steady state, so there is no knee to find"
        found = "none" if not scenario.baseline else "only lines that are recorded or hold under any load"
        raise DeclarationError("capacity", [Mistake(f"scenario.{scenario.name}.baseline", found, allowed)])
    low, high = axis.lowest if first is None else first, axis.highest if last is None else last
    mistakes = []
    if axis.whole:
        mistakes = [
            Mistake(option, f"{value:g}", f"a whole number from 1 to {_MOST_IN_FLIGHT}")
            for option, value in (("--from", low), ("--to", high))
            if not math.isfinite(value) or value != int(value) or not 1 <= value <= _MOST_IN_FLIGHT
        ]
    if not mistakes and not 0 < low < high < math.inf:
        mistakes = [Mistake("--from and --to", f"{low:g} and {high:g}", "a load above 0 and one above it")]
    if mistakes:
        raise DeclarationError("options", mistakes)
    return Search(scenario, run, axis, low, high, effort or Effort(), watch or Watch())
