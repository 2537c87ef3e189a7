"""Retries, breakers, tokens, connections, cache, memory, cores and luck, worked out by hand (see `worked`)."""

from __future__ import annotations

import pytest

from harness.scenario.model import (
    Cache,
    CircuitBreaker,
    ConnectionPool,
    Constant,
    Exponential,
    MemoryAdmission,
    Pool,
    RateLimit,
    Retry,
    RetryBudget,
    Step,
)
from tests.policies.worked import alike, carried, ends, in_both, made, stays, succeeded, takes

MANY = (Pool("agents", 20),)
FAILED = "failed step_failed:work"

# --------------------------------------------------------------------------- retries


@in_both
def test_a_backoff_grows_up_to_its_cap_and_attempts_are_counted(engine):
    retry = Retry(4, base_s=1.0, factor=2.0, cap_s=3.0, jitter="none")
    done = carried(engine, alike(takes(0.5, fail=1.0), [0.0], retry=retry))
    # waits of 1, 2 and 3 (not 4) between attempts of half a second, each of which fails at its end
    assert ends(done) == [(8.0, FAILED)]
    assert stays(done, "agents", "attempt", "requested_s", "released_s") == [
        (1, 0.0, 0.5),
        (2, 1.5, 2.0),
        (3, 4.0, 4.5),
        (4, 7.5, 8.0),
    ]


@in_both
def test_only_what_is_listed_is_tried_again(engine):
    retry = Retry(3, base_s=1.0, jitter="none", on=("failed",))
    done = carried(engine, alike(takes(2.0, timeout_s=1.0), [0.0], retry=retry))
    assert ends(done) == [(1.0, "timed_out step_timeout:work")]


@in_both
def test_jitter_is_full(engine):
    retry = Retry(2, base_s=1.0, jitter="full")
    done = carried(engine, alike(takes(0.0, fail=1.0), [0.0] * 400, pools=(Pool("agents", 400),), retry=retry))
    waits = sorted(done.workflows.finished_s.tolist())
    # of 400 uniform draws, four standard deviations of a quartile are 0.087
    assert all(abs(waits[k * 100] - k / 4) < 0.087 for k in range(4))
    assert waits[-1] < 1.0


@in_both
def test_a_retry_takes_a_whole_token_and_first_attempts_at_steps_bring_them(engine):
    retry = Retry(20, base_s=0.125, factor=1.0, jitter="none", budget=RetryBudget(0.25, 10.0))
    steps = (takes(0.0, name="easy"), takes(0.0, fail=1.0))
    done = carried(engine, alike(steps, [0.0, 10.0, 20.0, 30.0, 40.0], retry=retry, pools=MANY))
    # the first takes all ten; two steps bring half a token to the second, and a whole one to the third
    assert ends(done) == [(at, FAILED) for at in (1.25, 10.0, 20.125, 30.0, 40.125)]


# --------------------------------------------------------------------------- circuit breaker
# which attempt fails is decided by a rate limit that refuses


def guarded(times, breaker, limit, wait_s, **given):
    given = {"pools": MANY, "breaker": breaker, "rate_limits": (limit,), **given}
    return alike(takes(wait_s, rate_limit="calls"), times, **given)


OPEN, LIMITED = "rejected breaker_open:work", "failed rate_limited:calls"


@in_both
def test_a_breaker_opens_once_its_window_is_full_and_bad_enough(engine):
    breaker, limit = CircuitBreaker(0.5, 4, open_s=4.0), RateLimit("calls", 1.0)
    done = carried(engine, guarded([0.0, 0.5, 0.75, 1.0, 1.5, 5.0, 5.25], breaker, limit, 0.25))
    # two of three have failed by 1; the fourth ends at 1.25, well, and half of the last four are enough: it is open
    # until 5.25, and then lets one through
    how = ["", LIMITED, LIMITED, "", OPEN, OPEN, ""]
    assert ends(done) == list(zip([0.25, 0.5, 0.75, 1.25, 1.5, 5.0, 5.5], how, strict=True))


@in_both
def test_so_many_probes_at_a_time_are_let_through_and_so_many_close_it(engine):
    breaker, limit = CircuitBreaker(1.0, 1, open_s=2.0, probes=2), RateLimit("calls", 0.25, burst=3)
    times = [0.0, 0.0, 0.0, 0.5, 12.0, 12.5, 12.75, 13.25, 13.25, 13.75]
    done = carried(engine, guarded(times, breaker, limit, 1.0))
    # three tokens, then a failure at 0.5: open until 2.5; at 12 and 12.5 there are two probes, at 12.75 there is no
    # room for one; at 13.25 the first is back, and there is room for one; at 13.5 the second is back: it is closed
    assert ends(done) == [
        *succeeded(1.0, 1.0, 1.0),
        (0.5, LIMITED),
        *succeeded(13.0, 13.5),
        (12.75, OPEN),
        (14.25, ""),
        (13.25, OPEN),
        (13.75, LIMITED),
    ]


