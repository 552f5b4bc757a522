"""Where Stripe tells that something happened. Whoever can't sign it is not heard."""

from __future__ import annotations

import json

import stripe
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from mailboxes import clock

from . import stripe_events

TOLERANCE_SECONDS = 300


@csrf_exempt
@require_POST
def stripe_webhook(request: HttpRequest) -> HttpResponse:
    """200 for whatever is signed, known or not: what is answered otherwise, Stripe sends again for days."""
    if not settings.STRIPE_WEBHOOK_SECRET:
        raise Http404
    try:
        text = request.body.decode()
        signature = request.headers.get("Stripe-Signature")
        stripe.WebhookSignature.verify_header(text, signature, settings.STRIPE_WEBHOOK_SECRET, TOLERANCE_SECONDS)
        event = json.loads(text)
    except (stripe.SignatureVerificationError, ValueError):
        return HttpResponse("This is not signed by Stripe, or too old.\n", status=400, content_type="text/plain")
    if isinstance(event, dict):
        stripe_events.hear(event, now=clock.now())
    return HttpResponse("Heard.\n", content_type="text/plain")
