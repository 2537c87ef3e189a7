"""Reference that is made from the code: the public names, the commands, exit codes, options."""

from __future__ import annotations

import ast
import importlib
import inspect
import itertools
from collections.abc import Iterator

from schema_reference import code, escaped

import harness
from harness.bridges.asv_suite import ScenarioSuite
from harness.bridges.pytest_options import add_options
from harness.errors import ExitCode

RECORDS = {
    "Run": ["WorkflowColumns", "AttemptColumns", "PoolChanges", "Series", "Generator", "Share", "Outcome"],
    "MultiAgentLoadMetrics": [
        "Estimate",
        "LatencyMetrics",
        "ThroughputMetrics",
        "PoolMetrics",
        "ResourceMetrics",
        "ReplicationMetrics",
    ],
    "judge_baseline": ["LineVerdict"],
    "load_scenarios": ["Catalog"],
    "compare": ["Comparison", "Row"],
}
"""The records that a public name returns or is made of, in the module of that name."""


def python(_: str) -> str:
    """Every public name of `harness`, functions first, each followed by the records it returns."""
    names = sorted(harness.__all__, key=lambda name: (inspect.isclass(getattr(harness, name)), name.lower()))
    return "\n".join(line for name in names for line in _documented(name))


def _documented(name: str) -> Iterator[str]:
    yield from (f"## {code(name)}", "", "```{eval-rst}", *_directive("harness", name), "```", "")
    home = inspect.getmodule(getattr(harness, name)).__name__
    for record in RECORDS.get(name, ()):
        yield from (f"### {code(record)}", "", "```{eval-rst}", *_directive(home, record), "```", "")


def _directive(module: str, name: str) -> Iterator[str]:
    found = getattr(importlib.import_module(module), name)
    if inspect.isclass(found):
        yield from (f".. autoclass:: {module}.{name}", "   :members:", "   :undoc-members:")
    else:
        yield f".. autofunction:: {module}.{name}"


def commands(_: str) -> str:
    """Every command with its options, as `--help` has them."""
    return "\n".join(["```{eval-rst}", ".. click:: harness.cli:main", "   :prog: harness", "   :nested: full", "```"])


def exit_codes(_: str) -> str:
    """The table of exit codes, with what the enum's members say of themselves."""
    rows = [f"| {one.value} | {one.name.lower().replace('_', ' ')} | {escaped(_said(one.name))} |" for one in ExitCode]
    return "\n".join(["| code | name | meaning |", "|---|---|---|", *rows])


def _said(member: str) -> str:
    """The text that stands below a member of the enum in its source."""
    body = ast.parse(inspect.getsource(ExitCode)).body[0].body
    for one, after in itertools.pairwise(body):
        if isinstance(one, ast.Assign) and one.targets[0].id == member:
            return after.value.value
    raise LookupError(f"{member} has no text of its own")


class _Options:
    """Stands for pytest's parser: keeps what the plugin declares."""

    def __init__(self) -> None:
        self.rows: list[str] = []

    def getgroup(self, *_: str) -> _Options:
        return self

    def addoption(self, name: str, *, help: str, metavar: str | None = None, **_: object) -> None:  # noqa: A002 - pytest's own name for it
        twin = name.removeprefix("--").replace("-", "_")
        typed = f"{name} {metavar}" if metavar else name
        self.rows.append(f"| {code(typed)} | {code(twin)} | {escaped(help)} |")

    def addini(self, *_: object, **__: object) -> None:
        """Every option has one, of its own name."""


def pytest_options(_: str) -> str:
    """Every option of the pytest plugin with its ini twin."""
    declared = _Options()
    add_options(declared)
    return "\n".join(["| option | ini | meaning |", "|---|---|---|", *declared.rows])


def asv_suite(_: str) -> str:
    """The attributes that a class of asv benchmarks may set."""
    module, name = ScenarioSuite.__module__, ScenarioSuite.__name__
    return "\n".join(["```{eval-rst}", f".. autoclass:: {module}.{name}", "   :members:", "   :undoc-members:", "```"])
