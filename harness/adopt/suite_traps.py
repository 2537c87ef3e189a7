"""Traps in asv's benchmarks, told from their source: classes are followed by name through the folder's modules."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from harness.adopt.commands import ENOUGH
from harness.bridges.seeds import parse_seeds
from harness.errors import UnitError

_BENCHMARK = re.compile(r"(time|timeraw|track|mem|peakmem)_.+")
_SUITE = "ScenarioSuite"
_RUNS_LOADS = {"run", "load_scenarios", "AgentLoadSimulator"}
_ROUNDS = 2
"""What asv takes where a benchmark says nothing."""

Function = ast.FunctionDef | ast.AsyncFunctionDef
Found = tuple[str, int, str, str]
"""Path, line, trap, what was found."""


@dataclass(frozen=True)
class Class:
    """A class of the folder. `times` is how often it is made: more than once in a loop or a function called twice."""

    path: str
    node: ast.ClassDef
    times: int = 1

    @property
    def name(self) -> str:
        """As it is written where it is made."""
        return self.node.name

    @cached_property
    def bases(self) -> tuple[str, ...]:
        """The last part of each base's name."""
        return tuple(ast.unparse(base).rpartition(".")[2] for base in self.node.bases)

    @cached_property
    def own(self) -> dict[str, ast.stmt]:
        """What its body defines, by name."""
        return {name: one for one in self.node.body for name in _defined(one)}


class Folder:
    """All modules of a folder of benchmarks: path -> tree."""

    def __init__(self, modules: Mapping[str, ast.Module]) -> None:
        self.modules = modules
        self.classes = [one for path, tree in modules.items() for one in _classes(path, tree)]
        self._aliases = {alias: name for tree in modules.values() for alias, name in _imported(tree)}
        self._by_name = {one.name: one for one in self.classes}

    def chain(self, one: Class) -> list[Class | str]:
        """The class and all above it, those of other folders by their names."""
        found: list[Class | str] = [one]
        waiting = list(one.bases)
        while waiting:
            name = self._aliases.get(waiting[0], waiting[0])
            known = self._by_name.get(waiting.pop(0)) or self._by_name.get(name)
            above: Class | str = known or name
            if above not in found:
                found.append(above)
                waiting += known.bases if known else ()
        return found

    def is_suite(self, one: Class) -> bool:
        """Whether it is a load scenario of ours."""
        return _SUITE in self.chain(one)

    def has_benchmarks(self, one: Class) -> bool:
        """Whether asv would find any in it."""
        known = (above for above in self.chain(one) if isinstance(above, Class))
        return any(_BENCHMARK.fullmatch(name) for above in known for name in above.own)

    @property
    def has_ordinary(self) -> bool:
        """Whether there is any benchmark that is no load scenario: one with rounds that can be interleaved."""
        functions = (one for tree in self.modules.values() for one in tree.body if isinstance(one, Function))
        return any(_BENCHMARK.fullmatch(one.name) for one in functions) or any(map(self.has_benchmarks, self.classes))


def traps_in_suites(folder: Folder) -> Iterator[Found]:
    """Every trap of the folder."""
    yield from _shared_caches(folder)
    yield from _async(folder)
    yield from _leaking(folder)
    yield from _few_samples(folder)
    yield from _versions(folder)
    yield from _unregistered(folder)


def _shared_caches(folder: Folder) -> Iterator[Found]:
    for one in folder.classes:
        cache = one.own.get("setup_cache")
        if not isinstance(cache, Function) or folder.is_suite(one) or not _asks_self(cache):
            continue
        heirs = [heir for heir in folder.classes if one in folder.chain(heir) and folder.has_benchmarks(heir)]
        count = sum(heir.times for heir in heirs if not heir.name.startswith("_"))
        if count > 1:
            names = ", ".join(sorted({heir.name for heir in heirs if not heir.name.startswith("_")}))
            yield one.path, cache.lineno, "shared-setup-cache", f"one setup_cache for {count} classes ({names})"


