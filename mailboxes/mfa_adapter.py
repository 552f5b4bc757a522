"""How allauth.mfa keeps its secrets and names us. Named by the setting MFA_ADAPTER."""

from __future__ import annotations

from allauth.mfa.adapter import DefaultMFAAdapter
from django.contrib.auth.base_user import AbstractBaseUser

from . import vault

PURPOSE = "second factor"


class VaultAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # untyped
    """TOTP secrets and the seeds of recovery codes are encrypted at rest."""

    def encrypt(self, text: str) -> str:
        return vault.seal(text.encode(), purpose=PURPOSE).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return vault.unseal(encrypted_text.encode(), purpose=PURPOSE).decode()

    def get_totp_label(self, user: AbstractBaseUser) -> str:
        return user.get_username()
