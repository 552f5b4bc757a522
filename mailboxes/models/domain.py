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
    belong to the platform account and serve everybody."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="domains")
    name = models.CharField(max_length=253)
    is_platform = models.BooleanField(default=False)
    is_test = models.BooleanField(default=False, help_text="The platform's domain for test accounts; not published.")
    status = models.CharField(max_length=20, choices=DomainStatus, default=DomainStatus.PENDING_VERIFICATION)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("account", "name", name="domain_once_per_account"),
            models.UniqueConstraint("name", condition=Q(status="VERIFIED"), name="domain_verified_once"),
            models.UniqueConstraint("is_test", condition=Q(is_platform=True), name="domain_one_platform"),
        ]

    def __str__(self) -> str:
        return self.name


class DkimKey(models.Model):
    """A signing key of a domain. The private key is stored encrypted (see `mailboxes.domains`)."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="dkim_keys")
    selector = models.CharField(max_length=63)
    algorithm = models.CharField(max_length=10, default="rsa")
    private_key = models.BinaryField(editable=False)
    public_key = models.TextField()
    activated_at = models.DateTimeField(null=True, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint("domain", "selector", name="dkim_selector_once")]

    def __str__(self) -> str:
        return f"{self.selector}._domainkey"
