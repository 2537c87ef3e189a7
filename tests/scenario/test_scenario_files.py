"""A user's file: what it may extend or override, and what happens where it cannot be read."""

from __future__ import annotations

import pytest

from harness.errors import DeclarationError
from harness.scenario.load import find_scenario, load_catalog, load_scenarios
from harness.scenario.model import BurstLoad, ClosedLoad, Constant, Empirical, Lognormal, RateLoad
from harness.scenario.quantiles import evenly_spaced
from harness.scenario.reading import Z95

TEN = "test_10_concurrent_workflows"


@pytest.fixture
def load(tmp_path):
    def load(text, name="mine.toml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return load_scenarios(path)

    return load


def _lines(path):
    with pytest.raises(DeclarationError) as refusal:
        load_scenarios(path)
    return [str(mistake) for mistake in refusal.value.mistakes]


# --------------------------------------------------------------------------- extend and override


def test_no_file_is_the_built_in_catalog():
    assert load_scenarios() is load_catalog()


def test_a_file_adds_to_the_catalog_and_names_itself_as_the_source(load, tmp_path):
    catalog = load(f'[scenario.mine]\nextends = "{TEN}"')
    assert set(catalog) == {*load_catalog(), "mine"}
    assert catalog.source == str(tmp_path / "mine.toml")
    assert catalog[TEN] == load_catalog()[TEN]


def test_a_scenario_that_only_extends_differs_in_name_alone(load):
    mine, ten = load(f'[scenario.mine]\nextends = "{TEN}"')["mine"], load_catalog()[TEN]
    assert (mine.load, mine.mix, mine.pools, mine.retry, mine.baseline) == (
        ten.load,
        ten.mix,
        ten.pools,
        ten.retry,
        ten.baseline,
    )


def test_extends_replaces_single_keys_and_merges_tables(load):
    mine = load(
        f"""
        [scenario.mine]
        extends = "{TEN}"
        load.in_flight = 3
        pools.agents.queue = "unbounded"
        mix.complex = 2
        baseline.latency_p95 = "< 1 s"
        """
    )["mine"]
    ten = load_catalog()[TEN]
    assert mine.load == ClosedLoad(in_flight=3, workflows=ten.load.workflows)
    assert (mine.pools[0].size, mine.pools[0].queue) == (ten.pools[0].size, None)
    assert mine.mix == (("simple", 1.0), ("complex", 2.0))
    assert [line.metric for line in mine.baseline] == [line.metric for line in ten.baseline]
    assert next(line.limit for line in mine.baseline if line.metric == "latency_p95") == 1.0


def test_extends_may_leave_out_the_prefix_and_may_reach_through_the_file(load):
    catalog = load(
        """
        [scenario.c]
        extends = "b"
        [scenario.b]
        extends = "10_concurrent_workflows"
        cores = 7
        """
    )
    assert catalog["c"].cores == catalog["b"].cores == 7


def test_a_scenario_may_alter_the_built_in_one_of_its_own_name(load):
    altered = load(f'[scenario.{TEN}]\nextends = "{TEN}"\nload.in_flight = 4')[TEN]
    assert altered.load.in_flight == 4
    assert altered.digest != load_catalog()[TEN].digest


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ('load = { duration = "3 s" }', ClosedLoad(in_flight=10, duration_s=3.0)),
        ('load = { law = "closed", think = "1 s" }', ClosedLoad(in_flight=10, workflows=140, think=Constant(1.0))),
        ('load = { law = "poisson", rate = "5/s", workflows = 9 }', RateLoad(5.0, "poisson", workflows=9)),
        ('load = { law = "burst", sizes = [3] }', BurstLoad((3,))),
    ],
)
def test_who_writes_one_of_two_rivals_drops_the_other(load, override, expected):
    assert load(f'[scenario.mine]\nextends = "{TEN}"\n{override}')["mine"].load == expected


