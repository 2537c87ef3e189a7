"""`harness schema NAME` prints the schema as it is shipped."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from harness.cli import main
from harness.errors import ExitCode
from harness.schema import schema_names

ROOT = Path(__file__).parents[2]


def test_the_names_are_those_of_the_files() -> None:
    assert schema_names() == sorted(path.name.split(".")[0] for path in (ROOT / "schemas").iterdir())
    assert {"scenario", "report", "comparison"} <= set(schema_names())


@pytest.mark.parametrize("name", schema_names())
def test_a_schema_is_printed_as_it_stands(name: str) -> None:
    done = CliRunner().invoke(main, ["schema", name])
    assert done.exit_code == ExitCode.HELD
    assert done.output == (ROOT / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8")
    Draft202012Validator.check_schema(json.loads(done.output))


@pytest.mark.parametrize("name", ["scenaro", "", "../scenario", "scenario.schema.json"])
def test_an_unknown_name_is_answered_with_all_there_are(name: str) -> None:
    done = CliRunner().invoke(main, ["schema", name])
    assert done.exit_code == ExitCode.USAGE
    assert done.output.startswith("error: arguments: NAME: expected one of advice, ")
    assert all(known in done.output for known in schema_names())
    assert not done.output.startswith("{")


def test_without_a_name_all_are_listed_with_what_they_describe() -> None:
    done = CliRunner().invoke(main, ["schema"])
    assert done.exit_code == ExitCode.HELD
    told = dict(line.split(maxsplit=1) for line in done.output.splitlines())
    assert list(told) == schema_names()
    for name, first in told.items():
        described = json.loads((ROOT / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8"))["description"]
        assert described.startswith(first)
        assert len(first) > 10


def test_a_shell_is_told_the_names() -> None:
    command = main.commands["schema"]
    (name,) = command.params
    context = click.Context(command)
    assert [one.value for one in name.shell_complete(context, "s")] == ["scenario", "settings", "sweep"]
