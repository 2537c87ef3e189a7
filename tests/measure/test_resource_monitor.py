"""`ResourceMonitor` really sees what it says it sees. Limits are wide: other work runs on the machine meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import numpy as np
import psutil
import pytest

from harness.measure.heartbeat import Heartbeat
from harness.measure.processes import ProcessTree, spread_back
from harness.measure.record import Series
from harness.measure.resources import ResourceMonitor

MIB = 2**20


def watch(work: Callable[[], object], **options: object) -> Series:
    """The series of a monitor around `work`."""
    monitor = ResourceMonitor(interval_s=0.05, **options)  # type: ignore[arg-type]
    monitor.start()
    try:
        work()
    finally:
        series = monitor.stop()
    return series


def watch_loop(work: Callable[[], object], *, after_s: float = 0.3) -> Series:
    """The series of a monitor around `work`, done on a running loop that it watches."""

    async def main() -> Series:
        monitor = ResourceMonitor(asyncio.get_running_loop(), interval_s=0.05)
        monitor.start()
        await asyncio.sleep(0.3)
        kept = work()
        await asyncio.sleep(after_s)
        del kept
        return monitor.stop()

    return asyncio.run(main())


def test_memory_that_is_touched() -> None:
    def work() -> None:
        time.sleep(0.2)
        memory = bytearray(64 * MIB)
        memory[::4096] = b"\1" * len(range(0, len(memory), 4096))
        time.sleep(0.3)

    rss = watch(work).values["rss_b"]
    assert rss.max() - rss[0] >= 60 * MIB
    assert rss.max() - rss[-1] >= 60 * MIB, "and it sees that it was given back"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps no such mark where we can read it")
def test_a_peak_between_two_samples_is_known_from_the_kernel() -> None:
    code = """
from harness.measure.resources import ResourceMonitor

def peak_and_drop():
    memory = bytearray(128 * 2**20)
    memory[::4096] = b"1" * len(range(0, len(memory), 4096))

def watched(work):
    monitor = ResourceMonitor(interval_s=30.0, include_children=False)
    monitor.start()
    work()
    values = monitor.stop().values
    return values["rss_b"].max() - values["rss_b"][0], values["rss_peak_b"][-1] - values["rss_b"][0]

