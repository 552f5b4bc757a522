"""Background work of oversight. A task parses, calls one verb, and does nothing else."""
