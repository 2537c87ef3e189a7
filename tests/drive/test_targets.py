"""Everything that may be a target is one; everything that may not be is refused, with what was found."""

from __future__ import annotations

import asyncio
import functools
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from harness.drive.adapters.callables import factory_for
from harness.drive.opening import target_factory
from harness.drive.target import Failed, Rejected, TimedOut, Workflow
from harness.errors import TargetError
from harness.execute import run
from tests.drive.small import drive, errors, outcomes, scenario

# ------------------------------------------------------------------------------------------------ what may be a target


async def async_function(workflow: Workflow) -> dict[str, str]:
    await asyncio.sleep(0.001)
    return {"workflow_id": workflow.id}


def plain_function(workflow: Workflow) -> dict[str, str]:
    time.sleep(0.001)
    return {"workflow_id": workflow.id}


async def two_arguments(label: str, workflow: Workflow) -> str:
    return label + workflow.id


class AsyncRun:
    async def run(self, workflow: Workflow) -> str:
        return workflow.id


class PlainRun:
    def run(self, workflow: Workflow) -> str:
        return workflow.id


class AsyncCall:
    async def __call__(self, workflow: Workflow) -> str:
        await asyncio.sleep(0)
        return workflow.id


class PlainCall:
    def __call__(self, workflow: Workflow) -> str:
        return workflow.id


class Namespace:
    inner = AsyncRun()


TARGETS = {
    "async function": async_function,
    "plain function": plain_function,
    "object with async run": AsyncRun(),
    "object with plain run": PlainRun(),
    "class with async run": AsyncRun,
    "class with plain run": PlainRun,
    "callable object, async": AsyncCall(),
    "callable object, plain": PlainCall(),
    "partial of an async function": functools.partial(two_arguments, "a"),
    "partial of a callable object": functools.partial(AsyncCall()),
    "bound method": AsyncRun().run,
    "plain function that returns a coroutine": lambda workflow: AsyncRun().run(workflow),
}


@pytest.mark.parametrize("found", TARGETS.values(), ids=TARGETS.keys())
def test_each_kind_of_target_runs(found: Any) -> None:
    done = drive(found, workflows=3)
    assert outcomes(done) == {"succeeded": 3}
    assert done.stopped is None
    assert done.doubts == ()


@pytest.mark.parametrize("name", ["async function", "object with async run", "class with async run"])
def test_async_targets_run_on_the_virtual_clock_without_a_doubt(name: str) -> None:
    done = drive(TARGETS[name], clock="virtual")
    assert outcomes(done) == {"succeeded": 3}
    assert done.doubts == ()


def test_a_plain_function_on_the_virtual_clock_makes_the_run_invalid() -> None:
    done = drive(plain_function, clock="virtual")
    assert outcomes(done) == {"succeeded": 3}
    assert done.invalid is not None
    assert "plain function" in done.invalid
    assert "--clock wall" in done.invalid


def test_as_many_threads_as_workflows_in_flight() -> None:
    seen: set[int] = set()

    def sleeps(_workflow: Workflow) -> None:
        seen.add(threading.get_ident())
        time.sleep(0.2)

    before = time.monotonic()
    done = drive(sleeps, workflows=50)
    assert time.monotonic() - before < 8.0, "one after the other, they take ten seconds"
    assert outcomes(done) == {"succeeded": 50}
    assert len(seen) == 50


def test_the_workflow_says_who_it_is() -> None:
    seen: list[Workflow] = []

    async def remember(workflow: Workflow) -> None:
        seen.append(workflow)

    drive(remember, workflows=3)
    assert [(w.number, w.type, w.seed, w.id) for w in seen] == [(k, "simple", 0, f"0-{k}") for k in range(3)]
    assert len({w.luck(n) for w in seen for n in range(4)}) == 12


class Lifecycle:
    """Writes down what is called; `plain` and `asynchronous` differ in nothing else."""

    def __init__(self, log: list[str]) -> None:
        self.log = log

    async def run(self, workflow: Workflow) -> None:
        self.log.append(f"run {workflow.number}")

    def gauges(self) -> dict[str, float]:
        return {"queue_depth": 2, "pool_size": 7.0}


