"""Drive one replication: a fresh loop, a fresh target, one plan; whatever happens, a `Run` of all that was measured."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from harness.drive.calibration import start_cost_s
from harness.drive.clock import Clock, ClockName, LoopName, time_of_day_s
from harness.drive.dispatcher import GRACE_S, Dispatcher
from harness.drive.gauges import GaugeSampler
from harness.drive.hybrid_loop import HybridLoop
from harness.drive.interrupts import Interrupts, LoopBlockedError
from harness.drive.kernel import starved_s, waited_for_core_s
from harness.drive.outside_work import JOB_GRACE_S
from harness.drive.rest import RestWatch
from harness.drive.target import BUILTIN, Gauged, Paced, Session, Target, TargetFactory
from harness.drive.virtual_loop import VirtualLoop
from harness.drive.wall_readers import WallReaders
from harness.drive.watched_run import begin_watch
from harness.errors import ClockError, HarnessError, TargetError
from harness.measure.generator import generator_limited, lateness, loop_held_up
from harness.measure.record import NEVER, Generator, Recorder, Run, Series, empty_series
from harness.measure.resources import INTERVAL_S, ResourceMonitor
from harness.measure.rest import REST_S
from harness.measure.stalls import Stall
from harness.measure.tries import TryLog
from harness.measure.watch import Watch
from harness.plan.arrivals import OpenArrivals, Plan
from harness.plan.places import pools_of
from harness.plan.program import burns

_ALARM_AFTER_S = 3.0
_CLEANUP_S = 5.0
START_STOP_S = 60.0
"""How long a target's start(), and its stop(), may take, in seconds on the run's clock; no part of the run timeout."""
_PROGRESS_S = 0.1
_AGREED_WITHIN_S = 600.0
"""Other workers import, too, and the slowest of them is waited for."""
CHECKPOINT_S = 60.0
"""How often what was measured so far is handed on, where it is, in seconds on the run's clock."""

Progress = Callable[[int], None]
"""Called now and then with the number of workflows ended so far."""


