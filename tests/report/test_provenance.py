"""The machine and the commit a report comes from, and what must not be among it."""

from __future__ import annotations

import getpass
import platform
import subprocess
from pathlib import Path

import pytest

from harness.report.document import report_mistakes
from harness.report.provenance import collect_commit, collect_machine
from tests.report.made_reports import make_report


def test_the_machine_block_is_one_that_a_report_may_hold() -> None:
    machine = collect_machine()
    assert report_mistakes({**make_report().document, "machine": machine}) == []
    assert machine["memory_total_b"] > 0
    assert 1 <= machine["cpu_usable"] <= machine["cpu_count"]
    assert machine["python"] == platform.python_version()
    assert machine["versions"]["numpy"].startswith("2")


def test_it_names_neither_host_nor_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "node", lambda: "host-of-mine")
    machine = str(collect_machine())
    assert "host-of-mine" not in machine
    assert str(Path.home()) not in machine
    assert getpass.getuser() == "root" or getpass.getuser() not in machine


def test_a_package_that_is_not_installed_has_no_version() -> None:
    assert collect_machine(["no-such-package", "numpy"])["versions"].keys() == {"no-such-package", "numpy"}
    assert collect_machine(["no-such-package"])["versions"] == {"no-such-package": None}


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    (tmp_path / "file").write_text("1")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "-q", "-m", "one")
    return tmp_path


def test_the_commit_and_whether_files_differ_from_it(checkout: Path) -> None:
    head = git(checkout, "rev-parse", "HEAD")
    assert collect_commit(checkout) == {"id": head, "dirty": False}
    (checkout / "untracked").write_text("2")
    assert collect_commit(checkout) == {"id": head, "dirty": False}
    (checkout / "file").write_text("2")
    assert collect_commit(str(checkout)) == {"id": head, "dirty": True}


def test_a_report_folder_below_the_checkout_is_part_of_it(checkout: Path) -> None:
    (checkout / "below").mkdir()
    assert collect_commit(checkout / "below") == collect_commit(checkout)


def test_no_commit_outside_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert collect_commit(tmp_path) is None
    git(tmp_path, "init", "-q")
    assert collect_commit(tmp_path) is None  # a checkout without a commit
    assert collect_commit(tmp_path / "missing") is None


def test_no_commit_where_git_is_not_installed(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert collect_commit(checkout) is None


def test_a_monitor_that_a_checkout_configures_is_not_run(checkout: Path) -> None:
    trap = checkout / ".git" / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {checkout / 'sprung'}\n")
    trap.chmod(0o755)
    git(checkout, "config", "core.fsmonitor", str(trap))
    collect_commit(checkout)
    assert not (checkout / "sprung").exists()
