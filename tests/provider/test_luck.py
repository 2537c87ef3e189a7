"""The same call meets the same luck, in any order and in every run; and the luck has the distribution declared."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.provider.calls import Calls
from harness.provider.declaration import Faults, Latency, Provider
from harness.provider.luck import CallId, Luck, call_id
from harness.scenario.model import Constant, Exponential, Gamma, Lognormal, Uniform

FAULTY = Faults(errors=((500, 0.2), (529, 0.1)), stall=0.25, stall_for=Exponential(2.0), cut=0.3)
CALLS = 4000

DISTRIBUTIONS = [
    (Lognormal(0.3, 0.668), stats.lognorm(0.668, scale=0.3)),
    (Exponential(0.5), stats.expon(scale=0.5)),
    (Gamma(0.5, 2.5), stats.gamma(2.5, scale=0.2)),
    (Uniform(0.1, 0.4), stats.uniform(0.1, 0.3)),
]


def keys(count: int = CALLS) -> list[int]:
    return [known.key for k in range(count) if isinstance(known := call_id({"x-workflow-id": f"0-{k}"}, "?"), CallId)]


@pytest.mark.parametrize(("declared", "law"), DISTRIBUTIONS, ids=[type(one).__name__ for one, _ in DISTRIBUTIONS])
def test_times_have_the_distribution_declared(declared, law) -> None:
    luck = Luck(Provider(seed=11, latency=Latency(declared, declared, Constant(50.0))))
    fates = [luck.fate(key, 1) for key in keys()]
    first, per_token = [fate.first_token_s for fate in fates], [fate.per_token_s for fate in fates]
    # seed 11 is one draw of the test's own luck: under the law, p is above 0.001 for all but one seed in a thousand
    assert stats.kstest(first, law.cdf).pvalue > 0.001
    assert stats.kstest(per_token, law.cdf).pvalue > 0.001
    assert abs(np.corrcoef(first, per_token)[0, 1]) < 4 / CALLS**0.5


def test_lengths_have_the_distribution_declared_in_tokens() -> None:
    luck = Luck(Provider(latency=Latency(output_tokens=Lognormal(214.0, 0.8))))
    lengths = [luck.fate(key, 1).tokens for key in keys()]
    assert all(isinstance(length, int) and length >= 1 for length in lengths)
    # in whole tokens, a step of one is the most that the two can differ by beside chance
    assert abs(np.median(lengths) - 214) < 214 * 0.8 * 1.2533 * 4 / CALLS**0.5 + 1
    assert max(luck.fate(key, 1, 100).tokens for key in keys(200)) == 100


def test_faults_come_as_often_as_declared_and_apart_from_each_other() -> None:
    luck = Luck(Provider(seed=5, faults=FAULTY))
    fates = [luck.fate(key, 1) for key in keys()]
    counts = {
        0.2: sum(fate.error == 500 for fate in fates),
        0.1: sum(fate.error == 529 for fate in fates),
        0.25: sum(fate.stall_s > 0 for fate in fates),
        0.3: sum(fate.cut_at is not None for fate in fates),
        0.7 * 0.25: sum(fate.error is None and fate.stall_s > 0 for fate in fates),
    }
    for share, count in counts.items():
        assert stats.binomtest(count, CALLS, share).pvalue > 0.001, share
    assert all(0 <= (fate.cut_at or 0) < fate.tokens and 0 <= fate.stall_at < fate.tokens for fate in fates)


def test_another_seed_another_attempt_another_call_is_other_luck() -> None:
    declared = Latency(Exponential(1.0), Exponential(1.0), Uniform(1.0, 1e6))
    luck, other = Luck(Provider(seed=1, latency=declared)), Luck(Provider(seed=2, latency=declared))
    fates = [luck.fate(3, 1), luck.fate(3, 2), luck.fate(4, 1), other.fate(3, 1)]
    for name in ("first_token_s", "per_token_s", "tokens", "words"):
        assert len({getattr(fate, name) for fate in fates}) == 4, name
    assert luck.fate(3, 1) == Luck(Provider(seed=1, latency=declared)).fate(3, 1)


# --------------------------------------------------------------------------- which call, which attempt


def test_calls_are_told_apart_by_workflow_step_and_content() -> None:
    def key(workflow=None, step=None, asked="a"):
        headers = {"x-workflow-id": workflow, "x-workflow-step": step}
        known = call_id({name: text for name, text in headers.items() if text is not None}, asked)
        assert isinstance(known, CallId)
        return known.key

    assert len({key(), key(asked="b"), key("1"), key("2"), key("1", asked="b"), key("1", "s"), key("2", "s")}) == 7
    assert key("1", "s", "a") == key("1", "s", "b")  # a step has one call, whatever it asks
    assert key("1", "a") != key("1", None, "a")
    assert key(asked={"x": 1, "y": 2}) == key(asked={"y": 2, "x": 1})


@pytest.mark.parametrize("text", ["0", "-1", "x", "1.5", "٣", "65536", ""])
def test_a_number_of_an_attempt_has_to_be_one(text: str) -> None:
    assert isinstance(call_id({"x-workflow-attempt": text}, "?"), str)


@given(st.integers(0, 2**32), st.lists(st.integers(1, 4), min_size=1, max_size=8))
def test_interleavings_do_not_change_luck(order: int, needed: list[int]) -> None:
    """Each workflow fails until its own number of attempts is reached: in any order it meets the same numbers."""
    shuffle = random.Random(order)
    calls = Calls()
    met: dict[int, list[int]] = {workflow: [] for workflow in range(len(needed))}
    waiting = list(met)
    while waiting:
        workflow = waiting.pop(shuffle.randrange(len(waiting)))
        known = CallId(workflow, named=True)
        number, again = calls.arrive(known)
        if shuffle.random() < 0.3:
            calls.turned_away(known, number)  # a 429 in between costs no luck
            waiting.append(workflow)
            continue
        assert again == (calls._calls[workflow].failures > 0)
        met[workflow].append(number)
        if len(met[workflow]) < needed[workflow]:
            calls.failed(known)
            waiting.append(workflow)
        else:
            calls.succeeded(known)
    assert met == {workflow: list(range(1, count + 1)) for workflow, count in enumerate(needed)}
    assert calls.open == 0
    assert sum(calls.attempts.values()) == len(needed)


def test_a_named_call_that_has_succeeded_starts_anew_and_one_without_a_name_goes_on() -> None:
    calls = Calls()
    for named, numbers in ((True, [1, 1, 1]), (False, [1, 2, 3])):
        known = CallId(int(named), named)
        found = []
        for _ in range(3):
            found.append(calls.arrive(known)[0])
            calls.succeeded(known)
        assert found == numbers
    assert calls.retries == 0
    assert calls.attempts == {1: 6}


def test_calls_that_never_succeed_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.provider.calls._MOST_CALLS", 100)
    calls = Calls()
    for key in range(1000):
        known = CallId(key, named=True)
        calls.arrive(known)
        calls.failed(known)
    assert len(calls._calls) == 100
    assert calls.open == 100
