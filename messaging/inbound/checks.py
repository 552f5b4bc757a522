"""What SPF, DKIM and DMARC say about a mail, and what they ask about; in the words of RFC 8601."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PASS, FAIL, NONE, POLICY, TEMPERROR, PERMERROR = "pass", "fail", "none", "policy", "temperror", "permerror"


Question = tuple[str, str]
"""A name and a record type."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What the DNS is known to say: the records of each question, None where nobody answered.

    The checks run to their end whatever is missing, and note it. Once all that is missing has been asked for, they run
    again; so one round of waiting serves all the checks of many mails.
    """

    known: Mapping[Question, list[Any] | None]
    missing: dict[Question, None] = field(default_factory=dict)

    def __call__(self, name: str, kind: str) -> list[Any] | None:
        if (name, kind) not in self.known:
            self.missing[name, kind] = None
            return None
        return self.known[name, kind]


@dataclass(frozen=True, slots=True)
class Sender:
    """Who handed the mail over and who claims to have written it. `header_from` is None unless everybody reads one."""

    peer: str
    helo: str
    envelope_sender: str
    header_from: str | None


@dataclass(frozen=True, slots=True)
class Signature:
    """One DKIM signature. `policy`: valid, not to be relied on (l=, SHA-1, small key, From unsigned or not single)."""

    result: str
    domain: str = ""
    selector: str = ""


@dataclass(frozen=True, slots=True)
class Checks:
    """Results in the words of RFC 8601. `is_authenticated`: an aligned SPF or DKIM pass vouches for the From domain."""

    spf: str = NONE
    spf_domain: str = ""
    dkim: tuple[Signature, ...] = ()
    dmarc: str = NONE
    dmarc_policy: str = ""
    is_authenticated: bool = False
