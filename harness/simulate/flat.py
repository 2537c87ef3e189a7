"""One function out of the many that the kernel is written as, for the forms that are to be quick.

A call costs more than what most of the kernel's functions do, in CPython as in compiled code. So the bodies of all
functions that the entry calls, and theirs, are put in place of the calls; the fields of the world become local
variables, which are read at the start and written back at the end; and what the scenario declares (`Facts`) is put in
as constants, so that what it does not use is left out. Nothing is reordered and no arithmetic is changed: every
expression is evaluated as it stands in the source, which stays the only definition.

What is put in place has to be plain: calls of kernel functions stand alone, are assigned or returned; no `return`
within a loop; the records are called `sim` and `world` everywhere. A function that is not raises `TypeError`.
"""

from __future__ import annotations

import ast
import copy
import functools
import inspect
import linecache
import operator
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import fields
from types import FunctionType, ModuleType
from typing import Any

from harness.simulate.records import Job, Pool, Step, World

_OF_JOBS = {field.name for field in fields(Job)} - {
    field.name for record in (Pool, Step, World) for field in fields(record)
}
"""Fields that only a job has; what is in the other records is read when the run is over."""

Facts = Mapping[str, float]
"""Constants by what they stand for: `world.law` as it is written, or `.fail` for that field of whatever."""

_RECORDS = ("sim", "world")
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


@functools.cache
def _functions_of(module: str) -> dict[str, str]:
    """The source of each of a module's functions, without decorators."""
    source = inspect.getsource(sys.modules[module])
    lines = source.splitlines(keepends=True)
    found = (node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef))
    return {node.name: "".join(lines[node.lineno - 1 : node.end_lineno]) for node in found}


def _definition(function: FunctionType) -> ast.FunctionDef:
    # parsed anew for each call that it is put in place of: that is many times as quick as copying a tree
    (found,) = ast.parse(_functions_of(function.__module__)[function.__name__]).body
    assert isinstance(found, ast.FunctionDef)
    first = found.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        del found.body[0]
    return found


