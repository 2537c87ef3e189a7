"""The one form in which every tool's results are compared: a metric as one side measured it.

Readers in `harness.bridges` bring reports, pytest-benchmark files and asv results into it; nothing here knows a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.judge.statistics.records import Direction, Kind

Processes = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What must be equal before two figures are compared. None: this tool does not tell."""

    digest: str | None = None
    """Of the scenario; asv's benchmark version."""
    target: str | None = None
    clock: str | None = None
    environment: str | None = None
    """asv's environment, by name."""
    machine: Mapping[str, str] = field(default_factory=dict)
    """Facts of the machine by name. They bear on every metric but the exact ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One metric on one side.

    `processes` has the shape (processes, values), in the order they ran: a process is a run, a round or a seeded
    replication. For kind `rate` each is the pair (count, trials). `seeds` has one entry per process, or none.
    """

    metric: str
    """`latency_p50`; together with `scenario` it names the metric."""
    scenario: str = ""
    """The scenario, test or benchmark that it is a metric of."""
    unit: str
    """`s`, `B`, `/s`, `share`, `count`, or the tool's own word."""
    direction: Direction = "lower"
    kind: Kind = "noisy"
    processes: Processes
    seeds: tuple[int, ...] = ()
    identity: Identity = Identity()
    unfit: str = ""
    """Why the figures may not be compared with anything (an invalid run); empty: they may."""
    invalid: bool = False
    """Whether that is because the run as a whole may not be believed, whatever the metric."""
    resolution: float = 0.0
    """Differences up to this, in `unit`, are below what the measurement can tell."""
    advisory: str = ""
    """Why nobody waits for a verdict on it: an inconclusive one is no gap, though a regression is one. Empty: they do.
    """
    notes: tuple[str, ...] = ()
    command: str = ""
    """The command that measures it again, on whichever commit is checked out."""

    @property
    def name(self) -> str:
        """`scenario.metric`, the same on both sides."""
        return f"{self.scenario}.{self.metric}" if self.scenario else self.metric


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """All that one side measured, and where it comes from."""

    source: str
    """What the user gave: a path, `asv:results@commit`, a revision."""
    tool: str
    """`harness`, `pytest-benchmark` or `asv`."""
    commit: str | None
    """Full or shortened hash; None: not known."""
    dirty: bool | None = None
    measured: tuple[Measured, ...]
    runs: frozenset[str] = frozenset()
    """What tells its runs from all others."""
    span: tuple[str, str] | None = None
    """When its first and its last run were made, ISO 8601 in one time zone; None: not known."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pair:
    """A metric's two sides; one is None where only the other has it."""

    name: str
    base: Measured | None
    head: Measured | None

    @property
    def known(self) -> Measured:
        """The head's record, or the base's where head has none."""
        found = self.head or self.base
        assert found is not None
        return found


# --------------------------------------------------------------------------- what differs


def differences(base: Measured, head: Measured) -> tuple[str, ...]:
    """What keeps two records from being compared, a phrase each: `clock: base wall, head virtual`."""
    exact = base.kind == head.kind == "exact"
    fields = {
        "unit": (base.unit, head.unit),
        "direction": (base.direction, head.direction),
        "scenario digest": (_short(base.identity.digest), _short(head.identity.digest)),
        "target": (base.identity.target, head.identity.target),
        "clock": (base.identity.clock, head.identity.clock),
        "kind": (base.kind, head.kind),
        "environment": (base.identity.environment, head.identity.environment),
    }
    if exact:
        fields["seeds"] = (_listed(base.seeds), _listed(head.seeds))
    else:
        facts = dict.fromkeys((*base.identity.machine, *head.identity.machine))
        fields |= {
            f"machine ({fact})": (base.identity.machine.get(fact), head.identity.machine.get(fact)) for fact in facts
        }
    return tuple(
        f"{name}: base {old or 'none'}, head {new or 'none'}" for name, (old, new) in fields.items() if old != new
    )


def _short(digest: str | None) -> str | None:
    return digest if digest is None or len(digest) <= 24 else f"{digest[:24]}..."


def _listed(seeds: Sequence[int]) -> str:
    ordered = sorted(seeds)
    if len(ordered) > 2 and ordered == list(range(ordered[0], ordered[0] + len(ordered))):
        return f"{ordered[0]} to {ordered[-1]}"
    shown = ", ".join(map(str, ordered[:8]))
    return f"{shown}, ... ({len(ordered)})" if len(ordered) > 8 else shown


# --------------------------------------------------------------------------- bringing together


