"""What must hold for any data: symmetry, units, order; and the data that no test may see, by name."""

from dataclasses import replace
from math import comb
from time import process_time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.judge.statistics.ranks import rank_sum_p
from harness.judge.verdict import MetricSamples, Rules, Verdict, judge_all, judge_distribution, judge_metric

NAN, INF = float("nan"), float("inf")
OPPOSITE = {"regressed": "improved", "improved": "regressed"}
seeds = st.integers(0, 2**32 - 1)
effects = st.sampled_from([-0.3, -0.05, -0.02, 0.0, 0.02, 0.05, 0.3])


def _sides(seed: int, effect: float, n: int = 10, m: int | None = None) -> tuple[list[list[float]], list[list[float]]]:
    rng = np.random.default_rng(seed)
    base = np.exp(0.01 * rng.standard_normal((n, 3)))
    head = (1 + effect) * np.exp(0.01 * rng.standard_normal((m or n, 3)))
    return base.tolist(), head.tolist()


@given(seed=seeds, effect=effects, n=st.integers(4, 24), m=st.integers(4, 24), paired=st.sampled_from([None, True]))
@settings(max_examples=60, deadline=None)
def test_swapping_the_sides_swaps_regressed_and_improved(
    seed: int, effect: float, n: int, m: int, paired: bool | None
) -> None:
    base, head = _sides(seed, effect, n, m)
    there, back = judge_metric(base, head, paired=paired), judge_metric(head, base, paired=paired)
    assert back.verdict == OPPOSITE.get(there.verdict, there.verdict)
    assert (1 + (there.effect or 0)) * (1 + (back.effect or 0)) == pytest.approx(1)
    assert there.p == pytest.approx(back.p)


@given(seed=seeds, effect=effects, scale=st.sampled_from([1e-9, 1e-3, 7.0, 1e9, 2.0**40]))
@settings(max_examples=40, deadline=None)
def test_units_do_not_matter(seed: int, effect: float, scale: float) -> None:
    base, head = _sides(seed, effect)
    scaled = ([[scale * value for value in process] for process in side] for side in (base, head))
    first, second = judge_metric(base, head), judge_metric(*scaled)
    assert first.verdict == second.verdict
    assert first.effect == pytest.approx(second.effect, abs=1e-9)
    assert first.p == pytest.approx(second.p, rel=1e-6)


@given(seed=seeds, effect=effects, data=st.data())
@settings(max_examples=40, deadline=None)
def test_order_is_irrelevant_where_it_is_said_to_mean_nothing(seed: int, effect: float, data: st.DataObject) -> None:
    base, head = _sides(seed, effect, 9, 12)
    shuffled = (data.draw(st.permutations(side)) for side in (base, head))
    first = judge_metric(base, head, ordered=False, paired=False)
    second = judge_metric(*shuffled, ordered=False, paired=False)
    assert first.verdict == second.verdict
    assert first.p == pytest.approx(second.p)


@given(seed=seeds, effect=effects)
@settings(max_examples=30, deadline=None)
def test_direction_turns_the_word_and_nothing_else(seed: int, effect: float) -> None:
    base, head = _sides(seed, effect)
    lower, higher = judge_metric(base, head), judge_metric(base, head, direction="higher")
    assert higher.verdict == OPPOSITE.get(lower.verdict, lower.verdict)
    assert replace(lower, verdict=higher.verdict, direction="higher") == higher


values = st.one_of(st.floats(allow_nan=True, allow_infinity=True), st.sampled_from([0.0, 1.0, -1.0, 1e-300, 1e300]))


@given(
    base=st.lists(st.lists(values, max_size=4), max_size=14), head=st.lists(st.lists(values, max_size=4), max_size=14)
)
@settings(max_examples=150, deadline=None)
def test_any_data_gets_a_verdict_with_finite_figures(base: list[list[float]], head: list[list[float]]) -> None:
    for kind in ("noisy", "exact", "memory"):
        verdict = judge_metric(base, head, kind=kind)
        figures = (verdict.p, verdict.p_adjusted, verdict.n_effective)
        assert all(figure is None or np.isfinite(figure) for figure in figures)
        assert verdict.reason


def _repeat(value: float, n: int) -> list[list[float]]:
    return [[value]] * n