print(*watched(peak_and_drop), *watched(lambda: None))
"""
    # a process inherits the mark of who executed it, and these tests are large: a small shell stands between
    between = ["sh", "-c", '"$0" -c "$1"; exit $?', sys.executable, code]
    done = subprocess.run(between, capture_output=True, text=True, check=True)
    sampled, true, _, later = map(float, done.stdout.split())
    assert sampled < 64 * MIB
    assert true >= 120 * MIB
    assert np.isnan(later), "the mark of the first run says nothing about the second"


def test_a_busy_thread() -> None:
    def spin() -> None:
        while time.thread_time() < 0.4:  # of its own, however long others keep it from that
            pass

    def work() -> None:
        thread = threading.Thread(target=spin)
        thread.start()
        thread.join()

    series = watch(work, include_children=False)
    cores = series.values["cpu_cores"]
    assert np.isnan(cores[0]), "there is no time before the first sample to compare with"
    assert cpu_seconds(series) >= 0.35
    share = series.values["cpu_share"]
    assert 0.0 <= np.nanmin(share) <= np.nanmax(share) <= 1.0
    assert series.values["threads"].max() >= series.values["threads"][0] + 1


def test_open_descriptors() -> None:
    def work() -> None:
        files = [open(__file__) for _ in range(20)]  # noqa: SIM115 - left open on purpose
        time.sleep(0.3)
        for file in files:
            file.close()

    fds = watch(work).values["fds"]
    assert fds.max() >= fds[0] + 20
    assert fds[-1] < fds[0] + 20


def test_a_child_counts_with_its_memory_descriptors_and_cpu() -> None:
    # it burns, and stays until it was looked at: children are looked for once a second, more seldom on a busy machine
    code = "memory = b'1' * 2**26\n" + BURN.format(0.5) + "\nprint(flush=True)\ninput()"

    def work(for_s: float) -> None:
        with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(for_s)
            child.communicate(b"\n")

    both, own = watch(lambda: work(3.0)), watch(lambda: work(0.0), include_children=False)
    assert both.values["rss_b"].max() - both.values["rss_b"][0] >= 60 * MIB
    assert own.values["rss_b"].max() - own.values["rss_b"][0] < 32 * MIB
    assert cpu_seconds(both) >= 0.4
    assert np.isnan(both.values["rss_peak_b"]).all() or np.isnan(both.values["rss_peak_b"][-1])


def cpu_seconds(series: Series) -> float:
    """All CPU time that the samples of `series` show."""
    return float(
        (series.values["cpu_cores"][1:] * np.diff(series.t_s))[~np.isnan(series.values["cpu_cores"][1:])].sum()
    )


BURN = "import time\nwhile time.process_time() < {}: pass"


def reaped_cpu_s() -> float:
    resource = pytest.importorskip("resource")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return float(used.ru_utime + used.ru_stime)


def test_a_child_that_is_reaped_right_before_the_end_is_counted() -> None:
    """It is handed over after the last look of the thread, and less than 20 ms before the monitor stops."""
    before, own_s = reaped_cpu_s(), time.process_time()
    monitor = ResourceMonitor(interval_s=0.5)
    monitor.start()
    child = subprocess.Popen([sys.executable, "-c", BURN.format(0.3)])
    while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    monitor.sample_now("not reaped yet")
    child.wait()
    seen = cpu_seconds(monitor.stop())
    true = reaped_cpu_s() - before + time.process_time() - own_s
    assert true >= 0.3
    assert seen == pytest.approx(true, rel=0.15)


def test_the_cpu_time_of_short_lived_children_is_counted() -> None:
    """Most of them come and go between two looks at the list of children, which are a second apart."""
    before = reaped_cpu_s()

    def work() -> None:
        for _ in range(6):
            subprocess.run([sys.executable, "-c", BURN.format(0.3)], check=True)

    own_s = time.process_time()
    seen = cpu_seconds(watch(work))
    true = reaped_cpu_s() - before + time.process_time() - own_s
    assert true >= 1.8
    assert seen == pytest.approx(true, rel=0.15)


def test_a_child_still_listed_when_its_time_was_handed_over_counts_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The system does both one after the other, and a busy one may do something else in between."""
    tree = ProcessTree(include_children=True, cpu_clock=lambda: 0.0)
    tree.sample(0.0, slow=False)
    child = subprocess.Popen([sys.executable, "-c", BURN.format(0.3)])
    while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    tree.look_for_children()
    cores = [tree.sample(1.0, slow=False)["cpu_cores"]]
    times = psutil.Process(child.pid).cpu_times()
    child.wait()
    with monkeypatch.context() as listed:
        listed.setattr(psutil.Process, "oneshot", lambda _self: contextlib.nullcontext())
        listed.setattr(psutil.Process, "cpu_times", lambda _self: times)
        listed.setattr(psutil.Process, "status", lambda _self: psutil.STATUS_DEAD)
        cores.append(tree.sample(2.0, slow=False)["cpu_cores"])
    cores.append(tree.sample(3.0, slow=False)["cpu_cores"])
    assert cores == pytest.approx([times.user + times.system, 0.0, 0.0], abs=0.03)


def test_a_child_that_is_seen_and_then_reaped_counts_once() -> None:
    before = reaped_cpu_s()
    child = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {BURN.format(1.3)!r}])\n" + BURN.format(0.5)
    own_s = time.process_time()
    seen = cpu_seconds(watch(lambda: subprocess.run([sys.executable, "-c", child], check=True)))
    true = reaped_cpu_s() - before + time.process_time() - own_s
    assert true >= 1.8
    assert seen == pytest.approx(true, rel=0.15)


def test_what_a_child_used_before_the_run_is_not_counted() -> None:
    code = BURN.format(0.8) + "\nprint(flush=True)\ninput()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        seen = cpu_seconds(watch(lambda: child.communicate(b"\n")))
    assert seen < 0.5


