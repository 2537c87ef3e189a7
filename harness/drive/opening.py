"""From a target's name to a factory of targets. Everything that can be found out before a run is found out here."""

from __future__ import annotations

from harness.drive.adapters.callables import factory_for
from harness.drive.adapters.loading import load_object
from harness.drive.machine import machine_for
from harness.drive.orchestrator import Orchestrator
from harness.drive.target import BUILTIN, Session, Target, TargetFactory

__all__ = ["BUILTIN", "target_factory"]

_LANGGRAPH = "langgraph:"


def target_factory(spec: str) -> TargetFactory:
    """The factory for `builtin`, `module:attribute`, `file.py:attribute` or `langgraph:module:graph`.

    Imports the target's module now. Raises `TargetError` where it cannot be loaded, `MissingExtraError` where the
    framework it names is not installed.
    """
    if spec == BUILTIN:
        return TargetFactory(_builtin)
    if spec.startswith(_LANGGRAPH):
        from harness.drive.adapters.langgraph import graph_factory  # noqa: PLC0415 - an optional extra

        return graph_factory(spec, spec.removeprefix(_LANGGRAPH))
    return factory_for(spec, load_object(spec))


def as_factory(target: object) -> tuple[str, TargetFactory]:
    """(name, factory) of a target given by its name, as a factory, or as the callable or object itself."""
    if isinstance(target, str):
        return target, target_factory(target)
    kind = target if hasattr(target, "__qualname__") else type(target)
    name = f"{kind.__module__}:{getattr(kind, '__qualname__', '')}"
    return name, target if isinstance(target, TargetFactory) else factory_for(name, target)


def _builtin(session: Session) -> Target:
    machine = machine_for(session.clock, session.plan.scenario.cores)
    return Orchestrator(session.plan, session.clock, session.recorder, machine)
