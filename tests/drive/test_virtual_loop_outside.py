"""Work outside the loop: the clock waits for what is really going on, and for nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import pickle
import queue
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

from harness.drive.virtual_loop import VirtualLoop
from harness.errors import ClockError

REAL_S = 0.03
"""How long things outside take in these tests, in real seconds."""


def play(main: Coroutine[Any, Any, Any], grace_s: float = 2.0) -> Any:
    """Run a coroutine on a virtual loop; returns its result."""
    loop = VirtualLoop(real_limit_s=10, grace_s=grace_s)
    try:
        return loop.run_until_complete(main)
    finally:
        with contextlib.suppress(ClockError):
            tasks = asyncio.all_tasks(loop)
            for task in tasks:
                task.cancel()
            if tasks:
                loop.run_until_complete(asyncio.wait(tasks))
        loop.close()


async def beside(work: Coroutine[Any, Any, Any]) -> tuple[float, Any]:
    """(virtual time at which `work` ended, its result), with a timer of one second ticking beside it."""
    loop = asyncio.get_running_loop()

    async def ticks() -> None:
        for _ in range(50):
            await asyncio.sleep(1)

    ticking = loop.create_task(ticks())
    await asyncio.sleep(0)
    result = await work
    ended = loop.time()
    ticking.cancel()
    return ended, result


def slow(result: Any = None) -> Any:
    time.sleep(REAL_S)
    return result


# ------------------------------------------------------------------------------------------------------ executor jobs


def test_time_stands_still_while_a_job_runs() -> None:
    assert play(beside(asyncio.to_thread(slow, 7))) == (0.0, 7)


def test_jobs_that_follow_each_other_take_no_virtual_time() -> None:
    async def several() -> None:
        for _ in range(5):
            await asyncio.to_thread(slow)
            await asyncio.sleep(0.25)

    assert play(beside(several()))[0] == 1.25


def test_more_jobs_than_threads() -> None:
    async def all_at_once() -> list[int]:
        return await asyncio.gather(*(asyncio.to_thread(slow, k) for k in range(40)))

    assert play(beside(all_at_once())) == (0.0, list(range(40)))


class Elsewhere(Executor):
    """As a process pool: what is handed to it must be pickled."""

    def __init__(self, size: int) -> None:
        self._threads = ThreadPoolExecutor(size)

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        return self._threads.submit(pickle.loads(pickle.dumps(fn)), *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._threads.shutdown(wait, cancel_futures=cancel_futures)


@pytest.mark.parametrize("kind", [ThreadPoolExecutor, Elsewhere])
def test_executors_of_the_targets_own(kind: Any) -> None:
    async def job(pool: Any) -> float:
        return await asyncio.get_running_loop().run_in_executor(pool, abs, -3.0)

    with kind(1) as pool:
        assert play(beside(job(pool))) == (0.0, 3.0)


def test_a_job_that_nobody_waits_for_any_more_still_holds_the_clock() -> None:
    begun, ended = threading.Event(), []

    def job() -> None:
        begun.set()
        time.sleep(REAL_S)
        ended.append(True)

    async def abandon() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            task = asyncio.ensure_future(asyncio.to_thread(job))
            while not begun.is_set():
                await asyncio.sleep(0)
            task.cancel()
            await task
        await asyncio.sleep(1)
        assert ended

    play(abandon())


def test_a_job_that_raises_lets_go_of_the_clock() -> None:
    async def main() -> None:
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 / 0)
        await asyncio.sleep(1)

    assert play(beside(main()))[0] == 1.0


def stuck_step(until: threading.Event) -> None:
    until.wait()


def test_a_job_that_outlives_its_grace_is_named_with_the_line_where_it_stands() -> None:
    until = threading.Event()
    with pytest.raises(ClockError) as caught:
        play(beside(asyncio.to_thread(stuck_step, until)), grace_s=0.1)
    until.set()
    line = stuck_step.__code__.co_firstlineno + 1
    assert "executor job" in str(caught.value)
    assert "stuck_step, now at" in str(caught.value)
    assert f"{Path(__file__).name}:{line} (stuck_step)" in str(caught.value)
    assert "--clock" in str(caught.value)


def test_a_job_is_named_inside_partials() -> None:
    until = threading.Event()
    job = functools.partial(functools.partial(stuck_step), until)
    with pytest.raises(ClockError, match=r"test_virtual_loop_outside\.stuck_step"):
        play(beside(asyncio.to_thread(job)), grace_s=0.1)
    until.set()


def test_names_are_looked_up_in_real_time() -> None:
    async def look_up() -> Any:
        return await asyncio.get_running_loop().getaddrinfo("localhost", 80, type=socket.SOCK_STREAM)

    ended, found = play(beside(look_up()))
    assert ended == 0.0
    assert found


def test_anyio_threads() -> None:
    assert play(beside(anyio.to_thread.run_sync(slow, 5))) == (0.0, 5)


# ------------------------------------------------------------------------------------------ threads of the target's own


class Driver:
    """A database driver as aiosqlite is one: a thread of its own, a queue, and a call back for each answer."""

    def __init__(self, make_queue: Callable[[], Any], work: Callable[[Any], Any]) -> None:
        self._asked = make_queue()
        self._work = work
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while (item := self._asked.get()) is not None:
            answer, question = item
            result = self._work(question)
            with contextlib.suppress(RuntimeError):  # the loop may be closed by now
                answer.get_loop().call_soon_threadsafe(answer.set_result, result)

    async def ask(self, question: Any) -> Any:
        answer = asyncio.get_running_loop().create_future()
        self._asked.put_nowait((answer, question))
        return await answer

    def close(self) -> None:
        self._asked.put(None)
        self._thread.join()


def count_up(until: int) -> int:
    total = 0
    for number in range(until):
        total += number
    return total


@pytest.mark.parametrize("make_queue", [queue.Queue, queue.SimpleQueue])
@pytest.mark.parametrize(
    "work", [slow, lambda _: count_up(100_000), lambda _: None], ids=["sleeps", "counts", "instant"]
)
def test_a_drivers_own_thread_is_waited_for(make_queue: Any, work: Any) -> None:
    async def main() -> float:
        driver = Driver(make_queue, work)
        began = asyncio.get_running_loop().time()
        for _ in range(20):
            await driver.ask(1)
            await asyncio.sleep(0.5)
        took = asyncio.get_running_loop().time() - began
        driver.close()
        return took

    assert play(beside(main()))[1] == 10.0


def test_a_driver_that_never_answers_is_named() -> None:
    until = threading.Event()

    def hang(question: Any) -> Any:
        if question == "last":
            while not until.is_set():
                time.sleep(0.01)
        return question

    async def main() -> None:
        driver = Driver(queue.SimpleQueue, hang)
        await driver.ask("first")
        await driver.ask("last")

    with pytest.raises(ClockError, match=r"thread 'Thread-.*now at .*\(hang\)|\(.*hang\)"):
        play(beside(main()), grace_s=0.2)
    until.set()


def test_a_thread_that_never_called_back_is_left_behind_with_a_doubt() -> None:
    until = threading.Event()

    def poll() -> None:
        while not until.is_set():
            time.sleep(0.01)

    async def main() -> list[str]:
        threading.Thread(target=poll, name="telemetry", daemon=True).start()
        await asyncio.sleep(5)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        return loop.doubts

    doubts = play(main(), grace_s=0.2)
    until.set()
    (doubt,) = doubts
    assert "telemetry" in doubt
    assert "no longer waits for it" in doubt


def test_a_thread_that_waits_to_be_woken_does_not_hold_the_clock() -> None:
    until = threading.Event()

    async def main() -> float:
        threading.Thread(target=until.wait, daemon=True).start()
        began = time.monotonic()
        await asyncio.sleep(1000)
        return time.monotonic() - began

    assert play(main()) < 30
    until.set()


def test_a_threading_timer_is_waited_for() -> None:
    async def main() -> None:
        done = asyncio.Event()
        loop = asyncio.get_running_loop()
        threading.Timer(REAL_S, loop.call_soon_threadsafe, (done.set,)).start()
        async with asyncio.timeout(5):
            await done.wait()

    assert play(beside(main()))[0] == 0.0


def test_a_loop_in_another_thread_is_waited_for_while_it_has_something_to_do() -> None:
    other = asyncio.new_event_loop()

    async def there() -> str:
        await asyncio.sleep(REAL_S)
        return "done"

    async def main() -> str:
        thread = threading.Thread(target=other.run_forever, daemon=True)
        thread.start()
        result = await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(there(), other))
        other.call_soon_threadsafe(other.stop)
        await asyncio.to_thread(thread.join)
        other.close()
        return result

    assert play(beside(main())) == (0.0, "done")


# --------------------------------------------------------------------------------------------------------- subprocesses

PYTHON = sys.executable
ECHO = "import sys, time\nfor line in sys.stdin:\n    time.sleep(0.03); print(line, end='', flush=True)"


def test_a_child_process_is_waited_for() -> None:
    async def main() -> tuple[bytes, int | None]:
        child = await asyncio.create_subprocess_exec(
            PYTHON, "-c", "import time; time.sleep(0.05); print('out')", stdout=asyncio.subprocess.PIPE
        )
        out, _ = await child.communicate()
        return out, child.returncode

    assert play(beside(main()), grace_s=10) == (0.0, (b"out\n", 0))


def test_a_child_process_without_pipes_is_waited_for() -> None:
    async def main() -> int:
        return await (await asyncio.create_subprocess_exec("sleep", "0.05")).wait()

    assert play(beside(main())) == (0.0, 0)


def test_a_child_that_is_spoken_to_rests_between_answers() -> None:
    async def main() -> list[bytes]:
        pipes = {"stdin": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.PIPE}
        child = await asyncio.create_subprocess_exec(PYTHON, "-c", ECHO, **pipes)
        assert child.stdin is not None
        assert child.stdout is not None
        answers = []
        for number in range(3):
            child.stdin.write(b"%d\n" % number)
            answers.append(await child.stdout.readline())
            await asyncio.sleep(3)
        child.stdin.close()
        await child.wait()
        return answers

    assert play(beside(main()), grace_s=10) == (9.0, [b"0\n", b"1\n", b"2\n"])


def test_a_child_that_never_ends_is_named() -> None:
    async def main() -> None:
        child = await asyncio.create_subprocess_exec("sleep", "100")
        try:
            await child.wait()
        finally:
            child.kill()
            await child.wait()

    with pytest.raises(ClockError, match=r"child process \d+ \(sleep\)"):
        play(beside(main()), grace_s=0.2)


# -------------------------------------------------------------------------------------------------------------- sockets


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A server that takes a quarter of a virtual second for each answer."""
    while line := await reader.readline():
        await asyncio.sleep(0.25)
        writer.write(line * 1000)
        await writer.drain()
    writer.close()


