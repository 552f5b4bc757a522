from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from mailboxes import accounts, clock
from mailboxes.models import User


class Command(BaseCommand):
    help = "Mark the address of a user as verified; prints a link on which the human sets their own password."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("address", help="the address that the user signed up with")

    def handle(self, *, address: str, **options: Any) -> None:
        user = User.objects.filter(email__iexact=address.strip()).first()
        if user is None:
            raise CommandError(f"No user has the address {address}.")
        accounts.verify_email(user, password=None, now=clock.now())
        self.stdout.write(f"{user.email} is verified; their agents may send.")
        if not user.is_proven_human:
            link = f"{settings.PUBLIC_URL}/verify/{accounts.verification_token(user)}/"
            self.stdout.write(f"To sign in to the console, the human sets a password of their own here: {link}")
