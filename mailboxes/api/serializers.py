"""What accounts, keys and mailboxes look like on the wire (contracts/robotomail.md, section 3).

The contract's user is our account: `userId` and `account.id` are the account's id.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rest_framework import serializers

from mailboxes import welcome
from mailboxes.models import AccessEntry, Environment, Mailbox, MailboxStatus
from mailboxes.modes import OversightMode

from .fields import NULLABLE_TEXT, Constant, Moment, NextCursor


@dataclass(frozen=True, slots=True)
class MailboxFacts:
    """A mailbox with what it has spent. Limits of 0 are unlimited; `received_count` is for lists only."""

    mailbox: Mailbox
    daily_count: int
    daily_limit: int
    monthly_count: int
    monthly_limit: int
    received_count: int = 0

    @property
    def display_name(self) -> str | None:
        return self.mailbox.display_name or None

    @property
    def suspended_reason(self) -> str | None:
        return self.mailbox.suspended_reason or None


class AgentSerializer(serializers.Serializer[Any]):
    """A software actor."""

    id = serializers.UUIDField()
    name = serializers.CharField()


class MailboxSerializer(serializers.Serializer[Any]):
    """An agent's address. `mode`, `floor`, `agent` and `metadata` are ours."""

    id = serializers.UUIDField(source="mailbox.pk")
    userId = serializers.CharField(source="mailbox.account_id")
    domainId = serializers.UUIDField(source="mailbox.domain_id", allow_null=True)
    address = serializers.CharField(source="mailbox.address", help_text="The local part.")
    fullAddress = serializers.EmailField(source="mailbox.full_address")
    displayName = serializers.CharField(source="display_name", allow_null=True)
    dailySendCount = serializers.IntegerField(source="daily_count", help_text="Recipients today (UTC).")
    dailySendLimit = serializers.IntegerField(source="daily_limit", help_text="0: unlimited.")
    monthlySendCount = serializers.IntegerField(source="monthly_count", help_text="Recipients this month (UTC).")
    monthlySendLimit = serializers.IntegerField(source="monthly_limit", help_text="0: unlimited.")
    status = serializers.ChoiceField(source="mailbox.status", choices=MailboxStatus.values)
    pausedByBilling = serializers.BooleanField(source="mailbox.paused_by_billing")
    stalwartProvisioned = Constant(True, schema={"type": "boolean"}, help_text="Ready for mail; at once, here.")
    suspendedAt = Moment(source="mailbox.suspended_at", allow_null=True)
    suspendedReason = serializers.CharField(source="suspended_reason", allow_null=True)
    suspensionIncidentId = Constant(None, schema=NULLABLE_TEXT)
    createdAt = Moment(source="mailbox.created_at")
    updatedAt = Moment(source="mailbox.updated_at")
    mode = serializers.ChoiceField(
        source="mailbox.mode", choices=[mode.value for mode in OversightMode], help_text="How far the agent is trusted."
    )
    floor = serializers.ChoiceField(
        source="mailbox.floor",
        choices=[mode.value for mode in OversightMode],
        allow_null=True,
        help_text="At least so strict are sends that a received mail made the agent do, or that do not say what did. "
        "A human's to set.",
    )
    agent = AgentSerializer(source="mailbox.agent", allow_null=True)
    metadata = serializers.DictField(child=serializers.CharField(), source="mailbox.metadata")


class ListedMailboxSerializer(MailboxSerializer):
    """A mailbox in a list."""

    receivedThisMonth = serializers.IntegerField(source="received_count", help_text="Messages this month (UTC).")


class MailboxAnswerSerializer(serializers.Serializer[Any]):
    mailbox = MailboxSerializer()


class MailboxListSerializer(serializers.Serializer[Any]):
    mailboxes = ListedMailboxSerializer(many=True)


class KeySerializer(serializers.Serializer[Any]):
    """A key as it is listed: never the key itself."""

    id = serializers.CharField()
    name = serializers.CharField(allow_null=True)
    prefix = serializers.CharField(allow_null=True, help_text="Its first 14 characters.")
    environment = serializers.ChoiceField(choices=Environment.values)
    createdAt = Moment(source="created_at")
    enabled = serializers.BooleanField(help_text="Not revoked and not expired.")
    scoped = serializers.BooleanField(source="is_scoped", help_text="Sees only some mailboxes.")
    expiresAt = Moment(source="expires_at", allow_null=True)
    lastUsedAt = Moment(source="last_used_at", allow_null=True, help_text="To the minute.")
    ipAllowlist = serializers.ListField(
        child=serializers.CharField(), source="ip_allowlist", help_text="None: good from everywhere."
    )
    rotatedTo = serializers.CharField(
        source="rotated_to_id", allow_null=True, help_text="The key that takes its place when it ends."
    )


class KeyListSerializer(serializers.Serializer[Any]):
    keys = KeySerializer(many=True)
    nextCursor = NextCursor()


class CreatedKeySerializer(serializers.Serializer[Any]):
    """A new key, shown this once."""

    id = serializers.CharField()
    key = serializers.CharField()
    prefix = serializers.CharField()
    scoped = serializers.BooleanField()
    environment = serializers.ChoiceField(choices=Environment.values)
    expiresAt = Moment(source="expires_at", allow_null=True)
    ipAllowlist = serializers.ListField(child=serializers.CharField(), source="ip_allowlist")


