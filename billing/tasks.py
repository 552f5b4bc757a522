"""Background work of billing. A task parses, calls one verb, and does nothing else."""
