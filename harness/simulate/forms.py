"""Which form of the kernel runs: interpreted where that is sooner done, compiled where it pays.

Loading the compiled kernel takes a third of a second or more, and compiling it, once per installation, about ten. So a
process starts interpreted, and goes over to the compiled form when the work of a run, together with all that was
interpreted before, would take longer than loading does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from typing import Literal, Protocol

from harness.errors import MissingExtraError
from harness.measure.record import AttemptColumns, Floats, Ints, WorkflowColumns
from harness.plan.arrivals import ClosedArrivals, Plan
from harness.plan.draws import QuantileTable
from harness.plan.program import Program
from harness.simulate.feed import Stretch
from harness.simulate.loading import collecting_seldom
from harness.simulate.records import Pool, Sim, World
from harness.simulate.setting import Setting

FormName = Literal["auto", "stepwise", "interpreted", "compiled"]

SHORT = 10_000
"""Steps of workflows that are done, as the kernel stands, in the time that putting it into one function takes."""

PATIENCE = 200_000
"""Steps of workflows that take about as long to interpret as the compiled kernel takes to load."""


class Left(Protocol):
    """What a stream leaves behind, however it was run."""

    sim: Sim

    def world(self) -> World:
        """The world as it stands."""

    def pools(self) -> Sequence[Pool]:
        """The pools as they stand; in the order of `plan.places.pools_of`."""


class Form(Left, Protocol):
    """One run of the kernel, interpreted or compiled."""

    stretch: int

    def gaps(self, mean_s: float, seed: int, first: int) -> Floats:
        """`plan.laws.gaps_before`, made in the form's own way."""

    def run(self) -> int:
        """Go on until the load has ended or something is needed; see `kernel.run`."""

    def feed(self, stretch: Stretch) -> None:
        """Give the kernel its next input."""

    def make_room(self, need: int) -> None:
        """Make room for what it came back for."""

    def stop_here(self) -> None:
        """Let the run end at the instant it has come to."""

    def ended_rows(self) -> tuple[Floats, Floats, Ints, Ints]:
        """Of all workflows that have ended so far, in any order: due, finished, outcome, error by the kernel's codes;
        at any time that the form has come back from `run`."""

    def workflow_columns(self) -> WorkflowColumns:
        """What became of the workflows; errors by the kernel's own codes."""

    def attempt_columns(self) -> AttemptColumns:
        """The attempts, in the order in which they ended; errors by the kernel's own codes."""


class Shortcut(Left, Protocol):
    """A stream of a scenario that declares little."""

    def complete(self, stretches: Callable[[], Iterator[Floats]]) -> bool:
        """Carry the whole load; False where the general kernel has to do it. `stretches` makes due times."""


FormType = Callable[[Plan, Setting, bool], Form]
"""Makes a form from a plan, its setting, and whether it streams."""


class _Chooser:
    """Remembers how much this process has interpreted, and the compiled form once it is loaded."""

    def __init__(self) -> None:
        self.interpreted = 0.0
        self.compiled: FormType | None = None

    def choose(self, name: FormName, steps: float) -> FormType:
        if name == "compiled" or (name == "auto" and self._pays(steps)):
            return self._load()
        from harness.simulate.interpreted import Interpreted, Stepwise  # noqa: PLC0415 - beside their twin, below

        self.interpreted += steps
        return Stepwise if name == "stepwise" or (name == "auto" and self.interpreted <= SHORT) else Interpreted

    def _pays(self, steps: float) -> bool:
        if self.compiled is not None:
            return True
        return self.interpreted + steps > PATIENCE and find_spec("numba") is not None

    def _load(self) -> FormType:
        if self.compiled is None:
            if find_spec("numba") is None:
                raise MissingExtraError("numba", "fast", "the compiled kernel")
            with collecting_seldom():
                from harness.simulate.compiled import Compiled  # noqa: PLC0415 - an optional extra, and slow to import

            self.compiled = Compiled
        return self.compiled


_chooser = _Chooser()


def form_for(plan: Plan, name: FormName = "auto", workflows: int | None = None) -> FormType:
    """The form that a run of `plan` (of its first `workflows`, where given) should have.

    Raises `MissingExtraError` where the compiled form is asked for and numba is not installed.
    """
    return _chooser.choose(name, _steps_of(plan, workflows))


def shortcut_for(chosen: FormType, plan: Plan, setting: Setting) -> Shortcut | None:
    """What carries a stream without the general kernel, where that is the whole truth and compiled was chosen."""
    if chosen is not _chooser.compiled:
        return None
    # both need the extra that the chosen form has
    from harness.simulate.closed import Closed, goes_round  # noqa: PLC0415 - as said
    from harness.simulate.direct import Direct, is_plain  # noqa: PLC0415 - as said

    if goes_round(plan.scenario):
        return Closed(plan, setting)
    return Direct(plan, setting) if is_plain(plan.scenario) else None


def _steps_of(plan: Plan, workflows: int | None) -> float:
    """About how many steps the run will take; where time ends it, from the median workflow."""
    longest = max(len(program.steps) for program in plan.programs)
    if workflows is None:
        workflows = plan.total
    if workflows is not None:
        return float(workflows * longest)
    arrivals = plan.arrivals
    if not isinstance(arrivals, ClosedArrivals) or arrivals.duration_s is None:
        return math.inf
    think_s = arrivals.think if isinstance(arrivals.think, float) else arrivals.think.at(0.5)
    cycle_s = think_s + min(_median_s(program) for program in plan.programs)
    return arrivals.in_flight * longest * (1 + arrivals.duration_s / max(cycle_s, 1e-6))


def _median_s(program: Program) -> float:
    durations = [duration for step in program.steps for duration in (step.wait, step.burn)]
    return sum(found.at(0.5) if isinstance(found, QuantileTable) else found for found in durations)
