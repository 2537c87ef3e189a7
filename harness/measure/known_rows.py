"""The rows of one run at all of its places, each with a known end, and with what was waited for inside of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from harness.measure.agents import agent_pools
from harness.measure.record import Flags, Floats, Ints, Outcome, Run
from harness.scenario.model import Scenario

WITHIN: dict[str, tuple[str, ...]] = {
    "source": ("memory", "agents", "connections", "rate_limit", "cores"),
    "memory": ("agents", "connections", "rate_limit", "cores"),
    "agents": ("connections", "rate_limit", "cores"),
    "connections": ("rate_limit",),
}
"""What may be waited for while one holds a resource of that kind."""
_INNER = ("connections", "rate_limit", "cores")
_TURNED_BY = {
    "queue_full": "agents",
    "queue_dropped": "agents",
    "wait_timeout": "agents",
    "connection_timeout": "connections",
    "rate_limited": "rate_limit",
    "memory_limit": "memory",
}
"""The error of an attempt, up to its colon, and the kind of resource that turned it away."""

Place = tuple[str, str]
"""A resource: its kind and its name; replicas of a pool are one."""


@dataclass(frozen=True, slots=True)
class KnownRows:
    """Shape (m,) each. `place` indexes `places`; `turned` the place that the attempt was turned away by (-1: none).

    `inside_s` is how long a holder of the row waited for something within; `backoff_s` is the wait before the next
    attempt at the step (0: there is none). `first` marks first attempts.
    """

    places: tuple[Place, ...]
    place: Ints
    pool: Ints
    workflow: Ints
    requested_s: Floats
    left_s: Floats
    ended_s: Floats
    granted: Flags
    rejected: Flags
    first: Flags
    inside_s: Floats
    backoff_s: Floats
    turned: Ints


def places_of(scenario: Scenario, run: Run) -> tuple[tuple[Place, ...], Ints]:
    """The resources of a run, and for each of its pools the resource it is part of; shape (pools,)."""
    kinds = run.pool_kinds
    if not kinds:
        agents = len(agent_pools(scenario, run))
        kinds = tuple("agents" if k < agents else "cores" for k in range(len(run.pool_names)))
    replicated = {pool.name for pool in scenario.pools if pool.replicas is not None}
    named = [
        (kind, base if kind == "agents" and (base := name.rpartition("[")[0]) in replicated else name)
        for kind, name in zip(kinds, run.pool_names, strict=True)
    ]
    places = tuple(dict.fromkeys(named))
    return places, np.array([places.index(one) for one in named], dtype=np.int64)


# long: one line for each field of the record
def known_rows(scenario: Scenario, run: Run) -> KnownRows:
    """The rows of `run`. A wait that was cut off ended with the attempt or workflow, or when its patience ran out."""
    places, of_pool = places_of(scenario, run)
    columns = run.attempts
    left, ended = _ends(scenario, run, places, of_pool)
    place = of_pool[columns.pool]
    kinds = np.array([kind for kind, _ in places], dtype=object)[place] if len(place) else np.empty(0, dtype=object)
    own = np.flatnonzero(kinds == "agents")
    inner = np.flatnonzero(np.isin(kinds, _INNER))
    inside = np.zeros(len(place))
    key = _keys(run)
    if len(inner):
        ended[inner] = _until_attempt(key, own, inner, columns.released_s, ended)
        left[inner] = np.minimum(left[inner], ended[inner])
        wait = left - columns.requested_s
        inside[own] = _sum_by_key(key, own, inner, wait)
        holds = np.flatnonzero(kinds == "connections")
        inside[holds] = _sum_by_key(key, holds, inner[kinds[inner] == "rate_limit"], wait)
    return KnownRows(
        places=places,
        place=place,
        pool=columns.pool,
        workflow=columns.workflow,
        requested_s=columns.requested_s,
        left_s=left,
        ended_s=np.maximum(ended, left),
        granted=~np.isnan(columns.granted_s),
        rejected=columns.ended == Outcome.REJECTED,
        first=columns.attempt <= 1,
        inside_s=inside,
        backoff_s=_backoffs(run, own, key, ended),
        turned=turned_by(places, run.error_kinds)[columns.error] if len(columns) else np.empty(0, dtype=np.int64),
    )


def turned_by(places: tuple[Place, ...], errors: tuple[str, ...]) -> Ints:
    """For each error kind, and at the end for none, the place that turned the attempt away; -1: it is no refusal."""
    found = []
    for error in errors:
        what, _, name = error.partition(":")
        kind = _TURNED_BY.get(what)
        fits = [k for k, one in enumerate(places) if one[0] == kind and name in ("", one[1], f"{one[1]}[")]
        fits += [k for k, one in enumerate(places) if one[0] == kind and name.rpartition("[")[0] == one[1]]
        found.append(fits[0] if fits else -1)
    return np.array([*found, -1], dtype=np.int64)


def _ends(scenario: Scenario, run: Run, places: tuple[Place, ...], of_pool: Ints) -> tuple[Floats, Floats]:
    """When each row left its queue, granted or not, and when it was over."""
    columns = run.attempts
    finished = np.where(np.isnan(run.workflows.finished_s), run.ended_s, run.workflows.finished_s)
    ended = np.where(np.isnan(columns.released_s), finished[columns.workflow], columns.released_s)
    patience = np.array([_patience_s(scenario, place) for place in places])[of_pool]
    given_up = np.minimum(ended, columns.requested_s + patience[columns.pool])
    refused = (columns.ended == Outcome.REJECTED) & np.isnan(columns.released_s)
    given_up = np.where(refused, columns.requested_s, np.maximum(given_up, columns.requested_s))
    left = np.where(np.isnan(columns.granted_s), given_up, columns.granted_s)
    return left, np.where(np.isnan(columns.granted_s), left, ended)


def _patience_s(scenario: Scenario, place: Place) -> float:
    declared = scenario.pools if place[0] == "agents" else scenario.connections if place[0] == "connections" else ()
    found = (one.wait_timeout_s for one in declared if one.name == place[1] and one.wait_timeout_s is not None)
    return next(found, math.inf)


def _keys(run: Run) -> Ints:
    """One number for each workflow, step and attempt."""
    columns = run.attempts
    if not len(columns):
        return np.empty(0, dtype=np.int64)
    attempts, steps = int(columns.attempt.max()) + 1, int(columns.step.max()) + 1
    return np.asarray((columns.workflow * steps + columns.step) * attempts + columns.attempt)


def _matches(key: Ints, outer: Ints, inner: Ints) -> tuple[Ints, Flags]:
    """For each inner row, which of `outer` has its key, and whether one has."""
    order = outer[np.argsort(key[outer], kind="stable")]
    at = np.minimum(np.searchsorted(key[order], key[inner]), len(order) - 1)
    return order[at], key[order[at]] == key[inner]


def _until_attempt(key: Ints, own: Ints, inner: Ints, released_s: Floats, ended: Floats) -> Floats:
    """Ends of the inner rows; one without an end of its own was over with its attempt."""
    if not len(own):
        return ended[inner]
    match, known = _matches(key, own, inner)
    return np.where(np.isnan(released_s[inner]) & known, np.minimum(ended[match], ended[inner]), ended[inner])


def _sum_by_key(key: Ints, outer: Ints, inner: Ints, wait_s: Floats) -> Floats:
    """For each of `outer`, the waits of the `inner` rows of its key."""
    if not len(outer) or not len(inner):
        return np.zeros(len(outer))
    match, known = _matches(key, outer, inner)
    summed = np.bincount(match[known], weights=wait_s[inner][known], minlength=int(outer.max()) + 1)
    return np.asarray(summed[outer])


def _backoffs(run: Run, own: Ints, key: Ints, ended: Floats) -> Floats:
    """After each attempt, how long it took until the next one at the same step began."""
    columns, after = run.attempts, np.zeros(len(key))
    if not len(own) or columns.attempt[own].max() <= 1:
        return after
    order = own[np.argsort(key[own], kind="stable")]
    follows = np.flatnonzero((np.diff(key[order]) == 1) & (columns.attempt[order[1:]] > 1))
    after[order[follows]] = np.maximum(columns.requested_s[order[follows + 1]] - ended[order[follows]], 0.0)
    return after