@in_both
def test_a_probe_that_fails_opens_it_anew_and_its_window_is_empty_when_it_has_closed(engine):
    breaker, limit = CircuitBreaker(1.0, 2, open_s=2.0), RateLimit("calls", 0.125)
    done = carried(engine, guarded([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 9.0, 10.0, 10.5, 11.0], breaker, limit, 0.25))
    # a good one and two bad ones: open from 2 to 4, the probe of 4 fails; open until 6, the probe of 6 fails; open
    # until 8, the probe of 9 has a token; one bad one at 10 is not two: the next is let through, and fails
    how = ["", LIMITED, LIMITED, OPEN, LIMITED, OPEN, LIMITED, "", LIMITED, LIMITED, OPEN]
    assert [kind for _, kind in ends(done)] == how


@in_both
def test_what_began_before_it_opened_says_nothing_to_it(engine):
    breaker = CircuitBreaker(1.0, 1, open_s=1.0, probes=2)
    late = "timed_out step_timeout:work"
    # each attempt gives up after 2 seconds; pool and queue refuse nobody
    done = carried(engine, alike(takes(9.0, timeout_s=2.0), [0.0, 1.5, 3.25, 3.75, 4.5], pools=MANY, breaker=breaker))
    # it is open from 2 to 3; the second's end at 3.5, while the third probes, is none of its business: the fourth is a
    # probe, too. Both are out at 4.5
    assert ends(done) == [(2.0, late), (3.5, late), (5.25, late), (5.75, late), (4.5, OPEN)]


@in_both
def test_a_probe_that_a_full_queue_refuses_makes_room_for_another(engine):
    breaker, limit = CircuitBreaker(1.0, 1, open_s=1.0), RateLimit("calls", 0.25)
    kinds = {"w": takes(0.25, rate_limit="calls"), "hog": takes(2.0, name="other")}
    comes = [(0.0, "w"), (0.5, "w"), (3.0, "hog"), (3.5, "w"), (5.5, "w")]
    pools = (Pool("agents", 1, 0),)
    done = carried(engine, made(kinds, comes, pools=pools, breaker=breaker, rate_limits=(limit,)))
    assert ends(done) == [(0.25, ""), (0.5, LIMITED), (5.0, ""), (3.5, "rejected queue_full:agents"), (5.75, "")]


@in_both
def test_every_step_has_a_breaker_of_its_own(engine):
    steps = (takes(0.25, name="easy"), takes(0.25, fail=1.0))
    done = carried(engine, alike(steps, [0.0, 1.0, 2.0], pools=MANY, breaker=CircuitBreaker(0.5, 2, open_s=9.0)))
    assert ends(done) == [(0.5, FAILED), (1.5, FAILED), (2.25, OPEN)]


# --------------------------------------------------------------------------- rate limit


@in_both
@pytest.mark.parametrize("on_limit", ["refuse", "wait"])
def test_tokens_come_at_their_rate_and_the_bucket_begins_full(engine, on_limit):
    limit = RateLimit("calls", 0.5, 2, on_limit)
    done = carried(engine, alike(takes(0.25, rate_limit="calls"), [0.0] * 4 + [6.0], pools=MANY, rate_limits=(limit,)))
    if on_limit == "refuse":
        # a token every 2 seconds; those refused took none, so there are two again at 4
        assert ends(done) == [*succeeded(0.25, 0.25), (0.0, LIMITED), (0.0, LIMITED), (6.25, "")]
    else:
        # the third token is there at 2, the fourth at 4, the fifth at 6
        assert ends(done) == succeeded(0.25, 0.25, 2.25, 4.25, 6.25)
        assert stays(done, "calls", "granted_s", "depth") == [(0.0, 0), (0.0, 0), (2.0, 1), (4.0, 2), (6.0, 0)]


@in_both
def test_who_is_refused_takes_no_token(engine):
    limit, times = RateLimit("calls", 0.5, 1), [0.0, 0.5, 1.0, 1.5, 2.0]
    done = carried(engine, alike(takes(0.0, rate_limit="calls"), times, pools=MANY, rate_limits=(limit,)))
    assert [how for _, how in ends(done)] == ["", LIMITED, LIMITED, LIMITED, ""]


