"""What is left out while numba is loaded: nobody who uses it can tell."""

from __future__ import annotations

import gc
import importlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from harness.simulate import loading
from harness.simulate.loading import blas_unasked, collecting_seldom

NAME = "large_library.linalg"


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package whose submodule stands for scipy's; a module of C can be imported only once in a process."""
    folder = tmp_path / "large_library"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "linalg.py").write_text("ANSWER = 42\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(loading, "BLAS", NAME)
    yield NAME
    for name in (NAME, "large_library"):
        sys.modules.pop(name, None)


def test_who_only_looks_imports_nothing_and_who_comes_later_gets_the_module(library: str) -> None:
    with blas_unasked():
        seen = importlib.import_module(library)
        assert seen is sys.modules[library]
        assert "ANSWER" not in vars(seen)
    assert library not in sys.modules
    assert importlib.import_module(library).ANSWER == 42
    assert seen.ANSWER == 42  # whoever has kept what stood in


def test_who_uses_it_meanwhile_gets_the_module_and_it_stays(library: str) -> None:
    with blas_unasked():
        namespace: dict[str, object] = {}
        exec(f"from {library} import ANSWER", namespace)
        imported = sys.modules[library]
        assert "ANSWER" in vars(imported)
    assert namespace["ANSWER"] == 42
    assert sys.modules[library] is imported


def test_another_thread_gets_the_module(library: str) -> None:
    found: list[int] = []
    with blas_unasked():
        thread = threading.Thread(target=lambda: found.append(importlib.import_module(library).ANSWER))
        thread.start()
        thread.join()
    assert found == [42]
    assert "ANSWER" in vars(sys.modules[library])


def test_what_is_imported_already_is_left_alone(library: str) -> None:
    before = importlib.import_module(library)
    with blas_unasked():
        assert sys.modules[library] is before
    assert sys.modules[library] is before


def test_two_at_a_time_leave_nothing_behind(library: str) -> None:
    with blas_unasked(), blas_unasked():
        assert library in sys.modules
    assert library not in sys.modules


def test_without_scipy_nothing_stands_in(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "find_spec", lambda _name: None)
    with blas_unasked():
        assert library not in sys.modules


def test_what_is_not_there_is_an_import_error_where_it_is_used(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "BLAS", f"{library}.missing")
    with blas_unasked():
        seen: ModuleType = sys.modules[f"{library}.missing"]
        with pytest.raises(ImportError):
            _ = seen.anything


def test_garbage_is_looked_for_seldom_and_as_often_as_before_afterwards() -> None:
    before = gc.get_threshold()
    try:
        gc.set_threshold(700, 10, 10)
        with collecting_seldom():
            assert gc.get_threshold()[0] > 700
        assert gc.get_threshold() == (700, 10, 10)
        for kept in (0, 10**6):  # not at all; or more seldom still
            gc.set_threshold(kept, 10, 10)
            with collecting_seldom():
                assert gc.get_threshold()[0] == kept
    finally:
        gc.set_threshold(*before)


AFTERWARDS = """
import sys
from harness.scenario.load import load_catalog
from harness.simulate.simulator import AgentLoadSimulator

AgentLoadSimulator(load_catalog()["test_10_concurrent_workflows"], "compiled").run(1)
assert "numba" in sys.modules and "scipy.linalg" not in sys.modules

import numba, numpy as np
from scipy import linalg, stats

assert sys.modules["scipy.linalg.cython_blas"].__pyx_capi__
assert abs(linalg.det(np.eye(2) * 3.0) - 9.0) < 1e-9 and stats.norm.cdf(0.0) == 0.5
assert numba.njit(lambda a: np.dot(a, a))(np.array([3.0, 4.0])) == 25.0
"""


def test_a_process_that_has_run_the_kernel_has_all_of_scipy() -> None:
    pytest.importorskip("numba")
    ended = subprocess.run([sys.executable, "-c", AFTERWARDS], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
