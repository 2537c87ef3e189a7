"""A repository as one that adopts the workflows: a package that installs without a network, a target, its scenarios."""

from __future__ import annotations

from pathlib import Path

from tests.compare.toy import SCENARIOS, TARGET, commit, git

PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "toy"
version = "1"

[project.optional-dependencies]
asv = []
github = []
"""

BACKEND = '''
"""The smallest build backend: a wheel with nothing in it, so that pip needs nothing from an index."""
import zipfile

METADATA = "Metadata-Version: 2.1\\nName: toy\\nVersion: 1\\nProvides-Extra: asv\\nProvides-Extra: github\\n"

def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = "toy-1-py3-none-any.whl"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as wheel:
        wheel.writestr("toy-1.dist-info/METADATA", METADATA)
        wheel.writestr("toy-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("toy-1.dist-info/RECORD", "")
    return name

build_editable = build_wheel
'''

OPTIONS = "--clock virtual --rounds 1 --replications 2 --target flow.py:handle --file load.toml"


def made(folder: Path, seconds: float = 0.01) -> Path:
    """The repository with its first commit, on `main`."""
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    files = {
        ".gitignore": "reports/\n__pycache__/\n.asv/\nbuild/\n*.egg-info/\n",
        "pyproject.toml": PYPROJECT,
        "backend.py": BACKEND,
        "load.toml": SCENARIOS,
        "flow.py": TARGET.format(seconds=seconds),
    }
    commit(folder, files)
    return folder


def paced(folder: Path, seconds: float) -> str:
    """A further commit, whose target takes `seconds` a step."""
    return commit(folder, {"flow.py": TARGET.format(seconds=seconds)})
