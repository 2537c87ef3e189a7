"""Put a LangGraph graph under load: `langgraph:module:graph`.

`graph` is a compiled graph, a builder that is not compiled yet, or a function without arguments (plain or async) that
returns one of the two, or an async context manager that yields one. A function is called once per replication.

Each workflow is one `graph.ainvoke(input, config)`:

* `input` is what the module's own `workflow_input(workflow)` returns, where the module has such a function. Otherwise
  it is `{}`, plus `workflow_id` and `workflow_type` where the graph's state has keys of these names.
* `config["configurable"]` holds `thread_id`, new for each workflow of each replication, and `workflow`, the
  `harness.Workflow` itself, whose `luck(n)` makes fakes repeatable. `config["metadata"]` holds its id and type.

Attempts at nodes are counted in a graph where some node has a retry policy (see `langgraph_attempts`); a node that
tries again by itself tells of it with `config["configurable"]["workflow"].attempt("step")`.

What a node raises becomes the outcome, by the name of its class. A graph that stops to ask a person has not done its
work, and counts as failed. Threads are left in the checkpointer, as any user of the graph would leave them.
"""

from __future__ import annotations

import importlib.util
import inspect
import uuid
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any

from harness.drive.adapters.loading import load_with_module
from harness.drive.target import Failed, Session, TargetFactory, Workflow
from harness.errors import MissingExtraError, TargetError

_EXPECTED = "a graph (with ainvoke), a builder (with compile), or a function without arguments that returns one"
_INTERRUPT = "__interrupt__"

WorkflowInput = Callable[[Workflow], Any]


class GraphTarget:
    """A graph as a target: see the module's docstring. `found` is what the user's module holds under its name."""

    def __init__(self, spec: str, found: Any, workflow_input: WorkflowInput | None, session: Session) -> None:
        self._spec = spec
        self._found = found
        self._workflow_input = workflow_input
        self._session = session
        self._exits = AsyncExitStack()
        # a checkpointer outlives the replication, and maybe the process: a thread id used before would go on with the
        # state of that workflow instead of starting from nothing
        self._replication = uuid.uuid4().hex
        self._graph: Any = None
        self._keys: tuple[str, ...] = ()
        self._counted: Callable[[Workflow], Any] | None = None

    async def start(self) -> None:
        """Make the graph, if it is a function that makes it, and look at what it holds."""
        found = self._found
        if not _is_graph(found) and not _is_builder(found):
            found = await self._made_by(found)
        self._graph = _compiled(self._spec, found)
        channels = getattr(self._graph, "channels", {})
        self._keys = tuple(key for key in ("workflow_id", "workflow_type") if key in channels)
        if is_retried(self._graph):
            from harness.drive.adapters.langgraph_attempts import AttemptCounter  # noqa: PLC0415 - an optional extra

            self._counted = AttemptCounter
        self._doubt_threads()

    async def run(self, workflow: Workflow) -> object:
        """One invocation on a thread of its own; returns the graph's output."""
        result = await self._graph.ainvoke(self._input(workflow), self._config(workflow))
        if isinstance(result, Mapping) and result.get(_INTERRUPT):
            raise Failed("interrupted for input")
        return result

    async def stop(self) -> None:
        """Leave the context manager that made the graph, if one did."""
        await self._exits.aclose()

    def _input(self, workflow: Workflow) -> Any:
        if self._workflow_input is not None:
            return self._workflow_input(workflow)
        known = {"workflow_id": workflow.id, "workflow_type": workflow.type}
        return {key: known[key] for key in self._keys}

    def _config(self, workflow: Workflow) -> dict[str, Any]:
        config: dict[str, Any] = {
            "configurable": {"thread_id": f"{self._replication}-{workflow.id}", "workflow": workflow},
            "metadata": {"workflow_id": workflow.id, "workflow_type": workflow.type},
        }
        return config | {"callbacks": [self._counted(workflow)]} if self._counted is not None else config

    async def _made_by(self, make: Callable[[], Any]) -> Any:
        try:
            made = make()
            if inspect.isawaitable(made):
                made = await made
            if hasattr(made, "__aenter__"):
                made = await self._exits.enter_async_context(made)
        except Exception as error:
            raise TargetError(
                f"--target {self._spec}: making the graph failed: {type(error).__name__}: {error}"
            ) from error
        return made

    def _doubt_threads(self) -> None:
        names = plain_nodes(self._graph)
        if names and self._session.clock.virtual:
            self._session.recorder.doubts.append(
                f"nodes that are plain functions run in threads ({', '.join(names)}): the real time they take is not "
                "counted on a virtual clock; make them async, or use --clock wall"
            )