def merged(measured: Iterable[Measured]) -> list[Measured]:
    """Records of one metric from several runs made one, in the order given; runs that differ in identity stay apart."""
    groups: dict[str, list[Measured]] = {}
    for one in measured:
        key = repr((one.name, one.unit, one.direction, one.kind, one.identity))
        groups.setdefault(key, []).append(one)
    return [_together(group) for group in groups.values()]


def _together(group: Sequence[Measured]) -> Measured:
    first = group[0]
    seeded = all(len(one.seeds) == len(one.processes) for one in group)
    whole = replace(
        first,
        processes=tuple(process for one in group for process in one.processes),
        seeds=tuple(seed for one in group for seed in one.seeds) if seeded else (),
        notes=tuple(dict.fromkeys(note for one in group for note in one.notes)),
        # one run that may not be believed is enough: leaving it out would choose among the results
        unfit=next((one.unfit for one in group if one.unfit), ""),
    )
    if whole.unfit:
        return whole
    return _by_seed(whole) if whole.kind == "exact" else _without_repeats(whole)


def _by_seed(whole: Measured) -> Measured:
    """One value per seed, in the order of seeds; a seed that gave two values shows that the metric is not exact."""
    values: dict[int, tuple[float, ...]] = {}
    for seed, process in zip(whole.seeds, whole.processes, strict=True):
        before = values.setdefault(seed, process)
        if repr(before) != repr(process):
            said = (
                f"not repeatable: seed {seed} gave {_value(before)} and {_value(process)}; compare it on the wall clock"
            )
            return replace(whole, unfit=said)
    seeds = tuple(sorted(values))
    return replace(whole, seeds=seeds, processes=tuple(values[seed] for seed in seeds))


def _value(process: Sequence[float]) -> str:
    return f"{process[0]!r}" if process else "no value"


def _without_repeats(whole: Measured) -> Measured:
    """Refuse samples that stand twice: the same run counted as two makes any test too sure of itself."""
    if whole.kind == "rate":
        return whole
    flat = [value for process in whole.processes for value in process]
    count = _repeats(flat)
    if count == 1:
        return whole
    return replace(
        whole,
        unfit=f"duplicated samples: the same {len(flat) // count} values stand {count} times, one after the other",
    )


def _repeats(values: Sequence[float]) -> int:
    """How often the list is one shorter list (of 2 or more different values) over and over again; 1: it is not."""
    for length in range(2, len(values) // 2 + 1):
        if len(values) % length == 0 and len(set(values[:length])) > 1:
            part = list(values[:length])
            if all(list(values[at : at + length]) == part for at in range(0, len(values), length)):
                return len(values) // length
    return 1


def paired(base: Iterable[Measured], head: Iterable[Measured]) -> list[Pair]:
    """Every metric of either side with its counterpart, in the base's order, what is new at the end.

    Among several records of one name, those that differ in nothing find each other first, then those that differ least.
    """
    ours, theirs = _named(merged(base)), _named(merged(head))
    pairs: list[Pair] = []
    for name in dict.fromkeys((*ours, *theirs)):
        pairs += _matched(name, ours.get(name, []), theirs.get(name, []))
    return sorted(pairs, key=lambda pair: pair.base is None)


def _named(measured: Iterable[Measured]) -> dict[str, list[Measured]]:
    names: dict[str, list[Measured]] = {}
    for one in measured:
        names.setdefault(one.name, []).append(one)
    return names


def _matched(name: str, base: list[Measured], head: list[Measured]) -> list[Pair]:
    costs = sorted(
        ((len(differences(b, h)), i, k) for i, b in enumerate(base) for k, h in enumerate(head)),
    )
    taken: dict[int, int] = {}
    for _, i, k in costs:
        if i not in taken and k not in taken.values():
            taken[i] = k
    several = max(len(base), len(head)) > 1
    pairs = [Pair(_told(name, b, several), b, head[taken[i]] if i in taken else None) for i, b in enumerate(base)]
    left = [h for k, h in enumerate(head) if k not in taken.values()]
    return [*pairs, *(Pair(_told(name, h, several), None, h) for h in left)]


def _told(name: str, one: Measured, several: bool) -> str:
    """The metric's name; where there are several of it, with what tells them apart."""
    if not several:
        return name
    return f"{name} ({', '.join(fact for fact in labels(one.identity) if fact)})"


def labels(identity: Identity) -> tuple[str | None, ...]:
    """What tells records of one name apart, apart from the machine."""
    return identity.target, identity.clock, identity.environment, _short(identity.digest)