def test_cpu_time_that_shows_late_is_moved_to_the_time_before() -> None:
    times = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    cores = np.array([np.nan, 0.5, 0.0, 5.0, 1.0])
    assert spread_back(times, cores, 2.0)[1:].tolist() == [1.5, 2.0, 2.0, 1.0]
    gap = spread_back(times, np.array([np.nan, 0.5, np.nan, 2.5, 1.0]), 2.0)
    assert gap[[1, 3, 4]].tolist() == [1.5, 2.0, 1.0]
    assert np.isnan(gap[[0, 2]]).all()


def test_a_blocked_loop_shows_in_the_lag() -> None:
    lag = watch_loop(lambda: time.sleep(0.3)).values["loop_lag_s"]
    assert np.nanmax(lag) >= 0.25
    quiet = watch_loop(lambda: None).values["loop_lag_s"]
    assert np.nanmin(quiet) < 0.05


def test_a_loop_that_stays_blocked_to_the_end_shows_too() -> None:
    async def main() -> Series:
        monitor = ResourceMonitor(asyncio.get_running_loop(), interval_s=0.05)
        monitor.start()
        await asyncio.sleep(0.2)
        time.sleep(0.4)
        return monitor.stop()

    assert np.nanmax(asyncio.run(main()).values["loop_lag_s"]) >= 0.3


class StoppedLoop:
    """Takes callbacks like a loop and calls them when told to."""

    def __init__(self) -> None:
        self.running = True
        self.called: list[Callable[[], None]] = []

    def is_running(self) -> bool:
        return self.running

    def call_soon_threadsafe(self, callback: Callable[[], None]) -> None:
        self.called.append(callback)


def test_lag_is_counted_from_the_due_time_and_while_the_loop_is_silent() -> None:
    loop, now = StoppedLoop(), [0.0]
    heart = Heartbeat(loop, lambda: now[0], 0.1)  # type: ignore[arg-type]
    assert np.isnan(heart.worst_lag_s())
    now[0] = 1.25
    heart.beat(1.0)
    heart.beat(1.2)
    assert len(loop.called) == 1, "one beat at a time"
    assert heart.worst_lag_s() == 0.25
    now[0] = 1.5
    loop.called.pop()()
    assert heart.worst_lag_s() == 0.5
    assert np.isnan(heart.worst_lag_s()), "since the last call"
    heart.beat(1.5)
    now[0], loop.running = 9.0, False
    assert np.isnan(heart.worst_lag_s()), "it stopped: its silence is not lag"
    heart.beat(9.0)
    assert len(loop.called) == 1, "and it is left alone"


def test_the_silence_of_a_loop_that_does_not_run_is_not_lag() -> None:
    loop = asyncio.new_event_loop()
    try:
        monitor = ResourceMonitor(loop, interval_s=0.05)
        monitor.start()
        time.sleep(0.3)
        assert np.isnan(monitor.stop().values["loop_lag_s"]).all()
    finally:
        loop.close()


def test_a_loop_that_is_closed_meanwhile_does_no_harm() -> None:
    loop = asyncio.new_event_loop()
    monitor = ResourceMonitor(loop, interval_s=0.05)
    monitor.start()
    loop.run_until_complete(asyncio.sleep(0.2))
    loop.close()
    time.sleep(0.2)
    assert len(monitor.stop().t_s) >= 3


def test_leaked_tasks() -> None:
    async def main() -> Series:
        monitor = ResourceMonitor(asyncio.get_running_loop(), interval_s=0.05)
        monitor.start()
        await asyncio.sleep(0.2)
        leaked = [asyncio.create_task(asyncio.sleep(60)) for _ in range(100)]
        await asyncio.sleep(0.4)
        series = monitor.stop()
        for task in leaked:
            task.cancel()
        await asyncio.gather(*leaked, return_exceptions=True)
        return series

    series = asyncio.run(main())
    tasks = series.values["tasks"]
    assert tasks[0] == 1
    assert tasks[-1] == 101
    assert len(tasks) <= 2 + (series.t_s[-1] - series.t_s[0]) / 0.05 + 1, "a beat is not a sample"