@pytest.mark.parametrize("family", ["tcp", "unix"])
def test_a_server_and_its_clients_in_one_loop(family: str, tmp_path: Path) -> None:
    async def main() -> list[float]:
        loop = asyncio.get_running_loop()
        path = str(tmp_path / "socket")
        if family == "tcp":
            server = await asyncio.start_server(answer, "127.0.0.1", 0)
            port = server.sockets[0].getsockname()[1]
        else:
            server = await asyncio.start_unix_server(answer, path)

        async def client() -> float:
            if family == "tcp":
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            else:
                reader, writer = await asyncio.open_unix_connection(path)
            for _ in range(4):
                writer.write(b"x" * 99 + b"\n")
                await reader.readexactly(100_000)
                await asyncio.sleep(1)  # idle, kept alive
            ended = loop.time()
            writer.close()
            await writer.wait_closed()
            return ended

        async with server:
            ended = await asyncio.gather(*(client() for _ in range(10)))
            await asyncio.sleep(1)  # the server's ends hang up, too
            return ended

    assert play(main()) == [5.0] * 10


def test_sockets_that_the_target_handles_itself() -> None:
    async def main() -> tuple[float, bytes]:
        loop = asyncio.get_running_loop()
        with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket() as client:
            listening.setblocking(False)
            client.setblocking(False)

            async def serve() -> None:
                accepted, _ = await loop.sock_accept(listening)
                with accepted:
                    await asyncio.sleep(2)
                    await loop.sock_sendall(accepted, b"hello")

            serving = loop.create_task(serve())
            await loop.sock_connect(client, listening.getsockname())
            data = await loop.sock_recv(client, 100)
            await serving
            return loop.time(), data

    assert play(main()) == (2.0, b"hello")