class RotatedKeySerializer(CreatedKeySerializer):
    """The key that takes the old one's place."""

    old = KeySerializer(help_text="It goes on until `expiresAt`.")


class KeyAnswerSerializer(serializers.Serializer[Any]):
    key = KeySerializer()


class RevokedSerializer(serializers.Serializer[Any]):
    revoked = serializers.BooleanField()


class DeletedSerializer(serializers.Serializer[Any]):
    deleted = serializers.BooleanField()


class OkSerializer(serializers.Serializer[Any]):
    ok = serializers.BooleanField()


class SignedInUserSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    email = serializers.EmailField()
    emailVerified = serializers.BooleanField()


class SignedInSerializer(serializers.Serializer[Any]):
    user = SignedInUserSerializer()


class NextPageSerializer(serializers.Serializer[Any]):
    target = serializers.ChoiceField(choices=[welcome.READY, welcome.NOT_READY])


class TicketSerializer(serializers.Serializer[Any]):
    ok = serializers.BooleanField()
    ticketId = serializers.CharField()


class SlugAvailabilitySerializer(serializers.Serializer[Any]):
    available = serializers.BooleanField()
    reason = serializers.ChoiceField(choices=["reserved"], required=False)


class SignupUserSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    email = serializers.EmailField()
    slug = serializers.CharField()
    name = serializers.CharField()
    plan = serializers.CharField()
    platform_email = serializers.EmailField()


class SignupKeySerializer(serializers.Serializer[Any]):
    key = serializers.CharField(help_text="Shown this once.")
    prefix = serializers.CharField()
    name = serializers.CharField()


class SignupMailboxSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    address = serializers.CharField()
    fullAddress = serializers.EmailField()
    status = serializers.ChoiceField(choices=MailboxStatus.values)


class NextStepsSerializer(serializers.Serializer[Any]):
    verify_email = serializers.CharField()
    add_payment = serializers.CharField()
    add_domain = serializers.CharField()
    send_email = serializers.CharField()


class SignupAnswerSerializer(serializers.Serializer[Any]):
    """A new account with its mailbox and key (snake_case, as the contract has it)."""

    user = SignupUserSerializer()
    api_key = SignupKeySerializer()
    mailbox = SignupMailboxSerializer()
    mailbox_limit = serializers.IntegerField()
    daily_send_limit = serializers.IntegerField()
    monthly_send_limit = serializers.IntegerField()
    email_verified = serializers.BooleanField()
    next_steps = NextStepsSerializer()


class AnnualAvailabilitySerializer(serializers.Serializer[Any]):
    developer = serializers.BooleanField()
    growth = serializers.BooleanField()
    scale = serializers.BooleanField()


class AccountSerializer(serializers.Serializer[Any]):
    """Plan, limits and what is spent of them."""

    id = serializers.CharField()
    email = serializers.EmailField()
    emailVerified = serializers.BooleanField()
    slug = serializers.CharField()
    plan = serializers.CharField()
    billingPeriod = serializers.ChoiceField(choices=["monthly", "annual"])
    suspended = serializers.BooleanField()
    suspendedReason = serializers.CharField(allow_null=True)
    suspendedAt = Moment(allow_null=True)
    storageUsedBytes = serializers.IntegerField()
    storageLimitBytes = serializers.IntegerField()
    mailboxCount = serializers.IntegerField()
    activeMailboxCount = serializers.IntegerField()
    sentToday = serializers.IntegerField(help_text="Recipients of today's sends (UTC).")
    sentThisMonth = serializers.IntegerField(help_text="Recipients of this month's sends (UTC).")
    receivedToday = serializers.IntegerField()
    bouncedToday = serializers.IntegerField(help_text="Recipients of today's sends that bounced.")
    monthlyInboundCount = serializers.IntegerField()
    monthlyInboundLimit = serializers.IntegerField(help_text="0: unlimited.")
    monthlyInboundPercentage = serializers.IntegerField()
    monthlyInboundResetAt = Moment()
    overLimitMessageCount = serializers.IntegerField()
    billingLinked = serializers.BooleanField()
    annualAvailability = AnnualAvailabilitySerializer()
    trial = Constant(None, schema={"type": "null"})


class AccountAnswerSerializer(serializers.Serializer[Any]):
    account = AccountSerializer()


class CallSerializer(serializers.Serializer[Any]):
    """One call of the API: no content, no ids but those of key and actor."""

    id = serializers.UUIDField()
    at = Moment()
    keyId = serializers.CharField(source="key_id", allow_null=True, help_text="null: with a session.")
    actor = serializers.CharField(help_text="`agent:` or `member:` and an id.")
    method = serializers.CharField()
    route = serializers.CharField(help_text="As here: `/v1/mailboxes/{id}`; `unknown` for no address of ours.")
    status = serializers.IntegerField()
    durationMs = serializers.IntegerField(source="milliseconds", help_text="Of a stream: until it began.")
    subject = serializers.SerializerMethodField(
        help_text="A hash of the last id in the address, keyed by this server: the same for the same message."
    )
    requestId = serializers.CharField(source="request_id")

    def get_subject(self, call: AccessEntry) -> str | None:
        return call.subject or None


class CallListSerializer(serializers.Serializer[Any]):
    calls = CallSerializer(many=True)
    nextCursor = NextCursor()