class PlainLifecycle(Lifecycle):
    def start(self) -> None:
        self.log.append("start")

    def stop(self) -> None:
        self.log.append("stop")


class AsyncLifecycle(Lifecycle):
    async def start(self) -> None:
        await asyncio.sleep(0)
        self.log.append("start")

    async def stop(self) -> None:
        await asyncio.sleep(0)
        self.log.append("stop")


@pytest.mark.parametrize("kind", [PlainLifecycle, AsyncLifecycle])
@pytest.mark.parametrize("clock", ["wall", "virtual"])
def test_start_and_stop_stand_around_the_run(kind: type[Lifecycle], clock: Any) -> None:
    log: list[str] = []
    done = drive(kind(log), clock=clock, workflows=2)
    assert log == ["start", "run 0", "run 1", "stop"]
    assert done.gauges.values["queue_depth"].tolist() == [2.0] * len(done.gauges.t_s)
    assert done.gauges.values["pool_size"][0] == 7.0
    assert not done.gauges.modelled


def test_a_class_is_made_anew_for_each_replication() -> None:
    made: list[object] = []

    class Fresh(AsyncRun):
        def __init__(self) -> None:
            made.append(self)

    factory = factory_for("tests:it", Fresh)
    run(scenario(), target=factory)
    run(scenario(), target=factory)
    assert len(made) == 2


def test_a_file_and_a_dotted_attribute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "beside_it.py").write_text("ANSWER = 42\n")
    (tmp_path / "my_target.py").write_text(
        "import beside_it\n"
        "class Space:\n"
        "    class inner:\n"
        "        async def run(workflow):\n"
        "            assert beside_it.ANSWER == 42\n"
    )
    monkeypatch.chdir(tmp_path)
    for spec in (
        f"{tmp_path}/my_target.py:Space.inner.run",
        "my_target.py:Space.inner.run",
        "my_target:Space.inner.run",
    ):
        assert outcomes(run(scenario(), target=spec)) == {"succeeded": 3}


def test_a_file_is_loaded_once_and_hides_no_module(tmp_path: Path) -> None:
    import queue  # noqa: PLC0415 - the module that must not be hidden

    path = tmp_path / "queue.py"
    path.write_text("loads = []\nasync def go(workflow):\n    loads.append(workflow)\n")
    first = target_factory(f"{path}:go")
    import queue as again  # noqa: PLC0415 - whatever the name now stands for

    assert again is queue
    assert hasattr(again, "SimpleQueue")
    assert outcomes(run(scenario(), target=first)) == {"succeeded": 3}


# -------------------------------------------------------------------------------------------- what may not be a target


def refusal(spec: str) -> str:
    with pytest.raises(TargetError) as caught:
        run(scenario(), target=spec)
    return str(caught.value)


MODULES = {
    "syntax": ("def broken(:\n    pass\n", "SyntaxError", "bad_syntax.py, line 1"),
    "missing": ("x = 1\nimport not_there_at_all\n", "No module named 'not_there_at_all'", "bad_missing.py:2"),
    "raises": ("\n\n1 / 0\n", "ZeroDivisionError", "bad_raises.py:3"),
    "exits": ("import sys\nsys.exit(3)\n", "SystemExit: 3", "bad_exits.py:2"),
    "exits_bare": ("raise SystemExit\n", "SystemExit", "bad_exits_bare.py:1"),
    "deep": ("def f():\n    raise KeyError('x')\nf()\n", "KeyError: 'x'", "bad_deep.py:2"),
}


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("as_file", [True, False])
def test_a_module_that_does_not_import(
    name: str, as_file: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, error, where = MODULES[name]
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / f"bad_{name}.py").write_text(text)
    message = refusal(f"bad_{name}.py:x" if as_file else f"bad_{name}:x")
    assert error in message
    assert where in message


