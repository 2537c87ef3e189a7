"""The simulator beside SimPy, Ciw and a hand-written heap loop: `python -m benchmarks.simulator [--quick | --peers]`.

One core, CPU seconds (a busy machine disturbs them less than wall time), each measurement in a fresh process, sides
interleaved round by round. All sides record every workflow's latency and nothing else, except `compiled, every row`,
which keeps the whole Run. Times shown are the best of the rounds, their spread is (worst - best) / best; a ratio is
taken within each round, and its median and range are shown.

`--peers` runs the peers at 10^7 workflows too, once: a quarter of an hour, and 8 GiB for Ciw, which keeps all its
records.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from dataclasses import dataclass

from benchmarks.simulator.models import IN_FLIGHT

BARS = {
    ("three_steps", "compiled"): 200.0,
    ("plain", "compiled"): 300.0,
    ("three_steps", "interpreted"): 3.0,
    ("plain", "interpreted"): 3.0,
}
"""How many times as fast as SimPy each should be at 100,000 workflows."""

PEER_SIZES = {"simpy": 10**6, "ciw": 10**5, "heap loop": 10**7, "interpreted": 10**6}
"""The largest size worth waiting for, unless asked; the compiled kernel goes on to the end."""

SIDES = {
    "three_steps": ("simpy", "interpreted", "compiled", "compiled, every row"),
    "plain": ("simpy", "ciw", "heap loop", "interpreted", "compiled", "compiled, every row"),
}


@dataclass(frozen=True, slots=True)
class Measurement:
    """CPU seconds and MiB of one side at one size, by round."""

    cpu_s: tuple[float, ...]
    grown_mib: float


def measure(side: str, model: str, workflows: int, in_flight: int = IN_FLIGHT) -> tuple[float, float]:
    """One measurement in a process of its own: CPU seconds, MiB."""
    command = [sys.executable, "-m", "benchmarks.simulator.sides", side, model, str(workflows), str(in_flight)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found["cpu_s"], found["grown_mib"]


def compare(model: str, workflows: int, rounds: int, everyone: bool) -> dict[str, Measurement]:
    """All sides of a model at one size, or those worth waiting for, interleaved."""
    sides = [side for side in SIDES[model] if everyone or workflows <= PEER_SIZES.get(side, workflows)]
    by_round = [{side: measure(side, model, workflows) for side in sides} for _ in range(rounds)]
    return {side: Measurement(tuple(r[side][0] for r in by_round), max(r[side][1] for r in by_round)) for side in sides}


def show(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a script


def show_sizes(model: str, sizes: list[int], rounds: int, everyone: bool = False) -> None:
    """One line per side and size, with the ratio to SimPy where it was run."""
    show(f"\n{model}: us per workflow (spread), MiB grown, times as fast as SimPy [range over rounds]")
    for workflows in sizes:
        found = compare(model, workflows, rounds, everyone)
        for side, it in found.items():
            best = min(it.cpu_s)
            line = f"{workflows:>10,}  {side:<20} {best / workflows * 1e6:>9.3f} ({max(it.cpu_s) / best - 1:4.0%})"
            line += f" {it.grown_mib:>8.1f} MiB"
            if "simpy" in found and side != "simpy":
                ratios = [peer / own for peer, own in zip(found["simpy"].cpu_s, it.cpu_s, strict=True)]
                line += f"  {statistics.median(ratios):>7.1f} [{min(ratios):.1f} to {max(ratios):.1f}]"
                bar = BARS.get((model, side)) if workflows == 10**5 else None
                line += (
                    "" if bar is None else f"  bar {bar:g}: {'held' if statistics.median(ratios) >= bar else 'MISSED'}"
                )
            show(line)


def show_growth(workflows: int, in_flights: list[int]) -> None:
    """Time against the number in flight: no faster than n log n in all is no more than log n for each workflow."""
    show(f"\nthree_steps, compiled, {workflows:,} workflows: us per workflow by number in flight")
    for in_flight in in_flights:
        cpu_s = min(measure("compiled", "three_steps", workflows, in_flight)[0] for _ in range(3))
        show(f"{in_flight:>10,}  {cpu_s / workflows * 1e6:>9.3f}")


def main(quick: bool, peers: bool) -> None:
    """Everything, or with --quick what takes two minutes, or with --peers the peers at the largest size."""
    if peers:
        for model in SIDES:
            show_sizes(model, [10**7], rounds=1, everyone=True)
        return
    sizes = [10**3, 10**4, 10**5] if quick else [10**3, 10**4, 10**5, 10**6, 10**7]
    for model in SIDES:
        show_sizes(model, sizes, rounds=2 if quick else 3)
    show_growth(10**5 if quick else 10**6, [10, 100, 1000] if quick else [10, 100, 1000, 10**4, 10**5])


if __name__ == "__main__":
    main("--quick" in sys.argv[1:], "--peers" in sys.argv[1:])