def test_tasks_come_and_go_in_other_threads_while_they_are_counted() -> None:
    async def churn() -> None:
        until = time.monotonic() + 0.5
        while time.monotonic() < until:
            await asyncio.gather(*(asyncio.sleep(0) for _ in range(100)))

    def work() -> object:
        threads = [threading.Thread(target=asyncio.run, args=(churn(),)) for _ in range(2)]
        for thread in threads:
            thread.start()
        return threads

    tasks = watch_loop(work, after_s=0.8).values["tasks"]
    assert np.nanmax(tasks) == 1, "and those of other loops are not counted"


def test_collections_and_their_pauses() -> None:
    def work() -> None:
        rings: list[list[object]] = []
        for _ in range(100_000):
            ring: list[object] = []
            ring.append(ring)
            rings.append(ring)
        gc.collect()
        gc.collect()

    before = len(gc.callbacks)
    values = watch(work).values
    assert values["gc_collections"][-1] >= 2
    assert values["gc_pause_s"][-1] > 0
    assert (values["gc_collections"][0], values["gc_pause_s"][0]) == (0, 0)
    assert len(gc.callbacks) == before, "nothing is left behind"


def test_uss_is_taken_at_both_ends_and_seldom_between() -> None:
    uss = watch(lambda: time.sleep(0.5)).values["uss_b"]
    assert uss[0] > 0
    assert uss[-1] > 0
    assert np.isnan(uss[1:-1]).all()


def test_samples_keep_to_the_clock_of_the_run() -> None:
    origin = time.monotonic() - 100.0
    series = watch(lambda: time.sleep(0.5), time_origin=lambda: time.monotonic() - origin)
    assert 100.0 <= series.t_s[0] < 101.0
    assert (np.diff(series.t_s) >= 0).all()
    assert 3 <= len(series.t_s) <= 3 + (series.t_s[-1] - series.t_s[0]) / 0.05
    assert not series.modelled
    assert all(len(values) == len(series.t_s) for values in series.values.values())


def test_a_sample_on_demand_carries_its_mark() -> None:
    monitor = ResourceMonitor(interval_s=60.0)
    with monitor:
        monitor.sample_now("between batches")
    series = monitor.stop()
    assert len(series.t_s) == 3
    assert monitor.marks == [(series.t_s[1], "between batches")]


def test_life_cycle() -> None:
    never = ResourceMonitor()
    assert len(never.stop().t_s) == 0
    once = ResourceMonitor(interval_s=60.0)
    once.start()
    assert len(once.stop().t_s) == len(once.stop().t_s) == 2
    with pytest.raises(RuntimeError, match="started before"):
        once.start()
    with pytest.raises(ValueError, match="expected more than 0 s, found 0 s"):
        ResourceMonitor(interval_s=0)
    assert not [thread for thread in threading.enumerate() if thread.name == "resource-monitor"]


def test_what_the_system_refuses_is_nan_and_a_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise psutil.AccessDenied(1)

    for name in ("memory_full_info", "num_fds", "children"):
        monkeypatch.setattr(psutil.Process, name, refuse)
    monitor = ResourceMonitor(interval_s=0.05)
    monitor.start()
    time.sleep(0.15)
    values = monitor.stop().values
    assert np.isnan(values["uss_b"]).all()
    assert np.isnan(values["fds"]).all()
    assert (values["rss_b"] > 0).all()
    assert [doubt.split(":")[0] for doubt in monitor.doubts] == ["child processes", "unique memory", "open descriptors"]


def test_a_child_that_is_gone_is_no_error() -> None:
    tree = ProcessTree(include_children=True, cpu_clock=time.process_time)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    tree.look_for_children()
    first = tree.sample(0.0, slow=True)
    child.communicate(b"\n")
    second = tree.sample(1.0, slow=False)
    assert second["rss_b"] < first["rss_b"]
    assert tree.doubts == []


def test_overhead_is_small() -> None:
    """About 1 % of a core on a quiet machine; the limit leaves room for a noisy one."""

    async def main() -> float:
        monitor = ResourceMonitor(asyncio.get_running_loop())
        monitor.start()
        began = time.process_time()
        await asyncio.sleep(2.0)
        used = time.process_time() - began
        monitor.stop()
        return used

    assert asyncio.run(main()) / 2.0 < 0.10
