"""What a scenario declares once and for all, as constants that a form of the kernel may be made for."""

from __future__ import annotations

import math

from harness.simulate.setting import Setting


def facts_of(setting: Setting, streaming: bool) -> dict[str, float]:
    """Fields that hold one value throughout the run; by the names that `flat` knows them by.

    Each distinct answer is a kernel of its own, so there are few: what a whole group of policies needs is there or not.
    """
    world = setting.world
    facts: dict[str, float] = {"world.streaming": int(streaming)}
    if world.policies:
        return facts  # one kernel knows them all
    facts["world.policies"] = 0
    timeouts = [
        world.timeout_s,
        *(step.timeout_s for step in setting.steps),
        *(p.wait_timeout_s for p in setting.pools),
    ]
    untimed = min(world.timeout_s, *timeouts) == math.inf
    unfailing = world.max_attempts == 1 and all(step.fail == 0.0 for step in setting.steps)
    # both together or neither: each kernel takes seconds to compile, and few systems have one without the other
    if untimed and unfailing:
        facts |= {"world.timeout_s": math.inf, ".timeout_s": math.inf, ".wait_timeout_s": math.inf}
        facts |= {"job.overdue": 0, "job.expiry": -1}
        facts |= {"world.max_attempts": 1, ".fail": 0.0, "job.attempt": 1}
    return facts


def more_facts_of(setting: Setting) -> dict[str, float]:
    """As `facts_of`, for a form that is made anew in a moment."""
    steps = setting.steps
    facts: dict[str, float] = {"world.law": setting.world.law, "world.events": 0, "world.rows": 0}
    if all(step.burn_table < 0 and step.burn_s == 0.0 for step in steps):
        facts |= {".burn_table": -1, ".burn_s": 0.0}
    return facts
