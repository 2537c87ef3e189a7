"""Four repositories as people have them, each built in another way, each with an orchestrator, tests and a history."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.compare.toy import commit, git

FLOWS = '''\
"""Answers requests with a few agents."""

import asyncio


class Desk:
    """Each request waits for an agent, then for its model."""

    def __init__(self, agents: int = 8) -> None:
        self.free = asyncio.Semaphore(agents)

    async def run(self, workflow):
        async with self.free:
            await asyncio.sleep(0.05)
        return {"workflow_id": workflow.id}


async def handle(workflow):
    await asyncio.sleep(0.05)


def block(workflow):
    """As a client that blocks would."""
'''
OWN_TEST = "from @package@ import flows\n\n\ndef test_desk():\n    assert flows.Desk(2).free\n"


@dataclass(frozen=True)
class Shape:
    """One way of building a project. `files` may say `@package@`; `arguments` are those of `harness init`."""

    name: str
    package: str
    source: str
    files: dict[str, str]
    arguments: tuple[str, ...] = ()
    branch: str = "main"
    target: str = "benchmarks/load_target.py:handle"
    tests: str = "tests"

    def made(self, folder: Path) -> Path:
        """The repository, with two commits, the second of which changes nothing that matters."""
        folder.mkdir(parents=True)
        git(folder, "init", "-q", "-b", self.branch)
        files = {
            f"{self.source}/__init__.py": "",
            f"{self.source}/flows.py": FLOWS,
            f"{self.tests}/test_flows.py": OWN_TEST,
            ".gitignore": "__pycache__/\nreports/\n.venv",
            **self.files,
        }
        commit(folder, {name: text.replace("@package@", self.package) for name, text in files.items()})
        commit(folder, {"README.md": f"# {self.name}\n"})
        return folder


HATCHLING = Shape(
    name="desk-agents",
    package="desk_agents",
    source="src/desk_agents",
    files={
        "pyproject.toml": '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n\n[project]\n'
        'name = "desk-agents"\nversion = "1.2"\nrequires-python = ">=3.11"\ndependencies = ["numpy>=2"]\n\n'
        '[tool.pytest.ini_options]\naddopts = ["--strict-markers", "--strict-config"]\npythonpath = ["src"]\n'
        'filterwarnings = ["error"]\n',
    },
)
SETUPTOOLS = Shape(
    name="Flow.Desk",
    package="flow_desk",
    source="flow_desk",
    branch="trunk",
    tests="checks",
    arguments=("--target", "flow_desk.flows:Desk"),
    target="flow_desk.flows:Desk",
    files={
        "setup.py": "from setuptools import setup\n\nsetup()\n",
        "setup.cfg": "[metadata]\nname = Flow.Desk\nversion = 3\n\n[options]\npackages = flow_desk\n\n"
        "[tool:pytest]\ntestpaths = checks\n",
        "checks/__init__.py": "",
        "examples/__init__.py": "",
        "conftest.py": "",
    },
)
POETRY = Shape(
    name="poetic-agents",
    package="poems",
    source="poems",
    files={
        "pyproject.toml": '[tool.poetry]\nname = "poetic-agents"\nversion = "0.1.0"\ndescription = ""\nauthors = []\n'
        'packages = [{ include = "poems" }]\n\n[tool.poetry.dependencies]\npython = "^3.11"\n\n[build-system]\n'
        'requires = ["poetry-core"]\nbuild-backend = "poetry.core.masonry.api"\n',
        "poetry.lock": "# generated\n",
        "pytest.ini": "[pytest]\npythonpath = .\n",
    },
)
UV = Shape(
    name="quick-desk",
    package="quick_desk",
    source="src/quick_desk",
    arguments=("--target", "quick_desk.flows:handle"),
    target="quick_desk.flows:handle",
    files={
        "pyproject.toml": '[project]\nname = "quick-desk"\nversion = "0.1.0"\nrequires-python = ">=3.12,<4"\n'
        'dependencies = []\n\n[build-system]\nrequires = ["uv_build>=0.8"]\nbuild-backend = "uv_build"\n\n'
        '[dependency-groups]\ndev = ["pytest"]\n\n[tool.pytest.ini_options]\npythonpath = ["src"]\n'
        'addopts = ["--import-mode=importlib"]\n',
        "uv.lock": "version = 1\n",
    },
)
SHAPES = (HATCHLING, SETUPTOOLS, POETRY, UV)
