"""Checks commits out beside the working tree, and takes them away again however it ends.

A stranger's hooks and monitors are not run, and the repository is left as it was.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from harness.errors import DeclarationError, HarnessError, Mistake

_QUIET = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "advice.detachedHead=false")
_INSTALLED = ("site-packages", "dist-packages")


@dataclass(frozen=True, slots=True)
class Repository:
    """The git repository that a folder is in."""

    top: Path
    here: Path
    """The folder the command was given in, below `top`."""

    def owns(self, path: Path | str) -> bool:
        """Whether a file is source of this repository, rather than something installed in an environment inside it."""
        resolved = Path(path).resolve()
        installed = resolved.is_relative_to(Path(sys.prefix).resolve()) or set(_INSTALLED) & set(resolved.parts)
        return resolved.is_relative_to(self.top) and not installed


@dataclass(frozen=True, slots=True)
class Checkout:
    """One commit in a folder of its own."""

    side: str
    """`base` or `head`."""
    revision: str
    """As the user named it."""
    commit: str
    root: Path
    cwd: Path
    """Where the folder of the command is in this checkout."""

    def __str__(self) -> str:
        """`base HEAD~1 (1a2b3c4d5e)`."""
        known = "" if self.commit.startswith(self.revision) else f" ({self.commit[:10]})"
        return f"{self.side} {self.revision}{known}"


def clean_environment() -> dict[str, str]:
    """This process's environment without what binds git to a repository, as inside a hook."""
    return {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}


def find_repository(here: Path) -> Repository:
    """The repository around `here`. Raises `HarnessError` where there is none, or no git."""
    top = Path(_git(here, "rev-parse", "--show-toplevel")).resolve()
    return Repository(top, here.resolve())


def resolve(repository: Repository, revision: str, side: str) -> str:
    """The full hash of the commit that `revision` names. Raises `DeclarationError` where there is none."""
    try:
        # --end-of-options: a revision is no option, whatever it looks like
        return _git(repository.top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    except HarnessError as error:
        allowed = "a commit of this repository (a shallow clone has only the newest: git fetch --unshallow)"
        raise DeclarationError(side, [Mistake("commit", repr(revision), allowed)]) from error


def is_dirty(repository: Repository) -> bool:
    """Whether tracked files of the working tree differ from its commit."""
    return bool(_git(repository.top, "status", "--porcelain", "--untracked-files=no"))


def commit_times(here: Path, commits: Iterable[str]) -> dict[str, float]:
    """When each of `commits` was made, seconds since 1970, as far as the repository around `here` knows them."""
    try:
        known = _git(
            here, "rev-list", "--no-walk", "--ignore-missing", "--no-commit-header", "--format=%H %ct", *commits
        )
    except HarnessError:
        return {}  # no repository, or no git: nothing is known
    return {commit: float(time) for commit, time in (line.split() for line in known.splitlines())}


@contextmanager
def checked_out(repository: Repository, revisions: dict[str, str]) -> Iterator[tuple[Path, dict[str, Checkout]]]:
    """A temporary folder with a checkout for each side of `revisions` (side -> revision); gone afterwards.

    Raises `DeclarationError` for a commit that does not exist, `HarnessError` where git cannot check it out.
    """
    commits = {side: resolve(repository, revision, side.upper()) for side, revision in revisions.items()}
    folder = Path(tempfile.mkdtemp(prefix="harness-continuous-")).resolve()
    try:
        found = {}
        for side, commit in commits.items():
            root = folder / side
            _git(repository.top, "worktree", "add", "--detach", "--force", str(root), commit)
            cwd = root / repository.here.relative_to(repository.top)
            found[side] = Checkout(side, revisions[side], commit, root, cwd)
        yield folder, found
    finally:
        _remove(repository, folder, list(commits))


def _remove(repository: Repository, folder: Path, sides: list[str]) -> None:
    for side in sides:
        if (folder / side).exists():
            _try_git(repository.top, "worktree", "remove", "--force", "--force", str(folder / side))
    shutil.rmtree(folder, ignore_errors=True)
    _try_git(repository.top, "worktree", "prune")


def _try_git(folder: Path, *arguments: str) -> None:
    # the folder itself is removed in any case, and git forgets it when it next prunes
    with suppress(HarnessError):
        _git(folder, *arguments)


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", *_QUIET, "-C", str(folder), *arguments]
    try:
        # a group of its own: Ctrl-C reaches us, and we end git in order
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=clean_environment(), start_new_session=True
        )
    except OSError as error:
        raise HarnessError(f"git: {error.strerror or error}") from error
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise HarnessError(f"git {arguments[0]}: {said[-1]}")
    return done.stdout.strip()
