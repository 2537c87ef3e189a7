"""Locust's own cost per iteration, in a process of its own: N users, a task that only fires the request event."""

from __future__ import annotations

import json
import sys
import time

SECONDS = 3.0


def main(users: int) -> None:
    """Print microseconds of wall time per iteration over `SECONDS`, once all users are running."""
    import gevent
    from locust import User, constant, task
    from locust.env import Environment

    class Nobody(User):
        wait_time = constant(0)

        @task
        def nothing(self) -> None:
            self.environment.events.request.fire(
                request_type="flow", name="nothing", response_time=0, response_length=0, exception=None, context={}
            )

    environment = Environment(user_classes=[Nobody])
    runner = environment.create_local_runner()
    runner.start(users, spawn_rate=users * 10)
    while runner.user_count < users:
        gevent.sleep(0.05)
    before, began = environment.stats.total.num_requests, time.perf_counter()
    gevent.sleep(SECONDS)
    count, spent = environment.stats.total.num_requests - before, time.perf_counter() - began
    runner.quit()
    sys.stdout.write(json.dumps({"us_per_iteration": spent / count * 1e6, "iterations": count}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
