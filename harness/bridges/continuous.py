"""Base against head, measured here and now: rounds, a verdict, more rounds where it is open, up to a budget."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, Protocol

import harness
from harness.bridges.apparatus import ScenarioFiles, lend_target, scenario_files
from harness.bridges.checkout import Checkout, Repository, checked_out, find_repository, is_dirty
from harness.bridges.environments import Interpreter, built_interpreter, present_interpreter
from harness.bridges.kept_rounds import Keeper
from harness.bridges.rounds_of_commits import Load, Rounds, StoppedError
from harness.drive.clock import real_now_s
from harness.drive.interrupts import Interrupts
from harness.drive.opening import BUILTIN
from harness.errors import DeclarationError, HarnessError, Mistake
from harness.judge.compare import Comparison, compare
from harness.judge.metrics_form import Side
from harness.judge.verdict import Rules
from harness.judge.waivers import Waiver

_NO_ALARM = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much is measured."""

    rounds: int
    """Before the first verdict."""
    max_rounds: int
    budget_s: float | None = None
    """No further rounds are begun that would probably end after this."""

    @property
    def looks(self) -> tuple[int, ...]:
        """Numbers of rounds after which the data are judged: doubled each time, the last being the most allowed.

        They are fixed beforehand, because the error rates are divided by how many they are.
        """
        found = [self.rounds]
        while found[-1] < self.max_rounds:
            found.append(min(2 * found[-1], self.max_rounds))
        return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is to be compared, as the user asked for it."""

    base: str
    head: str
    scenarios: tuple[str, ...] = ()
    file: Path | None = None
    same_scenarios: bool = False
    """Both sides run what head declares."""
    target: str = BUILTIN
    clock: str = "wall"
    seed: int = 0
    replications: int = 1
    patch_time: bool = False
    """Give the target's own time functions the run's clock, as `harness run --patch-time` does."""
    build: bool = False
    """Build an environment per commit instead of using the present one."""


class Watcher(Protocol):
    """Told how far it has come."""

    def says(self, text: str) -> None:
        """A line for people."""

    def advanced(self, done: int) -> None:
        """So many processes, of two a round, have ended."""

    def looked(self, comparison: Comparison, look: int) -> None:
        """The data were judged for the `look`-th time."""

    def stopping(self, reason: str) -> None:
        """A signal asked to stop; called while it is handled, so that it takes no lock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of it; `stopped` says which signal ended it early."""

    comparison: Comparison
    rounds: int
    looks: int
    stopped: str | None
    notes: tuple[str, ...] = ()


def continuous(
    request: Request,
    effort: Effort,
    *,
    waivers: Sequence[Waiver],
    now: datetime,
    watcher: Watcher,
    report_dir: Path | None = None,
) -> Outcome:
    # long: one step after the other, within what must be undone whatever happens
    """Check both commits out, measure them interleaved, judge them. Only the reports are kept, below `report_dir`.

    The first Ctrl-C or SIGTERM ends the measuring, and what was measured is judged; `now` is what waivers expire
    against. Raises `HarnessError` for a commit, file or target that does not exist, and where both sides would measure
    the same code.
    """
    asked: list[str] = []

    def stop(reason: str) -> None:
        asked.append(reason)
        watcher.stopping(reason)

    repository = find_repository(Path.cwd())
    _refuse_other_code(request.target, repository)
    revisions = {"base": request.base, "head": request.head}
    with (
        Interrupts(_NO_ALARM, stop, take_stop_signals=True),
        checked_out(repository, revisions) as (folder, checkouts),
    ):
        scenarios = scenario_files(request.file, repository, checkouts, same=request.same_scenarios)
        lent = (*scenarios.notes, *lend_target(request.target, repository, checkouts))
        rounds = Rounds(
            repository=repository,
            checkouts=checkouts,
            interpreters=_interpreters(request, repository, checkouts, folder, watcher),
            load=_load(request, scenarios),
            folder=folder,
            advanced=watcher.advanced,
            asked=asked,
            keeper=Keeper(report_dir, _facts(request, effort, checkouts), now) if report_dir else None,
        )
        watcher.says(f"{checkouts['base']}, {checkouts['head']}, seed {request.seed}")
        try:
            outcome = measure_and_judge(rounds, effort, waivers=waivers, today=now.date(), looked=watcher.looked)
        finally:
            if rounds.keeper is not None and rounds.keeper.folder is not None:
                watcher.says(f"every round's reports: {rounds.keeper.folder}")
        return replace(outcome, notes=(*_notes(repository, checkouts), *lent, *_measured_again(rounds.repeated)))


def _measured_again(sides: Sequence[str]) -> Iterator[str]:
    if sides:
        told = ", ".join(f"{count} of {side}" for side, count in Counter(sides).items())
        yield f"rounds measured again because a run was invalid: {told}"


def _facts(request: Request, effort: Effort, checkouts: Mapping[str, Checkout]) -> dict[str, Any]:
    """What the verdict depends on beside the reports, and whose they are."""
    commits = {side: checkout.commit for side, checkout in checkouts.items()}
    return {"looks": len(effort.looks), "seed": request.seed, "clock": request.clock, **commits}


def _notes(repository: Repository, checkouts: Mapping[str, Checkout]) -> Iterator[str]:
    if is_dirty(repository):
        yield "the working tree has changes that are not committed: they were not measured"
    if len({checkout.commit for checkout in checkouts.values()}) == 1:
        yield "base and head are the same commit"


def _refuse_other_code(target: str, repository: Repository) -> None:
    """Raise `DeclarationError` for a target that no checkout can change."""
    service = target.startswith(("http://", "https://"))
    if service or (target == BUILTIN and not repository.owns(harness.__file__)):
        what = "a service" if service else "a part of the installed harness"
        allowed = "code of this repository (module:attribute or path/to/file.py:attribute)"
        raise DeclarationError("continuous", [Mistake("--target", f"{target!r}, {what}", allowed)])


def _interpreters(
    request: Request, repository: Repository, checkouts: Mapping[str, Checkout], folder: Path, watcher: Watcher
) -> dict[str, Interpreter]:
    for checkout in checkouts.values():
        if not checkout.cwd.is_dir():
            raise HarnessError(f"{checkout}: has no folder {checkout.cwd.relative_to(checkout.root)}")
    if not request.build:
        return {side: present_interpreter(repository, checkout) for side, checkout in checkouts.items()}
    found = {}
    for side, checkout in checkouts.items():
        watcher.says(f"building an environment for {checkout}")
        found[side] = built_interpreter(repository, checkout, folder / f"environment-{side}")
    return found


def _load(request: Request, scenarios: ScenarioFiles) -> Load:
    return Load(
        scenarios=tuple(dict.fromkeys(request.scenarios)),
        files=scenarios.files,
        target=request.target,
        clock=request.clock,
        seed=request.seed,
        replications=request.replications,
        # only what is asked for is passed on: a harness of an older commit may not know it
        clock_options={"patch_time": True} if request.patch_time else {},
    )


def measure_and_judge(
    rounds: Rounds,
    effort: Effort,
    *,
    waivers: Sequence[Waiver],
    today: date,
    looked: Callable[[Comparison, int], None],
) -> Outcome:
    """Measure until nothing is inconclusive, the most rounds are made, the budget is spent, or a signal asks to stop.

    `looked` is told of each look's comparison and its number, from 1. What a signal stopped is judged as far as it
    went.
    """
    began_s = real_now_s()
    rules = rules_for(len(effort.looks))
    stopped, made = None, 0
    comparison = None
    for count in effort.looks:
        if comparison is not None and not _worth_more(comparison, rounds.done, count, effort, began_s):
            break
        try:
            rounds.run(count)
        except StoppedError as error:
            stopped = error.reason
        comparison, made = _judge(rounds, rules, waivers, today), made + 1
        looked(comparison, made)
        if stopped:
            break
    assert comparison is not None  # there is at least one look
    return Outcome(comparison=comparison, rounds=rounds.done, looks=made, stopped=stopped)


def rules_for(looks: int) -> Rules:
    """The rules of a comparison judged up to `looks` times; its intervals, too, pay for that."""
    rules = Rules(looks=looks)
    # one end of the interval is a test of non-inferiority: at the level of the test of equivalence
    return replace(rules, confidence=max(rules.confidence, 1 - 2 * rules.equivalence_alpha / looks))


def _worth_more(comparison: Comparison, done: int, count: int, effort: Effort, began_s: float) -> bool:
    """Whether more rounds may settle anything, and there is time for them."""
    if not comparison.unsettled:
        return False
    if effort.budget_s is None:
        return True
    spent_s = real_now_s() - began_s
    return spent_s + (count - done) * spent_s / done <= effort.budget_s


def _judge(rounds: Rounds, rules: Rules, waivers: Sequence[Waiver], today: date) -> Comparison:
    load = rounds.load
    if rounds.done:
        _refuse_unknown(rounds)
    sides = [side_of(rounds, side) for side in ("base", "head")]
    return compare(sides[0], sides[1], rules=rules, seed=load.seed, interleaved=True, waivers=waivers, today=today)


def side_of(rounds: Rounds, side: str) -> Side:
    """What was measured of one side, each metric with the command that measures it again on a checkout."""
    checkout = rounds.checkouts[side]
    file = rounds.load.files[side]
    measured = rounds.measured[side]
    if file is not None:
        # as it is called in a checkout; the one that was measured is gone by then
        named = _as_called(Path(file), (*(one.root for one in rounds.checkouts.values()), rounds.repository.top))
        measured = [replace(one, command=f"{one.command} --file {shlex.quote(str(named))}") for one in measured]
    notes = [f"{side}: the scenario {name} is not declared there" for name in rounds.absent[side]]
    return Side(
        source=checkout.revision,
        tool="harness",
        commit=checkout.commit,
        dirty=False,
        measured=tuple(measured),
        notes=tuple(notes),
    )


def _as_called(file: Path, roots: Iterable[Path]) -> Path:
    """`file` from the folder of the checkout on that it is in, whichever side's that is."""
    return next((file.relative_to(root) for root in roots if file.is_relative_to(root)), file)


def _refuse_unknown(rounds: Rounds) -> None:
    nowhere = sorted(set(rounds.absent["base"]) & set(rounds.absent["head"]))
    if nowhere:
        mistakes = [Mistake("scenario", repr(name), "a scenario that base or head declares") for name in nowhere]
        raise DeclarationError("continuous", mistakes)