DEGENERATE: list[tuple[str, Any, Any, dict[str, Any], str, str]] = [
    ("nothing at all", [], [], {}, "incomparable", "neither side"),
    ("benchmark gone", _repeat(1, 5), [], {}, "missing", "head has none"),
    ("benchmark gone, empty processes", _repeat(1, 5), [[], []], {}, "missing", "head has none"),
    ("benchmark added", [], _repeat(1, 5), {}, "new", "base has none"),
    ("NaN", [[1.0], [NAN]], _repeat(1, 5), {}, "incomparable", "base: process 1"),
    ("infinity", _repeat(1, 5), [[1.0, INF]], {}, "incomparable", "head: process 0"),
    ("one process, many values", [[1.0] * 50], [[2.0] * 50], {}, "inconclusive", "below 4"),
    ("three processes", _repeat(1, 3), _repeat(2, 3), {}, "inconclusive", "below 4"),
    ("constant and equal", _repeat(1, 4), _repeat(1, 4), {}, "unchanged", "same value"),
    ("all zero", _repeat(0, 10), _repeat(0, 10), {}, "unchanged", "same value"),
    ("constant, a step of 4.7 times", _repeat(1, 6), _repeat(4.7, 6), {}, "regressed", "+370.00%"),
    ("constant, from zero", _repeat(0, 10), _repeat(5, 10), {}, "regressed", "floor"),
    ("constant, within the floor", _repeat(1000, 10), _repeat(1001, 10), {}, "unchanged", "within"),
    ("a step too few runs could ever show", _repeat(1, 4), _repeat(4.7, 4), {}, "inconclusive", "would settle"),
    ("negative values", _repeat(-1, 10), _repeat(-2, 10), {}, "improved", "beyond"),
    ("two empty processes", [[1.0], [], [], [1.0], [1.0], [1.0]], _repeat(1, 4), {}, "unchanged", "same"),
    ("no round on both sides", [[], [1.0]], [[1.0], []], {"kind": "exact"}, "incomparable", "no round"),
    ("no pair on both sides", [[], [1.0]], [[1.0], []], {"paired": True}, "incomparable", "no round"),
    ("unequal pairs", _repeat(1, 5), _repeat(1, 6), {"paired": True}, "unchanged", "same"),
    ("p99 of unlike numbers", [[1.0] * 20] * 5, [[1.0] * 500] * 5, {"statistic": "p99"}, "incomparable", "number of"),
    ("exact, equal", _repeat(1, 1), _repeat(1, 1), {"kind": "exact"}, "unchanged", "same value"),
    ("exact, one per cent", _repeat(1, 1), _repeat(1.01, 1), {"kind": "exact"}, "regressed", "+1.000%"),
    ("exact, one per cent better", _repeat(1, 3), _repeat(0.99, 3), {"kind": "exact"}, "improved", "-1.000%"),
    ("exact, last bit", _repeat(1, 2), _repeat(1 + 2**-52, 2), {"kind": "exact"}, "unchanged", "2 of 2"),
    ("exact, from zero", _repeat(0, 2), _repeat(1, 2), {"kind": "exact"}, "regressed", "from 0"),
    ("exact, unequal seeds", _repeat(1, 2), _repeat(1, 3), {"kind": "exact"}, "incomparable", "pair by seed"),
    ("rate, none on either side", [[0, 500]] * 6, [[0, 500]] * 6, {"kind": "rate"}, "unchanged", "within"),
    ("rate, no trials", [[0, 0]] * 6, [[0, 500]] * 6, {"kind": "rate"}, "incomparable", "no trials"),
    ("rate, more than all", [[3, 2]] * 6, [[0, 5]] * 6, {"kind": "rate"}, "incomparable", "count <= trials"),
    ("rate, from 0 to 4 %", [[0, 500]] * 6, [[20, 500]] * 6, {"kind": "rate"}, "regressed", "points"),
    ("rate, one burst", [[0, 99]] * 6, [[0, 99]] * 5 + [[60, 99]], {"kind": "rate"}, "inconclusive", "points"),
]


@pytest.mark.parametrize(
    ("base", "head", "setting", "word", "reason"), [c[1:] for c in DEGENERATE], ids=[c[0] for c in DEGENERATE]
)
def test_degenerate_data_is_named(base: Any, head: Any, setting: dict[str, Any], word: str, reason: str) -> None:
    verdict = judge_metric(base, head, **setting)
    assert verdict.verdict == word, verdict
    assert reason in verdict.reason


@pytest.mark.parametrize(
    "setting",
    [{"statistic": "p100"}, {"statistic": "p9x"}, {"direction": "up"}, {"kind": "x"}, {"floor": -1}, {"margin": 0}],
)
def test_settings_that_make_no_sense_raise(setting: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"expected"):
        judge_metric([[1.0]], [[1.0]], **setting)


def test_flat_lists_raise_and_say_what_was_expected() -> None:
    with pytest.raises(TypeError, match="list of processes"):
        judge_metric([1.0, 2.0], [1.0, 2.0])  # type: ignore[list-item]


def test_rules_are_checked() -> None:
    with pytest.raises(ValueError, match="alpha"):
        Rules(alpha=2)
    with pytest.raises(ValueError, match="looks"):
        Rules(looks=0)


def test_one_outlying_process_does_not_hide_a_change() -> None:
    base, head = _sides(1, 0.1, 12)
    base[3] = [5.0, 5.0, 5.0]
    assert judge_metric(base, head).verdict == "regressed"


def test_session_noise_widens_the_interval_and_holds_the_verdict_back() -> None:
    base, head = _sides(2, 0.05, 12)
    alone, among = judge_metric(base, head), judge_metric(base, head, session_noise=0.03)
    assert (alone.verdict, among.verdict) == ("regressed", "inconclusive")
    assert alone.interval
    assert among.interval
    assert among.interval[1] - among.interval[0] > alone.interval[1] - alone.interval[0]


