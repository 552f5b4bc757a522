"""Checkouts, what came of them, and what is still to be ended at Stripe. Limits themselves stand in mailboxes."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from mailboxes.ids import new_id
from mailboxes.models import Account


class Period(models.TextChoices):
    MONTHLY = "monthly"
    ANNUAL = "annual"


class Via(models.TextChoices):
    """Who says that a checkout is paid."""

    STRIPE = "stripe"
    OPERATOR = "operator"


class CheckoutState(models.TextChoices):
    OPEN = "open"
    COMPLETED = "completed"
    DECLINED = "declined"
    EXPIRED = "expired"
    FAILED = "failed"


class Checkout(models.Model):
    """One asked-for upgrade. `amount` is the price of a period when it was asked, in the currency's smallest unit.

    Via Stripe the row stands before Stripe is called: without a `session_id` it was not answered yet, and asking again
    with the row's id as idempotency key gives the same session. `next_check_at` is when to look at Stripe again: set
    until Stripe has said how the session ended, whatever our own state is by then.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="checkouts")
    plan = models.CharField(max_length=30)
    period = models.CharField(max_length=10, choices=Period)
    amount = models.PositiveIntegerField()
    currency = models.CharField(max_length=3)
    via = models.CharField(max_length=10, choices=Via)
    state = models.CharField(max_length=10, choices=CheckoutState, default=CheckoutState.OPEN)
    asked_by = models.CharField(max_length=80)
    closed_by = models.CharField(max_length=80, blank=True)
    session_id = models.CharField(max_length=255, blank=True)
    url = models.TextField(blank=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    next_check_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                "account", "plan", "period", "via", condition=Q(state="open"), name="checkout_one_open"
            ),
            models.UniqueConstraint("session_id", condition=~Q(session_id=""), name="checkout_one_per_session"),
            models.CheckConstraint(condition=Q(state__in=CheckoutState.values), name="checkout_state_known"),
            models.CheckConstraint(condition=Q(via__in=Via.values), name="checkout_via_known"),
        ]
        indexes: ClassVar = [
            models.Index("next_check_at", condition=Q(next_check_at__isnull=False), name="checkout_due"),
        ]

    def __str__(self) -> str:
        return f"{self.plan}, {self.period}"


class Subscription(models.Model):
    """Why an account has a plan: paid at Stripe (`stripe_id`), or granted by an operator (without one).

    The account's plan is that of its largest live row. `status` is Stripe's own word.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="subscriptions")
    plan = models.CharField(max_length=30)
    period = models.CharField(max_length=10, choices=Period)
    is_live = models.BooleanField(default=True)
    status = models.CharField(max_length=30, blank=True)
    stripe_id = models.CharField(max_length=255, blank=True)
    customer_id = models.CharField(max_length=255, blank=True)
    granted_by = models.CharField(max_length=80, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    next_check_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("stripe_id", condition=~Q(stripe_id=""), name="subscription_one_per_stripe_id"),
            models.UniqueConstraint("account", condition=Q(stripe_id="", is_live=True), name="subscription_one_grant"),
        ]
        indexes: ClassVar = [
            models.Index("next_check_at", condition=Q(next_check_at__isnull=False), name="subscription_due"),
        ]

    def __str__(self) -> str:
        return f"{self.plan}, {self.period}"


class Ending(models.Model):
    """A session, subscription or customer that must end at Stripe. Outlives its account, so it names nobody."""

    stripe_id = models.CharField(primary_key=True, max_length=255)
    attempts = models.PositiveIntegerField(default=0)
    next_check_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.stripe_id


class StripeEvent(models.Model):
    """The id of an event of Stripe's that was heard: it is heard once."""

    id = models.CharField(primary_key=True, max_length=255)
    heard_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.id


class AccountPlan(Account):
    """An account as Django admin shows it where its plan is changed."""

    class Meta:
        proxy = True
        verbose_name = "plan of an account"
        verbose_name_plural = "plans of accounts"
