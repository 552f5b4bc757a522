"""What people type into the console."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError

from mailboxes import accounts, clock, departure, key_bounds, networks, stops
from mailboxes.errors import Invalid
from mailboxes.key_bounds import Terms
from mailboxes.models import StopScope, User
from oversight import decisions

NOT_PROVEN = "not_proven"
DELETED = "account_deleted"
CODE_LENGTH = 40  # with room for the blanks that people copy along
CODE_FIELD = {"autocomplete": "one-time-code", "inputmode": "numeric", "spellcheck": "false"}


class SignInForm(AuthenticationForm):
    """Email and password of a member. A password that came through the API proves no human and opens nothing here."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = "Email"
        self.fields["username"].widget = forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True})
        self.error_messages["invalid_login"] = "Email and password do not match. Check both; capitals count."

    def clean_username(self) -> str:
        return str(self.cleaned_data["username"]).strip().lower()

    def clean(self) -> dict[str, Any]:
        try:
            return super().clean()
        except ValidationError:
            if self._was_deleted():
                raise _deleted() from None
            raise

    def confirm_login_allowed(self, user: Any) -> None:
        super().confirm_login_allowed(user)
        if isinstance(user, User) and departure.has_left(user) and not user.is_staff:
            raise _deleted()
        if isinstance(user, User) and not user.is_proven_human:
            raise ValidationError(
                "This password came with the signup, so your agent knows it. Open the link in the verification mail "
                "and set a password of your own.",
                code=NOT_PROVEN,
            )

    def _was_deleted(self) -> bool:
        """Whether the password is right and opens nothing, because the account is being erased."""
        if getattr(self.request, "axes_locked_out", False):
            return False
        email, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        user = User.objects.filter(email__iexact=email, is_active=False).first() if email else None
        return user is not None and user.check_password(password or "") and departure.has_left(user)


def _deleted() -> ValidationError:
    return ValidationError("This account was deleted. Nothing of it can be seen or brought back.", code=DELETED)


class OwnPasswordForm(forms.Form):
    """The password that a human sets when they confirm their address."""

    password1 = forms.CharField(
        label="Password",
        strip=False,
        max_length=1000,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "autofocus": True}),
        help_text="At least 8 characters that are hard to guess.",
    )
    password2 = forms.CharField(
        label="The same again",
        strip=False,
        max_length=1000,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        password, again = cleaned.get("password1"), cleaned.get("password2")
        if password and again and password != again:
            self.add_error("password2", "The two differ.")
        elif password:
            self._check(password)
        return cleaned

    def _check(self, password: str) -> None:
        try:
            accounts.check_password(password, user=self.user)
        except Invalid as error:
            self.add_error("password1", error.sentence)


class EmailForm(forms.Form):
    """The address that a new verification mail goes to."""

    email = forms.EmailField(
        label="Your email", max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "email"})
    )


class VersionForm(forms.Form):
    """Every decision names the version that its page showed."""

    version = forms.IntegerField(min_value=1)
    note = forms.CharField(required=False, max_length=decisions.NOTE_LENGTH)


class RejectForm(VersionForm):
    """A rejection says why. Shown by _reasons.html, which reads `.reason`, `.note` and one sentence per error."""

    reason = forms.ChoiceField(
        choices=list(decisions.REJECT_REASONS.items()),
        error_messages={"required": "Choose a reason.", "invalid_choice": "Choose one of the reasons."},
    )


# The codes of `decisions.REJECT_REASONS` that a change can mend.
CHANGE_REASONS = {
    "wrong_facts": "A fact is wrong",
    "wrong_recipient": "Whom it goes to",
    "tone": "How it sounds",
    "risky_link_or_file": "A link or a file",
    "privacy": "It tells too much",
    "other": "Something else",
}


class ChangesForm(VersionForm):
    """What the author is to change. Shown by _ask_changes.html."""

    reason = forms.ChoiceField(
        choices=list(CHANGE_REASONS.items()),
        error_messages={"required": "Choose what it is about.", "invalid_choice": "Choose one of these."},
    )
    instructions = forms.CharField(
        max_length=decisions.NOTE_LENGTH, error_messages={"required": "Say what is to be changed."}
    )


