"""A user's repository: an async target whose second commit is 30 % slower and whose third mends it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TARGET = """
import asyncio

async def handle(workflow):
    await asyncio.sleep({seconds} * (1 + workflow.luck(0) / 10))
"""

SCENARIOS = """
[workflow.brief]
steps = [{ name = "wait", wait = "10 ms" }]

[scenario.few]
load = { law = "closed", in_flight = 4, workflows = 40 }
mix = { brief = 1 }
pools.agents = { size = 4, queue = 4 }
run_timeout = "20 s"
"""


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=someone", "-c", "user.email=someone@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(folder: Path, files: dict[str, str], message: str = "a step") -> str:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(folder, "add", ".")
    git(folder, "commit", "-q", "--allow-empty", "-m", message)
    return git(folder, "rev-parse", "HEAD")


def repository(folder: Path, seconds: float = 0.01) -> Path:
    """Three commits: as it was, 30 % slower, mended."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "-q", "-b", "main")
    commit(folder, {".gitignore": "reports/\n", "load.toml": SCENARIOS, "flow.py": TARGET.format(seconds=seconds)})
    commit(folder, {"flow.py": TARGET.format(seconds=seconds * 1.3)})
    commit(folder, {"flow.py": TARGET.format(seconds=seconds)})
    return folder


def command(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """The command, started; -P, because a script's folder is not importable either."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HARNESS_", "GIT_"))}
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "harness", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def harness(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    with command(folder, *arguments) as started:
        out, err = started.communicate(timeout=120)
    return subprocess.CompletedProcess(arguments, started.returncode, out, err)
