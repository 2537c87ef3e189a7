"""Which policies a scenario declares, in words: what a target other than the built-in one knows nothing of."""

from __future__ import annotations

from harness.scenario.model import Pool, Scenario


def policies_in_force(scenario: Scenario) -> tuple[str, ...]:
    """The policies that `scenario` declares, by the paths of their tables below its own or its steps' names."""
    found = [path for pool in scenario.pools for path in _of_pool(pool)]
    if scenario.retry.budget is not None:
        found.append("retry.budget")
    found += [name for name in ("breaker", "memory") if getattr(scenario, name) is not None]
    found += [f"rate_limits.{limit.name}" for limit in scenario.rate_limits]
    found += [f"connections.{one.name}" for one in scenario.connections]
    steps = (step for kind in scenario.types for step in kind.steps)
    found += dict.fromkeys(f"the cache of step {step.name}" for step in steps if step.cache is not None)
    return tuple(found)


def _of_pool(pool: Pool) -> list[str]:
    tables = ("dynamic", "scaling", "adaptive_queue", "replicas")
    found = [f"pools.{pool.name}.{name}" for name in tables if getattr(pool, name) is not None]
    if pool.overflow != "reject":
        found.append(f"pools.{pool.name}.overflow = {pool.overflow}")
    return found
