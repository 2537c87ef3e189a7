"""What stands between a job and its work besides its agent: budget, breaker, replicas, cache, connection, token.

Only reached where a scenario declares policies. The readable definitions are in `drive/breaker.py`, `drive/limits.py`
and `drive/pools.py`; every function here names what it does as those do.
"""

from __future__ import annotations

import math

from harness.measure.record import Outcome
from harness.plan.draws import Purpose
from harness.simulate.endings import note_line
from harness.simulate.primitives import at_s, chance
from harness.simulate.queues import join, leave, wake
from harness.simulate.records import (
    CLOSED_BREAKER,
    CONNECTING,
    DEADLINE,
    FOR_TOKEN,
    HALF_OPEN,
    LEAST_LOADED,
    OPEN_BREAKER,
    RESULT,
    ROUND_ROBIN,
    Extra,
    Job,
    Pool,
    Sim,
    Step,
    World,
)
from harness.simulate.timers import set_timer, work_until

_SUCCEEDED = int(Outcome.SUCCEEDED)
_FAILED = int(Outcome.FAILED)
_TIMED_OUT = int(Outcome.TIMED_OUT)
_REJECTED = int(Outcome.REJECTED)
_WAIT = int(Purpose.WAIT)
_CACHE = int(Purpose.CACHE)
_BALANCE = int(Purpose.BALANCE)


def earn(world: World) -> None:
    """A first attempt adds its share to the budget of retries."""
    world.budget += world.budget_share
    if world.budget > world.budget_reserve:  # noqa: PLR1730 - without a call
        world.budget = world.budget_reserve


# ------------------------------------------------------------------------------------------------------------- breaker


def is_refused(world: World, step: Step, extra: Extra) -> int:
    """Whether the step's breaker refuses the attempt; if not, it is one of the breaker's present era."""
    if step.breaker == OPEN_BREAKER and world.now >= step.open_until_s:
        step.breaker = HALF_OPEN
        step.era += 1
        step.probing = 0
        step.passed = 0
    refused = 0
    if step.breaker == OPEN_BREAKER or (step.breaker == HALF_OPEN and step.probing >= world.breaker_probes):
        refused = 1
    else:
        step.probing += 1
        extra.era = step.era
    return refused


def tell_breaker(world: World, step: Step, extra: Extra, ended: int) -> None:
    """An attempt that was let through has ended; what began in another era says nothing of this one."""
    if extra.era == step.era:
        step.probing -= 1
        bad = 1 if ended in (_FAILED, _TIMED_OUT) else 0
        if bad or ended == _SUCCEEDED:
            if step.breaker == HALF_OPEN:
                step.passed += 1
                if bad:
                    open_breaker(world, step)
                elif step.passed >= world.breaker_probes:
                    step.breaker = CLOSED_BREAKER
                    step.era += 1
                    step.probing = 0
            else:
                count(world, step, bad)


def count(world: World, step: Step, bad: int) -> None:
    """Closed: the last attempts are those of the window."""
    step.bads += bad
    if step.seen == world.breaker_window:
        step.bads -= (step.bad >> (world.breaker_window - 1)) & 1
    else:
        step.seen += 1
    step.bad = ((step.bad << 1) | bad) & ((1 << world.breaker_window) - 1)
    if step.seen == world.breaker_window and step.bads >= world.breaker_rate * world.breaker_window:
        open_breaker(world, step)


def open_breaker(world: World, step: Step) -> None:
    """Refuse all for a while, and begin with an empty window after that."""
    step.breaker = OPEN_BREAKER
    step.era += 1
    step.open_until_s = world.now + world.breaker_open_s
    step.bad = 0
    step.bads = 0
    step.seen = 0


# ------------------------------------------------------------------------------------------------------------ replicas


# long: three rules, one result
def choose(sim: Sim, world: World, job: Job) -> int:
    """Which pool the attempt asks: one of the replicas of its step's."""
    step = sim.steps[job.step]
    first = step.pool
    best = first
    if step.replicas > 1:
        if step.balancing == ROUND_ROBIN:
            leader = sim.pools[first]
            best = first + leader.turn
            leader.turn += 1
            if leader.turn == step.replicas:
                leader.turn = 0
        elif step.balancing == LEAST_LOADED:
            for place in range(first + 1, first + step.replicas):
                if sim.pools[place].busy + sim.pools[place].waiting < sim.pools[best].busy + sim.pools[best].waiting:
                    best = place
        else:
            luck = chance(sim, world, job, _BALANCE)
            pair = int(luck * (step.replicas * (step.replicas - 1)))
            best = pair // (step.replicas - 1)
            other = pair - best * (step.replicas - 1)
            if other >= best:
                other += 1
            best += first
            other += first
            if sim.pools[other].busy + sim.pools[other].waiting < sim.pools[best].busy + sim.pools[best].waiting:
                best = other
    return best


