"""Queues, timeouts, backpressure, replicas and pools that change, worked out by hand (see `worked`)."""

from __future__ import annotations

import math

import pytest

from harness.plan.draws import Purpose, uniform, workflow_key
from harness.scenario.model import AdaptiveQueue, Autoscaling, CircuitBreaker, DynamicPool, Pool, Replicas
from tests.policies.worked import alike, carried, changes, ends, in_both, made, stays, succeeded, takes

# --------------------------------------------------------------------------- queues


@in_both
def test_a_queue_is_served_in_the_order_of_coming(engine):
    done = carried(engine, alike(takes(1.0), [0.0] * 5))
    assert ends(done) == succeeded(1.0, 2.0, 3.0, 4.0, 5.0)
    assert stays(done, "agents", "requested_s", "granted_s", "released_s", "depth", "busy") == [
        (0.0, float(k), k + 1.0, k, 1) for k in range(5)
    ]


@in_both
def test_a_queue_holds_as_many_as_declared(engine):
    full = (0.0, "rejected queue_full:agents")
    # the second waits from 0 to 1: then one place is free again
    done = carried(engine, alike(takes(1.0), [0.0, 0.0, 0.0, 0.0, 0.0, 1.5], pools=(Pool("agents", 1, 2),)))
    assert ends(done) == [*succeeded(1.0, 2.0, 3.0), full, full, (4.0, "")]
    assert stays(done, "agents", "depth", "busy")[3:5] == [(2, 1), (2, 1)]


@in_both
def test_who_came_first_is_dropped(engine):
    pool = Pool("agents", 1, 2, "drop_oldest")
    done = carried(engine, alike(takes(1.0), [0.0, 0.125, 0.25, 0.375, 0.5], pools=(pool,)))
    dropped = "rejected queue_dropped:agents"
    assert ends(done) == [(1.0, ""), (0.375, dropped), (0.5, dropped), (2.0, ""), (3.0, "")]
    assert stays(done, "agents", "requested_s", "released_s")[1:3] == [(0.125, 0.375), (0.25, 0.5)]


# --------------------------------------------------------------------------- timeouts


@in_both
def test_an_agent_given_back_at_the_end_of_a_wait_is_still_had(engine):
    pool, kinds = Pool("agents", 1, wait_timeout_s=2.0), {"one": takes(1.0), "more": takes(1.5)}
    comes = [(0.0, "one"), (0.5, "more"), (0.5, "one"), (0.5, "one")]
    done = carried(engine, made(kinds, comes, pools=(pool,)))
    # at 2.5 the agent comes back, which was only known since 1: the third has it all the same, the fourth gives up
    assert ends(done) == [*succeeded(1.0, 2.5, 3.5), (2.5, "timed_out wait_timeout:agents")]


@in_both
def test_a_step_has_its_time_from_the_grant_on_and_may_use_all_of_it(engine):
    assert ends(carried(engine, alike(takes(1.0, timeout_s=1.0), [0.0] * 3))) == succeeded(1.0, 2.0, 3.0)


@in_both
def test_who_runs_out_of_time_gives_the_agent_back(engine):
    late = "timed_out step_timeout:work"
    done = carried(engine, alike(takes(1.0, timeout_s=0.75), [0.0] * 3))
    assert ends(done) == [(0.75, late), (1.5, late), (2.25, late)]
    assert stays(done, "agents", "released_s") == [(0.75,), (1.5,), (2.25,)]


@in_both
def test_a_workflow_has_its_time_from_its_start_on(engine):
    held = alike(takes(1.0), [0.0, 0.0, 0.25], cap=1, timeout_s=1.0)
    assert ends(carried(engine, held)) == succeeded(1.0, 2.0, 3.0)
    late = "timed_out workflow_timeout"
    assert ends(carried(engine, alike(takes(1.0), [0.0, 0.25], timeout_s=1.5))) == [(1.0, ""), (1.75, late)]


@in_both
def test_who_runs_out_of_time_in_a_queue_leaves_it(engine):
    kinds = {"two": (takes(1.0, name="tool", pool="tools"), takes(1.0)), "long": takes(9.0), "short": takes(0.25)}
    pools = (Pool("agents", 1, 1), Pool("tools", 1))
    done = carried(engine, made(kinds, [(0.0, "two"), (0.5, "long"), (1.75, "short")], pools=pools, timeout_s=1.5))
    late = "timed_out workflow_timeout"
    # the first waits for an agent from 1 to 1.5, so that there is room at 1.75; the second has the agent until 2
    assert ends(done) == [(1.5, late), (2.0, late), (2.25, "")]


