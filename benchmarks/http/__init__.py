"""What one request costs the harness, beside bare clients and Locust: `python -m benchmarks.http`."""
