"""From a target's name to a factory of targets. Everything that can be found out before a run is found out here."""

from __future__ import annotations

from dataclasses import replace

from harness.drive.adapters.callables import factory_for
from harness.drive.adapters.loading import load_object
from harness.drive.machine import machine_for
from harness.drive.orchestrator import Orchestrator
from harness.drive.target import BUILTIN, Session, Target, TargetFactory
from harness.errors import DeclarationError, Mistake
from harness.scenario.http import HttpTarget, is_url, public_url

__all__ = ["BUILTIN", "target_factory"]

_LANGGRAPH = "langgraph:"


def target_factory(spec: str) -> TargetFactory:
    """The factory for `builtin`, `module:attribute`, `file.py:attribute`, `langgraph:module:graph` or `http://…`.

    Imports the target's module now. Raises `TargetError` where it cannot be loaded, `MissingExtraError` where the
    framework it names is not installed.
    """
    if spec == BUILTIN:
        return TargetFactory(_builtin)
    if is_url(spec):
        return _service(HttpTarget(url=spec))[1]
    if spec.startswith(_LANGGRAPH):
        from harness.drive.adapters.langgraph import graph_factory  # noqa: PLC0415 - an optional extra

        return graph_factory(spec, spec.removeprefix(_LANGGRAPH))
    return factory_for(spec, load_object(spec))


def chosen_target(given: str, by_default: bool, declared: HttpTarget | None) -> str | HttpTarget:
    """What `--target` and the `[target]` table of a scenario file amount to.

    `given` is the option's value, `by_default` whether nobody asked for it. The table counts where nothing else was
    asked for; an address on the command line takes the place of the table's own. Raises `DeclarationError` for a table
    without an address where none is given either.
    """
    if declared is None or not (by_default or is_url(given)):
        return given
    if is_url(given):
        return replace(declared, url=given)
    if not declared.url:
        raise DeclarationError(
            "options", [Mistake("--target", "nothing, and no url in [target]", "http://… or https://…")]
        )
    return declared


def as_factory(target: object) -> tuple[str, TargetFactory]:
    """(name, factory) of a target given by its name, as a factory, or as the callable or object itself."""
    if isinstance(target, HttpTarget):
        return _service(target)
    if isinstance(target, str):
        return public_url(target) if is_url(target) else target, target_factory(target)
    kind = target if hasattr(target, "__qualname__") else type(target)
    name = f"{kind.__module__}:{getattr(kind, '__qualname__', '')}"
    return name, target if isinstance(target, TargetFactory) else factory_for(name, target)


def _service(target: HttpTarget) -> tuple[str, TargetFactory]:
    from harness.drive.adapters.http import http_factory  # noqa: PLC0415 - only a service needs it

    return http_factory(target)


def _builtin(session: Session) -> Target:
    machine = machine_for(session.clock, session.plan.scenario.cores)
    return Orchestrator(session.plan, session.clock, session.recorder, machine)