class SnoozeForm(forms.Form):
    """Until when a review is out of sight; `now` wakes it up."""

    until = forms.ChoiceField(choices=[(name, name) for name in ("hour", "hours", "morning", "now")])


class StopForm(forms.Form):
    """What is stopped: `account`, or `scope:id`. The whole account takes the word STOP: nobody does it by a slip."""

    what = forms.CharField(required=False, max_length=60)
    confirm = forms.CharField(required=False, max_length=20)
    reason = forms.CharField(required=False, max_length=stops.REASON_LENGTH)

    def clean_what(self) -> tuple[StopScope, str | None]:
        scope, _, subject = (self.cleaned_data["what"] or StopScope.ACCOUNT).partition(":")
        if scope == StopScope.ACCOUNT:
            return StopScope.ACCOUNT, None
        if scope not in (StopScope.MAILBOX, StopScope.AGENT, StopScope.KEY) or not subject:
            raise ValidationError("Choose what to stop.")
        return StopScope(scope), subject

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        scope, _ = cleaned.get("what", (None, None))
        if scope == StopScope.ACCOUNT and str(cleaned.get("confirm", "")).strip().upper() != "STOP":
            self.add_error("confirm", "Type STOP to confirm.")
        return cleaned


class ProofForm(forms.Form):
    """A code or the member's own password: which of the two, `views.proof` says. Drawn by _second_step.html."""

    password = forms.CharField(strip=False, max_length=1000, required=False)
    code = forms.CharField(max_length=CODE_LENGTH, required=False)


class DecideKeyForm(ProofForm):
    """A name that tells the new key from the others; the day after which it ends, and from where it is good."""

    name = forms.CharField(max_length=100, error_messages={"required": "Give the key a name."})
    last_day = forms.DateField(required=False, error_messages={"invalid": "Choose a day."})
    addresses = forms.CharField(required=False, max_length=2000)

    def clean_last_day(self) -> datetime | None:
        day: date | None = self.cleaned_data["last_day"]
        try:
            ends = datetime.combine(day + timedelta(days=1), time.min, UTC) if day else None
            key_bounds.check_end(ends, now=clock.now())
        except (Invalid, OverflowError):
            raise ValidationError("Choose a day to come, and not too far away.") from None
        return ends

    def clean_addresses(self) -> tuple[str, ...]:
        given = str(self.cleaned_data["addresses"]).replace(",", " ").split()
        if len(given) > networks.MOST:
            raise ValidationError(f"At most {networks.MOST}.")
        try:
            return tuple(dict.fromkeys(map(networks.canonical, given)))
        except ValueError:
            raise ValidationError("Addresses or networks, like 198.51.100.7 or 2001:db8::/32.") from None

    @property
    def terms(self) -> Terms:
        """Of a valid form."""
        return Terms(self.cleaned_data["last_day"], self.cleaned_data["addresses"])


class CodeForm(forms.Form):
    """The second step of signing in."""

    code = forms.CharField(
        label="Code",
        max_length=CODE_LENGTH,
        widget=forms.TextInput(attrs=CODE_FIELD | {"autofocus": True}),
        error_messages={"required": "Type a code."},
        help_text="Six digits of your authenticator app, or one of your recovery codes.",
    )


class SetUpForm(forms.Form):
    """The first code of a new secret."""

    code = forms.CharField(max_length=CODE_LENGTH, error_messages={"required": "Type the code that the app shows."})


class SwitchOffForm(forms.Form):
    """Whoever switches the second step off shows both."""

    password = forms.CharField(strip=False, max_length=1000, error_messages={"required": "Type your password."})
    code = forms.CharField(max_length=CODE_LENGTH, error_messages={"required": "Type a code."})


def shown(form: forms.Form) -> dict[str, Any]:
    """A bound form as the hand-written templates read it: values by name, and the first error of each field."""
    errors = {name: str(found[0]) for name, found in form.errors.items()}
    return {name: form.data.get(name, "") for name in form.fields} | {"errors": errors}
