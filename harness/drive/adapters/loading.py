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

from harness.errors import TargetError

_ALLOWED = "builtin, module:attribute, path/to/file.py:attribute or langgraph:module:graph"


def load_object(spec: str) -> Any:
    """The object that `spec` names; the working directory is importable, as under `python -m`.

    Raises `TargetError` where the form is wrong, the module cannot be imported or has no such attribute.
    """
    module_name, _, attribute = spec.rpartition(":")
    if not module_name or not attribute:
        raise TargetError(f"--target: expected {_ALLOWED}, found {spec!r}")
    module = _load_module(spec, module_name)
    found: Any = module
    for part in attribute.split("."):
        if not hasattr(found, part):
            near = difflib.get_close_matches(part, [name for name in dir(found) if not name.startswith("_")], n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise TargetError(f"--target {spec}: {module_name} has no attribute {part!r}{hint}")
        found = getattr(found, part)
    return found


def _load_module(spec: str, name: str) -> ModuleType:
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        return _load_file(spec, Path(name)) if name.endswith(".py") else importlib.import_module(name)
    except TargetError:
        raise
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        where = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
        raise TargetError(
            f"--target {spec}: importing {name} failed: {type(error).__name__}: {error}{where}"
        ) from error


def _load_file(spec: str, path: Path) -> ModuleType:
    if not path.is_file():
        raise TargetError(f"--target {spec}: expected a Python file, found nothing at {path}")
    name = path.stem
    found = importlib.util.spec_from_file_location(name, path)
    if found is None or found.loader is None:
        raise TargetError(f"--target {spec}: {path} is not a Python file")
    module = importlib.util.module_from_spec(found)
    # before it is executed: dataclasses, pickling and type hints look their module up by name
    sys.modules[name] = module
    sys.path.insert(0, str(path.parent.resolve()))
    found.loader.exec_module(module)
    return module