class _Rewritten(ast.NodeTransformer):
    """A function's own statements, with its names made unique, its constants put in, and what is decided left out."""

    def __init__(self, function: FunctionType, names: dict[str, ast.expr], facts: Facts, known: dict[str, Any]) -> None:
        self._globals = function.__globals__
        self._names = names
        self._facts = facts
        self._known = known

    def visit_Name(self, node: ast.Name) -> ast.expr:
        found = self._names.get(node.id)
        if found is not None:
            return ast.Name(found.id, node.ctx) if isinstance(found, ast.Name) else found
        if node.id in _RECORDS or node.id not in self._globals:
            return node  # a record, or a builtin
        return self._constant_or_known(node.id, self._globals[node.id])

    def _constant_or_known(self, name: str, value: Any) -> ast.expr:
        if type(value) in (int, float) and value == value:  # noqa: PLR0124 - NaN has a sign that a text does not show
            return ast.Constant(value)
        if self._known.setdefault(name, value) is not value:
            raise TypeError(f"two things are called {name}")
        return ast.Name(name, ast.Load())

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        base = node.value
        if isinstance(base, ast.Name) and f"{base.id}.{node.attr}" in self._facts and isinstance(node.ctx, ast.Load):
            return ast.Constant(self._facts[f"{base.id}.{node.attr}"])
        if isinstance(base, ast.Name) and base.id not in self._names:
            if base.id in _RECORDS:
                return self._field_of_record(base.id, node)
            found = self._globals.get(base.id)
            if isinstance(found, ModuleType):  # `math`
                return self._constant_or_known(f"{base.id}_{node.attr}", getattr(found, node.attr))
        if f".{node.attr}" in self._facts and isinstance(node.ctx, ast.Load):
            return ast.Constant(self._facts[f".{node.attr}"])
        self.generic_visit(node)
        return node

    def _field_of_record(self, record: str, node: ast.Attribute) -> ast.expr:
        return ast.Name(f"{record}_{node.attr}", node.ctx)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.Assign:
        assert node.value is not None
        return ast.Assign([self.visit(node.target)], self.visit(node.value), lineno=0)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.operand, ast.Constant) and isinstance(node.op, ast.Not | ast.USub):
            value: Any = node.operand.value
            return ast.Constant(not value if isinstance(node.op, ast.Not) else -value)
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        self.generic_visit(node)
        left, right = node.left, node.comparators[0]
        if len(node.ops) == 1 and isinstance(left, ast.Constant) and isinstance(right, ast.Constant):
            return ast.Constant(_COMPARE[type(node.ops[0])](left.value, right.value))
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        self.generic_visit(node)
        decides = isinstance(node.op, ast.Or)
        kept: list[ast.expr] = []
        for value in node.values:
            if not isinstance(value, ast.Constant):
                kept.append(value)
            elif bool(value.value) is decides:
                kept.append(value)
                break
        if not kept:
            return ast.Constant(not decides)
        if isinstance(kept[0], ast.Constant) or len(kept) == 1:
            return kept[0]
        node.values = kept
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.test, ast.Constant):
            return node.body if node.test.value else node.orelse
        return node

    def visit_If(self, node: ast.If) -> ast.stmt | list[ast.stmt]:
        node.test = self.visit(node.test)
        if isinstance(node.test, ast.Constant):
            return self.block(node.body if node.test.value else node.orelse)
        node.body = self.block(node.body)
        node.orelse = self.block(node.orelse)
        if not node.body and not node.orelse:
            return []
        return node

    def visit_While(self, node: ast.While) -> ast.stmt | list[ast.stmt]:
        node.test = self.visit(node.test)
        node.body = self.block(node.body)
        node.orelse = self.block(node.orelse)
        if isinstance(node.test, ast.Constant) and not node.test.value:
            return node.orelse
        return node

    def block(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        """Statements, without what follows one that always leaves."""
        found: list[ast.stmt] = []
        for statement in statements:
            new = self.visit(statement)
            found.extend(new if isinstance(new, list) else [new])
            if _leaves(found):
                break
        return found


def _leaves(block: list[ast.stmt]) -> bool:
    """Whether a block never comes to its end."""
    if not block:
        return False
    last = block[-1]
    if isinstance(last, ast.If):
        return bool(last.orelse) and _leaves(last.body) and _leaves(last.orelse)
    return isinstance(last, ast.Return | ast.Break | ast.Continue)


def _returns(statement: ast.stmt) -> bool:
    return any(isinstance(node, ast.Return) for node in ast.walk(statement))


def _without_returns(block: list[ast.stmt], target: ast.expr | None) -> list[ast.stmt]:
    """A body in which what follows a branch that returns is in the other branch; values are assigned to `target`."""
    found: list[ast.stmt] = []
    for place, statement in enumerate(block):
        if isinstance(statement, ast.Return):
            return found + _result(statement, target)
        if not _returns(statement):
            found.append(statement)
            continue
        if not isinstance(statement, ast.If):
            raise TypeError(f"a return within a loop: {ast.unparse(statement)}")
        rest = block[place + 1 :]
        body = statement.body if _leaves(statement.body) else statement.body + rest
        other = statement.orelse if _leaves(statement.orelse) else statement.orelse + copy.deepcopy(rest)
        statement.body = _without_returns(body, target)
        statement.orelse = _without_returns(other, target)
        return [*found, statement]
    return found


def _result(statement: ast.Return, target: ast.expr | None) -> list[ast.stmt]:
    if statement.value is None:
        return []
    if target is None:
        return [ast.Expr(statement.value)]
    return [ast.Assign([copy.deepcopy(target)], statement.value, lineno=0)]


class _Flattener:
    """Puts bodies in place of calls; see the module."""

    def __init__(self, parts: Mapping[FunctionType, FunctionType], facts: Facts) -> None:
        self._parts = parts
        self._facts = facts
        self._count = 0
        self.known: dict[str, Any] = {}

    def entry(self, function: Any) -> list[ast.stmt]:
        return self._expanded(self._rewritten(function, _definition(function), {}))[1:]

    def _rewritten(
        self, function: FunctionType, definition: ast.FunctionDef, names: dict[str, ast.expr]
    ) -> list[ast.stmt]:
        return _Rewritten(function, names, self._facts, self.known).block(definition.body)

    def _expanded(self, block: list[ast.stmt]) -> list[ast.stmt]:
        found: list[ast.stmt] = []
        for statement in block:
            call = statement.value if isinstance(statement, ast.Assign | ast.Expr) else None
            part = self._part(call)
            if part is not None and isinstance(call, ast.Call):
                target = statement.targets[0] if isinstance(statement, ast.Assign) else None
                found.extend(self._in_place(part, call, target))
                continue
            if isinstance(statement, ast.If | ast.While | ast.For):
                statement.body = self._expanded(statement.body) or [ast.Pass()]
                statement.orelse = self._expanded(statement.orelse)
            found.append(statement)
        return found

    def _part(self, node: ast.AST | None) -> FunctionType | None:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            found = self.known.get(node.func.id)
            if isinstance(found, FunctionType):
                return self._parts.get(found)
        return None

    def _in_place(self, part: FunctionType, call: ast.Call, target: ast.expr | None) -> list[ast.stmt]:
        self._count += 1
        definition = _definition(part)
        names, bound = self._bound(definition, call)
        body = _without_returns(self._rewritten(part, definition, names), target)
        return [*bound, *self._expanded(body)] if body else bound

    def _bound(self, definition: ast.FunctionDef, call: ast.Call) -> tuple[dict[str, ast.expr], list[ast.stmt]]:
        """What stands for each of the function's names, and the assignments that begin its body."""
        stored = {
            n.id
            for s in definition.body
            for n in ast.walk(s)
            if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        }
        names: dict[str, ast.expr] = {name: ast.Name(f"{name}_{self._count}", ast.Load()) for name in stored}
        bound: list[ast.stmt] = []
        for parameter, value in zip(definition.args.args, call.args, strict=True):
            name = parameter.arg
            if name in _RECORDS:
                continue
            simple = isinstance(value, ast.Constant) or (isinstance(value, ast.Name) and not _is_field(value))
            if simple and name not in stored:
                names[name] = value
            else:
                names[name] = ast.Name(f"{name}_{self._count}", ast.Load())
                bound.append(ast.Assign([ast.Name(f"{name}_{self._count}", ast.Store())], value, lineno=0))
        return names, bound


def _names_in(block: list[ast.stmt]) -> Iterator[ast.Name]:
    return (node for statement in block for node in ast.walk(statement) if isinstance(node, ast.Name))


def _is_field(name: ast.Name) -> bool:
    return name.id.startswith(tuple(f"{record}_" for record in _RECORDS))


def _fields(names: Collection[str], record: str) -> list[str]:
    """The fields of a record among the names that a body uses, or that it sets."""
    return sorted(name[len(record) + 1 :] for name in names if name.startswith(f"{record}_"))


class _Unread(ast.NodeTransformer):
    """Leaves out what is only written: fields of `kept`'s record that nothing of the body reads."""

    def __init__(self, block: list[ast.stmt], fields: Collection[str]) -> None:
        nodes = [node for statement in block for node in ast.walk(statement) if isinstance(node, ast.Attribute)]
        self._unread = set(fields) - {node.attr for node in nodes if isinstance(node.ctx, ast.Load)}

    def visit_Assign(self, node: ast.Assign) -> ast.stmt:
        target = node.targets[0]
        if isinstance(target, ast.Attribute) and target.attr in self._unread:
            return ast.Pass()
        return node


class _Unsigned(ast.NodeTransformer):
    """Puts every index into `unsigned(...)`: compiled, a signed one is tested for counting from the end."""

    def __init__(self, lists: Collection[str]) -> None:
        self._lists = {f"sim_{name}" for name in lists}

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.value, ast.Name) and node.value.id in self._lists:
            node.slice = ast.Call(ast.Name("unsigned", ast.Load()), [node.slice], [])
        return node


