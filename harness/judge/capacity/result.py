"""From a search to its result."""

from __future__ import annotations

from collections.abc import Iterator

from harness.judge.capacity.cause import cause_of
from harness.judge.capacity.knee import FEWEST, all_fits, chosen_fit, knee_of, refine
from harness.judge.capacity.record import Capacity, Held, Knee
from harness.judge.capacity.search import STOPPED, EndedError, Search
from harness.judge.capacity.trial import searched_lines
from harness.judge.capacity.words import level_text, sentences

POOR_FIT = 0.05
"""A curve that misses the measurements by more than 5 % is not what the target does."""


def find_capacity(search: Search) -> Capacity:
    """Run the search to its end, or until it is ended, and say what it found.

    Raises what the run function raises, where that is before the first trial has ended.
    """
    reason = None
    try:
        search.explore()
        refine(search)
    except EndedError as ended:
        reason = ended.reason
    return result_of(search, reason)


# long: one line for each field of the record
def result_of(search: Search, reason: str | None) -> Capacity:
    """What the trials made so far amount to; `reason` is why the search ended early."""
    usable, trials = search.usable(), search.ordered()
    knee, held, refused = knee_of(search), held_of(search), search.refused_from()
    fitted = chosen_fit(usable)
    cause = cause_of(trials, knee, refused, None if fitted is None else fitted.model)
    invalid = next((one.invalid for one in trials if one.invalid), None)
    if reason is not None and reason.startswith("invalid: "):
        invalid = invalid or reason.removeprefix("invalid: ")
    most = max((one.replications for one in trials), default=search.effort.replications)
    last = trials[-1].level if trials else search.first
    return Capacity(
        axis=search.axis,
        first=search.first,
        last=search.last,
        replications=search.effort.replications,
        seeds=tuple(range(search.effort.seed, search.effort.seed + most)),
        trials=tuple(trials),
        held=held,
        fits=all_fits(usable),
        knee=knee,
        cause=cause,
        refused_from=refused,
        stopped=reason if reason in STOPPED else None,
        ended=None if reason in STOPPED else reason,
        invalid=invalid,
        sentences=sentences(search.axis, held, knee, cause, refused_from=refused, last=last) if trials else (),
        doubts=tuple(dict.fromkeys(_doubts(search, knee, reason))),
    )


def held_of(search: Search) -> Held:
    """The highest load that holds the baseline."""
    if not searched_lines(search.scenario):
        return Held("no_baseline", reason="the baseline has no line that load could break")
    judged = [one for one in search.ordered() if one.verdict is not None and not one.invalid]
    held = [one for one in judged if one.verdict == "held"]
    broken = [one for one in judged if one.verdict == "broken"]
    if not held and not broken:
        unseen = "; ".join(dict.fromkeys(text for one in judged for text in one.unseen))
        return Held("cannot_tell", reason=unseen or "nothing was measured")
    if not held:
        return Held("never_held", broken_at=broken[0].level, reason="; ".join(broken[0].broken))
    bracket = search.held_between()
    if bracket is None:
        return Held("never_broken", level=held[-1].level)
    low, high = _settled_between(search, bracket)
    reason = "; ".join(search.trials[bracket[1]].broken)
    return Held("found", bracket[0], low, high, bracket[1], reason)


def _settled_between(search: Search, bracket: tuple[float, float]) -> tuple[float | None, float | None]:
    judged = [one for one in search.ordered() if one.verdict in ("held", "broken") and not one.invalid]
    begun, low, high = False, None, None
    for one in judged:
        if one.verdict == "held" and one.level <= bracket[0]:
            begun = True
            if not one.settled:
                break
            low = one.level
        elif begun:
            break
    for one in judged:
        if one.level >= bracket[1] and one.verdict == "broken" and one.settled:
            high = one.level
            break
    return low, high


def _doubts(search: Search, knee: Knee | None, reason: str | None) -> Iterator[str]:
    trials = search.ordered()
    if reason == "budget":
        yield "the time given with --budget was up before the search had ended"
    elif reason is not None:
        yield f"the search ended early: {reason.removeprefix('invalid: ')}"
    for one in trials:
        if one.invalid:
            yield f"{level_text(search.axis, one.level)} is left out: {one.invalid}"
    judged = [set(one.unseen) for one in trials if one.verdict is not None]
    for text in sorted(set.intersection(*judged)) if judged else ():
        yield f"not seen, and so not searched for: {text}"
    if search.axis.steady and len(search.usable()) < FEWEST:
        yield f"{len(search.usable())} levels in a steady state; {FEWEST} are needed to fit a curve"
    if search.axis.name == "burst size":
        yield "the knee was measured with so many held in flight, not with bursts of that size"
    yield from _of_the_fit(search, knee)
    yield from _of_the_baseline(search)


def _of_the_fit(search: Search, knee: Knee | None) -> Iterator[str]:
    if knee is None:
        return
    fitted = next(one for one in all_fits(search.usable()) if one.model == knee.model)
    if fitted.error > POOR_FIT:
        yield f"the curve misses the throughputs by {100 * fitted.error:.0f} % on average: the knee is a rough figure"
    if knee.low is None or knee.high is None:
        yield "the knee's interval is open: more levels or replications would be needed"


def _of_the_baseline(search: Search) -> Iterator[str]:
    bracket = search.held_between()
    if bracket is None:
        return
    above = [one.level for one in search.ordered() if one.verdict == "held" and one.level > bracket[1]]
    if above:
        yield (
            f"the baseline is broken at {level_text(search.axis, bracket[1])} but holds at "
            f"{level_text(search.axis, above[-1])}: it does not only depend on the load"
        )
