"""Each policy against a SimPy model of it: the same trajectory, job by job, over random systems (the seed replays)."""

from __future__ import annotations

import math

import pytest

from harness.scenario.model import (
    AdaptiveQueue,
    Autoscaling,
    CircuitBreaker,
    ConnectionPool,
    DynamicPool,
    MemoryAdmission,
    Pool,
    RateLimit,
    Replicas,
    Retry,
    RetryBudget,
)
from tests.policies.systems import ours, same, system

simpy = pytest.importorskip("simpy")

from tests.policies.peers import Agents, Bucket, Fuse, Peer, Turned  # noqa: E402 - they need SimPy

seeds = pytest.mark.parametrize("seed", range(5))
COUNT = 400


@seeds
def test_a_budget_of_retries(seed):
    retry = Retry(4, base_s=0.37, factor=1.5, jitter="none", budget=RetryBudget(0.3, 3.0))
    of = system(seed, COUNT, gap_s=0.3, wait_s=0.8, fail=0.4, retry=retry)
    peer, left = Peer(of), [3.0]

    def earn():
        left[0] = min(3.0, left[0] + 0.3)

    def spend():
        enough = left[0] >= 1
        left[0] -= enough
        return enough

    peer.earn, peer.spend = earn, spend
    expected = peer.run()
    assert any(how.startswith("failed") for _, how in expected)
    same(ours(of), expected)


@seeds
@pytest.mark.parametrize("waits", [False, True])
def test_a_rate_limit(seed, waits):
    limit = RateLimit("models", 3.0, 5, "wait" if waits else "refuse")
    of = system(seed, COUNT, gap_s=0.3, wait_s=0.7, rate_limits=(limit,), step={"rate_limit": "models"})
    peer = Peer(of)
    bucket = Bucket(peer.env, 3.0, 5)

    def serve(job):
        yield from bucket.take(waits)
        yield from peer.wait(job)

    peer.serve = serve
    expected = peer.run()
    assert waits or any("rate_limited" in how for _, how in expected)
    same(ours(of), expected)


def serve_lines(peer, size, patience_s):
    """An attempt needs one of so many connections, and waits for it so long."""
    resource = simpy.Resource(peer.env, size)

    def serve(job):
        with resource.request() as request:
            if patience_s is None:
                yield request
            elif request not in (yield request | peer.env.timeout(patience_s)):
                raise Turned("timed_out connection_timeout:db")
            yield from peer.wait(job)

    peer.serve = serve


@seeds
@pytest.mark.parametrize("patience_s", [None, 0.9])
def test_a_pool_of_connections(seed, patience_s):
    lines = ConnectionPool("db", 2, patience_s)
    of = system(seed, COUNT, gap_s=0.5, wait_s=0.9, connections=(lines,), step={"connections": "db"})
    peer = Peer(of)
    serve_lines(peer, 2, patience_s)
    expected = peer.run()
    assert (patience_s is not None) == any("connection_timeout" in how for _, how in expected)
    same(ours(of), expected)


@seeds
@pytest.mark.parametrize(("overflow", "queue"), [("drop_oldest", 3), ("block", 3), ("block", 0)])
def test_a_full_queue(seed, overflow, queue):
    of = system(seed, COUNT, gap_s=0.2, wait_s=0.9, pools=(Pool("agents", 4, queue, overflow),))
    expected = Peer(of, Agents(simpy.Environment(), 4, queue, overflow)).run()
    assert (overflow == "drop_oldest") == any("queue_dropped" in how for _, how in expected)
    same(ours(of), expected)


@seeds
@pytest.mark.parametrize("probes", [1, 3])
def test_a_circuit_breaker(seed, probes):
    # whether an attempt fails depends on how many others are at work: so breakers open, and close again
    of = system(
        seed,
        COUNT,
        gap_s=0.2,
        wait_s=2.0,
        kinds=3,
        pools=(Pool("agents", 8),),
        connections=(ConnectionPool("db", 3, 0.4),),
        breaker=CircuitBreaker(0.5, 6, 2.1, probes),
        step={"connections": "db"},
    )
    peer = Peer(of)
    serve_lines(peer, 3, 0.4)
    fuses = {}

    def gate(job):
        return fuses.setdefault(job.wait_s, Fuse(peer.env, 0.5, 6, 2.1, probes)).gate()

    peer.gate = gate
    expected = peer.run()
    assert sum("breaker_open" in how for _, how in expected) > 10
    assert sum(fuse.closed_again for fuse in fuses.values()) > 0
    same(ours(of), expected)