def test_rounds_pair_by_themselves_only_when_they_visibly_move_together() -> None:
    rng = np.random.default_rng(3)
    rounds = np.exp(0.1 * rng.standard_normal(20))
    base, head = rounds * np.exp(0.01 * rng.standard_normal((2, 20)))
    verdict = judge_metric(base[:, None].tolist(), (1.05 * head[:, None]).tolist())
    assert verdict.verdict == "regressed"
    assert "signed-rank" in verdict.method
    apart = judge_metric(base[:, None].tolist(), rng.permutation(1.05 * head)[:, None].tolist())
    assert "rank-sum" in apart.method


def test_a_comparison_is_corrected_for_all_its_metrics_and_keeps_their_order() -> None:
    metrics = [
        MetricSamples(name=str(k), base=(s := _sides(k, 0.1 if k == 7 else 0.0))[0], head=s[1]) for k in range(40)
    ]
    verdicts = judge_all(metrics, seed=11)
    assert [verdict.name for verdict in verdicts] == [str(k) for k in range(40)]
    assert [verdict.name for verdict in verdicts if verdict.changed] == ["7"]
    assert verdicts[7].p_adjusted is not None
    assert verdicts[7].p_adjusted > (verdicts[7].p or 0)
    assert "40 metrics" in verdicts[7].correction
    assert verdicts[7].seed == 11


def test_a_thousand_metrics_of_fifty_samples_a_side_are_judged_in_two_seconds() -> None:
    samples = np.exp(0.01 * np.random.default_rng(5).standard_normal((2, 1000, 50, 1))).tolist()
    metrics = [MetricSamples(base=base, head=head) for base, head in zip(*samples, strict=True)]
    start = process_time()
    assert len(judge_all(metrics)) == 1000
    assert process_time() - start <= 2.0


def test_quantiles_of_one_distribution_are_judged_together() -> None:
    rng = np.random.default_rng(6)
    base, head = rng.lognormal(0, 0.3, (2, 12, 300))
    verdicts: list[Verdict] = judge_distribution(base.tolist(), (1.2 * head).tolist())
    assert [v.name for v in verdicts] == ["latency.p50", "latency.p95", "latency.p99"]
    assert verdicts[0].verdict == "regressed"


@pytest.mark.parametrize(("n", "m"), [(4, 4), (4, 25), (10, 10), (25, 25)])
def test_exact_rank_tails_agree_with_counting_orders(n: int, m: int) -> None:
    base = np.arange(n, dtype=float)[None, :]
    apart = np.arange(n, n + m, dtype=float)[None, :]
    touching = apart.copy()
    touching[0, 0] -= 1.5  # below exactly one value of base: 2 of all orders are at least as extreme on that side
    assert rank_sum_p(base, apart)[0] == pytest.approx(2 / comb(n + m, n))
    assert rank_sum_p(base, touching)[0] == pytest.approx(4 / comb(n + m, n))


def test_interleaved_rounds_are_compared_block_by_block_in_time() -> None:
    rng = np.random.default_rng(12)
    bursts = np.exp(rng.exponential(0.5, (20, 8, 1)))  # a neighbour slows both sides of a round, stretch by stretch
    base, head = (bursts * rng.lognormal(0, 0.05, (20, 8, 30)) for _ in range(2))
    sides = base.reshape(20, -1).tolist(), (1.05 * head).reshape(20, -1).tolist()
    verdict = judge_metric(*sides, paired=True)
    assert verdict.verdict == "regressed"
    assert "time-aligned" in verdict.method
    assert verdict.effect == pytest.approx(0.05, abs=0.02)


@pytest.mark.parametrize("kind", ["noisy", "memory"])
@pytest.mark.parametrize(("resolution", "word"), [(0.0, "regressed"), (0.19, "regressed"), (0.21, "unchanged")])
def test_what_the_measurement_cannot_tell_is_no_change(kind: Any, resolution: float, word: str) -> None:
    base = [[1.0 + 0.001 * k] for k in range(10)]
    head = [[value + 0.2 for value in process] for process in base]
    there = judge_metric(base, head, kind=kind, resolution=resolution)
    assert there.verdict == word
    assert judge_metric(head, base, kind=kind, resolution=resolution).verdict == OPPOSITE.get(word, word)
    assert there.margin == pytest.approx(max({"noisy": 0.03, "memory": 0.05}[kind], resolution / 1.0045), rel=1e-3)


def test_a_resolution_beside_which_the_level_is_nothing() -> None:
    nothing, little = [[0.0]] * 6, [[400.0]] * 6
    assert judge_metric(nothing, little, kind="memory", resolution=1e6).verdict == "unchanged"
    assert judge_metric(nothing, little, kind="memory", resolution=100.0).verdict == "regressed"


@pytest.mark.parametrize("name", ["resolution", "session_noise"])
@pytest.mark.parametrize("value", [-1.0, NAN, INF])
def test_settings_that_make_no_sense_are_named(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"^{name}: expected a number from 0"):
        judge_metric([[1.0]], [[1.0]], **{name: value})  # type: ignore[arg-type]  # one of the settings