def _load(record: str, names: Collection[str]) -> list[str]:
    return [f"    {record}_{field} = {record}.{field}" for field in _fields(names, record)]


def flattened(
    entry: Callable[..., Any],
    parts: Mapping[FunctionType, FunctionType],
    facts: Facts,
    name: str,
    unsigned: Collection[str] = (),
) -> tuple[str, dict[str, Any]]:
    """The source of one function `name(sim)` that does what `entry` does, and the names that it needs.

    `parts` says by which function a call of a kernel function is to be replaced; most by themselves.
    """
    flattener = _Flattener(parts, facts)
    body = flattener.entry(entry)
    for node in _names_in(body):
        if flattener.known.get(node.id) in parts:
            raise TypeError(f"{node.id} is called where a body cannot be put")
    last = body.pop()
    body = [_Unread(body, _OF_JOBS).visit(statement) for statement in body]
    body = [_Unsigned(unsigned).visit(statement) for statement in body]
    found = list(_names_in(body))
    used, stored = {name.id for name in found}, {name.id for name in found if isinstance(name.ctx, ast.Store)}
    block = [line for statement in body for line in ast.unparse(statement).split("\n")]
    lines = [f"def {name}(sim):", "    world = sim.worlds[0]", *_load("sim", used), *_load("world", used)]
    lines += [f"    {line}" for line in block]
    lines += [f"    world.{field} = world_{field}" for field in _fields(stored, "world")]
    lines += ["    " + ast.unparse(last), ""]
    return "\n".join(lines), flattener.known


def made(source: str, known: Mapping[str, Any], name: str, file: str) -> FunctionType:
    """The function of that source; a traceback through it shows its lines where `file` is not one on the disk."""
    if file.startswith("<"):
        linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    namespace = dict(known)
    exec(compile(source, file, "exec"), namespace)  # our own source, made of our own files
    function: FunctionType = namespace[name]
    return function


def functions_of(modules: Collection[ModuleType]) -> dict[FunctionType, FunctionType]:
    """Every function that some modules define, standing for itself."""
    return {
        found: found
        for module in modules
        for found in vars(module).values()
        if isinstance(found, FunctionType) and found.__module__ == module.__name__
    }
