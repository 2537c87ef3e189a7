"""Whatever a file holds, a catalog or a DeclarationError comes out, and never a traceback."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from harness.errors import DeclarationError
from harness.scenario.load import Catalog, load_scenarios

TEN = "test_10_concurrent_workflows"

STEP_KEYS = ["name", "pool", "wait", "burn", "hold", "fail", "timeout"]
WAIT_KEYS = ["dist", "median", "sigma", "p95", "mean", "low", "high", "quantiles", "file"]
LOAD_KEYS = ["law", "in_flight", "workflows", "duration", "rate", "sizes", "every", "after"]
OTHER_KEYS = ["workflow", "scenario", "steps", "extends", "load", "mix", "simple", "pools", "agents", "size", "queue"]
MORE_KEYS = ["retry", "base", "cap", "on", "baseline", "latency_p95", "rejected", "x", TEN]
KEYS = st.sampled_from(STEP_KEYS + WAIT_KEYS + LOAD_KEYS + OTHER_KEYS + MORE_KEYS) | st.text(max_size=4)
WORDS = st.sampled_from(
    ["5", "5 s", "-5 s", "1e400 s", "3 MiB", "10 %", "20/s", "< 5 s", "recorded", "closed", "burst", "simple", "", "π"]
)
SCALARS = st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | WORDS | st.text(max_size=8) | st.dates()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6), max_leaves=20
)


def _outcome(path):
    try:
        return load_scenarios(path)
    except DeclarationError as error:
        return error


def _load(document):
    with patch("harness.scenario.load.read_document", lambda _: document):
        outcome = _outcome(Path("mine.toml"))
    if not isinstance(outcome, Catalog):
        assert outcome.mistakes
        assert all("\n" not in str(mistake) for mistake in outcome.mistakes)


@given(st.dictionaries(KEYS, VALUES, max_size=4))
@settings(deadline=None)
def test_any_document(document):
    _load(document)


@given(st.dictionaries(KEYS, VALUES, max_size=4), st.dictionaries(KEYS, VALUES, max_size=3), VALUES)
@settings(deadline=None)
def test_any_scenario_on_top_of_a_good_one(table, step, wait):
    scenario = {"extends": TEN, **table}
    _load({"workflow": {"w": {"steps": [{"name": "a", "wait": wait, **step}]}}, "scenario": {"x": scenario}})


@given(KEYS, VALUES)
@example("pool", {"name": [], "\n": []})
@settings(deadline=None)
def test_any_value_in_one_place(key, value):
    for place in ("load", "pools", "retry", "baseline", "mix"):
        _load({"scenario": {"x": {"extends": TEN, place: {key: value}}}})
    _load({"scenario": {"x": {"extends": TEN, "pools": {"agents": {key: value}}}}})


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes(tmp_path, content):
    path = tmp_path / "mine.toml"
    path.write_bytes(content)
    outcome = _outcome(path)
    assert isinstance(outcome, Catalog) or str(outcome).startswith(str(path))
