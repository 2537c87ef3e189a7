"""`harness calibrate` as its user meets it: what it prints and writes, how it ends, what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from harness.cli import main
from harness.errors import ExitCode
from harness.report.calibration_document import EXIT_CODES
from harness.scenario.load import load_catalog, load_scenarios
from harness.schema import load_schema, schema_mistakes
from tests.calibrate import targets
from tests.calibrate.measuring import closed, reported


def harness(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(one) for one in arguments], catch_exceptions=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("measured")


@pytest.fixture(scope="module")
def at10(folder: Path) -> Path:
    return reported(closed(10, 1500), targets.Capped, folder)


@pytest.fixture(scope="module")
def at25(folder: Path) -> Path:
    return reported(closed(25, 1500), targets.Capped, folder, seeds=[2])


@pytest.fixture(scope="module")
def at60(folder: Path) -> Path:
    return reported(closed(60, 1500), targets.Capped, folder, seeds=[2])


@pytest.fixture(scope="module")
def again_at60(folder: Path) -> Path:
    return reported(closed(60, 1500), targets.Capped, folder, seeds=[3])


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_model_that_predicts_is_written_and_runs(at10: Path, at25: Path, tmp_path: Path) -> None:
    done = harness("calibrate", at10, "--check", at25)
    assert done.exit_code == ExitCode.HELD, done.output
    assert "Predicts 1 other load(s) within 15 %" in done.output
    path = tmp_path / "at10-calibrated.toml"
    text = path.read_text()
    for said in ("doubt: no limit was seen up to 10 in flight", "Capped", "digest"):
        assert said in " ".join(line.removeprefix("#").strip() for line in text.splitlines()), said
    (scenario,) = load_scenarios(path).declared_here()
    assert (scenario.name, scenario.load) == ("at10", closed(10, 1500).load)
    assert harness("run", "-f", path, "--clock", "virtual", "-q").exit_code == ExitCode.HELD
    assert all(len(line) <= 120 for line in text.splitlines() if line.startswith("#") and ".json" not in line)


def test_the_document_is_what_its_schema_says(at10: Path, at25: Path, tmp_path: Path) -> None:
    done = harness("calibrate", at10, "--check", at25, "--json", "-o", "mine.toml")
    document = json.loads(done.stdout)
    assert schema_mistakes("calibration", document) == []
    assert document["exit_code"] == done.exit_code == EXIT_CODES[document["verdict"]]
    assert document["scenario_digest"] == load_scenarios(tmp_path / "mine.toml").declared_here()[0].digest
    figures = {one["metric"]: one for one in document["predictions"][1]["figures"]}
    p95 = figures["latency_p95"]
    assert p95["error"] == pytest.approx(p95["predicted"]["value"] / p95["measured"]["value"] - 1)
    assert str(tmp_path) not in done.stdout
    assert str(at10.parent) not in done.stdout


def test_every_field_of_the_schema_is_described() -> None:
    def walk(schema: dict[str, Any], path: str) -> None:
        assert schema.get("description"), path
        for key, inner in schema.get("properties", {}).items():
            walk(inner, f"{path}.{key}")
        if isinstance(schema.get("items"), dict):
            walk(schema["items"], f"{path}[]")

    walk(load_schema("calibration"), "$")


def test_a_model_that_does_not_predict_fails_the_command_and_a_second_load_mends_it(
    at10: Path, at60: Path, again_at60: Path
) -> None:
    alone = harness("calibrate", at10, "--check", at60)
    assert alone.exit_code == ExitCode.BASELINE_BROKEN, alone.output
    assert "Does NOT predict" in alone.output
    assert "more in flight than it was made from" in alone.output
    both = harness("calibrate", at10, at60, "--check", again_at60, "-o", "both.toml")
    assert both.exit_code == ExitCode.HELD, both.output
    assert "found from several loads" in both.output


def test_too_small_a_check_cannot_tell(at10: Path, tmp_path: Path) -> None:
    few = reported(closed(3, 12), targets.Capped, tmp_path, seeds=[5])
    done = harness("calibrate", at10, "--check", few, "--tolerance", "0.01 %")
    assert done.exit_code == ExitCode.NOT_ENOUGH, done.output
    assert "Cannot tell" in done.output


def test_nothing_to_check_is_said(at10: Path) -> None:
    done = harness("calibrate", at10)
    assert done.exit_code == ExitCode.HELD
    assert "Not checked against another load" in done.output


def test_nothing_is_written_over(at10: Path, tmp_path: Path) -> None:
    (tmp_path / "taken.toml").write_text("mine")
    done = harness("calibrate", at10, "-o", "taken.toml")
    assert done.exit_code == ExitCode.USAGE
    assert "a name that is free" in done.output
    assert (tmp_path / "taken.toml").read_text() == "mine"
    assert "found no folder" in harness("calibrate", at10, "-o", "no/where.toml").output
    assert [one.name for one in tmp_path.iterdir()] == ["taken.toml"]


def changed(path: Path, folder: Path, **changes: Any) -> Path:
    document = json.loads(path.read_text())
    for place, value in changes.items():
        *way, last = place.split("__")
        table: Any = document
        for key in way:
            table = table[int(key) if key.isdigit() else key]
        if value is None:
            del table[last]
        else:
            table[last] = value
    new = folder / "changed.json"
    new.write_text(json.dumps(document))
    return new


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"status": "invalid: it was late"}, ("status", "invalid: it was late", "valid")),
        ({"service_times": None}, ("service_times", "a soak")),
        ({"target": "builtin", "service_times": None}, ("target", "a model already")),
        ({"service_times__types": []}, ("service_times.types", "no workflow was offered")),
        ({"service_times__levels": [0, 0.5, 0.4, 1]}, ("service_times.levels", "ascending")),
        ({"service_times__types__0__service__quantiles_s": [0.1]}, ("service.quantiles_s", "1 quantiles", "one for")),
        ({"service_times__types__0__service__count": -1}, ("service_times.types[0].service.count", "-1")),
        ({"service_times__types__0__service__count": 1}, ("service_times.types[0].service.count", "at least 2")),
        ({"service_times__declaration": {"scenario": {}}}, ("service_times.declaration",)),
        ({"service_times__declaration__scenario__at10__load__in_flight": 0}, ("declaration", "in_flight", "found 0")),
    ],
    ids=str,
)
def test_a_report_that_nothing_can_be_fitted_to_is_refused(
    changes: dict[str, Any], said: tuple[str, ...], at10: Path, tmp_path: Path
) -> None:
    path = changed(at10, tmp_path, **changes)
    done = harness("calibrate", path)
    assert done.exit_code == ExitCode.USAGE, done.output
    for words in ("changed.json", "expected", "found", *said):
        assert words in done.output, (words, done.output)
    assert [one.name for one in tmp_path.iterdir()] == ["changed.json"]


def test_other_files_are_refused(at10: Path, tmp_path: Path) -> None:
    (tmp_path / "comparison.json").write_text('{"kind": "comparison", "schema_version": 1}')
    (tmp_path / "broken.json").write_text('{"kind": ')
    for name, said in (("comparison.json", "kind"), ("broken.json", "line 1"), ("none.json", "No such file")):
        done = harness("calibrate", tmp_path / name)
        assert done.exit_code == ExitCode.USAGE, done.output
        assert name in done.output
        assert said in done.output
    done = harness("calibrate", at10, "--tolerance", "fifteen")
    assert (done.exit_code, "--tolerance" in done.output) == (ExitCode.USAGE, True)
    assert harness("calibrate", at10, "--tolerance", "0 %").exit_code == ExitCode.USAGE


def test_a_run_is_given_once(at10: Path, at25: Path, tmp_path: Path) -> None:
    """What a model was made from says nothing of how well it predicts."""
    for words in ((at10, at10), (at10, "--check", at10), (at10, "--check", at25, "--check", at25)):
        done = harness("calibrate", *words, "-o", tmp_path / "twice.toml")
        assert done.exit_code == 2
        assert "run_id: expected another run: each report once, found that of" in done.stderr
        assert not (tmp_path / "twice.toml").exists()


def test_runs_of_different_systems_are_refused(at10: Path, tmp_path: Path) -> None:
    other = reported(closed(10, 50), targets.free, tmp_path)
    done = harness("calibrate", at10, other)
    assert done.exit_code == ExitCode.USAGE
    for words in (other.name, "target", "free", "Capped"):
        assert words in done.output
    longer = reported(closed(20, 50, one=2), targets.Capped, tmp_path)
    done = harness("calibrate", at10, "--check", longer)
    assert done.exit_code == ExitCode.USAGE
    assert "workflow.one: expected that of" in done.output
    unknown = reported(closed(20, 50, another=1), targets.Capped, tmp_path)
    done = harness("calibrate", at10, "--check", unknown)
    assert done.exit_code == ExitCode.USAGE
    assert "mix.another: expected types that the calibrated runs had (one)" in done.output


def test_a_declaration_too_long_for_a_report_is_taken_from_its_file(at10: Path, tmp_path: Path) -> None:
    import tomli_w  # noqa: PLC0415 - only this test writes one

    from harness.scenario.declare import declaration_of  # noqa: PLC0415

    document = json.loads(at10.read_text())
    document["service_times"]["declaration"] = None
    (tmp_path / "long.json").write_text(json.dumps(document))
    done = harness("calibrate", "long.json")
    assert done.exit_code == ExitCode.USAGE
    assert "--file with the scenario file" in done.output
    (tmp_path / "mine.toml").write_text(tomli_w.dumps(declaration_of(closed(10, 1500))))
    assert harness("calibrate", "long.json", "-f", "mine.toml").exit_code == ExitCode.HELD


def test_the_built_in_orchestrator_is_measured_on_the_hybrid_clock(tmp_path: Path) -> None:
    scenario = load_catalog()["test_10_concurrent_workflows"]
    path = reported(scenario, "builtin", tmp_path, clock="hybrid", seeds=range(2))
    done = harness("calibrate", path, "--json")
    assert done.exit_code == ExitCode.HELD, done.output
    document = json.loads(done.stdout)
    (wait,) = [fit for fit in document["fits"] if fit["part"] == "wait"]
    assert wait["count"] >= 280
    step = load_scenarios(next(tmp_path.glob("*.toml"))).declared_here()[0].types[0].steps[0]
    assert step.hold_b == scenario.types[0].steps[0].hold_b
    p50 = next(f for f in document["predictions"][0]["figures"] if f["metric"] == "latency_p50")
    # 280 durations know their median to within 9 %: the model has to lie where it may lie
    assert p50["measured"]["low"] <= p50["predicted"]["value"] <= p50["measured"]["high"]
