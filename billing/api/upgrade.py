"""`POST /v1/billing/upgrade`: a link on which the agent's human pays for a larger plan."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing import checkouts, plans
from billing.checkouts import Asked, Opened
from billing.models import Via
from mailboxes.api import idempotency
from mailboxes.api.base import ApiView, respond
from mailboxes.api.idempotency import Answer
from mailboxes.api.openapi import IDEMPOTENCY_KEY, operation
from mailboxes.api.reading import Form

MESSAGES = {
    Via.STRIPE: "Share this URL with the account's owner, who pays there. Once paid, the limits rise by themselves.",
    Via.OPERATOR: "Share this URL with the account's owner: it shows what is asked and what it costs. An operator of "
    "this server approves it there, and the limits rise by themselves.",
}


class UpgradeRequest(Form):
    plan = serializers.ChoiceField(
        choices=[plan.name for plan in plans.OFFER.plans], required=False, help_text="Left out: developer."
    )
    period = serializers.ChoiceField(choices=plans.PERIODS, required=False, help_text="Left out: monthly.")


class UpgradeAnswerSerializer(serializers.Serializer[Any]):
    """A link for a human (snake_case, as the contract has it)."""

    checkout_url = serializers.URLField()
    expires_at = serializers.IntegerField(help_text="Unix seconds.")
    message = serializers.CharField()


class Upgrade(ApiView):
    @operation(
        "createUpgradeCheckout",
        tag="Billing",
        request=UpgradeRequest,
        answers={200: UpgradeAnswerSerializer, 201: UpgradeAnswerSerializer},
        errors=(400, 403, 409, 410, 422, 502, 503),
        parameters=[IDEMPOTENCY_KEY],
    )
    def post(self, request: Request) -> Response:
        """A link on which a human pays; it goes to the owner by mail, too. Needs a full-access key.

        While a link of the same plan and period is open (24 hours) it is given again, with 200. Works while the account
        is suspended.
        """
        self.principal.require_full_access()
        self.principal.require_live()
        asked = self.asked(UpgradeRequest)
        account = self.principal.account
        # Stripe is asked outside of the transaction in which `once` keeps the answer. That is safe: asked twice, it is
        # the same checkout.
        if kept := idempotency.find(request, account_id=account.pk):
            return respond(kept)
        wanted = Asked(asked.get("plan", "developer"), asked.get("period", plans.MONTHLY), self.principal.identity)
        answer = _answer(checkouts.open_(account, wanted, now=self.now))
        return respond(idempotency.once(request, account_id=account.pk, act=lambda: answer))


def _answer(opened: Opened) -> Answer:
    told = {
        "checkout_url": opened.url,
        "expires_at": int(opened.checkout.expires_at.timestamp()),
        "message": MESSAGES[Via(opened.checkout.via)],
    }
    return Answer(201 if opened.is_new else 200, dict(UpgradeAnswerSerializer(told).data))
