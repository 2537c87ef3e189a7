"""A run in constant memory: what adds up is added up as it happens, and no row is kept."""
