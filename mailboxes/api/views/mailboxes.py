"""Mailboxes: listed, made, changed, deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from rest_framework.request import Request
from rest_framework.response import Response

from mailboxes import accounts, domains, mailbox, quotas, standing
from mailboxes.api import acts, dangerous
from mailboxes.api.base import ApiView
from mailboxes.api.forms import MailboxChange, NewMailboxRequest
from mailboxes.api.idempotency import Answer
from mailboxes.api.openapi import APPROVAL_CODE, IDEMPOTENCY_KEY, MAILBOX_ID, operation
from mailboxes.api.serializers import (
    DeletedSerializer,
    MailboxAnswerSerializer,
    MailboxFacts,
    MailboxListSerializer,
)
from mailboxes.errors import Forbidden, NotFound
from mailboxes.ids import parse_id
from mailboxes.models import Domain, LimitKind, Mailbox, Scope
from mailboxes.modes import OversightMode, stricter


class MailboxView(ApiView):
    """What the views of mailboxes share: a mailbox with what it has spent."""

    def facts(self, boxes: Sequence[Mailbox], *, received: Mapping[UUID, int] | None = None) -> list[MailboxFacts]:
        """Each mailbox with its counts and limits; three queries, however many they are."""
        ids = [box.pk for box in boxes]
        daily = quotas.used(ids, LimitKind.DAILY_SENDS, now=self.now)
        monthly = quotas.used(ids, LimitKind.MONTHLY_SENDS, now=self.now)
        limits = quotas.limits_of(self.principal.account)
        return [
            MailboxFacts(
                mailbox=box,
                daily_count=daily.get(box.pk, 0),
                daily_limit=limits[LimitKind.DAILY_SENDS],
                monthly_count=monthly.get(box.pk, 0),
                monthly_limit=limits[LimitKind.MONTHLY_SENDS],
                received_count=(received or {}).get(box.pk, 0),
            )
            for box in boxes
        ]

    def told(self, box: Mailbox) -> dict[str, Any]:
        [facts] = self.facts([box])
        return dict(MailboxAnswerSerializer({"mailbox": facts}).data)


class Mailboxes(MailboxView):
    @operation("listMailboxes", tag="Mailboxes", answers={200: MailboxListSerializer})
    def get(self, request: Request) -> Response:
        """The mailboxes that the key reaches, oldest first."""
        self.principal.require(Scope.READ)
        boxes = list(self.principal.mailboxes().select_related("agent").order_by("created_at", "pk"))
        received = quotas.used([box.pk for box in boxes], LimitKind.MONTHLY_INBOUND, now=self.now)
        facts = self.facts(boxes, received=received)
        return Response(MailboxListSerializer({"mailboxes": facts}).data)

    @operation(
        "createMailbox",
        tag="Mailboxes",
        request=NewMailboxRequest,
        answers={201: MailboxAnswerSerializer},
        errors=(400, 403, 404, 409, 422),
        parameters=[IDEMPOTENCY_KEY, APPROVAL_CODE],
    )
    def post(self, request: Request) -> Response:
        """A new mailbox, active at once. Needs a full-access key.

        Its oversight mode is the server's default one, or the stricter one that was asked for. Only a human loosens it.
        """
        self.principal.require_full_access()
        standing.check_not_suspended(self.principal.account)
        asked = self.asked(NewMailboxRequest)
        wanted = mailbox.NewMailbox(
            address=asked["address"],
            domain=self._domain(asked.get("domainId")),
            agent=self.principal.agent,
            display_name=asked.get("displayName") or "",
            mode=_mode(asked.get("mode")),
            metadata=asked.get("metadata", {}),
        )

        def do() -> Answer:
            return Answer(201, self.told(mailbox.create(self.principal.account, wanted, now=self.now)))

        return dangerous.perform(self, lambda: acts.make_mailbox(wanted), do)

    def _domain(self, domain_id: str | None) -> Domain:
        if domain_id is None:
            return accounts.domain_of(self.principal.account, now=self.now)
        parsed = parse_id(domain_id)
        found = domains.of_account(self.principal.account).filter(pk=parsed).first() if parsed else None
        house = accounts.domain_of(self.principal.account, now=self.now)
        if found is None and parsed != house.pk:
            raise NotFound("domain")
        return found or house


class OneMailbox(MailboxView):
    @operation(
        "getMailbox", parameters=[MAILBOX_ID], tag="Mailboxes", answers={200: MailboxAnswerSerializer}, errors=(404,)
    )
    def get(self, request: Request, id: str) -> Response:
        """One mailbox."""
        self.principal.require(Scope.READ)
        return Response(self.told(self.principal.get_mailbox(id)))

    @operation(
        "updateMailbox",
        parameters=[MAILBOX_ID, APPROVAL_CODE],
        tag="Mailboxes",
        request=MailboxChange,
        answers={200: MailboxAnswerSerializer},
        errors=(400, 403, 404),
    )
    def patch(self, request: Request, id: str) -> Response:
        """Change display name, status, metadata, or the oversight mode to a stricter one. Only a human loosens it."""
        self.principal.require(Scope.SEND)
        box = self.principal.get_mailbox(id)
        asked: dict[str, Any] = self.asked(MailboxChange)

        def do() -> Answer:
            return Answer(200, self.told(self._changed(box, asked)))

        return dangerous.perform(self, lambda: acts.wake_mailbox(box, status=asked.get("status")), do)

    def _changed(self, box: Mailbox, asked: Mapping[str, Any]) -> Mailbox:
        with transaction.atomic():
            if asked.get("mode"):
                mailbox.tighten(box, OversightMode(asked["mode"]), by=self.principal.identity, now=self.now)
            return mailbox.change(
                box,
                display_name=asked.get("displayName"),
                status=asked.get("status"),
                metadata=asked.get("metadata"),
                now=self.now,
            )

    @operation(
        "deleteMailbox",
        parameters=[MAILBOX_ID, APPROVAL_CODE],
        tag="Mailboxes",
        answers={200: DeletedSerializer},
        errors=(403, 404),
    )
    def delete(self, request: Request, id: str) -> Response:
        """Hide a mailbox and its mail for good, and cancel what waits in it. Nobody else ever gets its address."""
        self.principal.require_full_access()
        box = self.principal.get_mailbox(id)

        def do() -> Answer:
            mailbox.delete(box, by=self.principal.identity, now=self.now)
            return Answer(200, {"deleted": True})

        return dangerous.perform(self, lambda: acts.delete_mailbox(box), do)


def _mode(asked: str | None) -> OversightMode | None:
    if asked is None:
        return None
    default, wanted = OversightMode(settings.DEFAULT_MODE), OversightMode(asked)
    if stricter(default, wanted) != wanted:
        raise Forbidden(
            f"New mailboxes are {default} here; a key may ask for a stricter mode, not for a freer one.",
            code="mode_not_stricter",
            fix="Leave mode out, and ask a human of the account to change it afterwards.",
        )
    return wanted