def test_an_open_law_takes_the_rate_of_another(load):
    catalog = load(
        """
        [scenario.a]
        extends = "10_concurrent_workflows"
        load = { law = "constant", rate = "5/s", workflows = 9 }
        [scenario.b]
        extends = "a"
        load.law = "poisson"
        [scenario.c]
        extends = "memory_usage_patterns"
        load.every = "2 s"
        """
    )
    assert catalog["b"].load == RateLoad(5.0, "poisson", workflows=9)
    assert catalog["c"].load == BurstLoad((16,) * 5, every_s=2.0)


def test_a_workflow_type_is_replaced_as_a_whole_and_for_every_scenario(load):
    catalog = load('[workflow.simple]\nsteps = [{ name = "only", wait = "1 ms" }]')
    assert [step.name for step in catalog[TEN].types[0].steps] == ["only"]
    assert catalog[TEN].digest != load_catalog()[TEN].digest
    assert catalog["test_cpu_usage_patterns"].digest == load_catalog()["test_cpu_usage_patterns"].digest


def test_a_scenario_without_extends_is_replaced_as_a_whole(load):
    text = f'[scenario.{TEN}]\nload = {{ law = "burst", sizes = [2] }}\nmix.simple = 1\npools.agents.size = 3'
    replaced = load(text)[TEN]
    assert replaced.baseline == ()
    assert replaced.timeout_s is None


def test_a_p95_gives_the_sigma_of_the_lognormal(load):
    catalog = load('[workflow.w]\nsteps = [{ name = "a", wait = { dist = "lognormal", median = "1 s", p95 = "2 s" } }]')
    wait = catalog.types["w"].steps[0].wait
    assert isinstance(wait, Lognormal)
    assert wait.median_s * 2.718281828459045 ** (Z95 * wait.sigma) == pytest.approx(2.0)


# --------------------------------------------------------------------------- look a scenario up


@pytest.mark.parametrize("name", [TEN, TEN.removeprefix("test_")])
def test_a_scenario_is_found_with_and_without_the_prefix(name):
    assert find_scenario(load_catalog(), name).name == TEN


def test_a_users_exact_name_comes_before_the_prefixed_one(load):
    catalog = load(f'[scenario.10_concurrent_workflows]\nextends = "{TEN}"')
    assert find_scenario(catalog, "10_concurrent_workflows").name == "10_concurrent_workflows"


def test_an_unknown_scenario_is_answered_with_all_names_and_the_nearest():
    with pytest.raises(DeclarationError) as refusal:
        find_scenario(load_catalog(), "test_10_concurent_workflow")
    names = ", ".join(load_catalog())
    assert str(refusal.value) == (
        f"built-in catalog: scenario: expected one of {names} (nearest: {TEN}), found 'test_10_concurent_workflow'"
    )


# --------------------------------------------------------------------------- files that cannot be read


def test_a_missing_file(tmp_path):
    assert _lines(tmp_path / "no.toml") == ["file: expected a readable TOML file, found no such file or directory"]


def test_a_folder(tmp_path):
    assert _lines(tmp_path) == ["file: expected a readable TOML file, found is a directory"]


def test_a_name_that_is_none():
    from pathlib import Path  # noqa: PLC0415  - the only test that needs one

    (line,) = _lines(Path("a\0b"))
    assert line.startswith("file: expected a readable TOML file, found embedded null")


