"""How a comparison ends, and what waivers change of it. It fails closed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import product

import pytest

from harness.errors import ExitCode
from harness.judge.compare import compare
from harness.judge.metrics_form import Measured, Side
from harness.judge.waivers import Waiver

TODAY = date(2026, 3, 1)
LEVEL = Measured(metric="p50", scenario="ten", unit="s", kind="exact", processes=((1.0,),), seeds=(0,))
WAIVER = Waiver(
    metric="p*",
    scenario="*",
    accepts="regressed",
    reason="the new model is slower",
    approved_by="Ada",
    expires=TODAY,
    max_effect=0.2,
)


def metric(word: str) -> tuple[Measured | None, Measured | None]:
    """Base and head of a metric with the verdict `word`."""
    noisy = replace(LEVEL, kind="noisy", seeds=(), processes=((1.0,), (1.1,), (1.2,), (1.0,)), metric=word)
    base = replace(LEVEL, metric=word)
    return {
        "regressed": (base, replace(base, processes=((1.1,),))),
        "improved": (base, replace(base, processes=((0.9,),))),
        "unchanged": (base, base),
        "inconclusive": (noisy, replace(noisy, processes=noisy.processes[::-1])),
        "missing": (base, None),
        "new": (None, base),
        "incomparable": (base, replace(base, unit="B")),
    }[word]


def judged(*words: str, waivers: tuple[Waiver, ...] = (), today: date = TODAY):  # type: ignore[no-untyped-def]  # a test's
    sides = [metric(word) for word in words]
    base = Side(source="b", tool="harness", commit=None, measured=tuple(b for b, _ in sides if b))
    head = Side(source="h", tool="harness", commit=None, measured=tuple(h for _, h in sides if h))
    return compare(base, head, waivers=waivers, today=today)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((), ExitCode.NOT_ENOUGH),
        (("new",), ExitCode.NOT_ENOUGH),
        (("unchanged",), ExitCode.HELD),
        (("improved",), ExitCode.HELD),
        (("unchanged", "new"), ExitCode.HELD),
        (("unchanged", "missing"), ExitCode.NOT_ENOUGH),
        (("unchanged", "incomparable"), ExitCode.NOT_ENOUGH),
        (("unchanged", "inconclusive"), ExitCode.NOT_ENOUGH),
        (("regressed", "missing", "incomparable", "inconclusive"), ExitCode.REGRESSION),
        (("regressed", "improved"), ExitCode.REGRESSION),
    ],
)
def test_how_it_ends(words: tuple[str, ...], code: ExitCode) -> None:
    found = judged(*words)
    assert [row.word for row in found.rows if row.word != "new"] == [word for word in words if word != "new"]
    assert found.exit_code() == code


def test_no_mixture_with_anything_wrong_in_it_is_a_success() -> None:
    words = ("regressed", "improved", "unchanged", "inconclusive", "missing", "new", "incomparable")
    for chosen in product((False, True), repeat=len(words)):
        here = [word for word, taken in zip(words, chosen, strict=True) if taken]
        held = judged(*here).exit_code() == ExitCode.HELD
        assert held == (bool({"improved", "unchanged"} & set(here)) and set(here) <= {"improved", "unchanged", "new"})


def test_inconclusive_may_be_allowed_but_not_alone() -> None:
    assert judged("unchanged", "inconclusive").exit_code(allow_inconclusive=True) == ExitCode.HELD
    assert judged("inconclusive").exit_code(allow_inconclusive=True) == ExitCode.NOT_ENOUGH
    assert judged("unchanged", "inconclusive", "missing").exit_code(allow_inconclusive=True) == ExitCode.NOT_ENOUGH


@pytest.mark.parametrize(
    ("waiver", "state", "code"),
    [
        (replace(WAIVER, metric="regr*"), "used", ExitCode.HELD),
        (replace(WAIVER, metric="regressed", scenario="t?n"), "used", ExitCode.HELD),
        (replace(WAIVER, metric="regressed", scenario="twenty"), "unused", ExitCode.REGRESSION),
        (replace(WAIVER, metric="Regressed"), "unused", ExitCode.REGRESSION),
        (replace(WAIVER, metric="*", expires=date(2026, 2, 28)), "expired", ExitCode.REGRESSION),
        (replace(WAIVER, metric="*", max_effect=0.05), "exceeded", ExitCode.REGRESSION),
        (replace(WAIVER, metric="*", max_effect=None), "used", ExitCode.HELD),
        (replace(WAIVER, metric="*", accepts="missing"), "unused", ExitCode.REGRESSION),
    ],
)
def test_a_waiver_accepts_what_it_names_until_its_day(waiver: Waiver, state: str, code: ExitCode) -> None:
    found = judged("regressed", "unchanged", waivers=(waiver,))
    assert found.rows[0].word == "regressed"
    assert [said for _, said in found.waivers] == [state]
    assert found.exit_code() == code


def test_a_waiver_may_accept_that_a_metric_is_gone() -> None:
    gone = replace(WAIVER, metric="*", accepts="missing")
    found = judged("missing", "unchanged", waivers=(gone,))
    assert found.exit_code() == ExitCode.HELD
    assert found.rows[0].waived is not None
    assert found.rows[0].waived.why == "waived until 2026-03-01 by Ada: the new model is slower"


def _noisy(shift: float, spread: float, direction: str = "lower") -> tuple[Measured, Measured]:
    base = [1 + spread * (k - 9.5) / 10 for k in range(20)]
    head = [(1 + shift) * value for value in base[::-1]]
    sides = [replace(LEVEL, kind="noisy", seeds=(), processes=tuple((v,) for v in side)) for side in (base, head)]
    one, other = (replace(side, direction=direction) for side in sides)  # type: ignore[arg-type]  # one of the two
    return one, other


@pytest.mark.parametrize(
    ("shift", "direction", "no_worse"),
    [(-0.02, "lower", True), (0.02, "lower", False), (0.02, "higher", True), (-0.02, "higher", False)],
)
def test_inconclusive_and_no_worse_holds(shift: float, direction: str, no_worse: bool) -> None:
    base, head = _noisy(shift, 0.04, direction)
    found = compare(
        Side(source="b", tool="harness", commit=None, measured=(base,)),
        Side(source="h", tool="harness", commit=None, measured=(head,)),
        interleaved=True,
    )
    (row,) = found.rows
    assert (row.word, row.no_worse) == ("inconclusive", no_worse)
    assert found.exit_code() == (ExitCode.HELD if no_worse else ExitCode.NOT_ENOUGH)
    assert bool(found.unsettled) == (not no_worse)


def _advised(base_says: str, head_says: str, shift: float = 0.02):  # type: ignore[no-untyped-def]  # a test's
    base, head = _noisy(shift, 0.04)
    settled = replace(LEVEL, metric="p90")
    return compare(
        Side(source="b", tool="harness", commit=None, measured=(settled, replace(base, advisory=base_says))),
        Side(source="h", tool="harness", commit=None, measured=(settled, replace(head, advisory=head_says))),
        interleaved=True,
    )


@pytest.mark.parametrize(
    ("base_says", "head_says", "code"),
    [
        ("", "", ExitCode.NOT_ENOUGH),
        ("few", "few", ExitCode.HELD),
        ("", "few", ExitCode.NOT_ENOUGH),
        ("few", "", ExitCode.NOT_ENOUGH),
    ],
)
def test_what_nobody_waits_for_is_no_gap_but_head_alone_cannot_say_so(
    base_says: str, head_says: str, code: ExitCode
) -> None:
    found = _advised(base_says, head_says)
    assert found.rows[1].word == "inconclusive"
    assert found.exit_code() == code
    assert bool(found.unsettled) == (code != ExitCode.HELD)


def test_a_regression_of_what_nobody_waits_for_is_one() -> None:
    found = _advised("few", "few", shift=0.5)
    assert found.rows[1].word == "regressed"
    assert found.rows[1].advisory == ""
    assert found.exit_code() == ExitCode.REGRESSION


def test_what_nobody_waits_for_settles_nothing() -> None:
    base, head = (replace(side, advisory="few") for side in _noisy(0.02, 0.04))
    alone = compare(
        Side(source="b", tool="harness", commit=None, measured=(base,)),
        Side(source="h", tool="harness", commit=None, measured=(head,)),
        interleaved=True,
    )
    assert alone.exit_code() == ExitCode.NOT_ENOUGH
    assert alone.exit_code(allow_inconclusive=True) == ExitCode.NOT_ENOUGH
