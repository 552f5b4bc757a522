"""System checks of the settings that billing lives by."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from . import plans


@register()
def check_plans(**_: Any) -> list[CheckMessage]:
    problem = plans.problem_of(settings.PLANS)
    hint = "Set PLANS to on, off, or the path of a JSON file as billing/README.md has it."
    return [Error(f"PLANS={settings.PLANS!r}: {problem}", hint=hint, id="billing.E001")] if problem else []


@register()
def check_stripe_tells_us(**_: Any) -> list[CheckMessage]:
    if not settings.STRIPE_SECRET_KEY or settings.STRIPE_WEBHOOK_SECRET:
        return []
    hint = "Add a webhook at Stripe and set STRIPE_WEBHOOK_SECRET; until then a payment is noticed by looking."
    return [Warning("STRIPE_WEBHOOK_SECRET is not set.", hint=hint, id="billing.W001")]
