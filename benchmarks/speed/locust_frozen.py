"""Locust against the server that freezes: five users at a constant pace, in a process of its own; prints its p99."""

from __future__ import annotations

import json
import sys

USERS = 5


def main(port: int, rate_per_s: float, seconds: float) -> None:
    """Print the p99 that Locust's own statistics give, in ms."""
    import gevent
    from locust import constant_pacing, task
    from locust.contrib.fasthttp import FastHttpUser
    from locust.env import Environment

    class Asker(FastHttpUser):
        host = f"http://127.0.0.1:{port}"
        wait_time = constant_pacing(USERS / rate_per_s)

        @task
        def ask(self) -> None:
            self.client.get("/")

    environment = Environment(user_classes=[Asker])
    runner = environment.create_local_runner()
    runner.start(USERS, spawn_rate=100)
    gevent.sleep(seconds)
    p99 = environment.stats.total.get_response_time_percentile(0.99)
    requests = environment.stats.total.num_requests
    runner.quit()
    sys.stdout.write(json.dumps({"p99_ms": p99, "requests": requests}))


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]))
