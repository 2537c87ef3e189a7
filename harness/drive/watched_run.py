"""What a replication leaves in a `Watch`, so that it may be looked at from another thread while it goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.drive.dispatcher import Dispatcher
from harness.drive.gauges import GaugeSampler
from harness.drive.target import Pooled, Session, Target
from harness.measure.lookers import looker_at
from harness.measure.watch import Watch


def begin_watch(
    watch: Watch | None, session: Session, dispatcher: Dispatcher, target: Target, sampler: GaugeSampler | None
) -> None:
    """From now on whoever holds `watch`, if anybody does, sees what `dispatcher` carries out."""
    if watch is not None:
        figures = _figures_of(target, sampler)
        watch.begin(looker_at(session.recorder, dispatcher.flying, session.clock.now, figures))


def _figures_of(target: Target, sampler: GaugeSampler | None) -> Callable[[], Mapping[str, float]]:
    """The target's own figures for another thread, on which none of its own methods may be called."""
    if isinstance(target, Pooled):
        return target.queue_and_pool
    return dict if sampler is None else sampler.last
