"""The virtual loop beside asyncio's own and beside SimPy; the hybrid clock beside the wall."""
