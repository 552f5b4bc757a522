"""Which account an operator means who types a slug or an address."""

from __future__ import annotations

from .errors import Invalid
from .models import Account


def get_account(name: str) -> Account:
    """The account with that slug, or with a member of that address.

    Raises Invalid (unknown_account; ambiguous_account when the person is in several).
    """
    wanted = name.strip().lower()
    by_slug = Account.objects.filter(slug=wanted, is_platform=False).first()
    if by_slug is not None:
        return by_slug
    of_person = Account.objects.filter(members__user__email__iexact=wanted, is_platform=False, test_of__isnull=True)
    found = list(of_person.order_by("slug")[:10])
    if not found:
        raise Invalid(
            f"There is no account {wanted}.",
            code="unknown_account",
            fix="Give an account's slug, or the address of one of its people.",
        )
    if len(found) > 1:
        raise Invalid(
            f"{wanted} is in several accounts.",
            code="ambiguous_account",
            fix=f"Give the slug: {', '.join(account.slug for account in found)}.",
        )
    return found[0]
