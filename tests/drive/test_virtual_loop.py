"""The virtual loop runs unmodified asyncio code, exactly: the tools of asyncio, anyio, debug mode, its own errors."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import anyio
import pytest

from harness.drive.adapters.callables import factory_for
from harness.drive.hybrid_loop import HybridLoop
from harness.drive.target import Workflow
from harness.drive.virtual_loop import VirtualLoop
from harness.errors import ClockError
from harness.execute import run
from tests.drive.small import scenario


def play(main: Callable[[], Coroutine[Any, Any, Any]], loop: VirtualLoop | None = None) -> tuple[float, Any]:
    """(virtual seconds that it took, its result)."""
    chosen = loop or VirtualLoop(real_limit_s=5)
    with asyncio.Runner(loop_factory=lambda: chosen) as runner:
        result = runner.run(main())
        return chosen.time(), result


def now() -> float:
    return asyncio.get_running_loop().time()


# -------------------------------------------------------------------------------------------------- asyncio, to the bit


async def a_timeout() -> Any:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await asyncio.sleep(1)


async def a_timeout_that_is_met() -> Any:
    async with asyncio.timeout(0.3):
        await asyncio.sleep(0.25)


async def a_timeout_moved() -> Any:
    async with asyncio.timeout(0.1) as scope:
        scope.reschedule(now() + 2.5)
        await asyncio.sleep(2)


async def waiting_for() -> Any:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), 0.7)


async def a_group() -> Any:
    async with asyncio.TaskGroup() as group:
        for number in range(10):
            group.create_task(asyncio.sleep(number / 8))


async def a_group_that_fails() -> Any:
    async def fails() -> None:
        await asyncio.sleep(0.5)
        raise ValueError

    async def both() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(fails())
            group.create_task(asyncio.sleep(9))

    with pytest.raises(ExceptionGroup):
        await both()


async def a_queue() -> Any:
    queue: asyncio.Queue[int] = asyncio.Queue(2)

    async def produce() -> None:
        for number in range(6):
            await queue.put(number)

    producing = asyncio.ensure_future(produce())
    for _ in range(6):
        await asyncio.sleep(0.25)
        await queue.get()
    await producing


async def a_semaphore() -> Any:
    slots = asyncio.Semaphore(3)

    async def work() -> None:
        async with slots:
            await asyncio.sleep(0.5)

    await asyncio.gather(*(work() for _ in range(10)))


async def a_condition_and_an_event() -> Any:
    condition, event = asyncio.Condition(), asyncio.Event()
    asyncio.get_running_loop().call_later(0.25, event.set)

    async def waits() -> None:
        async with condition:
            await condition.wait()

    waiting = asyncio.ensure_future(waits())
    await event.wait()
    await asyncio.sleep(0.5)
    async with condition:
        condition.notify_all()
    await waiting


async def a_first_of_many() -> Any:
    tasks = [asyncio.ensure_future(asyncio.sleep(seconds)) for seconds in (3, 0.125, 2)]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    assert (len(done), len(pending)) == (1, 2)
    for task in pending:
        task.cancel()


async def an_order_of_completion() -> Any:
    sleeps = [asyncio.sleep(seconds, seconds) for seconds in (3, 1, 2)]
    assert [await ended for ended in asyncio.as_completed(sleeps)] == [1, 2, 3]


async def an_anyio_scope() -> Any:
    with anyio.move_on_after(0.5) as scope:
        await anyio.sleep(5)
    assert scope.cancelled_caught


async def an_anyio_group() -> Any:
    send, receive = anyio.create_memory_object_stream[int](0)

    async def produce() -> None:
        async with send:
            for number in range(4):
                await anyio.sleep(0.25)
                await send.send(number)

    async with anyio.create_task_group() as group, receive:
        group.start_soon(produce)
        assert [number async for number in receive] == [0, 1, 2, 3]


async def an_anyio_limit() -> Any:
    limiter = anyio.CapacityLimiter(2)

    async def work() -> None:
        async with limiter:
            await anyio.sleep(1)

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(work)


EXACT = {
    a_timeout: 0.3,
    a_timeout_that_is_met: 0.25,
    a_timeout_moved: 2.0,
    waiting_for: 0.7,
    a_group: 9 / 8,
    a_group_that_fails: 0.5,
    a_queue: 1.5,
    a_semaphore: 2.0,
    a_condition_and_an_event: 0.75,
    a_first_of_many: 0.125,
    an_order_of_completion: 3.0,
    an_anyio_scope: 0.5,
    an_anyio_group: 1.0,
    an_anyio_limit: 3.0,
}


@pytest.mark.parametrize("debug", [False, True], ids=["", "debug"])
@pytest.mark.parametrize(("main", "took"), EXACT.items(), ids=[main.__name__ for main in EXACT])
def test_it_takes_exactly(main: Any, took: float, debug: bool) -> None:
    loop = VirtualLoop(real_limit_s=5)
    loop.set_debug(debug)
    assert play(main, loop)[0] == took


@pytest.mark.parametrize(("main", "took"), EXACT.items(), ids=[main.__name__ for main in EXACT])
def test_on_the_hybrid_clock_it_takes_hardly_more(main: Any, took: float) -> None:
    assert took <= play(main, HybridLoop())[0] < took + 0.5


def test_contexts_are_kept() -> None:
    variable = contextvars.ContextVar("variable", default=0)

    async def main() -> list[int]:
        seen: list[int] = []
        loop = asyncio.get_running_loop()
        variable.set(1)
        loop.call_later(1, lambda: seen.append(variable.get()))
        loop.call_soon(lambda: seen.append(variable.get()))
        variable.set(2)
        context = contextvars.copy_context()
        context.run(variable.set, 3)
        loop.call_later(2, lambda: seen.append(variable.get()), context=context)
        await asyncio.sleep(3)
        return seen

    assert play(main)[1] == [1, 1, 3]


def test_a_million_seconds_in_steps_of_a_tenth() -> None:
    async def main() -> None:
        for _ in range(20_000):
            await asyncio.sleep(50)

    began = time.monotonic()
    assert play(main)[0] == 1e6
    assert time.monotonic() - began < 60


def test_cancelled_timers_do_not_pile_up() -> None:
    async def main() -> int:
        loop = asyncio.get_running_loop()
        for _ in range(1000):
            loop.call_later(1000, print).cancel()
            await asyncio.sleep(0.001)
        assert isinstance(loop, VirtualLoop)
        return len(loop._timers)

    assert play(main)[1] < 200


def test_stop_and_go_on() -> None:
    loop = VirtualLoop()
    loop.call_later(5, loop.stop)
    loop.run_forever()
    assert loop.time() == 5
    loop.call_later(5, loop.stop)
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert loop.time() == 5
    loop.close()


# ------------------------------------------------------------------------------------------------------ what goes wrong


def test_an_exception_in_a_callback_goes_to_the_handler_of_the_loop() -> None:
    seen: list[Any] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, context: seen.append(context))
        loop.call_soon(lambda: 1 / 0)
        loop.call_later(1, lambda: 1 / 0)
        await asyncio.sleep(2)

    play(main)
    assert [type(context["exception"]) for context in seen] == [ZeroDivisionError] * 2
    assert all("lambda" in context["message"] for context in seen)


@pytest.mark.parametrize("use", ["call_soon", "call_later", "call_at", "call_soon_threadsafe", "run_in_executor"])
def test_a_closed_loop_refuses(use: str) -> None:
    loop = VirtualLoop()
    loop.close()
    arguments = {"call_later": (1, print), "call_at": (1, print), "run_in_executor": (None, print)}.get(use, (print,))
    with pytest.raises(RuntimeError, match="closed"):
        getattr(loop, use)(*arguments)


async def ask_for_ever(queue: asyncio.Queue[int]) -> int:
    return await queue.get()


async def waits_for_nobody() -> None:
    await ask_for_ever(asyncio.Queue())


def test_a_deadlock_names_every_task_with_its_stack() -> None:
    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(3):
                group.create_task(waits_for_nobody(), name=f"waiter {number}")

    loop = VirtualLoop()
    with pytest.raises(ClockError) as caught:
        loop.run_until_complete(main())
    text = str(caught.value)
    assert text.startswith("deadlock at virtual time 0 s")
    outer, inner = (function.__code__.co_firstlineno + 1 for function in (waits_for_nobody, ask_for_ever))
    for number in range(3):
        assert (
            f"waiter {number} waits at\n"
            f"    {Path(__file__)}:{outer} (waits_for_nobody): await ask_for_ever(asyncio.Queue())\n"
            f"    {Path(__file__)}:{inner} (ask_for_ever): return await queue.get()\n"
        ) in text + "\n"
    assert "/asyncio/" not in text
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


def test_a_spinner_is_named() -> None:
    async def main() -> None:
        while True:
            await asyncio.sleep(0)

    loop = VirtualLoop(real_limit_s=0.1)
    with pytest.raises(ClockError, match="polls without waiting"):
        loop.run_until_complete(main())
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


# ----------------------------------------------------------------------------------------------------------- debug mode


def test_slow_callbacks_are_logged_in_real_seconds_and_virtual_ones_are_not(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        asyncio.get_running_loop().slow_callback_duration = 0.05
        await asyncio.sleep(1000)
        time.sleep(0.06)
        await asyncio.sleep(1000)

    loop = VirtualLoop()
    loop.set_debug(True)
    with caplog.at_level(logging.WARNING, logger="asyncio"):
        assert play(main, loop)[0] == 2000
    (record,) = [record for record in caplog.records if "took" in record.getMessage()]
    assert "took 0.0" in record.getMessage()


def test_debug_mode_refuses_what_it_refuses_in_asyncio() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        with pytest.raises(TypeError, match="coroutines cannot be used"):
            loop.call_later(1, main)
        with pytest.raises(RuntimeError, match="Non-thread-safe"):
            await asyncio.to_thread(loop.call_soon, print)
        with pytest.raises(RuntimeError, match="Non-thread-safe"):
            await asyncio.to_thread(loop.call_later, 1, print)

    loop = VirtualLoop()
    loop.set_debug(True)
    play(main, loop)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with Python 3.12")
def test_eager_tasks() -> None:
    async def main() -> None:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined]  # as above
        await asyncio.gather(*(asyncio.sleep(1) for _ in range(5)))

    assert play(main)[0] == 1.0


@pytest.mark.parametrize("clock", ["virtual", "hybrid", "wall"])
def test_a_target_that_raises_keyboard_interrupt_is_not_taken_for_ctrl_c(clock: Any) -> None:
    async def gives_up(_workflow: Workflow) -> None:
        await asyncio.sleep(0.01)
        raise KeyboardInterrupt

    done = run(scenario(), target=factory_for("tests:it", gives_up), clock=clock, take_stop_signals=True)
    assert done.stopped == "stopped by the target"
    assert "the target raised KeyboardInterrupt, which no signal had asked for" in done.doubts
