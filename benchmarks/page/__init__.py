"""How large pages are and how soon they are there: `python -m benchmarks.page` prints the table."""
