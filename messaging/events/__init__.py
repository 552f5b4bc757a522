"""Readers of the event log for agents: one cursor, one rendering, many ways to listen."""