def _asks_self(function: Function) -> bool:
    """Whether the cache depends on the object: only then does it matter whose it is."""
    if not function.args.args:
        return False
    own = function.args.args[0].arg
    return any(isinstance(node, ast.Name) and node.id == own for one in function.body for node in ast.walk(one))


def _async(folder: Folder) -> Iterator[Found]:
    for path, tree in folder.modules.items():
        bodies = [tree.body, *(one.node.body for one in folder.classes if one.path == path)]
        for body in bodies:
            for one in body:
                if isinstance(one, ast.AsyncFunctionDef) and _BENCHMARK.fullmatch(one.name):
                    yield path, one.lineno, "async-benchmark", f"async def {one.name}"


def _leaking(folder: Folder) -> Iterator[Found]:
    public = {one.name: one for one in folder.classes if folder.has_benchmarks(one) and one.name[0] != "_"}
    for path, tree in folder.modules.items():
        for one in _top(tree):
            if not isinstance(one, ast.ImportFrom):
                continue
            for alias in one.names:
                name = alias.asname or alias.name
                if _BENCHMARK.fullmatch(name) or (name[0] != "_" and alias.name in public):
                    yield path, one.lineno, "leaking-name", f"from {'.' * one.level}{one.module or ''} import {name}"
    for base in public.values():
        heirs = [heir.name for heir in folder.classes if heir is not base and base in folder.chain(heir)]
        if heirs:
            yield base.path, base.node.lineno, "leaking-name", f"class {base.name}, the base of {', '.join(heirs)}"


def _few_samples(folder: Folder) -> Iterator[Found]:
    for one in folder.classes:
        seeds = _constant(one.own.get("seeds")) if folder.is_suite(one) else None
        if isinstance(seeds, str) and _too_few(seeds):
            yield one.path, one.own["seeds"].lineno, "dead-zone-samples", f'seeds = "{seeds}"'
        yield from _repeats(one.path, one.own)
    for path, tree in folder.modules.items():
        attributes: dict[str, dict[str, ast.stmt]] = {}
        for node in _top(tree):
            target = node.targets[0] if isinstance(node, ast.Assign) else None
            if isinstance(target, ast.Attribute):
                attributes.setdefault(ast.unparse(target.value), {})[target.attr] = node
        for given in attributes.values():
            yield from _repeats(path, given)


def _repeats(path: str, given: Mapping[str, ast.stmt]) -> Iterator[Found]:
    """`repeat` and `rounds`, whose product is the number of samples at most."""
    repeat, rounds = _constant(given.get("repeat")), _constant(given.get("rounds"))
    most = repeat[1] if isinstance(repeat, tuple) and len(repeat) == 3 else repeat
    times = rounds if isinstance(rounds, int) else _ROUNDS
    if isinstance(most, int) and 0 < most * times < ENOUGH:
        found = f"repeat = {repeat}, {times} rounds: {most * times} samples"
        yield path, given["repeat"].lineno, "dead-zone-samples", found


def _too_few(seeds: str) -> bool:
    try:
        return len(parse_seeds(seeds)) < ENOUGH
    except UnitError:
        return False


def _versions(folder: Folder) -> Iterator[Found]:
    for one in folder.classes:
        version = one.own.get("version")
        if version is not None and folder.is_suite(one):
            yield one.path, version.lineno, "version-not-digest", f"{one.name} has a version of its own"
    for path, tree in folder.modules.items():
        if not _runs_loads(tree):
            continue
        for one in folder.classes:
            first = next((node for name, node in one.own.items() if _BENCHMARK.fullmatch(name)), None)
            if one.path == path and first is not None and _constant(one.own.get("version"), "") is not None:
                yield path, first.lineno, "version-not-digest", f"{one.name} runs load scenarios"
        versioned = {ast.unparse(t.value) for t in _attribute_targets(tree) if t.attr == "version"}
        for node in tree.body:
            if isinstance(node, Function) and _BENCHMARK.fullmatch(node.name) and node.name not in versioned:
                yield path, node.lineno, "version-not-digest", f"{node.name} runs load scenarios"


