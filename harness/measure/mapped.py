"""`MappedRecorder`: records into a file mapped into memory, so that what was measured outlives the process.

A store into a mapped page belongs to the system at once: however the process ends, `kill -9` included, whoever opens
the file finds every row that was written. (Only a machine that goes down takes them with it.)
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.measure.record import NEVER, Ints, Outcome, Recorder, WorkflowColumns

_COLUMNS = (
    ("due", "d"),
    ("started", "d"),
    ("finished", "d"),
    ("held", "d"),
    ("outcome", "q"),
    ("kind", "q"),
    ("error", "q"),
    ("batch", "q"),
)
_HEADER_B = 64
_ROWS, _ERRORS = "rows", "errors"
MOST_ROWS = 2**24
"""Room where nobody knows how many workflows there will be; the file is sparse, what is not written takes no disk."""


@dataclass(slots=True)
class MappedRecorder(Recorder):
    """A `Recorder` whose rows lie in `folder`, with room for `room` of them. Attempts stay in memory."""

    folder: Path = field(default_factory=Path)
    room: int = MOST_ROWS
    _count: Any = None

    def __post_init__(self) -> None:
        size = _HEADER_B + 8 * self.room * len(_COLUMNS)
        with (self.folder / _ROWS).open("w+b") as file:
            file.truncate(size)
            whole = memoryview(mmap.mmap(file.fileno(), size))
        self._count = whole[:8].cast("q")
        for name, view in _views(whole, self.room):
            setattr(self, name, view)
        (self.folder / _ERRORS).touch()

    @property
    def offered(self) -> int:
        """See `Recorder`."""
        return int(self._count[0])

    def offer(self, due_s: float, kind: int, batch: int) -> int:
        """See `Recorder`. Raises `HarnessError` where there is no room left."""
        index: int = self._count[0]
        if index >= self.room:
            raise HarnessError(f"a worker has room for {self.room} workflows; --soak keeps no rows and needs none")
        self.due[index] = due_s
        self.kind[index] = kind
        self.batch[index] = batch
        self.started[index] = self.finished[index] = NEVER
        self.outcome[index] = int(Outcome.CANCELLED)
        self.error[index] = -1
        self._count[0] = index + 1  # last: a row that counts is whole
        return index

    def error_index(self, kind: str) -> int:
        """See `Recorder`; a new kind is written down before any row says it."""
        if kind not in self.error_kinds:
            with (self.folder / _ERRORS).open("a", encoding="utf-8") as file:
                file.write(json.dumps(kind) + "\n")
        return Recorder.error_index(self, kind)

    def give_up(self, error: str) -> None:
        """See `Recorder`."""
        errors = np.asarray(self.error)[: self.offered]
        errors[np.isnan(np.asarray(self.finished)[: self.offered])] = self.error_index(error)

    def canonical_errors(self) -> tuple[str, ...]:
        """See `Recorder`."""
        rows, self.error = self.error, []
        try:
            before = dict(self.error_kinds)
            kinds = Recorder.canonical_errors(self)
        finally:
            self.error = rows
        errors = np.asarray(rows)[: self.offered]
        errors[:] = _places(before, self.error_kinds)[errors]
        return kinds

    def workflow_columns(self) -> WorkflowColumns:
        """See `Recorder`; a copy, which needs the file no more."""
        return _columns({name: np.asarray(getattr(self, name)) for name, _ in _COLUMNS}, self.offered)


def rows_left_in(folder: Path) -> tuple[WorkflowColumns, tuple[str, ...]]:
    """The rows, and the error kinds that they index, that a recorder has left in `folder`, however it ended.

    Raises `FileNotFoundError` where none began there.
    """
    with (folder / _ROWS).open("rb") as file:
        whole = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    room = (len(whole) - _HEADER_B) // (8 * len(_COLUMNS))
    columns = {name: np.asarray(view) for name, view in _views(whole, room)}
    kinds = tuple(json.loads(line) for line in (folder / _ERRORS).read_text(encoding="utf-8").splitlines())
    return _columns(columns, int(whole[:8].cast("q")[0])), kinds


def _views(whole: memoryview, room: int) -> Iterator[tuple[str, Any]]:
    for place, (name, kind) in enumerate(_COLUMNS):
        begin = _HEADER_B + 8 * room * place
        yield name, whole[begin : begin + 8 * room].cast(kind)  # type: ignore[call-overload]  # of two literals


def _columns(views: Mapping[str, NDArray[Any]], count: int) -> WorkflowColumns:
    rows = {name: view[:count].copy() for name, view in views.items()}
    held_s = np.where(np.isnan(rows["started"]), NEVER, rows["held"])
    return WorkflowColumns(
        due_s=rows["due"],
        started_s=rows["started"],
        finished_s=rows["finished"],
        outcome=rows["outcome"],
        type=rows["kind"],
        error=rows["error"],
        batch=rows["batch"],
        held_s=held_s,
    )


def _places(before: Mapping[str, int], after: Mapping[str, int]) -> Ints:
    """Old index -> new index; -1, which is the last place, stays -1."""
    places = np.full(len(before) + 1, -1, dtype=np.int64)
    for kind, index in before.items():
        places[index] = after[kind]
    return places
