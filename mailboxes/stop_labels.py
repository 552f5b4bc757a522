"""Stops as people and agents read them: of what, by whom, and which of them holds a mail back."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from django.db import models
from django.db.models import Case, F, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Coalesce, Concat, NullIf

from .ids import parse_id
from .models import Account, Agent, ApiKey, Mailbox, Stop, StopScope
from .principals import Principal

OF_WHAT = {
    StopScope.EVERYTHING: "All sending of this server",
    StopScope.ACCOUNT: "All sending of the account",
    StopScope.MAILBOX: "Sending of this mailbox",
    StopScope.AGENT: "Sending of this agent",
    StopScope.KEY: "Sending with this key",
}


@dataclass(frozen=True, slots=True)
class Labelled:
    """A stop, what it is of (an address, a name; empty for account and everything), and who stopped it."""

    stop: Stop
    label: str
    who: str


def labelled(found: QuerySet[Stop]) -> list[Labelled]:
    """The stops in their order, by one statement."""
    key = Concat(F("prefix"), Value("… "), F("name"), output_field=models.TextField())
    columns: dict[StopScope, tuple[type[models.Model], Combinable]] = {
        StopScope.MAILBOX: (Mailbox, Cast("full_address", models.TextField())),
        StopScope.AGENT: (Agent, Cast("name", models.TextField())),
        StopScope.KEY: (ApiKey, key),
    }
    labels = [
        When(scope=scope, then=Subquery(model._default_manager.filter(pk=OuterRef("subject_id")).values_list(column)))
        for scope, (model, column) in columns.items()
    ]
    person = Coalesce(
        NullIf("member__user__name", Value("")),
        "member__user__email",
        "agent__name",
        Value(""),
        output_field=models.TextField(),
    )
    told = found.annotate(told_label=Case(*labels, default=Value(""), output_field=models.TextField()))
    told = told.annotate(told_person=person)
    return [Labelled(stop, (stop.told_label or "").strip(), stop.told_person or "An operator") for stop in told]


def visible(actor: Principal) -> QuerySet[Stop]:
    """The stops of the actor's account that hold mail in their reach, and that of everything while it lasts."""
    everything = Q(scope=StopScope.EVERYTHING, resumed_at__isnull=True)
    mine = Q(account=actor.account)
    if actor.mailbox_ids is not None:
        own = {*actor.mailbox_ids, *(one.pk for one in (actor.agent, actor.key) if one is not None)}
        mine &= Q(scope=StopScope.ACCOUNT) | Q(subject_id__in=own)
    return Stop.objects.filter(everything | mine)


def find(actor: Principal, stop_id: object) -> Stop | None:
    """The stop of that id, if the actor may see it."""
    parsed = parse_id(stop_id)
    return visible(actor).filter(pk=parsed).first() if parsed else None


def standing(account: Account) -> QuerySet[Stop]:
    """What holds the account's mail back now, the widest first and then the newest; of the server's too."""
    order = Case(*[When(scope=scope, then=Value(place)) for place, scope in enumerate(StopScope.values)])
    found = Stop.objects.filter(Q(account=account) | Q(account__isnull=True), resumed_at__isnull=True)
    return found.order_by(order, "-stopped_at", "-pk")


def holding(stops: Collection[Stop], *subjects: UUID | None) -> Stop | None:
    """The first of these stops that is of one of these subjects, of their account, or of everything."""
    wide = (StopScope.EVERYTHING, StopScope.ACCOUNT)
    return next((stop for stop in stops if stop.scope in wide or stop.subject_id in subjects), None)


def sentence(scope: str, reason: str) -> str:
    """What is said to whoever asks why a mail waits."""
    because = f": {reason.rstrip('.')}" if reason else ""
    return f"{OF_WHAT[StopScope(scope)]} was stopped{because}. It waits, and leaves once sending is resumed."