# ---------------------------------------------------------------------------------------------- cache and connections


def look_up(sim: Sim, world: World, job: Job, model_s: float) -> None:
    """Note how long the attempt is to wait: for the model or, where it hits, for the cache."""
    step = sim.steps[job.step]
    extra = sim.extras[job.slot]
    extra.connected = 0
    extra.hit = 0
    extra.model_s = model_s
    if step.cache_ratio > 0.0:
        luck = chance(sim, world, job, _CACHE)
        if luck < step.cache_ratio:
            extra.hit = 1
            extra.model_s = step.cache_s
            if step.cache_table >= 0:
                luck = chance(sim, world, job, _WAIT)
                extra.model_s = at_s(sim, world, step.cache_table, luck)


def ask_for_line(sim: Sim, world: World, job: Job, extra: Extra) -> int:
    """Ask for a connection; 1 if it is there at once."""
    step = sim.steps[job.step]
    lines = sim.pools[step.connection]
    extra.line_requested_s = world.now
    if lines.busy < lines.size:
        lines.busy += 1
        extra.line_granted_s = world.now
        extra.line_depth = 0
        extra.line_busy = lines.busy
        extra.connected = 1
        return 1
    extra.line_granted_s = math.nan
    extra.line_busy = 0
    join(sim, lines, job)
    extra.line_depth = lines.waiting
    job.state = CONNECTING
    give_up_s = world.now + lines.wait_timeout_s
    deadline_s = job.granted_s + step.timeout_s
    give_up_s = min(give_up_s, deadline_s)
    if give_up_s < math.inf:
        job.expiry = set_timer(sim, world, give_up_s, DEADLINE, job.slot)
    return 0


def have_line(lines: Pool, extra: Extra) -> None:
    """A connection that was waited for is there."""
    extra.connected = 1
    extra.line_busy = lines.busy


def line_timed_out(sim: Sim, job: Job, extra: Extra) -> int:
    """Whether it was the connection's own timeout that ran out, and not the step's."""
    step = sim.steps[job.step]
    lines = sim.pools[step.connection]
    if extra.line_requested_s + lines.wait_timeout_s < job.granted_s + step.timeout_s:
        return 1
    return 0


def give_line_back(sim: Sim, world: World, job: Job, extra: Extra) -> None:
    """The wait is over, or given up: the first waiter gets the connection, if there was one."""
    index = sim.steps[job.step].connection
    lines = sim.pools[index]
    released_s = math.nan
    if extra.connected:
        extra.connected = 0
        released_s = world.now
        if lines.head < 0:
            lines.busy -= 1
        else:
            first = sim.jobs[lines.head]
            leave(sim, lines, first)
            sim.extras[first.slot].line_granted_s = world.now
            wake(sim, world, first, RESULT)
    note_line(sim, world, job, index, released_s)


# -------------------------------------------------------------------------------------------------------------- tokens


def ask_for_token(sim: Sim, world: World, job: Job, extra: Extra) -> int:
    """Ask the step's rate limit for a token: 1 if it is there, 0 if it will come, -1 if it is refused (GCRA)."""
    step = sim.steps[job.step]
    tokens = sim.pools[step.rate_limit]
    extra.token_requested_s = world.now
    tat_s = max(tokens.tat_s, world.now)
    if tat_s - world.now <= tokens.slack_s:
        tokens.tat_s = tat_s + tokens.token_s
        extra.token_depth = 0
        extra.token_granted_s = world.now
        extra.token_ended = _SUCCEEDED
        return 1
    extra.token_granted_s = math.nan
    if tokens.refuses:
        extra.token_depth = 0
        extra.token_ended = _REJECTED
        return -1
    tokens.tat_s = tat_s + tokens.token_s
    tokens.waiting += 1
    if tokens.waiting > tokens.deepest:  # noqa: PLR1730 - without a call
        tokens.deepest = tokens.waiting
    extra.token_depth = tokens.waiting
    job.state = FOR_TOKEN
    work_until(sim, world, job, max(world.now, tat_s - tokens.slack_s), step.timeout_s)
    return 0