def test_bytes_that_are_not_utf_8(tmp_path):
    path = tmp_path / "latin.toml"
    path.write_bytes('# für\n[scenario.x]\nextends = "y"'.encode("latin-1"))
    assert _lines(path) == ["file: expected UTF-8 text, found byte 0xfc at offset 3"]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("[scenario.x\nextends = 3\n", "line 1, column 12"),
        ("[scenario.x]\ncores = = 3\n", "line 2, column 9"),
        ("[scenario.x]\n\na = [1, 2", "line 3, end of document"),
        ("a = 1\r\nb = 1\rc = 2", "line 2, column 6"),
    ],
)
def test_a_syntax_error_has_its_line_and_column(tmp_path, text, where):
    path = tmp_path / "mine.toml"
    path.write_bytes(text.encode())
    (line,) = _lines(path)
    assert line.startswith(f"{where}: expected TOML, found a syntax error (")


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 100_000,
        "a = " + "[" * 50 + "]" * 50,
        "[" + ".".join("a" * 500) + "]",
        "a = " + "9" * 5000,
        "[scenario.x.pools.agents]\nsize = 0x" + "f" * 5000,
    ],
    ids=["open", "deep", "dotted", "digits", "hex digits"],
)
def test_depth_and_digits_without_end_are_refused(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    assert len(_lines(path)[0]) < 1200


# --------------------------------------------------------------------------- an empirical distribution's file

EMPIRICAL = '[workflow.w]\nsteps = [{ name = "a", wait = { dist = "empirical", file = "waits.csv" } }]'


def _mistakes_of(load, tmp_path, content):
    (tmp_path / "waits.csv").write_bytes(content)
    with pytest.raises(DeclarationError) as refusal:
        load(EMPIRICAL)
    return [str(mistake) for mistake in refusal.value.mistakes]


def test_a_file_of_durations_is_read_relative_to_the_scenario_file_and_sorted(load, tmp_path):
    (tmp_path / "waits.csv").write_text("# three calls\n30 ms\n\n  10 ms\n20 ms\n", encoding="utf-8")
    assert load(EMPIRICAL).types["w"].steps[0].wait == Empirical((0.01, 0.02, 0.03))


def test_a_long_file_is_kept_as_a_thousand_evenly_spaced_quantiles(load, tmp_path):
    (tmp_path / "waits.csv").write_text("\n".join(f"{k} us" for k in range(10_001)), encoding="utf-8")
    quantiles_s = load(EMPIRICAL).types["w"].steps[0].wait.quantiles_s
    assert len(quantiles_s) == 1000
    assert (quantiles_s[0], quantiles_s[-1]) == (0.0, 0.01)
    assert quantiles_s == pytest.approx([0.01 * k / 999 for k in range(1000)])


@pytest.mark.parametrize("count", [999, 1000, 1001, 1002, 5000])
def test_evenly_spaced_quantiles_keep_both_ends_and_their_order(count):
    kept = evenly_spaced([float(k) for k in range(count)])
    assert len(kept) == min(count, 1000)
    assert (kept[0], kept[-1]) == (0.0, count - 1.0)
    assert list(kept) == sorted(kept)


def test_lines_that_are_no_durations_are_named(load, tmp_path):
    where = "workflow.w.steps[0].wait.file: expected a duration with a unit (ns, us, ms, s, min, h), such as '300 ms'"
    assert _mistakes_of(load, tmp_path, b"10 ms\nlatency\n20\n") == [
        f"{where}, found 'latency' in line 2",
        f"{where}, found '20' without a unit in line 3",
    ]


def test_no_more_than_ten_such_lines_are_named(load, tmp_path):
    lines = _mistakes_of(load, tmp_path, b"20\n" * 500)
    assert len(lines) == 11
    assert lines[-1] == "workflow.w.steps[0].wait.file: expected one duration per line, found 490 more lines like these"


def test_too_few_durations(load, tmp_path):
    assert _mistakes_of(load, tmp_path, b"20 ms\n") == [
        "workflow.w.steps[0].wait.file: expected at least 2 durations, found 1 in 'waits.csv'"
    ]


def test_a_file_of_bytes(load, tmp_path):
    assert _mistakes_of(load, tmp_path, b"\xff\xfe") == [
        "workflow.w.steps[0].wait.file: expected a text file with one duration per line, "
        "found 'waits.csv', which is not UTF-8"
    ]
