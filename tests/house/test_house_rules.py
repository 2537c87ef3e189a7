"""The house rules that no linter knows: who reads clocks, who opens files, how long a function may be."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted((ROOT / "harness").rglob("*.py"))

LONGEST_FUNCTION = 25
"""Lines of code in a function, its docstring and signature not counted."""
LONGEST_MODULE = 400

CLOCKS = {"monotonic", "perf_counter", "perf_counter_ns", "monotonic_ns", "thread_time", "process_time"}
MAY_READ_CLOCKS = ("drive/clock.py", "drive/virtual_loop.py", "measure/resources.py", "measure/heartbeat.py")
MAY_READ_CLOCKS += ("measure/processes.py",)
MAY_READ_CLOCKS += ("drive/hybrid_loop.py", "drive/outside", "drive/conversations.py", "drive/wall_readers.py")
MAY_OPEN_FILES = (
    "drive/kernel.py",  # what Linux says about a thread, under /proc
    "scenario/load.py",
    "scenario/quantiles.py",
    "scenario/trace.py",
    "schema.py",
    "measure/mapped.py",  # rows that outlive the worker that records them
    "distribute/",  # the folders that workers record in
    "report/",
    "bridges/",
    "adopt/",  # writes into and examines a user's repository
    "cli.py",
    "cli_refusals.py",  # the null device, for streams that are closed
)
FILE_METHODS = {"read_text", "read_bytes", "write_text", "write_bytes", "open", "unlink", "mkdir", "touch"}
MAY_DRAW = ("plan/draws.py",)
# statistics over samples, seeded by their caller: not part of what a run does
MAY_DRAW += ("judge/statistics/", "judge/verdict.py", "judge/history.py")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT / "harness").as_posix()


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def allowed(path: Path, places: tuple[str, ...]) -> bool:
    return any(name_of(path).startswith(place) for place in places)


def calls(tree: ast.AST) -> Iterator[tuple[int, str, str]]:
    """(line, what it is called on, name) of every call."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.lineno, ast.unparse(node.func.value), node.func.attr
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.lineno, "", node.func.id


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_the_clock_and_the_monitor_read_clocks(path: Path) -> None:
    found = [line for line, on, name in calls(parsed(path)) if on == "time" and name in CLOCKS]
    assert not found or allowed(path, MAY_READ_CLOCKS), f"{name_of(path)} reads a clock at lines {found}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_the_edges_open_files_or_print(path: Path) -> None:
    found = [
        line
        for line, on, name in calls(parsed(path))
        if (not on and name in {"open", "print"}) or (on and name in FILE_METHODS)
    ]
    assert not found or allowed(path, MAY_OPEN_FILES), f"{name_of(path)} opens files or prints at lines {found}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_randomness_enters_only_through_the_draws(path: Path) -> None:
    tree = parsed(path)
    imports = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imports |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    draws = [line for line, on, _ in calls(tree) if on.endswith("random")]
    assert not ({"random", "secrets"} & imports or draws) or allowed(path, MAY_DRAW), name_of(path)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_functions_fit_the_eye(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            length = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
            above = lines[node.lineno - 2 : node.body[0].lineno]
            exempt = any("# long: " in line for line in above)
            assert length <= LONGEST_FUNCTION or exempt, (
                f"{name_of(path)}:{node.lineno} {node.name} has {length} lines; split it, "
                "or say why not in a comment '# long: …' at its head"
            )


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_modules_are_one_thought(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_MODULE
    assert path.stem not in {"utils", "util", "helpers", "common", "misc"}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_nothing_is_left_unfinished(path: Path) -> None:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        assert not any(word in line for word in ("TODO", "FIXME", "XXX")), f"{name_of(path)}:{number}"
        for excuse in ("noqa", "type: ignore", "pragma:"):
            if f"# {excuse}" in line:
                reason = line.split(f"# {excuse}", 1)[1]
                assert " - " in reason or "  # " in reason or "  - " in reason or "PLC0415" in reason, (
                    f"{name_of(path)}:{number}: say beside it why it is excused"
                )


TEXTS = {".py", ".md", ".toml", ".json", ".yml"}


def shipped_texts() -> Iterator[Path]:
    for path in ROOT.rglob("*"):
        parts = path.relative_to(ROOT).parts
        hidden = any(part.startswith(".") and part not in {".github", ".ci"} for part in parts)
        if path.suffix in TEXTS and path.is_file() and not hidden and "reports" not in parts:
            yield path


def test_the_repository_names_no_machine() -> None:
    own = Path(__file__).resolve()
    for path in shipped_texts():
        text = path.read_text(encoding="utf-8", errors="ignore")
        assert path == own or not ("/work/" in text or "/root/" in text), path
