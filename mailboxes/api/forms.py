"""What may be asked of accounts, keys and mailboxes."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from rest_framework import serializers

from mailboxes import accounts, display_names, mailbox, networks
from mailboxes.models import Environment, SupportCategory
from mailboxes.modes import OversightMode

from .fields import AskedMoment, EmailAddress, Metadata, Network, Text, WholeNumber
from .reading import Form


class Nothing(Form):
    """No body, or {}."""


class SignupRequest(Form):
    """`plan`, `period` and `turnstileToken` are taken and mean nothing here: every account begins as free."""

    email = EmailAddress(help_text="A human's address elsewhere; it gets the verification link.")
    password = Text(min_length=8, max_length=1000)
    slug = Text(
        pattern=accounts.SLUG.pattern,
        max_length=80,
        help_text="3-30 of a-z, 0-9 and inner '-'; becomes the address, for good.",
    )
    name = Text(required=False, allow_blank=True, allow_null=True, max_length=255)
    plan = Text(required=False, allow_null=True, max_length=80)
    period = Text(required=False, allow_null=True, max_length=80)
    turnstileToken = Text(required=False, allow_null=True, max_length=4000)


class ResendRequest(Form):
    email = EmailAddress()


class AccountDeletion(Form):
    confirm = Text(allow_blank=True, max_length=80, help_text="The word DELETE.")


class SignInRequest(Form):
    email = EmailAddress()
    password = Text(max_length=1000)
    code = Text(required=False, allow_null=True, max_length=40)


class SupportRequest(Form):
    category = serializers.ChoiceField(choices=SupportCategory.values)
    subject = Text(max_length=200)
    message = Text(max_length=5000)


class IpAllowlist(serializers.ListField):
    """Networks that a key is bound to."""

    def __init__(self, **options: Any) -> None:
        super().__init__(child=Network(max_length=49), max_length=networks.MOST, **options)

    def to_internal_value(self, data: Any) -> tuple[str, ...]:  # type: ignore[override]  # a value of our own
        return tuple(dict.fromkeys(super().to_internal_value(data)))


class NewKeyRequest(Form):
    name = Text(required=False, allow_blank=True, allow_null=True, max_length=100)
    mailboxIds = serializers.ListField(
        child=Text(max_length=80),
        required=False,
        allow_null=True,
        max_length=200,
        help_text="Left out or empty: full access. Else the key reads and sends in these mailboxes and nowhere else.",
    )
    environment = serializers.ChoiceField(
        choices=Environment.values,
        required=False,
        allow_null=True,
        help_text="`test`: a key with data of its own, of which nothing leaves. Left out: the calling key's.",
    )

    expiresAt = AskedMoment(
        required=False,
        allow_null=True,
        help_text="When it ends. Left out: as the calling key; it ends no later than that one.",
    )
    ipAllowlist = IpAllowlist(
        required=False,
        allow_null=True,
        help_text="Addresses and networks from which it is good. Left out: as the calling key; none: from everywhere.",
    )


class KeyChange(Form):
    """A key binds itself and others more tightly; only a signed-in person loosens."""

    name = Text(required=False, allow_blank=True, max_length=100)
    expiresAt = AskedMoment(required=False, allow_null=True, help_text="null: it does not end.")
    ipAllowlist = IpAllowlist(required=False, help_text="Replaces all; none: from everywhere.")


class KeyRotationRequest(Form):
    overlapHours = WholeNumber(
        required=False,
        allow_null=True,
        min_value=0,
        max_value=settings.KEY_OVERLAP_HOURS,
        help_text="How long the old key goes on; left out: the longest. 0 ends it at once.",
    )


class NewMailboxRequest(Form):
    address = Text(
        pattern=mailbox.LOCAL_PART.pattern, max_length=64, help_text="1-64 of A-Z, a-z, 0-9, '.', '_' and '-'."
    )
    domainId = Text(required=False, allow_null=True, max_length=80, help_text="Left out: the platform's domain.")
    displayName = Text(pattern=display_names.PATTERN, required=False, allow_blank=True, allow_null=True, max_length=255)
    mode = serializers.ChoiceField(
        choices=[mode.value for mode in OversightMode],
        required=False,
        allow_null=True,
        help_text="The server's default mode or a stricter one.",
    )
    metadata = Metadata(required=False)


class MailboxChange(Form):
    displayName = Text(
        pattern=display_names.PATTERN, required=False, allow_blank=True, max_length=255, help_text='"" clears it.'
    )
    status = Text(pattern="^(ACTIVE|PAUSED)$", required=False, max_length=20, help_text="ACTIVE or PAUSED.")
    mode = serializers.ChoiceField(
        choices=[mode.value for mode in OversightMode],
        required=False,
        help_text="The present oversight mode or a stricter one; for a freer one ask for an upgrade.",
    )
    metadata = Metadata(required=False)


class NewDomainRequest(Form):
    domain = Text(max_length=1100, help_text="A name like mail.example.com, international ones in either spelling.")
