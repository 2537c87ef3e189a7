"""`ResourceMetrics` from what each run took of the machine: peaks are the largest of all runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from harness.measure import estimates
from harness.measure.gauges import sampling_doubt
from harness.measure.growth import slope_of
from harness.measure.machine import Machine
from harness.measure.summary import Estimate, ResourceMetrics
from harness.scenario.model import BurstLoad, Load


# long: one line for each field of the record
def resource_metrics(load: Load, machines: Sequence[Machine]) -> ResourceMetrics:
    """The figures of all runs; `machines` has one entry per run.

    Start memory and mean CPU are means over runs, collections and their pauses and every other figure the largest.
    """
    missing = machines[0].missing if machines else "no run"
    between = _between_samples(machines)

    def peak(figure: Callable[[Machine], float | None], doubt: str | None = None) -> Estimate:
        return estimates.largest(map(figure, machines), missing, doubt)

    return ResourceMetrics(
        modelled=any(machine.modelled for machine in machines),
        memory_peak_b=peak(lambda machine: machine.memory_peak_b, between),
        memory_start_b=estimates.mean((machine.memory_start_b for machine in machines), missing),
        memory_over_start_b=peak(lambda machine: machine.memory_over_start_b, between),
        memory_unreturned_b=peak(lambda machine: machine.memory_unreturned_b),
        memory_batch_spread_b=_spread(machines, missing),
        memory_slope_b_per_100=_slope(machines, missing),
        uss_peak_b=peak(lambda machine: machine.uss_peak_b),
        cpu_mean=estimates.mean((machine.cpu_mean for machine in machines), missing),
        cpu_max=peak(lambda machine: machine.cpu_max),
        fds_max=peak(lambda machine: machine.fds_max),
        threads_max=peak(lambda machine: machine.threads_max),
        tasks_max=peak(lambda machine: machine.tasks_max),
        loop_lag_p99_s=peak(lambda machine: machine.loop_lag_p99_s),
        loop_lag_max_s=peak(lambda machine: machine.loop_lag_max_s),
        gc_collections=peak(lambda machine: machine.gc_collections),
        gc_pause_s=peak(lambda machine: machine.gc_pause_s),
        memory_peaks_b=_peaks(load, machines, lambda m: m.batch_memory_b, lambda m: m.memory_peak_b),
        cpu_peaks=_peaks(load, machines, lambda m: m.batch_cpu, lambda m: m.cpu_max),
    )


def _between_samples(machines: Sequence[Machine]) -> str | None:
    rates = [machine.rate_hz for machine in machines if machine.peak_is_sampled]
    # a rate of 0 is that of samples which all bear one time: of one, as a rule
    return sampling_doubt(1 if min(rates) <= 0 else 2, min(rates)) if rates else None


def _spread(machines: Sequence[Machine], missing: str) -> Estimate:
    seen = any(machine.memory_peak_b is not None for machine in machines)
    why = "fewer than two batches" if seen else missing
    return estimates.largest((machine.memory_batch_spread_b for machine in machines), why, _between_samples(machines))


def _slope(machines: Sequence[Machine], missing: str) -> Estimate:
    groups = [machine.growth for machine in machines if machine.growth is not None]
    return slope_of(groups, missing)


def _peaks(
    load: Load,
    machines: Sequence[Machine],
    by_batch: Callable[[Machine], Mapping[int, float]],
    of_run: Callable[[Machine], float | None],
) -> tuple[float, ...]:
    """One peak per batch (the largest of all runs) where the load has batches, else one per run."""
    if not isinstance(load, BurstLoad):
        return tuple(value for machine in machines if (value := of_run(machine)) is not None)
    batches = sorted({batch for machine in machines for batch in by_batch(machine)})
    return tuple(max(by_batch(m)[batch] for m in machines if batch in by_batch(m)) for batch in batches)