SPECS = {
    "no colon": ("json", "expected builtin, module:attribute"),
    "no attribute": ("json:", "expected builtin, module:attribute"),
    "no module": (":dumps", "expected builtin, module:attribute"),
    "empty": ("", "expected builtin, module:attribute"),
    "no such module": ("not_there_at_all:x", "No module named 'not_there_at_all'"),
    "no such file": ("not/there.py:x", "found nothing at not"),
    "a folder": ("tests.py/:x", "importing"),
    "near attribute": ("json:dump_s", "did you mean 'dumps'?"),
    "no near attribute": ("json:qqqqqq", "json has no attribute 'qqqqqq'"),
    "not callable": ("math:pi", "found float"),
    "a class without run": ("fractions:Fraction", "found the class Fraction without run"),
    "relative": (".x:y", "importing .x failed"),
}


@pytest.mark.parametrize(("spec", "message"), SPECS.values(), ids=SPECS.keys())
def test_a_name_that_stands_for_no_target(spec: str, message: str) -> None:
    assert message in refusal(spec)


class RaisesWhenMade(AsyncRun):
    def __init__(self) -> None:
        raise ValueError("no licence")


class ExitsWhenMade(AsyncRun):
    def __init__(self) -> None:
        raise SystemExit(4)


class NeedsArguments(AsyncRun):
    def __init__(self, url: str) -> None:
        self.url = url


class RaisesAtStart(AsyncRun):
    async def start(self) -> None:
        raise ConnectionError("refused")


class ExitsAtStart(AsyncRun):
    def start(self) -> None:
        raise SystemExit(4)


class AsyncGauges(AsyncRun):
    async def gauges(self) -> dict[str, float]:
        return {}


def no_arguments() -> None:
    """A function that cannot take a workflow."""


def generator(workflow: Workflow) -> Any:
    yield workflow


async def async_generator(workflow: Workflow) -> Any:
    yield workflow


REFUSED = {
    "init raises": (RaisesWhenMade, "making it failed: ValueError: no licence"),
    "init exits": (ExitsWhenMade, "making it failed: SystemExit: 4"),
    "init needs arguments": (NeedsArguments, "making it failed: TypeError"),
    "start raises": (RaisesAtStart, "start() failed: ConnectionError: refused"),
    "start exits": (ExitsAtStart, "start() failed: SystemExit: 4"),
    "gauges is async": (AsyncGauges(), "gauges() to be a plain method"),
    "takes no workflow": (no_arguments, "cannot be called with one workflow: too many positional arguments"),
    "generator": (generator, "found a generator"),
    "async generator": (async_generator, "found a generator"),
}


