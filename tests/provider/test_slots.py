"""Never more than declared are served, never more than declared wait, and those who wait come in turn."""

from __future__ import annotations

import asyncio
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.provider.declaration import Capacity
from harness.provider.slots import Slots


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5), st.one_of(st.none(), st.integers(0, 6)), st.integers(0, 2**32), st.integers(1, 60))
def test_bounds_hold_at_every_instant_and_nothing_is_lost(most: int, queue: int | None, seed: int, takers: int) -> None:
    chance = random.Random(seed)
    slots = Slots(Capacity(most, queue))
    served: list[int] = []
    turned_away: list[int] = []
    waiting: list[int] = []

    async def taker(number: int) -> None:
        full = slots.busy >= most
        if full and (queue is None or slots.waiting < queue):
            waiting.append(number)
        try:
            free = await slots.take()
        except asyncio.CancelledError:
            waiting.remove(number)
            raise
        if not free:
            turned_away.append(number)
            assert full
            return
        if number in waiting:
            # in turn, but for those that have left
            assert waiting[0] == number
            waiting.remove(number)
        assert slots.busy <= most
        served.append(number)
        try:
            for _ in range(chance.randrange(4)):
                await asyncio.sleep(0)
        finally:
            slots.give_back()

    async def main() -> int:
        tasks = []
        for number in range(takers):
            tasks.append(asyncio.create_task(taker(number)))
            for _ in range(chance.randrange(3)):
                await asyncio.sleep(0)
            if chance.random() < 0.2:
                chance.choice(tasks).cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        errors = [one for one in done if isinstance(one, BaseException)]
        assert all(isinstance(one, asyncio.CancelledError) for one in errors), errors
        return len(errors)

    asyncio.run(main())
    assert slots.busy == slots.waiting == 0
    assert slots.peak_busy <= most
    assert queue is None or slots.peak_waiting <= queue
    assert len(set(served) | set(turned_away)) == len(served) + len(turned_away)


def test_without_a_limit_nobody_waits() -> None:
    async def main() -> None:
        slots = Slots(Capacity())
        assert all(await asyncio.gather(*(slots.take() for _ in range(100))))
        assert slots.busy == slots.peak_busy == 100

    asyncio.run(main())
