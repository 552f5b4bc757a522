class CannotStart(Exception):
    """Something Gatepost needs is not as it must be; the text is one line for the person at the keyboard."""
