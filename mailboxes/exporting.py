"""What the base of the house puts into an account's archive. No key, no password, no private key is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Model, QuerySet

from .events import HIDDEN_TEXT
from .export import Table, columns, register
from .models import (
    AccessEntry,
    Account,
    Agent,
    ApiKey,
    DkimKey,
    Domain,
    Event,
    Limit,
    Mailbox,
    Member,
    Stop,
    SupportTicket,
    Usage,
    User,
)


def of_account(model: type[Model], **only: object) -> Any:
    """The rows of a table with a column `account`."""

    def rows(account: Account) -> Iterable[QuerySet[Any]]:
        return [model._default_manager.filter(account=account, **only)]

    return rows


def _people(members: Sequence[Member]) -> Mapping[UUID, Mapping[str, object]]:
    users = User.objects.in_bulk([member.user_id for member in members])
    return {member.pk: {"email": users[member.user_id].email, "name": users[member.user_id].name} for member in members}


def _dkim_keys(domains: Sequence[Domain]) -> Mapping[UUID, Mapping[str, object]]:
    told: dict[UUID, dict[str, list[object]]] = {domain.pk: {"dkim_keys": []} for domain in domains}
    for key in DkimKey.objects.filter(domain__in=domains).order_by("created_at"):
        told[key.domain_id]["dkim_keys"].append(columns(key))
    return told


register(
    Table("account", lambda account: [Account.objects.filter(pk=account.pk)]),
    Table("members", of_account(Member), along=[_people]),
    Table("agents", of_account(Agent)),
    Table("keys", of_account(ApiKey), leave_out=frozenset({"digest"})),
    Table("domains", of_account(Domain), leave_out=frozenset({"ownership_token"}), along=[_dkim_keys]),
    Table("mailboxes", of_account(Mailbox, deleted_at__isnull=True)),
    Table("limits", of_account(Limit)),
    Table("stops", of_account(Stop)),
    Table("support_tickets", of_account(SupportTicket)),
    Table("usage", of_account(Usage)),
    Table("access_log", of_account(AccessEntry), moment="at"),
    # Without their places and hashes: those count what is hidden, too.
    Table(
        "events",
        lambda account: [Event.objects.filter(account=account).exclude(data__contains=HIDDEN_TEXT)],
        leave_out=frozenset({"seq", "hash"}),
    ),
)
