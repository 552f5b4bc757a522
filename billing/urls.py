"""Pages about plans, for people, and what Stripe calls. `/billing` is the address that agents are told."""

from __future__ import annotations

from django.urls import path

from .pages import checkout, decide, plans_page, upgrade
from .webhook import stripe_webhook

urlpatterns = [
    path("", plans_page),
    path("/", plans_page, name="billing"),
    path("/upgrade/", upgrade, name="billing_upgrade"),
    path("/checkout/<str:token>/", checkout, name="billing_checkout"),
    path("/checkout/<str:token>/decide/", decide, name="billing_decide"),
    path("/stripe/webhook", stripe_webhook, name="stripe_webhook"),
]
