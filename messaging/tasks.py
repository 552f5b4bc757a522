"""Background work of messaging. A task parses, calls one verb, and does nothing else."""