@in_both
def test_a_token_whose_waiter_gave_up_is_lost(engine):
    limit = RateLimit("calls", 0.5, 1, "wait")
    kinds = {"hasty": takes(0.25, rate_limit="calls", timeout_s=1.0), "calm": takes(0.25, rate_limit="calls")}
    comes = [(0.0, "hasty"), (0.0, "hasty"), (1.5, "calm")]
    done = carried(engine, made(kinds, comes, pools=MANY, rate_limits=(limit,)))
    assert ends(done) == [(0.25, ""), (1.0, "timed_out step_timeout:work"), (4.25, "")]


# --------------------------------------------------------------------------- connections


@in_both
def test_connections_go_to_who_asked_first_and_are_free_while_their_user_burns(engine):
    lines = ConnectionPool("db", 1)
    step = takes(1.0, connections="db", burn=Constant(4.0))
    done = carried(engine, alike(step, [0.0] * 4, pools=MANY, connections=(lines,), cores=4))
    assert ends(done) == succeeded(5.0, 6.0, 7.0, 8.0)
    assert stays(done, "db", "requested_s", "granted_s", "released_s", "depth", "busy") == [
        (0.0, float(k), k + 1.0, k, 1) for k in range(4)
    ]


@in_both
@pytest.mark.parametrize(
    ("wait_timeout_s", "late"),
    [(0.75, "connection_timeout:db"), (1.0, "step_timeout:work"), (None, "step_timeout:work")],
)
def test_who_waits_for_a_connection_gives_up_at_the_earlier_timeout(engine, wait_timeout_s, late):
    lines = ConnectionPool("db", 1, wait_timeout_s)
    kinds = {"long": takes(3.0, connections="db"), "short": takes(0.5, connections="db", timeout_s=1.0)}
    done = carried(engine, made(kinds, [(0.0, "long"), (0.0, "short")], pools=MANY, connections=(lines,)))
    # of both at one instant, the step's goes
    assert ends(done) == [(3.0, ""), (wait_timeout_s or 1.0, f"timed_out {late}")]


@in_both
def test_who_runs_out_of_time_gives_the_connection_back(engine):
    step = takes(2.0, connections="db", timeout_s=1.5)
    done = carried(engine, alike(step, [0.0, 1.0, 1.25], pools=MANY, connections=(ConnectionPool("db", 1),)))
    late = "timed_out step_timeout:work"
    # the second has it from 1.5 to 2.5, the third from then to 2.75
    assert ends(done) == [(1.5, late), (2.5, late), (2.75, late)]
    assert stays(done, "db", "granted_s", "released_s") == [(0.0, 1.5), (1.5, 2.5), (2.5, 2.75)]


# --------------------------------------------------------------------------- cache


@in_both
def test_a_hit_needs_nothing_but_its_agent_and_its_burn(engine):
    cached = Cache(1.0, Constant(0.25))
    burning = takes(9.0, fail=1.0, cache=cached, burn=Constant(0.5))
    assert ends(carried(engine, alike(burning, [0.0, 0.0], pools=MANY, cores=2))) == succeeded(0.75, 0.75)
    needy = takes(9.0, cache=cached, connections="db", rate_limit="calls")
    given = {"connections": (ConnectionPool("db", 1),), "rate_limits": (RateLimit("calls", 0.125),)}
    done = carried(engine, alike(needy, [0.0] * 3, pools=MANY, **given))
    assert ends(done) == succeeded(0.25, 0.25, 0.25)
    assert stays(done, "db", "workflow") == stays(done, "calls", "workflow") == []


@in_both
def test_a_hit_has_no_more_time_than_its_step(engine):
    step = takes(9.0, timeout_s=0.5, cache=Cache(1.0, Constant(1.0)))
    assert ends(carried(engine, alike(step, [0.0]))) == [(0.5, "timed_out step_timeout:work")]


@in_both
def test_a_hit_has_luck_of_its_own(engine):
    """Attempts that miss fail as often as all would, and take as long."""
    step = Step("work", wait=Exponential(1.0), fail=0.5, cache=Cache(0.25, Constant(0.0)))
    done = carried(engine, alike(step, [0.0] * 2000, pools=(Pool("agents", 2000),)))
    rows = done.attempts
    missed = rows.released_s > rows.granted_s
    # four standard deviations: of a share of 2,000, 0.039; of one of about 1,500, 0.052; of the mean of as many, 0.11
    assert abs(missed.mean() - 0.75) < 0.039
    assert abs((rows.ended[missed] != 0).mean() - 0.5) < 0.052
    assert abs(rows.released_s[missed].mean() - 1.0) < 0.11


