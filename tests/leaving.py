"""An account with something of every kind, and what the whole database tells, to look for traces in it."""

from __future__ import annotations

from datetime import timedelta

from axes.models import AccessAttempt, AccessLog
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client

from billing import checkouts, plans, subscriptions
from billing.checkouts import Asked
from mailboxes import clock, departure, erasure, keys, mailbox, quotas, sessions, stops, support
from mailboxes.models import Account, DomainStatus, IdempotentAnswer, LimitKind, Role, StopScope
from mailboxes.modes import OversightMode
from messaging import return_paths
from messaging.attachments import sweeping
from messaging.models import Recipient, RecipientState, SuppressionReason
from messaging.outbound import dispatch
from messaging.recipients import suppressions
from oversight import (
    back_test_runs,
    backtest,
    batches,
    bulk,
    claims,
    dead_letters,
    decisions,
    notice_wishes,
    rule_sets,
    trust,
    viewings,
)
from oversight.bulk import Named
from oversight.models import NoticeSettings
from tests import builders, files
from tests.arrivals import arrive, receive
from tests.builders import Tenant
from tests.letters import bounce, letter
from tests.outcomes import came_to

A_FILE = (
    b"From: Kim <kim@friends.example>\r\nTo: alice@agents.example\r\nSubject: {subject}\r\n"
    b"Message-ID: <{subject}@friends.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\nContent-Type: text/plain\r\n\r\nSee the file.\r\n"
    b'--b\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename="{subject}.txt"\r\n\r\nhi\r\n'
    b"--b--\r\n"
)


def furnished(name: str, *, word: str) -> Tenant:
    """A tenant with mail in every state, people, keys, reviews. `word` stands in whatever holds words."""
    owner = builders.tenant(name, mode=OversightMode.GATED_SEND)
    _asked_for_more(owner)
    builders.suggested(owner)
    builders.demoted(owner)
    dispatch.drain()  # the house's own mail to her
    _work_of_people(owner, word)
    _mail_held_and_decided(owner, word)
    _mail_sent(owner, word)
    _mail_received(owner, word)
    _beside_the_mail(owner, word)
    builders.called(owner)
    listed = {"kind": "recipient_list", "addresses": [f"{word}@rival.example"]}
    for box in (None, owner.mailbox):
        builders.rules(owner, builders.rule("rivals", "refuse", listed, name=word), mailbox=box)
    backtest.ask(owner.owner_actor, owner.mailbox.pk, 1, days=None, now=clock.now())
    back_test_runs.run_due()
    backtest.ask(owner.owner_actor, rule_sets.ACCOUNT, 1, days=None, now=clock.now())
    return owner


def leave(account: Account) -> None:
    """Delete the account and erase it to the end."""
    departure.depart(account, by="test", now=clock.now())
    erase_all()


def erase_all() -> None:
    """What the sweep does until nothing is left to do."""
    while erasure.erase_due(now=clock.now() + timedelta(hours=1)):
        pass
    sweeping.remove_remnants(now=clock.now())


def traces_of(*words: str) -> set[str]:
    """The tables in which one of the words stands, in text or in bytes."""
    found = set()
    for table, rows in all_rows().items():
        told = "\n".join(rows).lower()
        if any(word.lower() in told or word.lower().encode().hex() in told for word in words):
            found.add(table)
    return found


def all_rows() -> dict[str, set[str]]:
    """Every row of every table, as text."""
    with connection.cursor() as cursor:
        return {table: _rows(cursor, table) for table in connection.introspection.table_names(cursor)}


def _rows(cursor: object, table: str) -> set[str]:
    cursor.execute(f'SELECT t::text FROM "{table}" AS t')  # type: ignore[attr-defined]  # noqa: S608 - a name of ours
    return {text for (text,) in cursor.fetchall()}  # type: ignore[attr-defined]  # a raw cursor


def _asked_for_more(owner: Tenant) -> None:
    trust.request_upgrade(owner.agent_actor, owner.mailbox.pk, OversightMode.MONITORED, now=clock.now())
    checkouts.open_(owner.account, Asked("scale", "monthly", owner.agent_actor.identity), now=clock.now())
    subscriptions.grant(owner.account, plans.get("growth"), period="monthly", by="test", now=clock.now())


