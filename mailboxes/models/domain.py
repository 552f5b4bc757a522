"""Domains that mail is sent from, and their DKIM keys."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from mailboxes.ids import new_id

from .account import Account


class DomainStatus(models.TextChoices):
    PENDING_VERIFICATION = "PENDING_VERIFICATION"
    DNS_VERIFIED = "DNS_VERIFIED"
    VERIFIED = "VERIFIED"
    FAILED = "FAILED"


class Domain(models.Model):
    """A domain in canonical A-label form. The platform's two (one of them for test accounts)
    belong to the platform account and serve everybody.

    The four flags and `is_ownership_verified` only ever advance; what the last look at the DNS found is in `checks`.
    A domain with mailboxes that were deleted keeps its row (`deleted_at`): their addresses point to it.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="domains")
    name = models.CharField(max_length=253)
    is_platform = models.BooleanField(default=False)
    is_test = models.BooleanField(default=False, help_text="The platform's domain for test accounts; not published.")
    status = models.CharField(max_length=20, choices=DomainStatus, default=DomainStatus.PENDING_VERIFICATION)
    mx_verified = models.BooleanField(default=False)
    spf_verified = models.BooleanField(default=False)
    dkim_verified = models.BooleanField(default=False)
    dmarc_verified = models.BooleanField(default=False)
    is_ownership_verified = models.BooleanField(default=False)
    ownership_token = models.CharField(max_length=64, blank=True)
    takes_bounces = models.BooleanField(
        default=False, help_text="The records of its return path stood at the last look."
    )
    checks = models.JSONField(default=list, blank=True)
    failing = models.JSONField(default=list, blank=True, help_text="Labels of the checks that are known to fail.")
    checked_at = models.DateTimeField(null=True, blank=True)
    check_due_at = models.DateTimeField(null=True, blank=True)
    claimed_until = models.DateTimeField(null=True, blank=True)
    verified_at = models.DateTimeField(null=True, blank=True)
    unproven_since = models.DateTimeField(null=True, blank=True)
    frozen_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                "account", "name", condition=Q(deleted_at__isnull=True), name="domain_once_per_account"
            ),
            models.UniqueConstraint(
                "name", condition=Q(status="VERIFIED", deleted_at__isnull=True), name="domain_verified_once"
            ),
            models.UniqueConstraint("is_test", condition=Q(is_platform=True), name="domain_one_platform"),
        ]
        indexes: ClassVar = [
            models.Index("check_due_at", condition=Q(check_due_at__isnull=False), name="domain_by_check")
        ]

    def __str__(self) -> str:
        return self.name


class DkimAlgorithm(models.TextChoices):
    """As the record's `k=` has it."""

    RSA = "rsa"
    ED25519 = "ed25519"


class DkimKey(models.Model):
    """A signing key of a domain, one of each algorithm in a generation. Not yet active: waits for its record to stand
    in the DNS. The newest active ones sign; the others stay published until they are retired.

    The private key is stored encrypted (see `mailboxes.dkim_keys`), and destroyed when it is retired.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="dkim_keys")
    selector = models.CharField(max_length=63)
    algorithm = models.CharField(max_length=10, choices=DkimAlgorithm, default=DkimAlgorithm.RSA)
    generation = models.PositiveIntegerField(default=1)
    private_key = models.BinaryField(editable=False)
    public_key = models.TextField()
    seen_at = models.DateTimeField(null=True, blank=True, help_text="Since when its record stands in the DNS.")
    activated_at = models.DateTimeField(null=True, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint("domain", "selector", name="dkim_selector_once")]

    def __str__(self) -> str:
        return f"{self.selector}._domainkey"
