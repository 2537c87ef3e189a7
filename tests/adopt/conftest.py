"""An environment to install into: fresh, but seeing what the present one has, so that no index is asked."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.adopt.steps import clean_environment


@pytest.fixture(scope="session")
def installable(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment variables of a shell in which `python -m pip install` changes nothing of this machine's."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    library = subprocess.run([python, "-c", ask], check=True, capture_output=True, text=True).stdout.strip()
    present = sysconfig.get_path("purelib")
    # -S- like order: what is installed here comes first
    Path(library, "zz_present.pth").write_text(f"import site; site.addsitedir({present!r})\n")
    return clean_environment(
        PATH=f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        VIRTUAL_ENV=str(folder),
        PIP_NO_INDEX="1",
        PIP_NO_BUILD_ISOLATION="0",
        PIP_DISABLE_PIP_VERSION_CHECK="1",
    )
