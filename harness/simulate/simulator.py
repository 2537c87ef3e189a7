"""`AgentLoadSimulator`: the built-in orchestrator in virtual time, fast."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np

from harness.errors import ClockError
from harness.measure.record import Run
from harness.measure.watch import Watch
from harness.plan.arrivals import OpenArrivals, Plan, deal_of, due_stretches, expected_workflows, plan
from harness.plan.program import compile_programs
from harness.scenario.model import BurstLoad, ClosedLoad, RateLoad, Scenario, is_open
from harness.simulate.feed import Feed
from harness.simulate.forms import Form, FormName, form_for, shortcut_for
from harness.simulate.records import DONE, NEEDS_INPUT
from harness.simulate.results import parted, run_of
from harness.simulate.setting import setting_of
from harness.simulate.so_far import seen_of
from harness.simulate.streamed import StreamedRun, streamed_run_of

RUN_TIMEOUT = "run timeout"

STANDSTILL = 2**20
"""So many workflows at one instant are no load but a clock that will never move."""


class AgentLoadSimulator:
    """Runs one scenario on the fast twin of the built-in orchestrator.

    The Run of a seed is the one that `harness.run(scenario, clock="virtual", seed=seed)` gives, bit for bit.
    `form` is which form of the kernel runs: compiled, interpreted, or whichever is sooner done; the results are the
    same.
    """

    def __init__(self, scenario: Scenario, form: FormName = "auto") -> None:
        self.scenario = scenario
        self.form: FormName = form

    def run(self, seed: int = 0) -> Run:
        """One replication, with every workflow and every attempt."""
        return simulate(plan(self.scenario, seed), self.form)

    def run_many(self, seeds: Iterable[int], processes: int = 1) -> Iterator[Run]:
        """One replication per seed, in the order of the seeds, on so many processes."""
        if processes == 1:
            yield from map(self.run, seeds)
            return
        # spawned, not forked: a process that is forked while others of its threads hold locks may never come to life
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            yield from pool.map(self.run, seeds, chunksize=4)

    def stream(self, seed: int = 0, workflows: int | None = None) -> StreamedRun:
        """One replication of which only counts, sums and a histogram are kept: memory does not grow with its length.

        `workflows`, where given, is offered instead of the load's own number or duration, and the run has no limit.
        Raises `ValueError` for a load whose number is in its declaration: bursts, rates that change, traces, phases.
        """
        endless = workflows is not None
        scenario = self.scenario if workflows is None else _of_length(self.scenario, workflows)
        load, due_later = scenario.load, False
        if is_open(load) and not isinstance(load, BurstLoad):
            due_later = True
            later = dataclasses.replace(_DUE_LATER, max_in_flight=getattr(load, "max_in_flight", None))
            planned = Plan(scenario, seed, later, deal_of(scenario, seed), compile_programs(scenario))
            workflows = expected_workflows(load)
        else:
            planned = plan(scenario, seed)
        setting = setting_of(planned)
        if endless:
            setting.world.limit_s = math.inf
        chosen = form_for(planned, self.form, workflows)
        shortcut = shortcut_for(chosen, planned, setting)
        if shortcut is not None and shortcut.complete(lambda: due_stretches(load, seed)):
            return streamed_run_of(planned, setting.error_kinds, shortcut, None)
        form = chosen(planned, setting, True)
        feed = Feed(planned, form.stretch, due_stretches(load, seed, gaps=form.gaps) if due_later else None)
        stopped = complete(form, feed)
        missed = feed.held_back(float(form.world().now), int(form.world().offered)) if stopped else 0
        return streamed_run_of(planned, setting.error_kinds, form, stopped, missed)


_DUE_LATER = OpenArrivals(np.empty(0), np.empty(0, dtype=np.int64))


def _of_length(scenario: Scenario, workflows: int) -> Scenario:
    load = scenario.load
    if not isinstance(load, ClosedLoad | RateLoad):
        raise ValueError(f"a load of law {load.law} is as long as its declaration says")
    load = dataclasses.replace(load, workflows=workflows, duration_s=None)
    return dataclasses.replace(scenario, load=load)


def simulate(
    planned: Plan,
    form: FormName = "auto",
    asked_to_stop: Callable[[], str | None] = lambda: None,
    watch: Watch | None = None,
) -> Run:
    """Run a plan to its end, or until `asked_to_stop` gives a reason; it is asked every few thousand workflows.

    As often `watch` is told how far the run has come, if somebody has looked since.
    """
    setting = setting_of(planned)
    made = form_for(planned, form)(planned, setting, False)

    def asked() -> str | None:
        if watch is not None and watch.wanted:
            watch.take(seen_of(made, planned, setting.error_kinds))
        return asked_to_stop()

    stopped = complete(made, Feed(planned, made.stretch), asked)
    attempts, changes = parted(made.attempt_columns())
    return run_of(
        planned,
        kinds=[*setting.error_kinds[:-1], stopped or RUN_TIMEOUT],
        workflows=made.workflow_columns(),
        attempts=attempts,
        changes=changes,
        ended_s=float(made.world().now),
        stopped=stopped,
    )


def complete(form: Form, feed: Feed, asked_to_stop: Callable[[], str | None] = lambda: None) -> str | None:
    """Run a form to the end of its load, and return why it ended early, or None.

    Raises `ClockError` where virtual time stands still for ever.
    """
    reason = None
    now_s, since = -1.0, 0
    while (need := form.run()) != DONE:
        world = form.world()
        if world.now > now_s:
            now_s, since = world.now, world.offered
        elif world.offered - since > STANDSTILL:
            raise ClockError(
                f"virtual time stands still at {now_s:.6g} s: workflows take no time, so a duration never ends"
            )
        if reason is None and (reason := asked_to_stop()) is not None:
            form.stop_here()
        if need == NEEDS_INPUT:
            form.feed(feed.more())
        else:
            form.make_room(need)
    return (reason or RUN_TIMEOUT) if form.world().stopping else None
