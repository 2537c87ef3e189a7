"""Turn what a user has, an async function, a sync one, or an object with `run`, into a target."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, cast

from harness.drive.target import Failed, Gauged, Session, Target, TargetFactory, Workflow
from harness.drive.threads import DaemonThreads
from harness.errors import TargetError

_MOST_THREADS = 1000
_UNTIMED = (
    "the target is a plain function run in threads: its waits take real time, which a virtual clock does not count; "
    "use --clock wall"
)
_EXPECTED = "an async function, a function, or an object (or class without arguments) with a method run(workflow)"


class Adapted:
    """A target made of a callable `call` and, where there is one, the object it belongs to."""

    def __init__(self, call: Callable[[Workflow], Any], owner: object | None, session: Session) -> None:
        self._call = call
        self._owner = owner
        self._clock = session.clock
        self._recorder = session.recorder
        self.in_process: bool = getattr(owner, "in_process", True)
        self._threads: DaemonThreads | None = None
        if not _is(inspect.iscoroutinefunction, call):
            # the harness's own threads, as many as there can be workflows in flight: asyncio's default executor has
            # min(32, cores + 4), and that limit would be measured instead of the target
            self._threads = DaemonThreads(_MOST_THREADS, "target")

    async def run(self, workflow: Workflow) -> object:
        """One call."""
        if self._threads is None:
            result = await self._call(workflow)
            # what is still to be awaited was not done: a decorator that forgot to
            return result if result is None or not inspect.isawaitable(result) else await result
        result = await self._clock.loop.run_in_executor(self._threads, self._call_here, workflow)
        # a plain function may hand back a coroutine: a lambda around an async function, or a decorated one
        if inspect.isawaitable(result):
            return await result
        if self._clock.virtual and not self._clock.patches_time:
            self._recorder.invalid = _UNTIMED
        return result

    def _call_here(self, workflow: Workflow) -> object:
        try:
            return self._call(workflow)
        except StopIteration as error:
            # a future refuses to carry it, and whoever waits for that future would wait for ever
            raise Failed("StopIteration") from error

    async def start(self) -> None:
        """The owner's `start`, if it has one."""
        await self._optional("start")

    async def stop(self) -> None:
        """The owner's `stop`, if it has one; lets go of the threads."""
        try:
            await self._optional("stop")
        finally:
            if self._threads is not None:
                self._threads.shutdown(wait=False)

    async def _optional(self, name: str) -> None:
        method = getattr(self._owner, name, None)
        if method is not None:
            result = method()
            if inspect.isawaitable(result):
                await result


class GaugedAdapted(Adapted):
    """An adapted object that shows its own gauges."""

    def gauges(self) -> Mapping[str, float]:
        """The owner's figures."""
        return cast(Gauged, self._owner).gauges()


def factory_for(spec: str, found: Any) -> TargetFactory:
    """A factory of targets for the object found under `spec`; raises `TargetError` where it cannot be a target.

    A class is instantiated afresh for each replication; any other object serves all of them.
    """
    if inspect.isclass(found):
        if not callable(getattr(found, "run", None)):
            raise TargetError(f"--target {spec}: expected {_EXPECTED}, found the class {found.__name__} without run")
        return TargetFactory(lambda session: _adapt(_made(spec, found), session))
    _check(spec, found)
    return TargetFactory(lambda session: _adapt(found, session))


def _made(spec: str, kind: type[Any]) -> Any:
    try:
        made = kind()
    except (Exception, SystemExit) as error:
        raise TargetError(f"--target {spec}: making it failed: {type(error).__name__}: {error}") from error
    _check(spec, made)
    return made


def _check(spec: str, found: Any) -> None:
    try:
        call = getattr(found, "run", found)
    except Exception as error:
        raise TargetError(f"--target {spec}: looking at its run failed: {type(error).__name__}: {error}") from error
    if not callable(call):
        raise TargetError(f"--target {spec}: expected {_EXPECTED}, found {type(found).__name__}")
    if _is(inspect.isgeneratorfunction, call) or _is(inspect.isasyncgenfunction, call):
        raise TargetError(f"--target {spec}: expected {_EXPECTED}, found a generator, which would never run")
    if _is(inspect.iscoroutinefunction, getattr(found, "gauges", None)):
        raise TargetError(f"--target {spec}: expected gauges() to be a plain method, found an async one")
    try:
        signature = inspect.signature(call)
    except (TypeError, ValueError):  # some callables written in C show no signature
        return
    try:
        signature.bind(None)
    except TypeError as error:
        raise TargetError(f"--target {spec}: cannot be called with one workflow: {error}") from error


def _is(asks: Callable[[object], bool], call: object) -> bool:
    """Whether `asks` holds of a function, or of what a partial or a callable object stands for."""
    while isinstance(call, functools.partial):
        call = call.func
    return asks(call) or asks(getattr(call, "__call__", None))  # noqa: B004 - what kind it is, not whether it exists


def _adapt(found: Any, session: Session) -> Target:
    has_run = hasattr(found, "run")
    kind = GaugedAdapted if has_run and callable(getattr(found, "gauges", None)) else Adapted
    return kind(found.run if has_run else found, found if has_run else None, session)
