"""What a check raises."""


class Ailment(Exception):
    """Something is wrong: one sentence on what, and on what to do."""
