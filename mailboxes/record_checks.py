"""What was found in the DNS beside what must stand there, and what is wrong with it in words. Asks nobody."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .dns_records import DnsRecord, DnsRecords

TOLD_VALUES = 5
TOLD_LENGTH = 300
NOBODY_ANSWERED = "Nobody answered in time: this says nothing of the record. Look again later."
POLICIES = frozenset({"none", "quarantine", "reject"})


@dataclass(frozen=True, slots=True)
class Found:
    """The values that stand there, of an MX `10 mail.example.com`; None where nobody answered.

    `is_alias`: they stand under another name, to which this one only points (CNAME).
    """

    values: tuple[str, ...] | None
    is_alias: bool = False


@dataclass(frozen=True, slots=True)
class RecordCheck:
    """One record: what must stand there, what does, and the difference in a sentence ("" when it is right)."""

    name: str
    record: DnsRecord
    found: Found
    problem: str = ""

    @property
    def is_ok(self) -> bool:
        return not self.problem

    @property
    def is_known(self) -> bool:
        """Whether anybody answered."""
        return self.found.values is not None

    @property
    def label(self) -> str:
        """`mx`, `dkim:<selector>` …"""
        return f"dkim:{self.selector}" if self.name == "dkim" else self.name

    @property
    def selector(self) -> str:
        return self.record.host.partition("._domainkey.")[0]

    def as_json(self) -> dict[str, Any]:
        """As `Domain.checks` keeps it and the API tells it."""
        return {
            "record": self.name,
            "label": self.label,
            "type": self.record.type,
            "host": self.record.host,
            "wanted": self.record.value,
            "found": [value[:TOLD_LENGTH] for value in (self.found.values or ())[:TOLD_VALUES]],
            "ok": self.is_ok,
            "known": self.is_known,
            "problem": self.problem or None,
        }


def judge(records: DnsRecords, found: Mapping[tuple[str, str], Found]) -> list[RecordCheck]:
    """A check of each record, in the order of `DnsRecords.all`."""
    named = [
        ("ownership", records.ownership, _ownership),
        ("mx", records.mx, _mx),
        ("sendMx", records.send_mx, _mx),
        # The platform's own is where the operator says who sends for it: a relay, more likely than we.
        ("spf", records.spf, _spf if records.send_mx else _any_spf),
        *(("dkim", record, _dkim) for record in records.dkim),
        ("dmarc", records.dmarc, _dmarc),
    ]
    return [_check(name, record, found, problem_of) for name, record, problem_of in named if record is not None]


def _check(
    name: str,
    record: DnsRecord,
    found: Mapping[tuple[str, str], Found],
    problem_of: Callable[[DnsRecord, Found, Sequence[str]], str],
) -> RecordCheck:
    seen = found.get((record.host, record.type), Found(None))
    problem = NOBODY_ANSWERED if seen.values is None else problem_of(record, seen, seen.values)
    return RecordCheck(name, record, seen, problem)


def _ownership(record: DnsRecord, found: Found, values: Sequence[str]) -> str:
    if found.is_alias:
        # Whoever holds the name that a forgotten CNAME points to could answer for the whole domain.
        return f"{record.host} is a CNAME; the TXT record must stand at this very name."
    if record.value in values:
        return ""
    return _missing(record) if not values else f"Other texts stand at {record.host}, but not the wanted one."


def _mx(record: DnsRecord, found: Found, values: Sequence[str]) -> str:
    hosts = sorted(
        (int(priority), host.lower().rstrip(".")) for priority, _, host in (v.partition(" ") for v in values)
    )
    ours = [priority for priority, host in hosts if host == record.value.lower()]
    if not hosts:
        return _missing(record)
    if not ours:
        return f"Mail for {record.host} goes to {hosts[0][1] or 'nobody'}, not to {record.value}."
    if hosts[0][0] < min(ours):
        return f"Mail for {record.host} goes to {hosts[0][1]} first: give {record.value} the lowest number."
    return ""


def _spf(record: DnsRecord, found: Found, values: Sequence[str]) -> str:
    if problem := _any_spf(record, found, values):
        return problem
    (policy,) = _policies(values)
    wanted = set(record.value.lower().split()[1:-1])
    for term in (term.lstrip("+") for term in policy.lower().split()[1:]):
        if term in wanted:
            return ""
        if term.lstrip("-~?") == "all":
            break  # what stands behind it is never read
    return f"The SPF record at {record.host} does not name this server: put {' or '.join(sorted(wanted))} before `all`."


def _any_spf(record: DnsRecord, found: Found, values: Sequence[str]) -> str:
    policies = _policies(values)
    if not policies:
        return _missing(record)
    if len(policies) > 1:
        return f"There are {len(policies)} SPF records at {record.host}; receivers accept none then. Merge them."
    return ""


def _policies(values: Sequence[str]) -> list[str]:
    return [value for value in values if value.lower().split(" ")[0] == "v=spf1"]


def _dkim(record: DnsRecord, found: Found, values: Sequence[str]) -> str:
    keys = [tags for tags in map(_tags, values) if "p" in tags]
    if not keys:
        return _missing(record)
    if len(keys) > 1:
        return f"There are {len(keys)} keys at {record.host}; receivers take any of them. Leave only the wanted one."
    wanted, tags = _tags(record.value), keys[0]
    if tags.get("v", "DKIM1") != "DKIM1" or tags.get("k", "rsa").lower() != wanted["k"]:
        return f"The key at {record.host} is not of the kind k={wanted['k']}."
    if tags["p"] != wanted["p"]:
        return f"Another key stands at {record.host}, or only a part of ours."
    return ""


def _dmarc(record: DnsRecord, found: Found, values: Sequence[str]) -> str:
    policies = [_tags(value) for value in values if value.replace(" ", "").lower().startswith("v=dmarc1")]
    if not policies:
        return _missing(record)
    if len(policies) > 1:
        return f"There are {len(policies)} DMARC records at {record.host}; receivers accept none then. Leave one."
    if policies[0].get("p", "").lower() not in POLICIES:
        return f"The DMARC record at {record.host} says no policy: p=none, p=quarantine or p=reject."
    return ""


def _missing(record: DnsRecord) -> str:
    return f"There is no such {record.type} record at {record.host} yet."


def _tags(text: str) -> dict[str, str]:
    """The tags of a DKIM or DMARC record, without the spaces that may stand anywhere in a value."""
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip().lower(): "".join(value.split()) for name, _, value in pairs if name.strip()}
