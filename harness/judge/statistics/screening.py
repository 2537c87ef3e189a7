"""Data that no test may see: named before anything is computed from it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import cast

import numpy as np

from harness.judge.statistics.records import MetricSamples, Word
from harness.judge.statistics.replicates import depends_on_length, values_needed

_LONG = 32
"""Values from which an array is worth its making."""
_TOO_LARGE = 1e150
"""Squares of larger values overflow."""
Processes = list[Sequence[float]]


@dataclass(frozen=True, slots=True)
class Screened:
    """A metric's processes fit to be judged, or (`word` set) the verdict that its data already is."""

    metric: MetricSamples
    base: Processes
    head: Processes
    paired: bool | None = None
    word: Word | None = None
    reason: str = ""
    notes: list[str] = field(default_factory=list)


def screen(metric: MetricSamples) -> Screened:
    """Drop empty processes (with a note), refuse what cannot be compared, and settle whether rounds pair up.

    Raises TypeError where a side is no list of lists of numbers: whose process a value came from must be said.
    """
    base, head = _sides(metric)
    refusal = _refusal(metric, base, head)
    if refusal is not None:
        return Screened(metric, base, head, word=refusal[0], reason=refusal[1])
    notes: list[str] = []
    if (metric.paired or metric.kind == "exact") and len(base) == len(head):
        base, head = _whole_rounds(base, head, notes)
        if not base:
            return Screened(metric, base, head, word="incomparable", reason="no round has a value on both sides")
    else:
        base, head = _non_empty(base, "base", notes), _non_empty(head, "head", notes)
    paired = metric.paired
    if paired and len(base) != len(head):
        notes.append(f"{len(base)} and {len(head)} processes cannot be paired: judged as independent")
        paired = False
    notes += _tail_notes(metric, base, head)
    return Screened(metric, base, head, paired, notes=notes)


def _sides(metric: MetricSamples) -> tuple[Processes, Processes]:
    return _processes(metric, "base"), _processes(metric, "head")


def _processes(metric: MetricSamples, side: str) -> Processes:
    """One side as a list of sequences; refuses what has no processes, no order, or would be used up by reading it."""
    found = getattr(metric, side)
    if not isinstance(found, Sequence | np.ndarray) or isinstance(found, str | bytes):
        raise TypeError(
            f"{metric.name or 'metric'}: {side}: a side is a list of processes, each a list of values, "
            f"found {type(found).__name__}"
        )
    return [_values(metric, side, index, process) for index, process in enumerate(found)]


def _values(metric: MetricSamples, side: str, index: int, process: object) -> Sequence[float]:
    if isinstance(process, list | tuple):
        return process
    if isinstance(process, np.ndarray) and process.ndim == 1:
        if isinstance(process, np.ma.MaskedArray):
            # values that are masked are no values
            process = np.ma.filled(process.astype(np.float64), np.nan)
        # 32 bits would overflow where 64 do not
        return cast("Sequence[float]", process.tolist() if process.dtype.kind == "O" else process.astype(np.float64))
    if isinstance(process, Sequence) and not isinstance(process, str | bytes):
        return process
    raise TypeError(
        f"{metric.name or 'metric'}: {side}: a side is a list of processes, each a list of values, "
        f"found {_kind(process)} as process {index}"
    )


def _kind(process: object) -> str:
    shape = f" of shape {process.shape}" if isinstance(process, np.ndarray) else ""
    return f"{type(process).__name__}{shape}"


def _refusal(metric: MetricSamples, base: Processes, head: Processes) -> tuple[Word, str] | None:
    absent = _absent(any(len(p) for p in base), any(len(p) for p in head))
    if absent is not None:
        return absent
    unreal = _unreal(metric, base, "base") or _unreal(metric, head, "head")
    if unreal:
        return "incomparable", unreal
    if metric.kind == "rate":
        return _bad_counts(base, head)
    if metric.kind == "exact" and len(base) != len(head):
        return "incomparable", f"exact metrics pair by seed: base has {len(base)} replications, head {len(head)}"
    return _lopsided_tail(metric, base, head)


def _absent(in_base: bool, in_head: bool) -> tuple[Word, str] | None:
    if in_base and in_head:
        return None
    if in_base:
        return "missing", "base has values, head has none"
    return ("new", "head has values, base has none") if in_head else ("incomparable", "neither side has a value")


def _unreal(metric: MetricSamples, processes: Processes, side: str) -> str:
    for index, process in enumerate(processes):
        try:
            real = _real(process)
        except (TypeError, ValueError):
            found = next((type(value).__name__ for value in process if not _number(value)), "no numbers")
            raise TypeError(
                f"{metric.name or 'metric'}: {side}: process {index}: expected numbers, found {found}"
            ) from None
        if not real:
            return f"{side}: process {index} holds NaN, infinity or a value beyond {_TOO_LARGE:g}"
    return ""


def _real(process: Sequence[float]) -> bool:
    if len(process) < _LONG:
        return all(-_TOO_LARGE < value < _TOO_LARGE for value in process)
    return bool((np.abs(np.asarray(process, dtype=np.float64)) < _TOO_LARGE).all())


def _number(value: object) -> bool:
    return hasattr(value, "__float__") and not isinstance(value, complex | np.complexfloating)


def _bad_counts(base: Processes, head: Processes) -> tuple[Word, str] | None:
    for side, processes in (("base", base), ("head", head)):
        for index, process in enumerate(processes):
            if len(process) and (len(process) != 2 or not 0 <= process[0] <= process[1]):
                return "incomparable", f"{side}: process {index} is not (count, trials) with 0 <= count <= trials"
        if not any(process[1] for process in processes if len(process)):
            return "incomparable", f"{side}: no trials"
    return None


def _lopsided_tail(metric: MetricSamples, base: Processes, head: Processes) -> tuple[Word, str] | None:
    """A high quantile of few values is their maximum, which grows with their number: unlike numbers, unlike maxima."""
    shorter, longer = sorted(float(np.median([len(p) for p in side if len(p)])) for side in (base, head))
    needed = values_needed(metric.statistic)
    if longer <= 1.25 * shorter or (shorter >= 2 * needed and not depends_on_length(metric.statistic)):
        return None
    return (
        "incomparable",
        f"{metric.statistic} moves with the number of values per process, here {shorter:g} and {longer:g}",
    )


def _whole_rounds(base: Processes, head: Processes, notes: list[str]) -> tuple[Processes, Processes]:
    rounds = [(b, h) for b, h in zip(base, head, strict=True) if len(b) and len(h)]
    if len(rounds) < len(base):
        notes.append(f"{len(base) - len(rounds)} rounds without a value on one side were left out")
    return [b for b, _ in rounds], [h for _, h in rounds]


def _non_empty(processes: Processes, side: str, notes: list[str]) -> Processes:
    kept = [process for process in processes if len(process)]
    if len(kept) < len(processes):
        notes.append(f"{side}: {len(processes) - len(kept)} processes without a value were left out")
    return kept


def _tail_notes(metric: MetricSamples, base: Processes, head: Processes) -> list[str]:
    if metric.kind == "rate":
        return []
    fewest, needed = min((len(p) for p in chain(base, head)), default=0), values_needed(metric.statistic)
    if fewest >= needed:
        return []
    return [f"{metric.statistic} of {fewest} values leans on the most extreme one; {needed} are needed for more"]
