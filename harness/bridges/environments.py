"""The interpreter that measures a checkout, and the folders that are importable there before all others.

By default that is the present interpreter: the harness comes from the environment the command runs in, the code under
test from the checkout, whose folders shadow whatever of it is installed. Or an environment is built per commit.
"""

from __future__ import annotations

import site
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import harness
from harness.bridges.checkout import Checkout, Repository, clean_environment
from harness.errors import HarnessError

_SHOWN_LINES = 8


@dataclass(frozen=True, slots=True)
class Interpreter:
    """Runs rounds of one checkout."""

    python: str
    paths: tuple[str, ...]
    """Importable first, in this order."""
    own_harness: bool
    """Whether the harness itself is what the repository holds: then it, too, comes from the checkout."""
    roots: tuple[str, ...]
    """Where the code under test may be imported from; from anywhere else it would be the same on both sides."""


def present_interpreter(repository: Repository, checkout: Checkout) -> Interpreter:
    """The interpreter that runs this, with the checkout's folders in place of the repository's."""
    candidates = [checkout.cwd, checkout.root, checkout.root / "src"]
    candidates += [
        checkout.root / Path(path).resolve().relative_to(repository.top)
        for path in sys.path
        if path and repository.owns(path)
    ]
    paths = tuple(dict.fromkeys(str(path) for path in candidates if path.is_dir()))
    return Interpreter(sys.executable, paths, repository.owns(harness.__file__), (str(checkout.root),))


def built_interpreter(repository: Repository, checkout: Checkout, folder: Path) -> Interpreter:
    """A virtual environment in `folder` in which the checkout is installed; what else is needed is that of this one.

    Raises `HarnessError` with pip's last lines where the checkout cannot be installed.
    """
    _run([sys.executable, "-m", "venv", "--without-pip", str(folder)], checkout)
    scripts = "Scripts" if sys.platform == "win32" else "bin"
    python = str(folder / scripts / "python")
    library = Path(_run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], checkout).strip())
    installed = dict.fromkeys([sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages()])
    # addsitedir, so that editable installs are seen as they are here; after the environment's own packages
    lines = [f"import site; site.addsitedir({path!r})" for path in installed]
    (library / "zz_present_environment.pth").write_text("\n".join(lines) + "\n", encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--disable-pip-version-check"]
    # --no-deps first and by force: what the present environment has of the same version would be taken for it
    _run([*pip, "--force-reinstall", "--no-deps", str(checkout.root)], checkout)
    _run([*pip, str(checkout.root)], checkout)
    own = repository.owns(harness.__file__)
    return Interpreter(python, (str(library),) if own else (), own, (str(checkout.root), str(folder)))


def _run(command: list[str], checkout: Checkout) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=clean_environment(), cwd=checkout.root
    )
    if done.returncode:
        said = "\n".join((done.stderr or done.stdout).strip().splitlines()[-_SHOWN_LINES:])
        raise HarnessError(f"{checkout}: cannot build its environment: {said}")
    return done.stdout
