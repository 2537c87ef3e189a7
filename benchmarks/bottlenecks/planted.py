"""Random scenarios in which one resource, known beforehand, is short, and all others are not.

Planted means: the load asks for 1.1 to 2 times what the one resource can do, and for at most 0.5 of what each other can
(rates), or keeps 1.5 to 3 times as many workflows in flight as fill the one resource, at whose pace each other is at
most half busy (closed). A queue is short where bursts are 1.5 to 3 times what pool and queue hold together while the
pool could do twice the mean load. The generator is the limit where its own cap on workflows in flight is what is short,
under a rate. Healthy means at most half of everything, bursts that fit, or one short spike.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from random import Random

from harness.scenario.model import (
    BurstLoad,
    ClosedLoad,
    ConnectionPool,
    Constant,
    Distribution,
    Exponential,
    Gamma,
    Load,
    Lognormal,
    MemoryAdmission,
    Pool,
    RateLimit,
    RateLoad,
    RateStep,
    Retry,
    Scenario,
    Step,
    StepsLoad,
    Uniform,
    WorkflowType,
)

CAUSES = ("agent_pool", "named_pool", "queue", "cpu", "memory", "connection_pool", "rate_limit", "generator", "none")
SHORT = (1.1, 2.0)
AMPLE = (0.1, 0.5)
FILLED = (1.5, 3.0)
_MIB = 2**20


@dataclass(frozen=True, slots=True)
class Planted:
    """A scenario and what limits it: the cause and, where it is one of several pools, its name."""

    scenario: Scenario
    cause: str
    name: str
    how: str


@dataclass(frozen=True, slots=True)
class _Work:
    """The steps of one workflow type, and what a workflow asks of each resource: units times seconds, or tokens."""

    steps: tuple[Step, ...]
    demands: dict[str, float]
    latency_s: float
    hold_b: int


def planted(cause: str, seed: int) -> Planted:
    """The scenario of a seed in which `cause` is planted; any seed gives one."""
    luck = Random(f"{cause} {seed}")
    if cause == "queue":
        return _short_queue(luck)
    if cause == "none":
        return _healthy(luck)
    return _short(luck, cause)


# --------------------------------------------------------------------------- what workflows do


def _work(luck: Random, *, pools: tuple[str, ...], cpu: bool, connection: bool, limit: bool, memory: bool) -> _Work:
    hold_b = luck.choice((4, 16, 64)) * _MIB if memory else 0
    steps: list[Step] = []
    demands: dict[str, float] = {}

    def ask(resource: str, amount: float) -> None:
        demands[resource] = demands.get(resource, 0.0) + amount

    latency_s = 0.0
    for index, pool in enumerate(pools):
        wait_s, burn_s = luck.uniform(0.05, 0.6), luck.uniform(0.005, 0.05) if cpu else 0.0
        asks = index == 0
        steps.append(
            Step(
                f"step{index}",
                pool=pool,
                wait=_law(luck, wait_s),
                burn=_law(luck, burn_s) if burn_s else Constant(0.0),
                hold_b=hold_b,
                fail=luck.choice((0.0, 0.0, 0.03)),
                connections="db" if connection and asks else None,
                rate_limit="model" if limit and asks else None,
            )
        )
        latency_s += wait_s + burn_s
        ask(pool, wait_s + burn_s)
        ask("cores", burn_s)
        if connection and asks:
            ask("db", wait_s)
        if limit and asks:
            ask("model", 1.0)
    if memory:
        demands["memory"] = hold_b * latency_s
    return _Work(tuple(steps), demands, latency_s, hold_b)


def _law(luck: Random, mean: float) -> Distribution:
    heavy = Lognormal(mean * math.exp(-0.5 * 0.8**2), 0.8)
    return luck.choice((Constant(mean), Exponential(mean), Gamma(mean, 3.0), Uniform(0.5 * mean, 1.5 * mean), heavy))


# --------------------------------------------------------------------------- one resource that is short


_RESOURCE = {
    "agent_pool": "agents",
    "cpu": "cores",
    "memory": "memory",
    "connection_pool": "db",
    "rate_limit": "model",
    "generator": "cap",
}


def _short(luck: Random, cause: str) -> Planted:
    while True:
        several = cause == "named_pool" or luck.random() < 0.5
        pools = ("agents", "tools", "reviewers") if several else ("agents",) * luck.randint(1, 3)
        short = luck.choice(("tools", "reviewers")) if cause == "named_pool" else _RESOURCE[cause]
        work = _work(
            luck,
            pools=pools,
            cpu=cause == "cpu" or luck.random() < 0.5,
            connection=cause == "connection_pool" or luck.random() < 0.3,
            limit=cause == "rate_limit" or luck.random() < 0.3,
            memory=cause == "memory" or luck.random() < 0.3,
        )
        if cause == "generator":
            work.demands["cap"] = work.latency_s
        found = _sized(luck, work, short)
        if found is not None:
            scenario, how = found
            return Planted(scenario, cause, short, how)


def _sized(luck: Random, work: _Work, short: str) -> tuple[Scenario, str] | None:
    """Sizes for the work's resources at some rate; None where whole numbers miss what planted means."""
    rate = luck.uniform(15, 60) / work.latency_s
    sizes: dict[str, float] = {}
    for resource, demand in work.demands.items():
        low, high = SHORT if resource == short else AMPLE
        share = luck.uniform(low, high)
        size = rate * demand / share
        sizes[resource] = size if resource in ("model", "memory") else float(max(1, round(size)))
        if resource == "memory":
            sizes[resource] = float(max(work.hold_b, round(size)))
        if demand and not low <= rate * demand / sizes[resource] <= high:
            return None
    pace = sizes[short] / work.demands[short]
    if short == "cap" or luck.random() < 0.5:
        workflows = min(3000, max(400, math.ceil(30 * pace * work.latency_s)))
        law = "constant" if luck.random() < 0.3 else "poisson"
        cap = int(sizes["cap"]) if "cap" in sizes else None
        load: Load = RateLoad(rate, law, workflows=workflows, max_in_flight=cap)
        return _scenario(luck, load, work, sizes, short), f"{law} rate"
    # at the pace of the one that is short, every other one must be at most half busy
    if any(pace * of / sizes[name] > AMPLE[1] for name, of in work.demands.items() if name != short):
        return None
    in_flight = math.ceil(luck.uniform(*FILLED) * pace * work.latency_s)
    load = ClosedLoad(in_flight, workflows=max(400, 20 * in_flight))
    if sizes.get("memory", math.inf) < in_flight * work.hold_b and short != "memory":
        return None  # all that wait elsewhere hold their memory
    return _scenario(luck, load, work, sizes, short), "closed"


