"""Asking the operator for help."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from mailboxes import support
from mailboxes.api import idempotency
from mailboxes.api.base import ApiView, respond
from mailboxes.api.forms import SupportRequest
from mailboxes.api.idempotency import Answer
from mailboxes.api.openapi import IDEMPOTENCY_KEY, operation
from mailboxes.api.serializers import TicketSerializer


class Support(ApiView):
    @operation(
        "submitSupportTicket",
        tag="Support",
        request=SupportRequest,
        answers={200: TicketSerializer},
        errors=(400, 403, 429),
        parameters=[IDEMPOTENCY_KEY],
    )
    def post(self, request: Request) -> Response:
        """Ask this server's operator for help; a suspended account may too. The answer comes to the owner by mail."""
        self.principal.require_full_access()
        self.principal.require_live()
        question = support.Question(**self.asked(SupportRequest))

        def act() -> Answer:
            ticket = support.ask(self.principal, question, now=self.now)
            return Answer(200, {"ok": True, "ticketId": str(ticket.pk)})

        return respond(idempotency.once(request, account_id=self.principal.account.pk, act=act))
