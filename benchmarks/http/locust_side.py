"""Locust in a process of its own: 50 users without a pause; prints its CPU time per request as JSON."""

from __future__ import annotations

import json
import sys
import time

USERS = 50
SECONDS = 4.0


def main(side: str, url: str) -> None:
    """`locust_requests` is its HttpUser, `locust_fast` its FastHttpUser."""
    import gevent
    from locust import FastHttpUser, HttpUser, constant, task
    from locust.env import Environment

    class Asking(FastHttpUser if side == "locust_fast" else HttpUser):
        host = url
        wait_time = constant(0)
        number = 0

        @task
        def ask(self) -> None:
            Asking.number += 1
            headers = {"x-workflow-id": str(Asking.number)}
            with self.client.post("/", json={"id": Asking.number}, headers=headers, catch_response=True) as response:
                response.json()

    environment = Environment(user_classes=[Asking])
    runner = environment.create_local_runner()
    runner.start(USERS, spawn_rate=USERS)
    while runner.user_count < USERS:
        gevent.sleep(0.05)
    gevent.sleep(0.5)
    total = environment.stats.total
    before, begun_s = total.num_requests, time.process_time()
    gevent.sleep(SECONDS)
    count, spent_s = total.num_requests - before, time.process_time() - begun_s
    failures = total.num_failures
    runner.quit()
    if failures:
        raise RuntimeError(f"{failures} requests failed")
    sys.stdout.write(json.dumps({"cpu_us": spent_s / count * 1e6}) + "\n")


if __name__ == "__main__":
    from gevent import monkey

    monkey.patch_all()
    main(*sys.argv[1:])