@dataclass(slots=True)
class Replication:
    """One replication being driven. `target_name` is what the user wrote; it goes into the Run.

    `start` is called, on a thread of its own, when the target has started; it returns the instant (`time_of_day_s`)
    that is to be the run's time 0. In `watch` it leaves what may be looked at while it goes on. `checkpoint` is called
    on the loop's thread every `checkpoint_s` with the run as it is: with the rows that the recorder shows, and all that
    is beside them.
    """

    plan: Plan
    factory: TargetFactory
    target_name: str
    clock_name: ClockName
    progress: Progress | None = None
    watch: Watch | None = None
    take_stop_signals: bool = False
    job_grace_s: float = JOB_GRACE_S
    patch_time: bool = False
    loop_name: LoopName = "asyncio"
    precise: bool = False
    recorder: Recorder = field(default_factory=Recorder)
    start: Callable[[], float] | None = None
    checkpoint: Callable[[Run], None] | None = None
    checkpoint_s: float = CHECKPOINT_S
    _clock: Clock = field(init=False)
    _dispatcher: Dispatcher | None = None
    _sampler: GaugeSampler | None = None
    _asked_to_stop: str | None = None
    _timers_set: int = 0
    _interrupts: Interrupts | None = None
    _rest: RestWatch = field(init=False)
    _tries: TryLog = field(init=False)
    _ended: tuple[float, float, float] | None = None
    _resting: bool = False
    _starved_s: float = NEVER
    _in_process: bool = True

    def drive(self) -> Run:
        """Run to the end; raises `TargetError` where the target does not start, and nothing was measured yet."""
        limit_s = self.plan.scenario.run_timeout_s
        self._clock = clock = Clock(self.clock_name, limit_s, self.job_grace_s, self.loop_name, self.precise)
        monitor = self._monitor(clock)
        with Interrupts(
            START_STOP_S + _ALARM_AFTER_S, self._stop, self.take_stop_signals, self._came_round
        ) as interrupts:
            self._interrupts = interrupts
            try:
                stopped = self._run_loop(monitor)
            finally:
                if self.watch is not None:
                    self.watch.away()
                ended = self._ended or self._readings()
                resources = empty_series(modelled=True) if monitor is None else self._observable(monitor.stop())
                self.recorder.doubts.extend(monitor.doubts if monitor is not None else ())
                interrupts.rearm(_CLEANUP_S)
                self._clean_up()
        return self._looked_at(self._freeze(stopped, ended, resources, () if monitor is None else monitor.stalls))

    def _looked_at(self, run: Run) -> Run:
        """The run, with what is to be said of one that was late: whether the generator was the limit."""
        if lateness(run) is None:
            return run
        cost_s = start_cost_s(self.plan, self.loop_name)
        run = replace(run, generator=replace(run.generator, start_cost_s=cost_s))
        doubt = loop_held_up(run)
        doubts = run.doubts if doubt is None else (*run.doubts, doubt)
        return replace(run, invalid=run.invalid or generator_limited(run), doubts=doubts)

    def _monitor(self, clock: Clock) -> ResourceMonitor | None:
        if clock.virtual:
            return None
        watched = None if clock.jumps else clock.loop
        return ResourceMonitor(watched, time_origin=clock.now, core_wait_s=waited_for_core_s)

    def _readings(self) -> tuple[float, float, float]:
        """Seconds on the run's clock, of the loop's thread on a core, and of real time."""
        return self._clock.now(), self._clock.thread_cpu_s(), self._clock.real_s()

    @contextmanager
    def _wall_readers(self) -> Iterator[None]:
        """Watch for readers of the wall clock in the target, on clocks that jump; the built-in one has none."""
        loop = self._clock.loop
        if not isinstance(loop, VirtualLoop) or self.target_name == BUILTIN:
            yield
            return
        self._clock.patches_time = self.patch_time
        readers = WallReaders(loop, self.patch_time)
        try:
            with readers:
                yield
        finally:
            self.recorder.doubts.extend(readers.doubts())

    def _came_round(self) -> bool:
        """Whether a loop that jumps has set timers since this was last asked: such a run may take its time."""
        before, self._timers_set = self._timers_set, self._clock.timers_set
        return self._timers_set > before

    def _observable(self, series: Series) -> Series:
        """On a clock that skips idle time, a share of CPU is one of the time that was left: it says nothing.

        Collections are counted by a monitor that was started, which that of such a clock never is.
        """
        kept = {name: values for name, values in series.values.items() if not name.startswith(("cpu_", "gc_"))}
        return replace(series, values=kept) if self._clock.jumps else series

    def _run_loop(self, monitor: ResourceMonitor | None) -> str | None:
        try:
            with self._wall_readers():
                return self._clock.loop.run_until_complete(self._main(monitor))
        except (LoopBlockedError, ClockError) as error:
            if self._resting:
                self.recorder.doubts.append("what the target left behind blocked the event loop: not seen at rest")
                return None
            return self._blocked(error)
        except KeyboardInterrupt:
            if not self.take_stop_signals:
                raise
            if self._asked_to_stop is None:  # the first signal asks, and only a second one raises
                self.recorder.doubts.append("the target raised KeyboardInterrupt, which no signal had asked for")
            return self._asked_to_stop or "stopped by the target"
        except (RuntimeError, asyncio.CancelledError) as error:
            if isinstance(error, RuntimeError) and "loop stopped before" not in str(error):
                raise
            self.recorder.doubts.append("the target stopped the event loop, or cancelled tasks that are not its own")
            return "stopped by the target"

    def _blocked(self, error: LoopBlockedError | ClockError) -> str:
        """Why a run ended whose loop, or clock, did not go on."""
        if isinstance(error, ClockError):
            self.recorder.doubts.append(str(error))
            return "clock error"
        if self._dispatcher is None:
            raise TargetError(f"--target {self.target_name}: start() blocked the event loop and did not end") from None
        self.recorder.doubts.append("the target blocked the event loop: nothing else could run, not even timeouts")
        return "run timeout"

    # long: the order of what happens in a run, from start to stop
    async def _main(self, monitor: ResourceMonitor | None) -> str | None:
        self._tries = TryLog(self._clock.now)
        session = Session(self.plan, self._clock, self.recorder, self._tries)
        target = self.factory(session)
        self._rest = RestWatch(self.target_name, self._clock)
        await self._lifecycle(target, "start")
        try:
            await self._begin()
            self._expect(self.plan.scenario.run_timeout_s + GRACE_S)
            paced = target if isinstance(target, Paced) else None
            backpressure = None if paced is None else paced.backpressure
            dispatcher = self._dispatcher = Dispatcher(
                self.plan, target.run, self._clock, self.recorder, self._tries, backpressure=backpressure
            )
            if self._asked_to_stop:
                dispatcher.request_stop(self._asked_to_stop)
            self._rest.first_look(target)
            self._start(monitor)
            self._watch(target)
            begin_watch(self.watch, session, dispatcher, target, self._sampler)
            self._in_process = getattr(target, "in_process", True)
            self._starved_s = -starved_s()
            self._keep_checkpoints(monitor)
            if paced is not None:
                paced.begin()
            stopped = await dispatcher.drive()
            if paced is not None:
                paced.end()
            await self._come_to_rest(stopped, monitor)
            return stopped
        finally:
            self._expect(START_STOP_S)
            await self._lifecycle(target, "stop")
            self._rest.after_stop()

    async def _begin(self) -> None:
        """Start the clock: now, or at the instant that all workers have agreed on."""
        if self.start is None:
            self._clock.begin()
            return
        self._expect(_AGREED_WITHIN_S)
        instant = await asyncio.get_running_loop().run_in_executor(None, self.start)
        await asyncio.sleep(max(0.0, instant - time_of_day_s()))
        self._clock.begin(max(0.0, time_of_day_s() - instant))

    async def _come_to_rest(self, stopped: str | None, monitor: ResourceMonitor | None) -> None:
        """The run is over: from here on nothing counts but what the target still holds."""
        self._ended = self._readings()
        self._starved_s += starved_s()
        if self._sampler is not None:
            self._sampler.stop()
        if monitor is not None:
            monitor.stop()
        if stopped is None:
            self._expect(REST_S)
            self._resting = True
            await self._rest.settle()
            if self._rest.holds_descriptors and self._interrupts is not None:
                self._rest.collected(self._interrupts)
            self._resting = False

    def _start(self, monitor: ResourceMonitor | None) -> None:
        if monitor is None:
            return
        if isinstance(self._clock.loop, HybridLoop):
            # a thread that samples would take the interpreter lock from the loop, and that would count as the target's
            monitor.sample_now("start")
            self._clock.loop.aside(lambda: monitor.sample_now(""), INTERVAL_S)
        else:
            monitor.start()

    def _expect(self, seconds: float) -> None:
        """From now on, the loop has to come round within so many real seconds."""
        if self._interrupts is not None:
            self._interrupts.rearm(seconds + _ALARM_AFTER_S)

    async def _lifecycle(self, target: Target, name: str) -> None:
        method: Callable[[], Any] | None = getattr(target, name, None)
        if method is None:
            return
        try:
            result = method()
            if inspect.isawaitable(result):
                async with asyncio.timeout(START_STOP_S):
                    await result
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:  # whatever it is, it is the target's
            if name == "start" and isinstance(error, HarnessError):
                raise
            text = f"--target {self.target_name}: {name}() failed: {type(error).__name__}: {error}"
            if name == "start":
                raise TargetError(text) from error
            self.recorder.doubts.append(text)

    def _watch(self, target: Target) -> None:
        if isinstance(target, Gauged):
            self._sampler = GaugeSampler(target, self._clock, self.recorder.doubts)
            self._sampler.sample()
        if self.progress is not None and not self._clock.virtual:
            self._report_progress()

    def _report_progress(self) -> None:
        if self.progress is not None and self._dispatcher is not None:
            self.progress(self._dispatcher.ended)
            self._clock.loop.call_later(_PROGRESS_S, self._report_progress)

    def _keep_checkpoints(self, monitor: ResourceMonitor | None) -> None:
        if self.checkpoint is not None and not self._clock.virtual:
            self._clock.loop.call_later(self.checkpoint_s, self._keep_checkpoint, monitor)

    def _keep_checkpoint(self, monitor: ResourceMonitor | None) -> None:
        if self.checkpoint is None or self._ended is not None:
            return
        resources = empty_series() if monitor is None else self._observable(monitor.series())
        self.checkpoint(self._record(None, self._readings(), resources, () if monitor is None else monitor.stalls))
        self._clock.loop.call_later(self.checkpoint_s, self._keep_checkpoint, monitor)

    def request_stop(self, reason: str) -> None:
        """End the run early, as a signal would; from any thread."""
        self._stop(reason)

    def _stop(self, reason: str) -> None:
        self._asked_to_stop = reason
        self._clock.forget_outside()
        if self._dispatcher is not None:
            self._clock.loop.call_soon_threadsafe(self._dispatcher.request_stop, reason)

    def _clean_up(self) -> None:
        """Cancel what is left and close the loop, without ever hanging on it."""
        loop = self._clock.loop
        if self._dispatcher is not None:
            self._dispatcher.stopping = True  # or each that is cancelled here would be replaced
        try:
            tasks = asyncio.all_tasks(loop)
            for task in tasks:
                task.cancel()
            if tasks:
                loop.run_until_complete(asyncio.wait(tasks, timeout=GRACE_S))
            loop.run_until_complete(_quietly(loop.shutdown_asyncgens()))
        except (LoopBlockedError, ClockError, KeyboardInterrupt):
            self.recorder.doubts.append("the target could not be cancelled; it was left behind")
        finally:
            loop.set_exception_handler(lambda _loop, _context: None)
            loop.close()

    def _freeze(
        self,
        stopped: str | None,
        ended: tuple[float, float, float],
        resources: Series,
        stalls: tuple[Stall, ...],
    ) -> Run:
        if self._dispatcher is not None:
            self._dispatcher.close(ended[0], stopped)
        return self._record(stopped, ended, resources, stalls)

    # long: one line for each field of the record
    def _record(
        self,
        stopped: str | None,
        ended: tuple[float, float, float],
        resources: Series,
        stalls: tuple[Stall, ...],
    ) -> Run:
        recorder, scenario = self.recorder, self.plan.scenario
        ended_s, cpu_s, real_s = ended
        return Run(
            scenario=scenario.name,
            digest=self.factory.digest(scenario.digest),
            target=self.target_name,
            clock=self.clock_name,
            seed=self.plan.seed,
            type_names=tuple(kind.name for kind in scenario.types),
            **self._pools(),
            error_kinds=recorder.canonical_errors(),
            workflows=recorder.workflow_columns(),
            attempts=recorder.attempt_columns(),
            resources=resources,
            gauges=self._sampler.series() if self._sampler else empty_series(),
            ended_s=ended_s,
            stopped=stopped,
            driver_cpu_s=NEVER if self._clock.virtual else cpu_s,
            real_s=real_s,
            doubts=(*recorder.doubts, *self._clock.doubts),
            invalid=recorder.invalid,
            measured=recorder.measured_columns(),
            rest=self._rest.rest(),
            stalls=stalls,
            tries=self._tries.columns(),
            generator=Generator(
                starved_s=self._starved_s if self._ended and self.clock_name == "wall" else NEVER,
                in_process=self._in_process,
            ),
            open_load=isinstance(self.plan.arrivals, OpenArrivals),
        )

    def _pools(self) -> dict[str, Any]:
        cores = burns(self.plan.programs) and bool(self.recorder.attempts)
        places = pools_of(self.plan.scenario, cores=cores)
        return {
            "pool_names": tuple(place.name for place in places),
            "pool_kinds": tuple(place.kind for place in places),
            "pool_sizes": tuple(place.size for place in places),
            "pool_queues": tuple(place.queue for place in places),
            "pool_changes": self.recorder.change_columns(),
        }


async def _quietly(work: Coroutine[Any, Any, None]) -> None:
    await work
