"""Files that agents send and receive: kept once for each content, told by links that need no key, given back.

What is sent is an object in storage (`objects`), one for each content of an account (`contents`). What was received
stays where it came, in the raw message (`reading`).
"""
