"""The language of --set: what it means, and what it refuses, each with its place."""

from __future__ import annotations

import pytest

from harness.errors import DeclarationError
from harness.scenario.declare import declaration_of
from harness.scenario.load import catalog_of, load_catalog
from harness.scenario.model import ClosedLoad, Constant, Scenario
from harness.scenario.variation import MOST_CELLS, MOST_CHECKED, axes_of, cells_of, checks_of, varied

NAME = "test_25_concurrent_workflows"

VALUES = [
    ("agents=10..80/10", (10, 20, 30, 40, 50, 60, 70, 80)),
    ("agents=10..85/10", (10, 20, 30, 40, 50, 60, 70, 80)),
    ("agents=3..5", (3, 4, 5)),
    ("agents=5..5", (5,)),
    ("queue=50,100", (50, 100)),
    ("queue=50,unbounded", (50, "unbounded")),
    ("retry.factor=0.1..0.3/0.1", (0.1, 0.2, 0.3)),
    ("rate=10..40/15 /s", ("10 /s", "25 /s", "40 /s")),
    ("rate=10 /s..40 /s/15 /s", ("10 /s", "25 /s", "40 /s")),
    ("timeout=100..300/100ms", ("100 ms", "200 ms", "300 ms")),
    ("timeout=100, 200, 1.5 s", ("100 s", "200 s", "1.5 s")),
    ("timeout=100 ms,2 s", ("100 ms", "2 s")),
    ("load.collect=true,false", (True, False)),
    ("agents=1..3,8,1_000", (1, 2, 3, 8, 1000)),
    ("agents=1e2,2.0", (100, 2)),
    ("pools.agents.overflow='reject',block", ("reject", "block")),
]


@pytest.mark.parametrize(("text", "values"), VALUES, ids=[text for text, _ in VALUES])
def test_values(text: str, values: tuple[object, ...]) -> None:
    (axis,) = axes_of([text])
    assert axis.values == values
    assert [type(value) for value in axis.values] == [type(value) for value in values]


WRONG = [
    ("agents", "expected PATH=VALUES"),
    ("=3", "expected PATH=VALUES"),
    ("a b=3", "expected PATH=VALUES"),
    ("agents=", "found nothing"),
    ("agents=1,,2", "a comma with nothing beside it"),
    ("agents=10..", "expected a range FROM..TO/STEP"),
    ("agents=10..20/0", "a range that rises"),
    ("agents=20..10", "a range that rises"),
    ("agents=1..2/-1", "a range that rises"),
    ("agents=0.5..2", "without a step"),
    ("timeout=1 s..500 ms/1", "one unit for the whole range"),
    ("agents=1..1e9", "found 1000000000 values"),
    ("agents=1..1e300", "values"),
    ("agents=7,7", "7 twice"),
    ("agents=1..5,3", "3 twice"),
]


@pytest.mark.parametrize(("text", "said"), WRONG, ids=[text for text, _ in WRONG])
def test_what_is_refused(text: str, said: str) -> None:
    with pytest.raises(DeclarationError, match="--set") as caught:
        axes_of([text])
    assert said in str(caught.value)


def test_every_mistake_at_once() -> None:
    with pytest.raises(DeclarationError) as caught:
        axes_of([*(text for text, _ in WRONG), "queue=1", "queue=2"])
    assert len(caught.value.mistakes) == len(WRONG) + 1
    assert "the same path twice" in str(caught.value)


def test_too_many_cells_are_said_with_their_number() -> None:
    with pytest.raises(DeclarationError, match=r"at most 100000 in all, found 1000000 cells"):
        axes_of(["agents=1..1000", "queue=1..1000"])
    assert len(list(cells_of(axes_of([f"agents=1..{MOST_CELLS}"])))) == MOST_CELLS


def test_the_last_axis_varies_fastest() -> None:
    cells = list(cells_of(axes_of(["agents=1,2", "queue=3,4"])))
    assert cells == [
        (("agents", 1), ("queue", 3)),
        (("agents", 1), ("queue", 4)),
        (("agents", 2), ("queue", 3)),
        (("agents", 2), ("queue", 4)),
    ]


