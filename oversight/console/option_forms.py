"""What owners and admins choose for their account."""

from __future__ import annotations

from django import forms

from mailboxes.models import RevokedKeyMail
from oversight.models import Claims

SERVER = ""  # as the server does


class AddressForm(forms.Form):
    """Where copies and codes go; empty: to the owner's own address."""

    address = forms.CharField(label="Address", required=False, max_length=254)


class ClaimsForm(forms.Form):
    claims = forms.ChoiceField(choices=[(SERVER, ""), *Claims.choices], required=False)


class RevokedKeyMailForm(forms.Form):
    revoked_key_mail = forms.ChoiceField(choices=[(SERVER, ""), *RevokedKeyMail.choices], required=False)
