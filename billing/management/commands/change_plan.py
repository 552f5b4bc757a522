from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing import plans, subscriptions
from billing.models import Period
from mailboxes import clock
from mailboxes.errors import Problem
from mailboxes.models import Account, Role


class Command(BaseCommand):
    help = "Give an account a plan: its limits follow at once, surplus mailboxes pause, paused ones wake."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", help="its slug, or its owner's address")
        parser.add_argument("plan", help=", ".join(["free", *(plan.name for plan in plans.OFFER.plans)]))
        parser.add_argument("--period", choices=Period.values, default=Period.MONTHLY, help="what the account is told")

    def handle(self, *, account: str, plan: str, period: str, **options: Any) -> None:
        found = _find(account.strip())
        try:
            subscriptions.grant(found, plans.get(plan), period=period, by="operator:shell", now=clock.now())
        except Problem as problem:
            raise CommandError(f"{problem.sentence} {problem.fix}") from problem
        self.stdout.write(f"{found.slug} has the plan {found.plan}.")


def _find(name: str) -> Account:
    accounts = Account.objects.filter(is_platform=False, test_of__isnull=True)
    owned = accounts.filter(members__user__email__iexact=name, members__role=Role.OWNER).distinct()
    found = list((owned if "@" in name else accounts.filter(slug=name))[:2])
    if not found:
        raise CommandError(f"There is no account {name}.")
    if len(found) > 1:
        raise CommandError(f"{name} owns several accounts: {', '.join(one.slug for one in owned)}. Give the slug.")
    return found[0]
