"""Turn what a user has, an async function, a sync one, or an object with `run`, into a target."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, cast

from harness.drive.target import Gauged, Session, Target, TargetFactory, Workflow
from harness.drive.threads import DaemonThreads
from harness.errors import TargetError

_MOST_THREADS = 1000
_OBSERVABLE = "an async function, a function, or an object (or class without arguments) with a method run(workflow)"


class Adapted:
    """A target made of a callable `call` and, where there is one, the object it belongs to."""

    def __init__(self, call: Callable[[Workflow], Any], owner: object | None, session: Session) -> None:
        self._call = call
        self._owner = owner
        self._clock = session.clock
        self._threads: DaemonThreads | None = None
        if not _is_async(call):
            # the harness's own threads, as many as there can be workflows in flight: asyncio's default executor has
            # min(32, cores + 4), and that limit would be measured instead of the target
            self._threads = DaemonThreads(_MOST_THREADS, "target")
            if session.clock.virtual:
                session.recorder.doubts.append(
                    "the target is a plain function run in threads: its waits take real time, which a virtual clock "
                    "does not count; use --clock wall"
                )

    async def run(self, workflow: Workflow) -> object:
        """One call."""
        if self._threads is None:
            return await self._call(workflow)
        return await self._clock.loop.run_in_executor(self._threads, self._call, workflow)

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


def _is_async(call: Callable[..., Any]) -> bool:
    if inspect.iscoroutinefunction(call):
        return True
    method = getattr(call, "__call__", None)  # noqa: B004 - whether it is a coroutine function, not whether it exists
    return inspect.iscoroutinefunction(method)


def factory_for(spec: str, found: Any) -> TargetFactory:
    """A factory of targets for the object found under `spec`; raises `TargetError` where it is not callable.

    A class is instantiated afresh for each replication; any other object serves all of them.
    """
    if inspect.isclass(found) and not callable(getattr(found, "run", None)):
        raise TargetError(f"--target {spec}: expected {_OBSERVABLE}, found the class {found.__name__} without run")
    if not inspect.isclass(found) and not callable(getattr(found, "run", found)):
        raise TargetError(f"--target {spec}: expected {_OBSERVABLE}, found {type(found).__name__}")
    return lambda session: _adapt(spec, found, session)


def _adapt(spec: str, found: Any, session: Session) -> Target:
    owner: Any = found
    if inspect.isclass(found):
        try:
            owner = found()
        except Exception as error:
            raise TargetError(f"--target {spec}: making it failed: {type(error).__name__}: {error}") from error
    has_run = callable(getattr(owner, "run", None))
    call = owner.run if has_run else owner
    kind = GaugedAdapted if has_run and callable(getattr(owner, "gauges", None)) else Adapted
    return kind(call, owner if has_run else None, session)
