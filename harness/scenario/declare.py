"""A scenario written back as the declaration it could have come from: `harness show` prints it, a user edits it."""

from __future__ import annotations

from typing import Any

from harness.scenario.declare_load import load_document
from harness.scenario.declare_policies import budget_table, cache_table, policy_tables, pool_tables
from harness.scenario.model import (
    Constant,
    Pool,
    Retry,
    Scenario,
    Step,
    WorkflowType,
)
from harness.scenario.written import distribution, duration, rate, share, size

Document = dict[str, Any]

__all__ = ["declaration_of", "duration", "rate", "share", "size"]


def declaration_of(scenario: Scenario) -> Document:
    """The document of `schemas/scenario.schema.json` that declares `scenario` and its workflow types.

    Loading it gives an equal scenario with the same digest: every quantity is written so that it reads back exactly.
    """
    body: Document = {"description": scenario.description} if scenario.description else {}
    if scenario.timeout_s is not None:
        body["timeout"] = duration(scenario.timeout_s)
    body |= {
        "run_timeout": duration(scenario.run_timeout_s),
        "cores": scenario.cores,
        "load": load_document(scenario.load),
    }
    if scenario.warm_up_workflows:
        body["warm_up"] = scenario.warm_up_workflows
    elif scenario.warm_up_s:
        body["warm_up"] = duration(scenario.warm_up_s)
    body["mix"] = dict(scenario.mix)
    body["pools"] = {pool.name: _pool(pool) for pool in scenario.pools}
    if scenario.retry != Retry():
        body["retry"] = _retry(scenario.retry)
    body |= policy_tables(scenario)
    if scenario.baseline:
        body["baseline"] = {line.metric: line.text for line in scenario.baseline}
    # those of weight zero too: the mix names them, and a mix may only name what is declared
    types = {kind.name: _type(kind) for kind in scenario.types}
    return {"scenario": {scenario.name: body}, "workflow": types}


def _pool(pool: Pool) -> Document:
    document: Document = {"size": pool.size}
    if pool.queue is not None:
        document["queue"] = pool.queue
    document["overflow"] = pool.overflow
    if pool.wait_timeout_s is not None:
        document["wait_timeout"] = duration(pool.wait_timeout_s)
    return document | pool_tables(pool)


def _retry(retry: Retry) -> Document:
    return {
        "max_attempts": retry.max_attempts,
        "base": duration(retry.base_s),
        "factor": retry.factor,
        "cap": duration(retry.cap_s),
        "jitter": retry.jitter,
        "on": list(retry.on),
        **({} if retry.budget is None else {"budget": budget_table(retry.budget)}),
    }


def _type(kind: WorkflowType) -> Document:
    document: Document = {"description": kind.description} if kind.description else {}
    return document | {"steps": [_step(step) for step in kind.steps]}


def _step(step: Step) -> Document:
    document: Document = {"name": step.name, "pool": step.pool}
    if step.wait != Constant(0.0):
        document["wait"] = distribution(step.wait)
    if step.burn != Constant(0.0):
        document["burn"] = distribution(step.burn)
    if step.hold_b:
        document["hold"] = size(step.hold_b)
    if step.fail:
        document["fail"] = share(step.fail)
    if step.timeout_s is not None:
        document["timeout"] = duration(step.timeout_s)
    if step.cache is not None:
        document["cache"] = cache_table(step.cache)
    if step.connections is not None:
        document["connections"] = step.connections
    if step.rate_limit is not None:
        document["rate_limit"] = step.rate_limit
    return document
