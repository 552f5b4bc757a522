"""The test account beside an account: what its `gp_test_` keys see. Own data, own log, and nothing of it leaves.

A test key is an ordinary key of an ordinary account (`Account.test_of`), so that no query has to ask which data it may
see. The members are the same people; the mailboxes live at TEST_DOMAIN, which no DNS outside names.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from . import accounts, departure, events, mailbox
from .models import Account, Agent, EventCounter, Limit, Member

NAME_ENDS = " (test data)"


def open_for(account: Account, *, now: datetime) -> Account:
    """The account's test account; made at the first call, with a mailbox of the slug's name."""
    with transaction.atomic():
        Account.objects.select_for_update(no_key=True).get(pk=account.pk)  # two first test keys at once make one
        departure.check_here(account)
        return find(account) or _create(account, now=now)


def find(account: Account) -> Account | None:
    return Account.objects.filter(test_of=account).first()


def default_agent(account: Account) -> Agent:
    return Agent.objects.select_related("account").get(account=account, is_default=True)


def _create(account: Account, *, now: datetime) -> Account:
    name = (account.name or account.slug)[: 255 - len(NAME_ENDS)] + NAME_ENDS
    # A dot can't stand in a slug that somebody asked for.
    twin = Account.objects.create(slug=f"test.{account.slug}", name=name, plan=account.plan, test_of=account)
    EventCounter.objects.create(account=twin)
    limits = account.limits.values_list("kind", "amount")
    Limit.objects.bulk_create([Limit(account=twin, kind=kind, amount=amount) for kind, amount in limits])
    people = account.members.order_by("created_at", "pk").values_list("user_id", "role")
    Member.objects.bulk_create([Member(account=twin, user_id=user, role=role) for user, role in people])
    agent = Agent.objects.create(account=twin, name=account.slug, is_default=True)
    events.record(twin, "account.created", subject=str(twin.pk), data={"test_of": str(account.pk)}, now=now)
    wanted = mailbox.NewMailbox(address=account.slug, domain=accounts.domain_of(twin, now=now), agent=agent)
    mailbox.create(twin, wanted, now=now)
    return twin