def graph_factory(spec: str, path: str) -> TargetFactory:
    """A factory of targets for the graph at `path` (`module:graph`); `spec` is the target's whole name, for errors.

    Raises `MissingExtraError` where langgraph is not installed, `TargetError` where the module cannot be imported or
    holds no graph.
    """
    if importlib.util.find_spec("langgraph") is None:
        raise MissingExtraError("langgraph", "langgraph", f"--target {spec}")
    module, found = load_with_module(spec, path)
    if not _is_graph(found) and not _is_builder(found) and not _is_maker(found):
        raise TargetError(f"--target {spec}: expected {_EXPECTED}, found {_described(found)}")
    workflow_input = getattr(module, "workflow_input", None)
    if workflow_input is not None and not callable(workflow_input):
        raise TargetError(f"--target {spec}: expected workflow_input(workflow), found {_described(workflow_input)}")
    if _is_builder(found):
        found = _compiled(spec, found)
    return TargetFactory(lambda session: GraphTarget(spec, found, workflow_input, session))


def plain_nodes(graph: Any) -> list[str]:
    """Names of the nodes that are plain functions, which LangGraph runs in threads."""
    nodes: Mapping[str, Any] = getattr(graph, "nodes", {})
    return [name for name, node in nodes.items() if not name.startswith("__") and _is_plain(node)]


def is_retried(graph: Any) -> bool:
    """Whether LangGraph tries some node of `graph` again when it fails."""
    nodes: Mapping[str, Any] = getattr(graph, "nodes", {})
    return bool(getattr(graph, "retry_policy", None)) or any(
        getattr(node, "retry_policy", None) for node in nodes.values()
    )


def _is_plain(node: Any) -> bool:
    """Whether a node has a plain function only; its async twin is then a wrapper around that function."""
    bound = getattr(node, "bound", None)
    function, twin = getattr(bound, "func", None), getattr(bound, "afunc", None)
    return function is not None and (twin is None or getattr(twin, "__wrapped__", None) is function)


def _is_graph(found: Any) -> bool:
    return not inspect.isclass(found) and callable(getattr(found, "ainvoke", None))


def _is_builder(found: Any) -> bool:
    return not inspect.isclass(found) and not _is_graph(found) and callable(getattr(found, "compile", None))


def _is_maker(found: Any) -> bool:
    if inspect.isclass(found) or not callable(found):
        return False
    try:
        inspect.signature(found).bind()
    except (TypeError, ValueError):
        return False
    return True


def _compiled(spec: str, found: Any) -> Any:
    if _is_graph(found):
        return found
    if not _is_builder(found):
        raise TargetError(f"--target {spec}: expected {_EXPECTED}, found a function that returns {_described(found)}")
    try:
        return found.compile()
    except Exception as error:
        raise TargetError(f"--target {spec}: compiling the graph failed: {type(error).__name__}: {error}") from error


def _described(found: Any) -> str:
    if inspect.isclass(found):
        return f"the class {found.__name__}"
    if inspect.isroutine(found):
        return f"{found.__name__}{inspect.signature(found)}"
    return f"{type(found).__name__} {found!r:.60}"
