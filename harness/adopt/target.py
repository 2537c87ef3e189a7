"""What a user's own target is, told from its source: where it stands, and whether it waits or blocks."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.adopt.project import Project
from harness.errors import DeclarationError, Mistake

_LANGGRAPH = "langgraph:"
_FORMS = "module:attribute or path/to/file.py:attribute of this repository, or langgraph:module:graph"
_MOST_SUGGESTED = 3


@dataclass(frozen=True, slots=True)
class Found:
    """A target in the user's code; `blocking` is true for a plain function, None where that cannot be told."""

    spec: str
    blocking: bool | None


def examine(project: Project, spec: str) -> Found:
    """The target `spec`. Raises `DeclarationError` where the repository has no such module or attribute."""
    module, _, attribute = spec.removeprefix(_LANGGRAPH).rpartition(":")
    path = _file(project, module) if module and attribute else None
    if path is None:
        raise DeclarationError("init", [Mistake("--target", repr(spec), _FORMS)])
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError) as error:
        raise DeclarationError("init", [Mistake("--target", f"{path}, which is no Python", _FORMS)]) from error
    found = next((one for one in tree.body if attribute.partition(".")[0] in _names(one)), None)
    if found is None and not any(isinstance(one, ast.ImportFrom) and _star(one) for one in tree.body):
        known = ", ".join(sorted({name for one in tree.body for name in _names(one)})) or "nothing"
        raise DeclarationError("init", [Mistake("--target", repr(attribute), f"a name of {path} (it has {known})")])
    return Found(spec, None if spec.startswith(_LANGGRAPH) else _blocking(found))


def suggestions(project: Project) -> list[str]:
    """A few async functions of one argument, and classes with `async def run(self, x)`, that could be a target."""
    if project.source is None:
        return []
    place = project.root / project.source
    files = sorted(place.rglob("*.py")) if place.is_dir() else [place]
    found = [
        f"{_module(project, path)}:{name}"
        for path in files
        for name in _candidates(path)
    ]  # fmt: skip
    return found[:_MOST_SUGGESTED]


def _file(project: Project, module: str) -> Path | None:
    if module.endswith(".py"):
        whole = (project.root / module).resolve()
        return whole if whole.is_file() and whole.is_relative_to(project.root.resolve()) else None
    parts = module.split(".")
    roots = [project.root, project.root / "src"]
    if project.source is not None:
        roots.insert(0, (project.root / project.source).parent)
    for root in roots:
        for path in (root.joinpath(*parts).with_suffix(".py"), root.joinpath(*parts, "__init__.py")):
            if path.is_file():
                return path
    return None


def _module(project: Project, path: Path) -> str:
    above = (project.root / (project.source or Path())).parent
    parts = path.relative_to(above).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _candidates(path: Path) -> Iterator[str]:
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return
    for one in tree.body:
        public = not getattr(one, "name", "_").startswith("_")
        if public and isinstance(one, ast.AsyncFunctionDef) and _takes(one, 1):
            yield one.name
        elif public and isinstance(one, ast.ClassDef):
            run = next((inner for inner in one.body if getattr(inner, "name", "") == "run"), None)
            if isinstance(run, ast.AsyncFunctionDef) and _takes(run, 2):
                yield one.name


def _takes(function: ast.AsyncFunctionDef, count: int) -> bool:
    given = function.args
    needed = len(given.posonlyargs) + len(given.args) - len(given.defaults)
    return needed == count and len(given.kw_defaults) == sum(one is not None for one in given.kw_defaults)


def _names(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(one.asname or one.name).partition(".")[0] for one in node.names}
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return {inner.id for one in targets for inner in ast.walk(one) if isinstance(inner, ast.Name)}


def _star(node: ast.ImportFrom) -> bool:
    return any(one.name == "*" for one in node.names)


def _blocking(node: ast.stmt | None) -> bool | None:
    if isinstance(node, ast.ClassDef):
        return next((_blocking(one) for one in node.body if getattr(one, "name", "") == "run"), None)
    if isinstance(node, ast.AsyncFunctionDef):
        return False
    return True if isinstance(node, ast.FunctionDef) and not node.decorator_list else None
