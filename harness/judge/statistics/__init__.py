"""Statistics of repeated runs: a row is a metric, a column is a process, and one process is one sample."""
