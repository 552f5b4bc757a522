"""Tenants and the humans in them."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower, Now
from django.utils.crypto import salted_hmac

from mailboxes.ids import new_id


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email__iexact=username)

    def create_superuser(self, email: str, password: str, **fields: Any) -> User:
        """An operator: may use Django admin. Made from the shell only."""
        user = User(email=email.lower(), is_staff=True, is_superuser=True, **fields)
        user.set_password(password)
        user.password_set_at = Now()
        user.save()
        user.refresh_from_db()
        return user


class User(AbstractBaseUser, PermissionsMixin):
    """A human who can sign in. What they may do in an account stands in their Member row there."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    email = models.EmailField(max_length=254)
    name = models.CharField(max_length=255, blank=True)
    is_staff = models.BooleanField(default=False, help_text="An operator: may use Django admin.")
    is_active = models.BooleanField(default=True)
    email_verified_at = models.DateTimeField(null=True, blank=True)
    password_set_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="When a human set the password on one of our own pages. Empty: the password came through the API, "
        "is known to an agent, and opens neither console nor decisions.",
    )
    second_factor_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="Since when a code is asked for beside the password. Written by mailboxes.second_factor alone.",
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(Lower("email"), name="user_email_unique")]

    def __str__(self) -> str:
        return self.email

    @property
    def is_proven_human(self) -> bool:
        """Whether the password was set by a person on one of our own pages."""
        return self.password_set_at is not None

    def get_session_auth_hash(self) -> str:
        """What a session must match: it ends with another password, and where a second factor comes or goes."""
        plain = super().get_session_auth_hash()
        if self.second_factor_at is None:
            return plain
        content = f"{plain}{self.second_factor_at.isoformat()}"
        return salted_hmac("gatepost.second-factor", content, algorithm="sha256").hexdigest()


class RevokedKeyMail(models.TextChoices):
    """HOLD: people decide on it again. CANCEL: it never leaves."""

    HOLD = "hold"
    CANCEL = "cancel"


class Account(models.Model):
    """A tenant. `stopped_at` is the kill switch: while it is set, no delivery attempt of the account may start.

    `stopped_subjects` are the ids of its mailboxes, agents and keys that are stopped alone (`mailboxes.stops`).
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    slug = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=255, blank=True)
    plan = models.CharField(max_length=30, default="free")
    is_platform = models.BooleanField(
        default=False, help_text="The platform's own account: its mail is not a tenant's."
    )
    test_of = models.OneToOneField(
        "self",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="test_account",
        help_text="The account whose test data this is: the `gp_test_` keys' own account. Nothing of it leaves.",
    )
    suspended_at = models.DateTimeField(null=True, blank=True)
    suspended_reason = models.CharField(max_length=200, blank=True)
    judged_from = models.DateTimeField(
        null=True, blank=True, help_text="Bounces and complaints count against days that began after this."
    )
    stopped_at = models.DateTimeField(null=True, blank=True)
    stopped_by = models.ForeignKey(
        "mailboxes.Member", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    stop_reason = models.CharField(max_length=500, blank=True)
    requires_second_step = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Members decide only once they have a second factor. Set by an owner.",
    )
    # Here and not in their own rows: whoever claims mail locks this row, so what stands in it is never out of date.
    # Null and not empty: the release before writes whole rows without it while both run.
    stopped_subjects = ArrayField(models.UUIDField(), null=True, blank=True, editable=False)
    departed_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Deleted: nothing of it is left in a while. No way back."
    )
    oversight_email = models.EmailField(
        max_length=254,
        blank=True,
        default="",
        db_default="",
        help_text="Where copies of monitored mailboxes' mail go. Empty: to the owner's address.",
    )
    oversight_email_asked = models.EmailField(
        max_length=254,
        blank=True,
        default="",
        db_default="",
        help_text="Where they are to go once whoever reads that address has said yes to it.",
    )
    oversight_email_asked_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_key_mail = models.CharField(
        max_length=6,
        choices=RevokedKeyMail,
        blank=True,
        default="",
        db_default="",
        help_text="What becomes of what a revoked key has queued. Empty: as the server does (REVOKED_KEY_MAIL).",
    )
    operator_approval = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Its agents' dangerous acts (keys, webhooks, mailboxes) wait for a person. Set by an owner or admin.",
    )
    welcomed_at = models.DateTimeField(null=True, blank=True, help_text="When its owner was sent the welcome mail.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("is_platform", condition=models.Q(is_platform=True), name="account_one_platform"),
            models.CheckConstraint(
                condition=models.Q(revoked_key_mail__in=["", *RevokedKeyMail.values]),
                name="account_revoked_key_mail_known",
            ),
        ]

    def __str__(self) -> str:
        return self.slug

    @property
    def is_test(self) -> bool:
        return self.test_of_id is not None


class Role(models.TextChoices):
    OWNER = "owner"
    ADMIN = "admin"
    REVIEWER = "reviewer"
    VIEWER = "viewer"


class Member(models.Model):
    """A human in an account. Owner and admin manage and decide, reviewer decides, viewer looks."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="members")
    role = models.CharField(max_length=10, choices=Role)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("user", "account", name="member_once_per_account"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="member_role_known"),
        ]

    def __str__(self) -> str:
        return self.role

    @property
    def may_decide(self) -> bool:
        return self.role != Role.VIEWER

    @property
    def may_manage(self) -> bool:
        return self.role in (Role.OWNER, Role.ADMIN)
