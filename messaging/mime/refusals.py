"""How this package says no: input that may not become mail, and bytes that are not fit for the wire."""

from __future__ import annotations


class Refused(ValueError):
    """Bad input. `code` is stable and for programs, `sentence` says to a person what is wrong and what to do."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


class AddressRefused(Refused):
    """This text is not one plain mailbox address, or not a display name that may stand before one."""


class HeaderRefused(Refused):
    """This header name, header value, subject or message id may not stand in a header block."""


class BodyRefused(Refused):
    """These bodies cannot be made into a mail."""


class WireDefect(Exception):
    """These bytes must not reach a transport. Always a fault of ours: input is refused before it gets here."""
