"""The trust ladder on `/v1`: an agent asks, a person's code lets its mailbox climb."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from mailboxes.api import idempotency
from mailboxes.api.base import ApiView, respond
from mailboxes.api.fields import Moment, Text
from mailboxes.api.idempotency import Answer
from mailboxes.api.openapi import IDEMPOTENCY_KEY, MAILBOX_ID, operation
from mailboxes.api.reading import Form
from mailboxes.modes import OversightMode
from oversight import permits, trust
from oversight.models import Permit


class ModeUpgradeRequest(Form):
    targetMode = serializers.ChoiceField(
        choices=[mode.value for mode in OversightMode if mode != OversightMode.READ_ONLY],
        help_text="Freer than the mailbox's present mode.",
    )


class ModeUpgradeCode(Form):
    code = Text(
        max_length=16,
        required=False,
        allow_blank=True,
        help_text="As your human reads it out: A7X-29K. Case, spaces, dash: no matter. Left out: they have allowed it "
        "in the console.",
    )


class ModeUpgradeRequestedSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=["upgrade_requested"])
    mailboxId = serializers.UUIDField(source="mailbox_id")
    targetMode = serializers.CharField(source="target_mode")
    triesLeft = serializers.IntegerField(source="tries_left")
    expiresAt = Moment(source="expires_at")


class ModeUpgradedSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=["upgraded"])
    mailboxId = serializers.UUIDField()
    mode = serializers.ChoiceField(choices=list(OversightMode))


class RequestUpgrade(ApiView):
    @operation(
        "requestUpgrade",
        tag="Oversight",
        request=ModeUpgradeRequest,
        answers={202: ModeUpgradeRequestedSerializer},
        errors=(400, 403, 404, 429),
        parameters=[MAILBOX_ID, IDEMPOTENCY_KEY],
    )
    def post(self, request: Request, id: str) -> Response:
        """Ask the account's people for a freer oversight mode. They get a code by mail, for this key and this step.

        A new request makes the code before it void. At most three an hour for a mailbox.
        """
        self.principal.get_mailbox(id)
        target = OversightMode(self.asked(ModeUpgradeRequest)["targetMode"])

        def act() -> Answer:
            return Answer(202, self._told(trust.request_upgrade(self.principal, id, target, now=self.now)))

        return respond(idempotency.once(request, account_id=self.principal.account.pk, act=act))

    def _told(self, permit: Permit) -> dict[str, Any]:
        permit.status = "upgrade_requested"  # type: ignore[attr-defined]
        return dict(ModeUpgradeRequestedSerializer(permit).data)


class Upgrade(ApiView):
    @operation(
        "upgradeMailbox",
        tag="Oversight",
        request=ModeUpgradeCode,
        answers={200: ModeUpgradedSerializer},
        errors=(400, 403, 404, 409),
        parameters=[MAILBOX_ID, IDEMPOTENCY_KEY],
    )
    def post(self, request: Request, id: str) -> Response:
        """Set the mode that was asked for, with the code that your human got. Five tries, then a new request is needed.

        Without a code it is set once they have allowed it in the console; till then the answer is 404.
        What waits for a decision goes on waiting.
        """
        self.principal.get_mailbox(id)
        code: str = self.asked(ModeUpgradeCode).get("code", "")
        attempt = trust.begin_try(self.principal, id, code, now=self.now)

        def act() -> Answer:
            box = trust.apply_upgrade(self.principal, id, code, attempt=attempt, now=self.now)
            return Answer(200, {"status": "upgraded", "mailboxId": str(box.pk), "mode": str(box.mode)})

        try:
            return respond(idempotency.once(request, account_id=self.principal.account.pk, act=act))
        except permits.WrongCode as wrong:
            permits.end_if_spent(wrong.permit, now=self.now)
            raise
