"""What stands in a message: pure functions from its text to what the policy may ask for. One idea a file.

All of it takes a time that grows with the text and no faster, whatever the text is.
"""
