"""Who did something, in words for people: events and keys name an actor by its identity alone."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Q

from mailboxes.ids import parse_id
from mailboxes.models import Account, Agent, Member

OPERATOR = "An operator"


def names(account: Account, identities: Iterable[str]) -> dict[str, str]:
    """Each identity (`member:<id>`, `agent:<id>`, `operator:<id>`, …) with the name that people know; two queries.

    Who is of another account, or gone, stays the identity that it is.
    """
    asked = {one for one in identities if one}
    of_account = Q(account=account) | Q(account__test_of=account) | Q(account__test_account=account)
    members = Member.objects.filter(of_account, pk__in=_ids(asked, "member")).select_related("user")
    agents = Agent.objects.filter(of_account, pk__in=_ids(asked, "agent"))
    found = {one: OPERATOR for one in asked if one.startswith("operator:")}
    found |= {f"member:{member.pk}": member.user.name or member.user.email for member in members}
    found |= {f"agent:{agent.pk}": agent.name for agent in agents}
    return {one: found.get(one, one) for one in asked}


def _ids(identities: Iterable[str], kind: str) -> list[UUID]:
    named = (parse_id(text) for prefix, _, text in (one.partition(":") for one in identities) if prefix == kind)
    return [one for one in named if one is not None]
