"""Counts the attempts at a LangGraph's nodes, which LangGraph itself only writes to its log.

Every attempt at a node calls the graph's callbacks anew, in one task (the checkpoint namespace names it). They cost
time at every node, so a graph without a retry policy, where nothing is ever tried again, gets none.

Imported only where there is a graph: langchain_core comes with the extra `langgraph`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler

from harness.drive.target import Workflow
from harness.measure.tries import Try


class AttemptCounter(BaseCallbackHandler):
    """Reports each attempt at a node as one of its workflow's."""

    run_inline = True  # on the loop's thread: in another one, the attempt would begin when that has time

    def __init__(self, workflow: Workflow) -> None:
        self._workflow = workflow
        self._numbers: dict[str, int] = {}
        self._open: dict[object, Try] = {}

    def on_chain_start(self, *_: Any, run_id: object, metadata: Mapping[str, Any] | None = None, **more: Any) -> None:
        """An attempt at a node begins, where it is the node itself and not a part of it."""
        known = metadata or {}
        node = known.get("langgraph_node")
        if node is not None and more.get("name") == node:
            task = str(known.get("langgraph_checkpoint_ns"))
            number = self._numbers[task] = self._numbers.get(task, 0) + 1
            self._open[run_id] = self._workflow.attempt(node, number)

    def on_chain_end(self, *_: Any, run_id: object, **__: Any) -> None:
        """It did what it was to do."""
        self._over(run_id, None)

    def on_chain_error(self, error: BaseException, *, run_id: object, **_: Any) -> None:
        """It failed."""
        self._over(run_id, error)

    def _over(self, run_id: object, error: BaseException | None) -> None:
        attempt = self._open.pop(run_id, None)
        if attempt is not None:
            attempt.__exit__(None if error is None else type(error), error, None)