def _attribute_targets(tree: ast.Module) -> Iterator[ast.Attribute]:
    for node in _top(tree):
        for target in node.targets if isinstance(node, ast.Assign) else []:
            if isinstance(target, ast.Attribute):
                yield target


def _runs_loads(tree: ast.Module) -> bool:
    """Whether a module runs scenarios itself."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "harness":
            if _RUNS_LOADS & {one.name for one in node.names}:
                return True
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in {f"harness.{name}" for name in _RUNS_LOADS}:
            return True
    return False


def _unregistered(folder: Folder) -> Iterator[Found]:
    top = min((path for path in folder.modules if path.endswith("__init__.py")), key=len, default=None)
    package = folder.modules[top] if top else None
    calls = [ast.unparse(node.func) for node in ast.walk(package) if isinstance(node, ast.Call)] if package else []
    names = {alias for alias, name in _imported(package) if name in {"asv_type", "register"}} if package else set()
    if any(call.partition(".")[0] in names and call.rpartition(".")[2] in {"register", *names} for call in calls):
        return
    for path, tree in folder.modules.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and any(one.name == _SUITE for one in node.names):
                found = "no __init__.py" if package is None else f"{top} registers no type of benchmark"
                yield path, node.lineno, "unregistered-suite", f"a ScenarioSuite, but {found}"
                return


# --------------------------------------------------------------------------- reading trees


def _classes(path: str, tree: ast.Module) -> Iterator[Class]:
    """Every class at the top or made by a function or a loop, and each that `type(name, bases, …)` makes."""
    calls = [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]

    def below(body: list[ast.stmt], times: int) -> Iterator[Class]:
        for one in body:
            if isinstance(one, ast.ClassDef):
                yield Class(path, one, times)
            elif isinstance(one, Function):
                yield from below(one.body, calls.count(one.name))
            elif isinstance(one, ast.For | ast.While):
                yield from below(one.body, 2)
            else:
                yield from below([inner for inner in ast.iter_child_nodes(one) if isinstance(inner, ast.stmt)], times)
            yield from _made(path, one, 2 if isinstance(one, ast.For | ast.While) else times)

    yield from below(tree.body, 1)


def _made(path: str, node: ast.stmt, times: int) -> Iterator[Class]:
    for one in ast.walk(node):
        if isinstance(one, ast.Call) and ast.unparse(one.func) == "type" and len(one.args) == 3:
            bases = one.args[1].elts if isinstance(one.args[1], ast.Tuple) else []
            name = one.args[0].value if isinstance(one.args[0], ast.Constant) else "Made"
            made = ast.ClassDef(str(name), bases, [], [], [], lineno=one.lineno, col_offset=0)
            yield Class(path, made, times)


def _top(tree: ast.Module) -> Iterator[ast.stmt]:
    """The statements a module runs by itself: also those under `if`, `try` and `with`."""
    waiting: list[ast.stmt] = list(tree.body)
    while waiting:
        one = waiting.pop(0)
        yield one
        if not isinstance(one, Function | ast.ClassDef):
            waiting += [inner for inner in ast.walk(one) if isinstance(inner, ast.stmt) and inner is not one]


def _imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """(name here, name there) of everything imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom | ast.Import):
            yield from ((one.asname or one.name, one.name.rpartition(".")[2]) for one in node.names)


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, Function | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [one.id for one in targets if isinstance(one, ast.Name)]


def _constant(node: ast.stmt | None, missing: object = None) -> object:
    """The value of an assignment that is written out; `missing` where there is no such assignment."""
    if node is None:
        return missing
    value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
    try:
        return ast.literal_eval(value) if value is not None else None
    except ValueError:
        return None
