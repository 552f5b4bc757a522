"""What SPF, DKIM and DMARC say about a mail, and what they ask about; in the words of RFC 8601."""

from __future__ import annotations

from dataclasses import dataclass

PASS, FAIL, NONE, POLICY, TEMPERROR, PERMERROR = "pass", "fail", "none", "policy", "temperror", "permerror"


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