def _scenario(luck: Random, load: Load, work: _Work, sizes: dict[str, float], short: str = "") -> Scenario:
    # a limit that refuses what comes at once is short of tokens at any rate: only where it is meant to be short
    refuses = short == "model" and luck.random() < 0.5
    # whoever is refused in a closed load is replaced at that instant: a full queue would use the load up
    overflows = "" if isinstance(load, ClosedLoad) else short
    return Scenario(
        "planted",
        load,
        (WorkflowType("made", work.steps),),
        (("made", 1.0),),
        tuple(
            _pool(luck, name, int(sizes[name]), overflows) for name in dict.fromkeys(step.pool for step in work.steps)
        ),
        retry=Retry(max_attempts=luck.choice((1, 1, 3)), base_s=0.05, cap_s=0.5),
        cores=max(1, int(sizes.get("cores", 2))),
        run_timeout_s=86_400.0,
        connections=(ConnectionPool("db", int(sizes["db"])),) if "db" in sizes else (),
        rate_limits=(RateLimit("model", sizes["model"], luck.randint(1, 9), "refuse" if refuses else "wait"),)
        if "model" in sizes
        else (),
        memory=MemoryAdmission(int(sizes["memory"])) if "memory" in sizes else None,
    )


def _pool(luck: Random, name: str, size: int, short: str) -> Pool:
    """A pool that is short may also have a queue that overflows all the time, or waiters who give up."""
    if name != short or luck.random() < 0.5:
        return Pool(name, size)
    return Pool(name, size, max(4, round(size * luck.uniform(0.5, 3.0))), wait_timeout_s=luck.choice((None, 5.0)))


# --------------------------------------------------------------------------- a queue that is short, and nothing that is


def _short_queue(luck: Random) -> Planted:
    work = _work(luck, pools=("agents",), cpu=luck.random() < 0.3, connection=False, limit=False, memory=False)
    size = luck.randint(5, 40)
    queue = max(1, round(size * luck.uniform(0.2, 1.5)))
    burst = math.ceil((size + queue) * luck.uniform(*FILLED))
    every_s = burst * work.latency_s / (size * luck.uniform(0.2, 0.5))
    load = BurstLoad((burst,) * luck.randint(3, 8), every_s=every_s)
    if luck.random() < 0.3:
        load = BurstLoad((burst,) * luck.randint(1, 5), pause_s=luck.uniform(0, 2))
    cores = max(2, math.ceil(size * work.demands["cores"] / work.latency_s / 0.5))
    scenario = _scenario(luck, load, work, {"agents": size, "cores": cores})
    return Planted(dataclasses.replace(scenario, pools=(Pool("agents", size, queue),)), "queue", "agents", "bursts")


def _healthy(luck: Random) -> Planted:
    while True:
        kind = luck.choice(("rate", "closed", "bursts", "spike"))
        pools = ("agents", "tools", "reviewers") if luck.random() < 0.5 else ("agents",) * luck.randint(1, 3)
        limited = kind == "rate" and luck.random() < 0.5  # tokens and connections are no place for bursts
        work = _work(
            luck, pools=pools, cpu=kind != "bursts", connection=limited, limit=limited, memory=luck.random() < 0.3
        )
        rate = luck.uniform(15, 60) / work.latency_s
        sizes = {name: rate * of / luck.uniform(*AMPLE) for name, of in work.demands.items()}
        sizes = {name: of if name in ("model", "memory") else float(math.ceil(of)) for name, of in sizes.items()}
        if any(sizes[name] < 8 for name in ("agents", "tools", "reviewers", "db") if name in sizes):
            continue
        room = int(min(sizes[name] for name in dict.fromkeys(pools)))
        if "memory" in sizes:
            room = min(room, int(sizes["memory"] // work.hold_b))
        if room < 8 or ("memory" in sizes and sizes["memory"] / work.hold_b < 16):
            continue
        loads: dict[str, Load] = {
            "rate": RateLoad(rate, "poisson", workflows=800),
            "closed": ClosedLoad(luck.randint(max(1, room // 3), room), workflows=800),
            "bursts": BurstLoad((luck.randint(room // 2, room),) * 10, every_s=8 * work.latency_s),
            "spike": StepsLoad((RateStep(rate, 600 / rate), RateStep(3 * rate, 12 / rate), RateStep(rate, 600 / rate))),
        }
        scenario = _scenario(luck, loads[kind], work, sizes)
        filled = getattr(loads[kind], "in_flight", 0) * work.demands["cores"] / work.latency_s
        if filled > AMPLE[1] * scenario.cores or (kind == "closed" and scenario.cores < 4):
            continue
        return Planted(scenario, "none", "", kind)