# --------------------------------------------------------------------------- backpressure


@in_both
def test_a_load_is_held_back_while_one_waits_outside_the_queue(engine):
    pool = Pool("agents", 1, 1, "block")
    done = carried(engine, alike(takes(1.0), [0.0, 0.125, 0.25, 0.375, 0.5, 2.125], pools=(pool,)))
    assert ends(done) == succeeded(1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
    # the third waits outside; at 1 it is in the queue, and both that were held back come together; so two wait outside,
    # at 2 one, and at 3 none: the sixth comes
    assert done.workflows.started_s.tolist() == [0.0, 0.125, 0.25, 1.0, 1.0, 3.0]
    assert done.workflows.held_s.tolist() == [0.0, 0.0, 0.0, 0.625, 0.5, 0.875]
    assert stays(done, "agents", "depth") == [(0,), (1,), (1,), (1,), (1,), (1,)]


@in_both
def test_any_pool_that_blocks_holds_the_load_back(engine):
    pools = (Pool("agents", 1, 1, "block"), Pool("tools", 1, 1, "block"))
    kinds = {"a": takes(1.0), "b": takes(1.0, pool="tools")}
    done = carried(engine, made(kinds, [(0.0, "b"), (0.125, "b"), (0.25, "b"), (0.375, "a")], pools=pools))
    assert done.workflows.started_s.tolist() == [0.0, 0.125, 0.25, 1.0]


# --------------------------------------------------------------------------- adaptive queue


@in_both
def test_a_queue_adapts_to_the_grants_of_each_interval(engine):
    policy = AdaptiveQueue(0.9, 1, 3, every_s=1.0)
    times = [0.0, 0.0, 0.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.75, 2.75, 3.625]
    done = carried(engine, alike(takes(0.5), times, pools=(Pool("agents", 2, 3, adaptive_queue=policy),)))
    # grants: 3 until 1, 2.7; none until 2; six until 3 (two at 2, 2.5 and 3 each), 5.4, at most 3; one until 4, 0.9
    found = done.pool_changes
    assert list(zip(found.t_s.tolist(), found.queue.tolist(), strict=True)) == [(1.0, 2), (3.0, 3), (4.0, 1)]
    assert ends(done)[7] == (2.0, "rejected queue_full:agents")


@in_both
def test_a_queue_that_has_grown_lets_the_load_go_on(engine):
    pool = Pool("agents", 2, 1, "block", adaptive_queue=AdaptiveQueue(1.0, 1, 3, every_s=1.0))
    kinds = {"short": takes(0.25), "long": takes(10.0)}
    short = [(time_s, "short") for time_s in (0.0, 0.0, 0.25, 0.25)]
    late = [(time_s, "short") for time_s in (0.625, 0.75, 0.875)]
    done = carried(engine, made(kinds, [*short, (0.5, "long"), (0.5, "long"), *late], pools=(pool,)))
    # six grants until 1: the queue has three places, of which two are taken
    assert done.workflows.started_s.tolist()[-3:] == [0.625, 0.75, 1.0]


# --------------------------------------------------------------------------- replicas


@in_both
def test_round_robin_goes_round(engine):
    pool = Pool("agents", 5, replicas=Replicas(3, "round_robin"))
    done = carried(engine, alike(takes(1.0), [0.0] * 7, pools=(pool,)))
    assert [stays(done, f"agents[{k}]", "workflow") for k in range(3)] == [
        [(0,), (3,), (6,)],
        [(1,), (4,)],
        [(2,), (5,)],
    ]


@in_both
def test_what_a_breaker_refuses_takes_no_turn(engine):
    pool = Pool("agents", 1, replicas=Replicas(2, "round_robin"))
    kinds = {"bad": takes(0.5, fail=1.0), "good": takes(0.5, name="other")}
    comes = [(0.0, "bad"), (1.0, "bad"), (2.0, "good")]
    done = carried(engine, made(kinds, comes, pools=(pool,), breaker=CircuitBreaker(1.0, 1, open_s=9.0)))
    assert stays(done, "agents[1]", "workflow", "granted_s") == [(2, 2.0)]


@in_both
def test_the_least_loaded_counts_who_waits_and_takes_the_first_of_equals(engine):
    kinds, pool = {"long": takes(9.0), "short": takes(1.0)}, Pool("agents", 1, replicas=Replicas(2, "least_loaded"))
    comes = [(0.0, "short"), (0.125, "long"), (0.25, "long"), (0.375, "long"), (1.5, "short")]
    done = carried(engine, made(kinds, comes, pools=(pool,)))
    # 0 and 1 are busy; the third waits at 0, the fourth at 1; at 1.5, 0 has one at work and 1 has one waiting besides
    assert stays(done, "agents[0]", "workflow") == [(0,), (2,), (4,)]
    assert stays(done, "agents[1]", "workflow") == [(1,), (3,)]


@in_both
def test_two_choices_are_two_replicas_and_the_first_of_equals(engine):
    count, many = 4, 40
    pool = Pool("agents", 3, replicas=Replicas(count, "two_choices"))
    done = carried(engine, alike(takes(99.0), [k / 8 for k in range(many)], pools=(pool,)), seed=5)
    pairs = [(one, other) for one in range(count) for other in range(count) if one != other]
    loads, expected = [0] * count, []
    for number in range(many):
        one, other = pairs[int(uniform(workflow_key(5, number), 0, 1, Purpose.BALANCE) * len(pairs))]
        expected.append(other if loads[other] < loads[one] else one)
        loads[expected[-1]] += 1
    found = {number: k for k in range(count) for (number,) in stays(done, f"agents[{k}]", "workflow")}
    assert [found[number] for number in range(many)] == expected


# --------------------------------------------------------------------------- a pool that follows its demand


@in_both
def test_a_dynamic_pool_follows_its_demand(engine):
    policy = DynamicPool(1, 6, 0.8, every_s=1.0, start_delay_s=1.5, down_after_s=2.0)
    kinds = {"w": takes(1.25), "v": takes(0.5)}
    comes = [(0.0, "w"), (0.5, "w"), (2.75, "v"), (6.5, "v")]
    done = carried(engine, made(kinds, comes, pools=(Pool("agents", 1, dynamic=policy),)))
    # at 1: 2 / 0.8, so three, two of which come at 2.5; at 2: one at work, two wanted, three there or starting;
    # at 3: two wanted; at 4: one, and two is the most since 2; at 6: one since 4
    assert changes(done) == [(2.5, 3), (4.0, 2), (6.0, 1)]
    assert ends(done) == succeeded(1.25, 2.5, 3.25, 7.0)


@in_both
def test_a_dynamic_pool_stays_within_its_bounds(engine):
    pool = Pool("agents", 2, dynamic=DynamicPool(2, 3, 0.5, every_s=1.0))
    done = carried(engine, alike(takes(1.25), [0.0] * 5 + [5.5], pools=(pool,)))
    # ten are wanted at 1, none at 3 and at 5
    assert changes(done) == [(1.0, 3), (3.0, 2)]


@in_both
def test_a_pool_is_looked_at_after_the_work_of_an_instant_and_before_who_comes(engine):
    pool = Pool("agents", 2, dynamic=DynamicPool(1, 4, 0.5, every_s=1.0))
    done = carried(engine, alike(takes(1.0), [0.0, 1.0, 1.0], pools=(pool,)))
    # at 1 nobody is there: one agent; at 2 one has just begun: two
    assert changes(done) == [(1.0, 1), (2.0, 2)]
    assert ends(done) == succeeded(1.0, 2.0, 3.0)


# --------------------------------------------------------------------------- a pool that is scaled on a metric


@in_both
def test_busy_agents_leave_when_they_are_given_back_or_stay_if_they_are_wanted(engine):
    policy = Autoscaling("queue_depth", 2.0, 1.0, 1, 4, step=2, every_s=1.0, start_delay_s=0.5)
    kinds = {"a": takes(2.25), "b": takes(3.75), "c": takes(4.25), "d": takes(1.0)}
    comes = [(0.0, "a"), (0.0, "b"), (0.0, "c"), *[(2.5, "d")] * 4]
    done = carried(engine, made(kinds, comes, pools=(Pool("agents", 3, scaling=policy),)))
    # at 1 two are too many, all busy; at 2 one is left that may not go; a's leaves at 2.25; at 3 four wait: b's stays
    # and one comes at 3.5, when the first of the four is served; at 4 two wait, which is not above 2; at 5 two of three
    # are too many: the idle one goes, and at 5.25 the first that is given back
    assert changes(done) == [(2.25, 2), (3.5, 3), (5.0, 2), (5.25, 1)]
    assert ends(done) == succeeded(2.25, 3.75, 4.25, 4.5, 4.75, 5.25, 5.5)


@in_both
def test_no_more_agents_leave_than_may(engine):
    policy = Autoscaling("queue_depth", 5.0, 1.0, 2, 4, step=2, every_s=1.0)
    done = carried(engine, alike(takes(3.5), [0.0], pools=(Pool("agents", 3, scaling=policy),)))
    assert changes(done) == [(1.0, 2)]


@in_both
def test_agents_that_are_starting_count_towards_the_most(engine):
    policy = Autoscaling("queue_depth", 0.0, 0.0, 1, 3, step=2, every_s=1.0, start_delay_s=1.5)
    done = carried(engine, alike(takes(3.0), [0.0] * 6, pools=(Pool("agents", 1, scaling=policy),)))
    assert changes(done) == [(2.5, 3)]
    assert ends(done) == succeeded(3.0, 5.5, 5.5, 6.0, 8.5, 8.5)


@in_both
def test_a_cooldown_is_over_at_its_end(engine):
    policy = Autoscaling("queue_depth", 1.0, 1.0, 1, 3, every_s=1.0, cooldown_s=2.0)
    done = carried(engine, alike(takes(4.25), [0.0] * 5, pools=(Pool("agents", 1, scaling=policy),)))
    # four wait at 1: two agents; three at 3: three; one at 5; none at 6: one of three busy ones leaves, at 7.25; at 8
    # one of two, at 8.5
    assert changes(done) == [(1.0, 2), (3.0, 3), (7.25, 2), (8.5, 1)]


@in_both
def test_a_look_that_changes_nothing_needs_no_cooldown(engine):
    policy = Autoscaling("queue_wait", 0.125, 0.125, 1, 2, every_s=1.0, cooldown_s=2.0)
    done = carried(engine, alike(takes(3.25), [0.0] * 3, pools=(Pool("agents", 1, scaling=policy),)))
    # at 3 one waits, but there are two agents already; at 4 nobody waits: one leaves when it is given back
    assert changes(done) == [(1.0, 2), (4.25, 1)]


@in_both
@pytest.mark.parametrize(("up_above", "expected"), [(0.625, [(1.0, 2)]), (0.75, [(2.0, 2)])])
def test_the_wait_that_is_scaled_on_is_that_of_the_first_in_the_queue(engine, up_above, expected):
    policy = Autoscaling("queue_wait", up_above, 0.0, 1, 2, every_s=1.0)
    kinds = {"long": takes(9.0), "short": takes(8.0)}
    comes = [(0.0, "long"), (0.25, "short"), (0.75, "short")]
    done = carried(engine, made(kinds, comes, pools=(Pool("agents", 1, scaling=policy),)))
    assert changes(done)[:1] == expected


@in_both
def test_utilisation_has_who_is_about_to_leave_among_both(engine):
    policy = Autoscaling("utilization", 0.9, 0.6, 1, 6, step=4, every_s=1.0, start_delay_s=1.5)
    kinds = {"a": takes(1.5), "b": takes(4.5), "c": takes(5.25)}
    comes = [*[(0.0, "a")] * 3, (0.0, "b"), (0.0, "c")]
    done = carried(engine, made(kinds, comes, pools=(Pool("agents", 5, scaling=policy),)))
    # at 1 all are busy, and a sixth starts; at 2 two of five are: four are too many, three idle ones go; the sixth
    # comes at 2.5; at 3 and 4 two of three are busy; b's leaves at 4.5; at 5 one of two is busy
    assert changes(done) == [(2.0, 2), (2.5, 3), (4.5, 2), (5.0, 1)]
    assert math.isclose(done.ended_s, 5.25)