def _work_of_people(owner: Tenant, word: str) -> None:
    letter_id = builders.dead_letter(owner).pk
    dead_letters.drop(owner.owner_actor, letter_id, note=word, now=clock.now())
    claims.set_mode(owner.owner_actor, "optional", now=clock.now())
    review = builders.held(owner, subject=word)
    viewings.record(review, actor=owner.owner_actor, now=clock.now())
    reviewer, named = builders.reviewer(owner.owner), [Named(review.pk, 1)]
    bulk.reject(named, reviewer=reviewer, reason="tone", note=word, now=clock.now())
    batches.run_due()


def _mail_held_and_decided(owner: Tenant, word: str) -> None:
    reviewer = builders.reviewer(owner.owner)
    builders.held(owner, subject=word)
    rejected, approved = (builders.held(owner, subject=word, to=(f"{word}@friends.example",)) for _ in range(2))
    decisions.reject(rejected, reviewer=reviewer, version=1, reason="tone", note=word, now=clock.now())
    decisions.approve(approved, reviewer=reviewer, version=1, note=word, now=clock.now())


def _mail_sent(owner: Tenant, word: str) -> None:
    mailbox.set_mode(owner.mailbox, OversightMode.AUTONOMOUS, by="test", now=clock.now())
    message = builders.submit(owner, subject=word, to=(f"{word}@elsewhere.example",))
    came_to(message, [RecipientState.BOUNCED])
    recipient = Recipient.objects.get(message=message)
    path = return_paths.return_path_of(recipient.pk, domain="agents.example", now=clock.now())
    for _ in range(2):  # the second one is a duplicate
        receive(bounce(recipient.address, to=path), path, sender="")
    builders.submit(owner, subject=word, body_text=f"{word}\n")
    dispatch.drain()


def _mail_received(owner: Tenant, word: str) -> None:
    arrive(owner.mailbox, A_FILE.replace(b"{subject}", word.encode()), sender=f"{word}@friends.example")
    raw = letter(to=owner.mailbox.full_address, subject=word)
    for _ in range(2):
        receive(raw, owner.mailbox.full_address)


def _beside_the_mail(owner: Tenant, word: str) -> None:
    account, now = owner.account, clock.now()
    rhea = builders.member(account, word)
    builders.member(account, "victor", Role.VIEWER)
    builders.decide_key(rhea)
    stops.stop(rhea, scope=StopScope.AGENT, subject_id=owner.agent.pk, reason=word, now=now)
    stops.resume(owner.owner, scope=StopScope.AGENT, subject_id=owner.agent.pk, now=now)
    wishes = NoticeSettings(member=rhea)
    notice_wishes.choose(rhea, {name: getattr(wishes, name) for name in notice_wishes.FIELDS}, now=now)
    notice_wishes.set_chat(owner.owner, f"https://chat.example/{word}", now=now)
    keys.create_agent_key(owner.agent, name=word, mailboxes=[owner.mailbox], now=now)
    builders.limit(account, "mailboxes", 9)
    mailbox.change(owner.mailbox, display_name=word, metadata={"word": word}, now=now)
    suppressions.add(account, f"{word}@other.example", reason=SuppressionReason.MANUAL, text=word, now=now)
    account.domains.create(name=f"{word}.example", status=DomainStatus.PENDING_VERIFICATION)
    quotas.count(account, LimitKind.DOMAINS, 1, now=now)
    files.upload(owner, word.encode(), filename=word)
    IdempotentAnswer.objects.create(
        scope=str(account.pk), route="POST", key="k", request_hash="0" * 64, status=200, body={"word": word}
    )
    support.ask(owner.agent_actor, support.Question("other", word, word), now=now)
    sessions.open_for(owner.owner.user, now=now)
    Client().force_login(rhea.user, backend="django.contrib.auth.backends.ModelBackend")
    AccessAttempt.objects.create(username=rhea.user.email, get_data="", post_data="", failures_since_start=1)
    AccessLog.objects.create(username=rhea.user.email)
    LogEntry.objects.create(
        user=rhea.user,
        object_id=str(account.pk),
        object_repr=account.slug,
        action_flag=CHANGE,
        content_type=ContentType.objects.get_for_model(Account),
    )
    builders.webhook_delivery(builders.webhook(owner, box=owner.mailbox, headers={"X-Word": word})[0])
