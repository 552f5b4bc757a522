"""Is the log what was written? By its own hashes, and by the heads that were signed outside of the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from uuid import UUID

from mailboxes import statements, tombstones
from mailboxes.models import Account

from . import chain, heads
from .chain import Fault

HEADS_AT_ONCE = 5_000

# Of each account the first head that its log does not agree with, and how far that log goes.
BROKEN_HEADS = """
SELECT DISTINCT ON (said.account) said.account, said.seq, e.hash IS NULL,
    (SELECT coalesce(max(seq), 0) FROM mailboxes_event WHERE account_id = said.account)
FROM unnest(%(accounts)s::uuid[], %(seqs)s::bigint[], %(hashes)s::text[]) AS said(account, seq, hash)
LEFT JOIN mailboxes_event e ON e.account_id = said.account AND e.seq = said.seq
WHERE e.hash IS DISTINCT FROM said.hash
ORDER BY said.account, said.seq
"""

Head = tuple[UUID, int, str]


def find_faults(accounts: Sequence[UUID], *, on_part: Callable[[int], None] = lambda count: None) -> Iterator[Fault]:
    """What is wrong with the logs of these accounts, the first place of each in each way of looking."""
    for account_id in accounts:
        fault = chain.find_fault(account_id, on_part=on_part)
        if fault:
            yield fault
    yield from _against_heads(set(accounts))


def find_vanished() -> Iterator[Fault]:
    """Accounts of which heads were signed, and that are gone without having been deleted."""
    here = set(Account.objects.values_list("pk", flat=True))
    signed = {account for account, _, _ in _held_against()}
    for account in sorted(signed - here, key=str):
        if not tombstones.is_laid(str(account)):
            yield Fault(account, 1, "its whole log is gone, and the account was not deleted here")


def find_bad_lines() -> Iterator[tuple[str, str]]:
    """Place and fault of each line of signed heads that can't be believed."""
    return ((line.place, line.fault) for line in heads.read() if line.fault)


def departing() -> set[UUID]:
    """Accounts whose logs are being erased, or soon will be: nothing can be said of them."""
    return set(Account.objects.filter(departed_at__isnull=False).values_list("pk", flat=True))


def _against_heads(accounts: set[UUID]) -> Iterator[Fault]:
    told: set[UUID] = set()
    mine = (head for head in _held_against() if head[0] in accounts)
    while part := list(islice(mine, HEADS_AT_ONCE)):
        for account, seq, is_missing, newest in _broken(part):
            if account not in told:
                told.add(account)
                yield _fault(account, seq, newest, is_missing=is_missing)


def _broken(part: Sequence[Head]) -> list[tuple[UUID, int, bool, int]]:
    ids, seqs, chain_hashes = zip(*part, strict=True)
    named = {"accounts": list(ids), "seqs": list(seqs), "hashes": list(chain_hashes)}
    return [(account, seq, missing, newest) for account, seq, missing, newest in statements.run(BROKEN_HEADS, named)]


def _fault(account: UUID, seq: int, newest: int, *, is_missing: bool) -> Fault:
    if is_missing and newest < seq:
        return Fault(account, newest + 1, f"the log ends at {newest}, and a head was signed at {seq}: its end was cut")
    if is_missing:
        return Fault(account, seq, f"event {seq} is missing, of which a head was signed")
    return Fault(account, seq, f"event {seq} or one before it was rewritten since a head was signed at {seq}")


def _held_against() -> Iterator[Head]:
    """The heads that a log must agree with: after a restored database was confirmed, no longer those beyond it."""
    restarts = _restarts()
    for number, line in enumerate(heads.read()):
        bounds = [bound for place, bound in restarts if place > number]
        for account, (seq, chain_hash) in line.heads.items():
            if not line.fault and all(seq <= bound.get(account, (0, ""))[0] for bound in bounds):
                yield UUID(account), seq, chain_hash


def _restarts() -> list[tuple[int, Mapping[str, tuple[int, str]]]]:
    return [(number, line.heads) for number, line in enumerate(heads.read()) if line.is_restart and not line.fault]