def test_a_pair_of_sockets() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        one, other = socket.socketpair()
        one.setblocking(False)
        other.setblocking(False)

        async def speak() -> None:
            await asyncio.sleep(3)
            await loop.sock_sendall(other, b"x")

        speaking = loop.create_task(speak())
        await loop.sock_recv(one, 1)
        await speaking
        one.close()
        other.close()
        return loop.time()

    assert play(main()) == 3.0


@contextlib.contextmanager
def elsewhere(handle: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server in a thread, as far from the loop as another process; yields its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(5)

        def serve() -> None:
            accepted, _ = listening.accept()
            with accepted, contextlib.suppress(OSError):
                handle(accepted)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(5)


def test_an_answer_from_elsewhere_is_waited_for_and_its_idle_connection_is_not() -> None:
    def handle(peer: socket.socket) -> None:
        while peer.recv(100):
            time.sleep(REAL_S)
            peer.sendall(b"first ")
            time.sleep(0.005)
            peer.sendall(b"last\n")

    async def main(port: int) -> float:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(3):
            writer.write(b"?")
            assert await reader.readline() == b"first last\n"
            await asyncio.sleep(100)
        writer.close()
        await writer.wait_closed()
        return asyncio.get_running_loop().time()

    with elsewhere(handle) as port:
        assert play(main(port)) == 300.0


def test_a_peer_elsewhere_that_never_answers_is_named() -> None:
    until = threading.Event()

    async def main(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            async with asyncio.timeout(1):
                await reader.readline()
        finally:
            writer.close()

    with elsewhere(lambda _: until.wait() and None) as port:
        with pytest.raises(ClockError, match=f"the peer at 127.0.0.1:{port}"):
            play(main(port), grace_s=0.2)
        until.set()


def test_a_peer_elsewhere_that_speaks_after_the_clock_has_jumped_is_an_error_not_a_timeout() -> None:
    def handle(peer: socket.socket) -> None:
        peer.recv(1)
        peer.sendall(b"part ")
        time.sleep(0.3)
        peer.sendall(b"rest\n")

    async def main(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"?")
        try:
            line = asyncio.ensure_future(reader.readline())
            await asyncio.sleep(1)  # the clock jumps here
            await asyncio.to_thread(time.sleep, 0.5)
            await line
        finally:
            writer.close()

    with elsewhere(handle) as port, pytest.raises(ClockError, match="spoke although nothing was asked"):
        play(main(port))


def test_a_descriptor_that_somebody_waits_for_is_named() -> None:
    async def main() -> None:
        import os  # noqa: PLC0415 - only here

        loop = asyncio.get_running_loop()
        read, write = os.pipe()
        loop.add_reader(read, slow)
        try:
            await asyncio.sleep(1)
        finally:
            loop.remove_reader(read)
            os.close(read)
            os.close(write)

    with pytest.raises(ClockError, match=r"descriptor \d+, which .*slow waits for"):
        play(main(), grace_s=0.2)


# ------------------------------------------------------------------------------------------------------ signals, debug


def test_signals_reach_their_handlers_while_virtual_time_flies() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        seen = asyncio.Event()
        loop.add_signal_handler(signal.SIGUSR1, seen.set)
        threading.Timer(REAL_S, signal.raise_signal, (signal.SIGUSR1,)).start()
        began = time.monotonic()
        while not seen.is_set() and time.monotonic() < began + 30:
            await asyncio.sleep(1)
        loop.remove_signal_handler(signal.SIGUSR1)
        return time.monotonic() - began

    assert play(main()) < 20


def test_a_signal_wakes_a_loop_that_waits_in_its_selector() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        seen = asyncio.Event()
        loop.add_signal_handler(signal.SIGUSR1, seen.set)
        until = threading.Event()
        job = asyncio.ensure_future(asyncio.to_thread(until.wait, 5))
        threading.Timer(REAL_S, signal.raise_signal, (signal.SIGUSR1,)).start()
        began = time.monotonic()
        await seen.wait()
        took = time.monotonic() - began
        until.set()
        await job
        loop.remove_signal_handler(signal.SIGUSR1)
        return took

    assert play(main(), grace_s=8) < 4
