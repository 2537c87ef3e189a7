"""Code under test that reads the wall clock itself, where the run's clock jumps: counted by place, or given that clock.

While a run lasts, the functions of the module `time` are replaced, there and in every module of the target that has
imported them by name. The replacement looks who calls: code of the target on a thread of the run is counted and, on
request, given the run's own time; everybody else (Python's library, this harness, other threads) gets the real one.
`time.time()` is counted in the user's own code only: packages stamp whatever they do with it, and hardly ever time
anything by it. What cannot be seen: `datetime.now()` and other readers written in C, and functions put away in objects.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from types import BuiltinFunctionType, CodeType, ModuleType, TracebackType
from typing import Any

from harness.drive.places import is_installed, is_targets, place
from harness.drive.virtual_loop import VirtualLoop

_NANO = 1_000_000_000
_COUNTED = ("monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "time", "sleep")
_UNCOUNTED = ("time_ns",)  # read for identifiers and timestamps, hardly ever to time something
_ORIGINALS: dict[str, Callable[..., Any]] = {name: getattr(time, name) for name in (*_COUNTED, *_UNCOUNTED)}
_NAMES = {id(function): name for name, function in _ORIGINALS.items()}
_MOST_PLACES = 5
_INSTALLED = threading.Lock()

_imported: weakref.WeakKeyDictionary[ModuleType, tuple[tuple[str, str], ...]] = weakref.WeakKeyDictionary()
"""For each module looked at: its own name for each function of `time`, and that function's name."""


class WallReaders:
    """While entered, watches one run on `loop`; with `patch`, the target's readers get the loop's time.

    One run at a time is watched: a second one, in another thread, goes on unwatched.
    """

    def __init__(self, loop: VirtualLoop, patch: bool) -> None:
        self._loop = loop
        self._patch = patch
        self._active = False
        self._counts: dict[tuple[CodeType, int, str], int] = {}
        self._strangers: set[threading.Thread] = set()
        self._collecting: set[CodeType] = set()
        self._before: set[ModuleType] = set()
        self._wrapped: dict[str, Callable[..., Any]] = {}
        self._began = {name: original() for name, original in _ORIGINALS.items() if name != "sleep"}

    def __enter__(self) -> WallReaders:
        self._active = _INSTALLED.acquire(blocking=False)
        if self._active:
            # the threads themselves: a number is used again once its thread has ended
            self._strangers = set(threading.enumerate()) - {threading.current_thread()}
            self._collecting = {code for each in gc.callbacks if (code := getattr(each, "__code__", None)) is not None}
            self._wrapped = {name: self._watching(name, original) for name, original in _ORIGINALS.items()}
            self._before = set(_modules_of_target())
            self._put(self._before, self._wrapped)
            for name, wrapped in self._wrapped.items():
                setattr(time, name, wrapped)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if not self._active:
            return
        self._active = False
        for name, original in _ORIGINALS.items():
            setattr(time, name, original)
        self._put(self._before, _ORIGINALS)
        self._take_back_from(set(_modules_of_target()) - self._before)
        self._loop.wake_sleepers()
        _INSTALLED.release()

    def doubts(self) -> list[str]:
        """One sentence for each place of the target that was seen, those that read most often first."""
        found = sorted(self._counts.items(), key=lambda item: (-item[1], item[0][0].co_filename, item[0][1]))
        said = [self._doubt(code, line, name, count) for (code, line, name), count in found[:_MOST_PLACES]]
        more = len(found) - len(said)
        return said + ([f"this target reads the wall clock at {more} more place(s)"] if more else [])

    def _doubt(self, code: CodeType, line: int, name: str, count: int) -> str:
        does = "sleeps in real time" if name == "sleep" else "reads the wall clock"
        where = place(code.co_filename, line, code.co_qualname)
        return f"this target {does} at {where}, {count} times: time.{name}; --patch-time gives it the run's clock"

    # ----------------------------------------------------------------------------------------------- putting them there

    def _put(self, modules: set[ModuleType], functions: dict[str, Callable[..., Any]]) -> None:
        for module in modules:
            for name, function in _imported[module]:
                setattr(module, name, functions[function])

    def _take_back_from(self, modules: set[ModuleType]) -> None:
        """Modules imported during the run may have got hold of a replacement."""
        ours = {id(wrapped): name for name, wrapped in self._wrapped.items()}
        for module in modules:
            for name, value in list(vars(module).items()):
                if id(value) in ours:
                    setattr(module, name, _ORIGINALS[ours[id(value)]])
            _imported.pop(module, None)

    def _watching(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        instead = self._instead_of(name) if self._patch else None
        counts = self._counts if name in _COUNTED and not self._patch else None

        def reader(*args: Any) -> Any:
            frame = sys._getframe(1)
            code = frame.f_code
            if not (self._active and is_targets(code.co_filename) and self._is_of_the_run(code)):
                return original(*args)
            if counts is not None and not (name == "time" and is_installed(code.co_filename)):
                key = code, frame.f_lineno, name
                counts[key] = counts.get(key, 0) + 1
            return original(*args) if instead is None else instead(*args)

        return reader

    def _is_of_the_run(self, code: CodeType) -> bool:
        """Neither of a thread that was there before, nor a callback of the garbage collector, which anybody may own."""
        return code not in self._collecting and threading.current_thread() not in self._strangers

    def _instead_of(self, name: str) -> Callable[..., Any]:
        loop, began_s = self._loop, self._loop.time()
        if name == "sleep":
            return loop.sleep_here
        origin = self._began[name]
        if name.endswith("_ns"):
            return lambda: origin + round((loop.time() - began_s) * _NANO)
        return lambda: origin + (loop.time() - began_s)


def _modules_of_target() -> Iterator[ModuleType]:
    """The target's modules that hold a function of `time` under a name of their own."""
    for module in [found for found in sys.modules.values() if type(found) is ModuleType]:
        found = _imported.get(module)
        if found is None:
            found = _imported[module] = tuple(_functions_in(module)) if _is_watched(module) else ()
        if found:
            yield module


def _is_watched(module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    return is_targets(file) if isinstance(file, str) else module.__name__ == "__main__"


def _functions_in(module: ModuleType) -> Iterator[tuple[str, str]]:
    for name, value in list(vars(module).items()):
        if type(value) is BuiltinFunctionType and id(value) in _NAMES:
            yield name, _NAMES[id(value)]
