"""Apps of libraries that we take a part of: their tables and what computes, not their pages and sign-in."""

from __future__ import annotations

from allauth.account.apps import AccountConfig
from allauth.mfa.apps import MFAConfig
from django.contrib.admin.apps import AdminConfig


class OperatorDesk(AdminConfig):
    """Django admin, entered by our own sign-in page and with a second step where it is required."""

    default_site = "mailboxes.operator_site.OperatorSite"


class Addresses(AccountConfig):  # type: ignore[misc]  # untyped
    """Two empty tables: allauth.mfa imports their models. No middleware, no page and no signal of it is in use."""

    def ready(self) -> None:
        """Not its own: that one asks for its middleware."""


class SecondFactor(MFAConfig):  # type: ignore[misc]  # untyped
    """Authenticators: TOTP and recovery codes. Our verbs (mailboxes.second_factor) are the only ones that use them."""

    def ready(self) -> None:
        """Not its own: that one listens to pages which are not here."""