def test_every_value_is_checked_once_or_more_but_not_every_cell() -> None:
    axes = axes_of(["agents=1..9", "queue=1..7", "cores=1..3"])
    checked = list(checks_of(axes))
    assert len(checked) == 9 + 6 + 2
    for axis in axes:
        assert {dict(cell)[axis.path] for cell in checked} == set(axis.values)


def test_of_an_axis_with_very_many_values_its_ends_and_extremes_are_checked() -> None:
    checked = [dict(cell)["agents"] for cell in checks_of(axes_of(["agents=500,1..400,0,600"]))]
    assert len(checked) <= MOST_CHECKED + 2
    assert {500, 1, 0, 600} <= set(checked)


def put_in(*settings: tuple[str, object]) -> Scenario:
    document = declaration_of(load_catalog()[NAME])
    before = repr(document)
    changed = varied(document, NAME, settings)  # type: ignore[arg-type]  # also what no value may be
    assert repr(document) == before
    return catalog_of(changed, "--set")[NAME]


def test_nothing_set_is_the_same_scenario() -> None:
    assert put_in().digest == load_catalog()[NAME].digest


def test_short_names_and_paths_are_the_same() -> None:
    assert put_in(("agents", 33), ("queue", 44)) == put_in(("pools.agents.size", 33), ("pools.agents.queue", 44))
    assert put_in(("in_flight", 9)).load == ClosedLoad(9, workflows=200)
    assert put_in(("cores", 7)).cores == 7
    assert put_in(("retry.max_attempts", 5)).retry.max_attempts == 5
    assert put_in(("pools.agents.queue", "unbounded")).pools[0].queue is None


def test_what_excludes_a_setting_is_dropped() -> None:
    assert put_in(("load.duration", "3 s")).load == ClosedLoad(25, duration_s=3.0)


def test_a_step_is_found_by_its_index_or_its_name() -> None:
    by_name = put_in(("workflow.complex.steps.tool.wait", "70 ms"))
    assert by_name == put_in(("workflow.complex.steps[2].wait", "70 ms"))
    assert next(kind for kind in by_name.types if kind.name == "complex").steps[2].wait == Constant(0.07)


NOWHERE = [
    ("agnts", 3, "an unknown key"),
    ("pools.agents.sise", 3, "nearest: size"),
    ("pools.agents.size", 0, "at least 1"),
    ("pools.agents.size", "3 s", "expected a whole number"),
    ("pools.agents.overflow", "rejct", "nearest: reject"),
    ("rate", "3 /s", "load.rate"),
    ("timeout", 3, "a duration with a unit"),
    ("workflow.simpl.steps.answer.fail", "3 %", "nearest: simple"),
    ("workflow.simple.steps.anser.fail", "3 %", "expected answer"),
    ("workflow.simple.steps[9].fail", "3 %", "found '9'"),
    ("workflow.simple.steps[0].fail", "300 %", "more than all"),
    ("baseline.latency_p95", "fast", "baseline.latency_p95"),
]


@pytest.mark.parametrize(("path", "value", "said"), NOWHERE, ids=[f"{path}={value}" for path, value, _ in NOWHERE])
def test_what_cannot_stand_there_is_said_with_its_place(path: str, value: object, said: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        put_in((path, value))
    assert said in str(caught.value)


def test_a_path_and_one_below_it_are_not_both_set() -> None:
    for settings in ((("mix", 1), ("mix.simple", 2)), (("mix.simple", 2), ("mix", 1))):
        with pytest.raises(DeclarationError, match="paths side by side"):
            put_in(*settings)


def test_agents_means_the_only_pool_and_is_refused_where_there_are_others() -> None:
    text = {
        "scenario": {"x": {"load": {"law": "closed", "in_flight": 1, "workflows": 1}, "mix": {"t": 1}}},
        "workflow": {"t": {"steps": [{"name": "s", "pool": "one"}]}},
    }
    text["scenario"]["x"]["pools"] = {"one": {"size": 1}}
    assert catalog_of(varied(text, "x", (("agents", 5),)), "--set")["x"].pools[0].size == 5
    text["scenario"]["x"]["pools"] = {"one": {"size": 1}, "two": {"size": 1}}
    with pytest.raises(DeclarationError, match=r"one of pools\.one\.size, pools\.two\.size"):
        varied(text, "x", (("agents", 5),))
