"""Signing up: open to everybody, so counted per client address."""

from __future__ import annotations

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from mailboxes import accounts, quotas
from mailboxes.api import client_limits, resending
from mailboxes.api.base import OpenView
from mailboxes.api.client_limits import ClientLimit
from mailboxes.api.forms import ResendRequest, SignupRequest
from mailboxes.api.openapi import operation
from mailboxes.api.serializers import OkSerializer, SignupAnswerSerializer, SlugAvailabilitySerializer
from mailboxes.models import LimitKind

SLUG_CHECKS = ClientLimit("check-slug", 30, 60)
NEXT_STEPS = {
    "verify_email": "Ask your human to open the link sent to the signup address and to set a password there: before "
    "that nothing is sent, and nobody can approve.",
    "add_payment": "Nothing to pay now: the plan is free. POST /v1/billing/upgrade gives a link to a larger one.",
    "add_domain": "POST /v1/domains",
    "send_email": "POST /v1/mailboxes/{id}/messages",
}


class Signup(OpenView):
    @operation(
        "createSignup",
        tag="Signup",
        request=SignupRequest,
        answers={201: SignupAnswerSerializer},
        errors=(400, 409, 429),
        needs_key=False,
    )
    def post(self, request: Request) -> Response:
        """A new account with a mailbox and a full-access key, shown this once.

        The new mailbox has the server's default oversight mode. The password opens an API session for key recovery and
        nothing else: your human sets an own one on the verification page. The slug is for good.
        """
        asked = self.asked(SignupRequest)
        left = client_limits.take(ClientLimit("signup", settings.SIGNUPS_PER_HOUR, 3600), request)
        made = accounts.sign_up(
            accounts.SignUp(
                email=asked["email"], password=asked["password"], slug=asked["slug"], name=asked.get("name") or ""
            ),
            now=self.now,
        )
        answer = SignupAnswerSerializer(_told(made)).data
        return Response(answer, status=201, headers={"X-RateLimit-Remaining": str(left)})


class CheckSlug(OpenView):
    @operation(
        "checkSlugAvailability",
        tag="Signup",
        answers={200: SlugAvailabilitySerializer},
        errors=(400, 429),
        needs_key=False,
        parameters=[OpenApiParameter("slug", OpenApiTypes.STR, required=True)],
    )
    def get(self, request: Request) -> Response:
        """Whether a slug is free. A malformed one is a 400."""
        client_limits.take(SLUG_CHECKS, request)
        state = accounts.slug_state(request.query_params.get("slug", ""))
        reason = {"reason": "reserved"} if state == "reserved" else {}
        return Response({"available": state == "free", **reason})


class ResendVerification(OpenView):
    @operation(
        "resendVerificationEmail",
        tag="Signup",
        request=ResendRequest,
        answers={200: OkSerializer},
        errors=(400, 429),
        needs_key=False,
    )
    def post(self, request: Request) -> Response:
        """Another verification mail, if the address waits for one: at most every five minutes.

        The answer is the same for every address.
        """
        email = self.asked(ResendRequest)["email"]
        client_limits.take(resending.PER_CLIENT, request)
        resending.send_again(email, now=self.now)
        return Response({"ok": True})


def _told(made: accounts.SignedUp) -> dict[str, object]:
    limits = quotas.limits_of(made.account)
    return {
        "user": {
            "id": made.account.pk,
            "email": made.user.email,
            "slug": made.account.slug,
            "name": made.user.name,
            "plan": made.account.plan,
            "platform_email": made.mailbox.full_address,
        },
        "api_key": {"key": made.key_text, "prefix": made.key.prefix, "name": made.key.name},
        "mailbox": {
            "id": made.mailbox.pk,
            "address": made.mailbox.address,
            "fullAddress": made.mailbox.full_address,
            "status": made.mailbox.status,
        },
        "mailbox_limit": limits[LimitKind.MAILBOXES],
        "daily_send_limit": limits[LimitKind.DAILY_SENDS],
        "monthly_send_limit": limits[LimitKind.MONTHLY_SENDS],
        "email_verified": made.user.email_verified_at is not None,
        "next_steps": NEXT_STEPS if settings.PLANS != "off" else NEXT_STEPS | {"add_payment": "Nothing to pay."},
    }
