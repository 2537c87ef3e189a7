"""`Part`: which of a plan's workflows are driven here, and what their numbers are in the whole."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """Worker `worker` of `workers`, from workflow `first` on, which is `begin_s` into the plan.

    A workflow keeps its number, and with it its luck and its type, whoever drives it.
    """

    worker: int = 0
    workers: int = 1
    first: int = 0
    begin_s: float = 0.0

    def number_of(self, workflow: int) -> int:
        """The number in the whole plan of the part's own workflow with this index."""
        return self.first + self.worker + workflow * self.workers


WHOLE = Part()
