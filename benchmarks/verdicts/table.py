"""Counts with their binomial intervals, and the Markdown they end up in."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from scipy.stats import beta


@dataclass(frozen=True, slots=True)
class Rate:
    """So many of so many; printed per `unit` with the 95 % interval of Clopper and Pearson (Biometrika 26, 1934)."""

    hits: int
    total: int
    unit: int = 100

    def __str__(self) -> str:
        low = float(beta.ppf(0.025, self.hits, self.total - self.hits + 1)) if self.hits else 0.0
        high = float(beta.ppf(0.975, self.hits + 1, self.total - self.hits)) if self.hits < self.total else 1.0
        share, low, high = (self.unit * value for value in (self.hits / self.total, low, high))
        return f"{share:.3g} ({low:.3g}-{high:.3g})" if self.unit > 100 else f"{share:.1f} ({low:.1f}-{high:.1f})"


@dataclass(frozen=True, slots=True)
class Row:
    """One question, the figure it must reach, and each judge's answer."""

    question: str
    must: str
    answers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Section:
    """Rows that share a unit and a way of being measured."""

    title: str
    note: str
    rows: list[Row] = field(default_factory=list)

    def markdown(self) -> str:
        """The section with one column per judge that answered at all."""
        judges = list(dict.fromkeys(judge for row in self.rows for judge in row.answers))
        lines = [
            f"## {self.title}",
            "",
            self.note,
            "",
            _line(["", "must reach", *judges]),
            _line(["---"] * (len(judges) + 2)),
        ]
        lines += [
            _line([row.question, row.must, *(row.answers.get(judge, "") for judge in judges)]) for row in self.rows
        ]
        return "\n".join([*lines, ""])


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
