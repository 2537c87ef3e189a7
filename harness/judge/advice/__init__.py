"""What to change: candidates run against the same luck, ranked by what they do and what they cost."""
