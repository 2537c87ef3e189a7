"""Traps in tests that use pytest-benchmark."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

Function = ast.FunctionDef | ast.AsyncFunctionDef
Found = tuple[int, str, str]
"""Line, trap, what was found."""

_FIXTURE = "benchmark"
_TRAP = "async-in-benchmark"


def traps_in_tests(tree: ast.Module, is_async: Callable[[str, str], bool]) -> Iterator[Found]:
    """`is_async(module, name)` tells whether a module of the repository has an async function of that name."""
    waiting = {one.name for one in ast.walk(tree) if isinstance(one, ast.AsyncFunctionDef)}
    plain = {one.name for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            waiting |= {one.asname or one.name for one in node.names if is_async(node.module, one.name)}
    for function in ast.walk(tree):
        if isinstance(function, Function) and _takes_fixture(function):
            yield from _in_test(function, waiting - plain)


def _takes_fixture(function: Function) -> bool:
    given = function.args
    return any(one.arg == _FIXTURE for one in (*given.posonlyargs, *given.args, *given.kwonlyargs))


def _in_test(function: Function, waiting: set[str]) -> Iterator[Found]:
    for node in ast.walk(function):
        if isinstance(node, ast.AsyncFunctionDef):
            if any(ast.unparse(one).partition("(")[0] == _FIXTURE for one in node.decorator_list):
                yield node.lineno, _TRAP, f"@benchmark async def {node.name}"
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in {_FIXTURE, f"{_FIXTURE}.pedantic"}:
            measured = node.args[0] if node.args else _keyword(node, "target")
            name = _called(measured)
            if name in waiting:
                yield node.lineno, _TRAP, f"{ast.unparse(node.func)}({ast.unparse(measured)}, …)" if measured else ""


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((one.value for one in call.keywords if one.arg == name), None)


def _called(measured: ast.expr | None) -> str | None:
    """The function that a round would call: named itself, or called by a lambda."""
    if isinstance(measured, ast.Lambda):
        measured = measured.body.func if isinstance(measured.body, ast.Call) else None
    return ast.unparse(measured).rpartition(".")[2] if isinstance(measured, ast.Name | ast.Attribute) else None