# --------------------------------------------------------------------------- memory

MIB = 2**20


def holding(size, wait_s=1.0):
    return takes(wait_s, hold_b=size * MIB)


@in_both
def test_memory_is_given_in_the_order_of_coming_however_little_one_asks(engine):
    kinds = {"three": holding(3), "two": holding(2), "one": holding(1)}
    comes = [(0.0, "three"), (0.125, "two"), (0.25, "one"), (0.375, "one"), (0.5, "one")]
    done = carried(engine, made(kinds, comes, pools=MANY, memory=MemoryAdmission(4 * MIB)))
    # one more MiB is free all the while, but who asks for two is first; at 1 all but the last fit; of the three that
    # end at 2 the first lets the last in
    assert ends(done) == succeeded(1.0, 2.0, 2.0, 2.0, 3.0)
    found = stays(done, "memory", "requested_s", "granted_s", "released_s", "depth", "busy")
    assert found == [
        (0.0, 0.0, 1.0, 0, 3 * MIB),
        (0.125, 1.0, 2.0, 1, 4 * MIB),
        (0.25, 1.0, 2.0, 2, 4 * MIB),
        (0.375, 1.0, 2.0, 3, 4 * MIB),
        (0.5, 2.0, 3.0, 4, 3 * MIB),
    ]


@in_both
def test_a_workflow_asks_for_its_largest_step_and_may_ask_for_all_there_is(engine):
    kinds = {"steps": (holding(2), holding(3)), "all": holding(4), "more": holding(5)}
    done = carried(
        engine,
        made(kinds, [(0.0, "all"), (0.0, "more"), (1.0, "steps")], pools=MANY, memory=MemoryAdmission(4 * MIB)),
    )
    assert ends(done) == [(1.0, ""), (0.0, "rejected memory_limit"), (3.0, "")]
    assert stays(done, "memory", "busy") == [(4 * MIB,), (4 * MIB,), (3 * MIB,)]


@in_both
def test_memory_of_who_runs_out_of_time_goes_to_who_still_waits(engine):
    kinds = {"long": holding(3, 9.0), "large": holding(2), "small": holding(1, 0.25)}
    comes = [(0.0, "long"), (0.0, "large"), (0.5, "small")]
    done = carried(engine, made(kinds, comes, pools=MANY, memory=MemoryAdmission(3 * MIB), timeout_s=1.5))
    late = "timed_out workflow_timeout"
    assert ends(done) == [(1.5, late), (1.5, late), (1.75, "")]
    assert stays(done, "memory", "granted_s")[2] == (1.5,)


# --------------------------------------------------------------------------- cores


@in_both
def test_cores_are_given_in_the_order_of_asking_and_given_back_on_time(engine):
    burner = Step("work", burn=Constant(1.0), timeout_s=2.5)
    done = carried(engine, alike(burner, [0.0] * 6, pools=MANY, cores=2))
    late = "timed_out step_timeout:work"
    assert ends(done) == [*succeeded(1.0, 1.0, 2.0, 2.0), (2.5, late), (2.5, late)]
    assert stays(done, "cores", "granted_s", "released_s", "depth", "busy") == [
        (0.0, 1.0, 0, 1),
        (0.0, 1.0, 0, 2),
        (1.0, 2.0, 1, 2),
        (1.0, 2.0, 2, 2),
        (2.0, 2.5, 3, 2),
        (2.0, 2.5, 4, 2),
    ]


# --------------------------------------------------------------------------- luck


@in_both
def test_attempts_steps_and_seeds_have_luck_of_their_own(engine):
    drawn = Step("work", wait=Exponential(1.0), burn=Exponential(1.0), fail=1.0)
    steps = (Step("easy", wait=Exponential(1.0), burn=Exponential(1.0)), drawn)
    scenario = alike(steps, [0.0] * 200, pools=(Pool("agents", 200),), retry=Retry(2, base_s=0.0), cores=200)
    seen = set()
    for seed in (0, 1):
        done = carried(engine, scenario, seed)
        burns = stays(done, "cores", "granted_s", "released_s")
        waits = [
            (granted, begun) for (granted,), (begun, _) in zip(stays(done, "agents", "granted_s"), burns, strict=True)
        ]
        seen.update(round(end - begin, 6) for begin, end in (*waits, *burns))
    # two seeds, 200 workflows, an attempt at the first step and two at the second, and two draws of each
    assert len(seen) > 0.99 * 2 * 200 * 3 * 2