@pytest.mark.parametrize(("found", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_an_object_that_cannot_be_a_target(found: Any, message: str) -> None:
    with pytest.raises(TargetError) as caught:
        drive(found)
    assert message in str(caught.value)


# -------------------------------------------------------------------------------------- targets that go wrong in a run


class RaisesAtStop(AsyncRun):
    def stop(self) -> None:
        raise OSError("still in use")


class ExitsAtStop(AsyncRun):
    async def stop(self) -> None:
        raise SystemExit(4)


@pytest.mark.parametrize(("found", "text"), [(RaisesAtStop, "OSError: still in use"), (ExitsAtStop, "SystemExit: 4")])
def test_a_stop_that_fails_leaves_the_run_and_a_doubt(found: type[Any], text: str) -> None:
    done = drive(found)
    assert outcomes(done) == {"succeeded": 3}
    (doubt,) = done.doubts
    assert f"stop() failed: {text}" in doubt


def _raises() -> Any:
    raise RuntimeError("no figures")


JUNK = {
    "raises": (_raises, "RuntimeError: no figures"),
    "none": (lambda: None, "AttributeError"),
    "a list": (lambda: [1, 2], "AttributeError"),
}


@pytest.mark.parametrize(("gauges", "text"), JUNK.values(), ids=JUNK.keys())
def test_gauges_that_fail_leave_the_run_and_one_doubt(gauges: Any, text: str) -> None:
    target = AsyncRun()
    target.gauges = gauges  # type: ignore[attr-defined]  # any object may carry the method
    done = drive(target)
    assert outcomes(done) == {"succeeded": 3}
    (doubt,) = done.doubts
    assert "gauges() failed" in doubt
    assert text in doubt
    assert len(done.gauges.t_s) == 0


LEFT_OUT = {
    "text": ("many", "gauge odd is left out: ValueError"),
    "nested": ({"depth": 1}, "gauge odd is left out: TypeError"),
    "beyond a float": (10**400, "gauge odd is left out: OverflowError"),
    "a name too long": (1.0, "its name has 1000 characters, and 200 are allowed"),
}


@pytest.mark.parametrize(("value", "text"), LEFT_OUT.values(), ids=LEFT_OUT.keys())
def test_a_gauge_that_is_none_costs_the_others_nothing(value: Any, text: str) -> None:
    odd = "o" * 1000 if "name" in text else "odd"
    target = AsyncRun()
    target.gauges = lambda: {"queue_depth": 2, odd: value}  # type: ignore[attr-defined]  # any object may carry it
    done = drive(target)
    (doubt,) = done.doubts
    assert text in doubt
    assert len(doubt) < 400
    assert list(done.gauges.values) == ["queue_depth"]
    assert (done.gauges.values["queue_depth"] == 2.0).all()
    assert len(done.gauges.t_s) > 0


class OwnBaseError(BaseException):
    """What test frameworks raise: not an Exception."""


RAISED = {
    "an exception": (lambda: ValueError("x"), "failed", "ValueError"),
    "named": (lambda: Failed("no money"), "failed", "no money"),
    "refused": (Rejected, "rejected", "rejected"),
    "refused by name": (lambda: Rejected("queue full"), "rejected", "queue full"),
    "timed out": (lambda: TimedOut("model"), "timed_out", "model"),
    "builtin timeout": (lambda: TimeoutError("slow"), "timed_out", "TimeoutError"),
    "cancelled": (asyncio.CancelledError, "cancelled", "cancelled by the target"),
    "exit": (lambda: SystemExit(3), "failed", "SystemExit"),
    "stop iteration": (StopAsyncIteration, "failed", "StopAsyncIteration"),
    "generator exit": (GeneratorExit, "failed", "GeneratorExit"),
    "base exception": (OwnBaseError, "failed", "OwnBaseError"),
    "group": (lambda: ExceptionGroup("two", [ValueError(), KeyError()]), "failed", "ExceptionGroup"),
}


@pytest.mark.parametrize(("make", "outcome", "kind"), RAISED.values(), ids=RAISED.keys())
@pytest.mark.parametrize("clock", ["wall", "virtual"])
def test_what_a_workflow_raises_is_its_outcome(make: Any, outcome: str, kind: str, clock: Any) -> None:
    async def raises(workflow: Workflow) -> None:
        await asyncio.sleep(0)
        if workflow.number == 1:
            raise make()

    done = drive(raises, clock=clock)
    assert outcomes(done) == {"succeeded": 2, outcome: 1}
    assert errors(done) == {kind: 1}
    assert done.stopped is None


@pytest.mark.parametrize(("make", "outcome", "kind"), RAISED.values(), ids=RAISED.keys())
def test_what_a_plain_function_raises_is_its_outcome(make: Any, outcome: str, kind: str) -> None:
    def raises(workflow: Workflow) -> None:
        if workflow.number == 1:
            raise make()

    done = drive(raises)
    assert outcomes(done) == {"succeeded": 2, outcome: 1}
    assert errors(done) == {kind: 1}


def test_a_plain_function_that_raises_stop_iteration_fails_like_any_other() -> None:
    done = drive(lambda _workflow: next(iter(())))
    assert outcomes(done) == {"failed": 3}
    assert errors(done) == {"StopIteration": 3}


def test_the_id_of_another_workflow_is_a_failure() -> None:
    async def mixes_up(workflow: Workflow) -> dict[str, str]:
        return {"workflow_id": workflow.id if workflow.number != 1 else "0-0"}

    done = drive(mixes_up)
    assert outcomes(done) == {"succeeded": 2, "failed": 1}
    assert errors(done) == {"workflow_id_mismatch": 1}
