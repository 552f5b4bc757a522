class EmbeddedServerError(Exception):
    """An embedded server cannot run; the text is one sentence for the person at the keyboard."""
