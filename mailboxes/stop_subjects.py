"""What may be stopped, and by whom: anything of the account by its deciding members, an agent's own by the agent."""

from __future__ import annotations

from uuid import UUID

from django.db import models

from .errors import Forbidden, Invalid, NotFound
from .ids import parse_id
from .models import Agent, ApiKey, Scope, Stop, StopScope
from .principals import Principal


def find_subject(actor: Principal, scope: StopScope, subject_id: object, *, is_resumed: bool = False) -> UUID:
    """The id of what is meant, in the actor's reach. Raises NotFound for anything else, Invalid for everything.

    `is_resumed`: what was stopped and then deleted is found, too.
    """
    if scope == StopScope.EVERYTHING:
        raise Invalid(
            "Only an operator stops the whole server.", code="operators_only", fix="Stop the account instead."
        )
    parsed = parse_id(subject_id) if subject_id is not None else None
    if scope == StopScope.ACCOUNT:
        if subject_id is not None and parsed != actor.account.pk:
            raise NotFound("account")
        return actor.account.pk
    if parsed is None or not (_exists(actor, scope, parsed) or (is_resumed and _was_stopped(actor, parsed))):
        raise NotFound(scope.value)
    return parsed


def may_stop(actor: Principal, scope: StopScope, subject: UUID) -> None:
    """Raises Forbidden unless the actor may stop that: a deciding member all, an agent what is its own.

    An agent may always tighten: its own key stops that key; with full access also its agent and the mailboxes.
    """
    if actor.member is not None:
        if not actor.member.may_decide:
            raise Forbidden("Only a reviewer of this account may stop its sending.", code="viewer")
        return
    if scope == StopScope.KEY and actor.key is not None and actor.key.pk == subject:
        return
    is_own = scope == StopScope.MAILBOX or (scope == StopScope.AGENT and actor.agent and actor.agent.pk == subject)
    if not is_own:
        raise Forbidden(
            "An agent stops itself, its key or a mailbox, nothing else.",
            code="may_not_stop",
            fix="Ask a reviewer: POST /v1/oversight/stops with a decide key, or the console.",
        )
    actor.require(Scope.SEND)
    actor.require_full_access()


def _exists(actor: Principal, scope: StopScope, subject: UUID) -> bool:
    if scope == StopScope.MAILBOX:
        return actor.mailboxes().filter(pk=subject).exists()
    rows: models.QuerySet[Agent] | models.QuerySet[ApiKey] = (
        Agent.objects.filter(account=actor.account)
        if scope == StopScope.AGENT
        else ApiKey.objects.filter(account=actor.account, agent__isnull=False)
    )
    return rows.filter(pk=subject).exists()


def _was_stopped(actor: Principal, subject: UUID) -> bool:
    return Stop.objects.filter(account=actor.account, subject_id=subject).exists()
