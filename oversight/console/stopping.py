"""What can be stopped besides the whole account, and how much mail each stop would keep from leaving."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, QuerySet

from mailboxes.models import Agent, ApiKey, StopScope
from messaging.models import Message, Recipient, Status
from oversight import reviews

from .visit import Visit

# Who has more of a kind finds the others by the API; a page of thousands of choices helps nobody in a hurry.
MOST_OF_A_KIND = 100
BY = ("mailbox_id", "agent_id", "key_id")


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing that can be stopped: `value` names it in the form."""

    value: str
    label: str
    queued: int
    waiting: int
    is_stopped: bool


@dataclass(frozen=True, slots=True)
class Group:
    """The choices of one kind."""

    name: str
    choices: list[Choice]
    is_cut: bool


def groups(visit: Visit) -> list[Group]:
    """Mailboxes, agents and keys of the account, those with most queued first; empty kinds are left out."""
    account = visit.member.account
    due = Recipient.objects.filter(next_at__isnull=False, message__status=Status.QUEUED)
    leaving = Message.objects.filter(pk__in=due.filter(message__account=account).values("message_id"))
    held = reviews.pending(visit.actor).order_by().values("message_id")
    queued, waiting = _counts(leaving), _counts(Message.objects.filter(pk__in=held))
    agents = Agent.objects.filter(account=account).values_list("pk", "name")
    keys = ApiKey.objects.filter(account=account, agent__isnull=False, revoked_at__isnull=True)
    kinds: list[tuple[StopScope, str, Iterable[tuple[UUID, str]]]] = [
        (StopScope.MAILBOX, "One mailbox", visit.actor.mailboxes().values_list("pk", "full_address")),
        (StopScope.AGENT, "One agent", agents),
        (StopScope.KEY, "One key", ((key.pk, f"{key.prefix}… {key.name}".strip()) for key in keys)),
    ]
    stopped = set(account.stopped_subjects or ())
    found = []
    for scope, name, subjects in kinds:
        choices = [
            Choice(f"{scope.value}:{pk}", label, queued[pk], waiting[pk], pk in stopped) for pk, label in subjects
        ]
        choices.sort(key=lambda choice: (-choice.queued, -choice.waiting, choice.label))
        found.append(Group(name, choices[:MOST_OF_A_KIND], len(choices) > MOST_OF_A_KIND))
    return [group for group in found if group.choices]


def _counts(messages: QuerySet[Message]) -> Counter[UUID | None]:
    """How many of them are of each mailbox, agent and key; ids of different kinds never meet."""
    counted: Counter[UUID | None] = Counter()
    for *subjects, number in messages.order_by().values_list(*BY).annotate(Count("pk")):
        for subject in subjects:
            counted[subject] += number
    return counted
