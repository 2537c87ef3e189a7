"""Find the object that a target's name stands for: `package.module:attribute` or `path/to/file.py:attribute`."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import os
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from harness.errors import TargetError, Topic

_ALLOWED = "builtin, module:attribute, path/to/file.py:attribute, langgraph:module:graph or http://…"


def load_object(spec: str) -> Any:
    """The object that `spec` names; the working directory is importable, as under `python -m`.

    Raises `TargetError` where the form is wrong, the module cannot be imported or has no such attribute.
    """
    return load_with_module(spec, spec)[1]


def load_with_module(spec: str, path: str) -> tuple[ModuleType, Any]:
    """As `load_object`, with the module beside it; `path` is the part of the target's name `spec` that names them."""
    module_name, _, attribute = path.rpartition(":")
    if not module_name or not attribute:
        raise TargetError(f"--target: expected {_ALLOWED}, found {spec!r}").leads(Topic.TARGET, spec)
    module = _load_module(spec, module_name)
    found: Any = module
    for part in attribute.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            near = difflib.get_close_matches(part, [name for name in dir(found) if not name.startswith("_")], n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise TargetError(f"--target {spec}: {module_name} has no attribute {part!r}{hint}") from None
        except Exception as error:
            raise TargetError(f"--target {spec}: reading {part!r} failed: {_told(error)}") from error
    return module, found


def _load_module(spec: str, name: str) -> ModuleType:
    try:
        _make_importable(os.getcwd())
        return _load_file(spec, Path(name)) if name.endswith(".py") else importlib.import_module(name)
    except (KeyboardInterrupt, TargetError):
        raise
    except ModuleNotFoundError as error:
        refusal = TargetError(f"--target {spec}: importing {name} failed: {_told(error)}{_looked(error, name)}")
        raise refusal.leads(Topic.TARGET, spec) from error
    except BaseException as error:  # a module may well call sys.exit() while it is imported
        raise TargetError(f"--target {spec}: importing {name} failed: {_told(error)}") from error


def _looked(error: ModuleNotFoundError, name: str) -> str:
    """Where was looked, if it is the target's own module that was not found, and not one that it imports."""
    asked = error.name is not None and (name == error.name or name.startswith(f"{error.name}."))
    return f"; looked in this folder ({os.getcwd()}) and among what {sys.executable} has installed" if asked else ""


def _load_file(spec: str, path: Path) -> ModuleType:
    if not path.is_file():
        raise TargetError(f"--target {spec}: expected a Python file, found nothing at {path}").leads(Topic.TARGET, spec)
    path = path.resolve()
    known = sys.modules.get(path.stem)
    if known is not None and getattr(known, "__file__", None) == str(path):
        return known
    # a file may be called like a module that others need
    name = path.stem if known is None else f"harness_target_{path.stem}"
    found = importlib.util.spec_from_file_location(name, path)
    if found is None or found.loader is None:
        raise TargetError(f"--target {spec}: {path} is not a Python file")
    module = importlib.util.module_from_spec(found)
    # before it is executed: dataclasses, pickling and type hints look their module up by name
    sys.modules[name] = module
    _make_importable(str(path.parent))
    try:
        found.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _make_importable(folder: str) -> None:
    if folder not in sys.path:
        sys.path.insert(0, folder)


def _told(error: BaseException) -> str:
    """The error and the line it comes from, leaving out the import machinery's own lines."""
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if isinstance(error, SyntaxError):
        return text
    machinery = ("<frozen importlib", importlib.__file__, __file__)
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith(machinery)]
    return f"{text} ({frames[-1].filename}:{frames[-1].lineno})" if frames else text