@seeds
@pytest.mark.parametrize("balancing", ["round_robin", "least_loaded"])
def test_replicas(seed, balancing):
    pool = Pool("agents", 2, 2, replicas=Replicas(3, balancing))
    of = system(seed, COUNT, gap_s=0.15, wait_s=0.9, pools=(pool,))
    peer = Peer(of)
    peer.pools = [Agents(peer.env, 2, 2) for _ in range(3)]
    asked = iter(range(10**6))
    if balancing == "round_robin":
        peer.choose = lambda: peer.pools[next(asked) % 3]
    else:
        peer.choose = lambda: min(peer.pools, key=lambda one: one.working + len(one.waiting))
    expected = peer.run()
    found = [(at, how.split("[")[0]) for at, how in ours(of)]
    assert any("queue_full" in how for _, how in expected)
    same(found, expected)


@seeds
@pytest.mark.parametrize("down_after_s", [0.0, 7.3])
def test_a_dynamic_pool(seed, down_after_s):
    policy = DynamicPool(2, 9, 0.7, every_s=1.03, start_delay_s=1.7, down_after_s=down_after_s)
    of = system(seed, COUNT, gap_s=0.3, wait_s=1.1, pools=(Pool("agents", 3, 30, dynamic=policy),))
    peer = Peer(of, Agents(simpy.Environment(), 3, 30))
    pool, sizes, wanted_lately = peer.pools[0], set(), []

    def look():
        wanted = min(9, max(2, math.ceil((pool.working + len(pool.waiting)) / 0.7)))
        here = pool.remaining()
        sizes.add(here)
        # what was wanted since more than that, or as much as there is, was last wanted
        if wanted >= here:
            wanted_lately.clear()
            wanted_lately.append((peer.env.now, 0))
            if wanted > here + pool.starting:
                peer.env.process(pool.more(wanted - here - pool.starting, 1.7))
            return
        wanted_lately.append((peer.env.now, wanted))
        if peer.env.now - (wanted_lately[0][0]) >= down_after_s - 1e-9:
            pool.fewer(here - max(size for _, size in wanted_lately[1:]))
            wanted_lately[:] = [(peer.env.now, 0)]

    wanted_lately.append((0.0, 0))
    peer.every(1.03, look)
    expected = peer.run()
    assert len(sizes) > 2
    same(ours(of), expected)


@seeds
@pytest.mark.parametrize(
    ("metric", "up_above", "down_below"),
    [("utilization", 0.9, 0.5), ("queue_depth", 2.0, 1.0), ("queue_wait", 0.5, 0.1)],
)
def test_automated_scaling(seed, metric, up_above, down_below):
    policy = Autoscaling(metric, up_above, down_below, 2, 9, 2, every_s=0.53, start_delay_s=0.9, cooldown_s=1.1)
    of = system(seed, COUNT, gap_s=0.3, wait_s=1.1, pools=(Pool("agents", 3, 40, scaling=policy),))
    peer = Peer(of, Agents(simpy.Environment(), 3, 40))
    pool, quiet, sizes = peer.pools[0], [0.0], set()

    def look():
        if peer.env.now < quiet[0]:
            return
        value = {
            "utilization": pool.working / pool.there,
            "queue_depth": len(pool.waiting),
            "queue_wait": peer.env.now - pool.waiting[0][0] if pool.waiting else 0.0,
        }[metric]
        here = pool.remaining()
        sizes.add(here)
        by = 0
        if value > up_above:
            by = min(2, 9 - here - pool.starting)
            if by > 0:
                peer.env.process(pool.more(by, 0.9))
        elif value < down_below:
            by = min(2, here - 2)
            if by > 0:
                pool.fewer(by)
        if by > 0:
            quiet[0] = peer.env.now + 1.1

    peer.every(0.53, look)
    expected = peer.run()
    assert len(sizes) > 2
    same(ours(of), expected)


@seeds
@pytest.mark.parametrize("overflow", ["reject", "drop_oldest", "block"])
def test_an_adaptive_queue(seed, overflow):
    policy = AdaptiveQueue(0.8, 1, 12, every_s=1.57)
    of = system(seed, COUNT, gap_s=0.22, wait_s=1.0, pools=(Pool("agents", 4, 6, overflow, adaptive_queue=policy),))
    peer = Peer(of, Agents(simpy.Environment(), 4, 6, overflow))
    pool, before, capacities = peer.pools[0], [0], set()

    def look():
        grants = pool.granted - before[0]
        before[0] = pool.granted
        if grants:
            pool.queue = max(1, min(12, math.floor(0.8 * grants / 1.57)))
            capacities.add(pool.queue)
            pool.serve()

    peer.every(1.57, look)
    expected = peer.run()
    assert len(capacities) > 2
    same(ours(of), expected)


@seeds
def test_admission_by_memory(seed):
    limit_b = 390
    of = system(seed, COUNT, gap_s=0.6, wait_s=0.7, memory=MemoryAdmission(limit_b), pools=(Pool("agents", 2),))
    peer = Peer(of)
    memory = simpy.Container(peer.env, limit_b, limit_b)

    def admit(job):
        if job.hold_b > limit_b:
            raise Turned("rejected memory_limit")
        yield memory.get(job.hold_b)

    peer.admit = admit
    peer.discharge = lambda job: memory.put(job.hold_b)
    same(ours(of), peer.run())
