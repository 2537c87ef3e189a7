"""How much load a scenario holds, and where its throughput stops growing: the search, the fits, the cause."""
