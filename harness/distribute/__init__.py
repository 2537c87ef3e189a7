"""One run driven by several processes, here or on a cluster: who drives what, from when on, and what comes back."""
