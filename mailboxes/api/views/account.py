"""The account: its plan, its limits, what is spent."""

from __future__ import annotations

from django.db.models import Count, Q
from rest_framework.request import Request
from rest_framework.response import Response

from mailboxes import departure, inbound_usage, plan_facts, quotas, standing, welcome
from mailboxes.api import acts, dangerous, idempotency
from mailboxes.api.base import ApiView, respond
from mailboxes.api.forms import AccountDeletion, Nothing
from mailboxes.api.idempotency import Answer
from mailboxes.api.openapi import APPROVAL_CODE, IDEMPOTENCY_KEY, operation
from mailboxes.api.serializers import AccountAnswerSerializer, DeletedSerializer, NextPageSerializer, OkSerializer
from mailboxes.errors import Invalid
from mailboxes.models import Account, CountKind, LimitKind, Mailbox, MailboxStatus, Member, Role

CONFIRMATION = "DELETE"


class AccountView(ApiView):
    @operation("getAccount", tag="Account", answers={200: AccountAnswerSerializer}, errors=(403,))
    def get(self, request: Request) -> Response:
        """Plan, limits and usage. Needs a full-access key."""
        self.principal.require_full_access()
        account = self.principal.account
        told = {**self._identity(account), **self._limits(account), **self._sending(account)}
        return Response(AccountAnswerSerializer({"account": told}).data)

    @operation(
        "deleteAccount",
        tag="Account",
        request=AccountDeletion,
        answers={200: DeletedSerializer},
        errors=(400, 403),
        parameters=[APPROVAL_CODE],
    )
    def delete(self, request: Request) -> Response:
        """Delete the account for good: mailboxes, messages, files, domains, keys, people. Needs a full-access key.

        At once nothing of it works, is seen or leaves any more; a delivery that has begun ends as it ends. What is
        stored is erased in the background. `GET /v1/account/export` gives you a copy first. There is no way back.
        """
        self.principal.require_full_access()
        self.principal.require_live()
        if self.asked(AccountDeletion)["confirm"] != CONFIRMATION:
            raise Invalid(
                "An account is not deleted by accident: confirm it.",
                code="not_confirmed",
                fix=f'Send {{"confirm": "{CONFIRMATION}"}}.',
                field="confirm",
            )

        def do() -> Answer:
            departure.depart(self.principal.account, by=self.principal.identity, now=self.now)
            return Answer(200, {"deleted": True})

        return dangerous.perform(self, lambda: acts.delete_account(self.principal.account), do)

    def _identity(self, account: Account) -> dict[str, object]:
        facts = plan_facts.find(account)
        owner = Member.objects.select_related("user").filter(account=account, role=Role.OWNER).earliest("created_at")
        return {
            "id": account.pk,
            "email": owner.user.email,
            "emailVerified": owner.user.email_verified_at is not None,
            "slug": account.slug,
            "plan": account.plan,
            "billingPeriod": facts.period,
            "suspended": account.suspended_at is not None,
            "suspendedReason": account.suspended_reason or None,
            "suspendedAt": account.suspended_at,
            "billingLinked": facts.is_linked,
            "annualAvailability": facts.annual,
            "trial": None,
        }

    def _limits(self, account: Account) -> dict[str, object]:
        storage = quotas.used([account.pk], LimitKind.STORAGE_BYTES, now=self.now)
        usage = self.inbound_usage
        return {
            "storageUsedBytes": storage.get(account.pk, 0),
            "storageLimitBytes": quotas.limits_of(account)[LimitKind.STORAGE_BYTES],
            "monthlyInboundCount": usage.current,
            "monthlyInboundLimit": usage.limit,
            "monthlyInboundPercentage": usage.percentage,
            "monthlyInboundResetAt": usage.resets_at,
            "overLimitMessageCount": inbound_usage.withheld_of(account),
        }

    def _sending(self, account: Account) -> dict[str, object]:
        mailboxes = Mailbox.objects.filter(account=account, deleted_at__isnull=True).aggregate(
            all=Count("pk"), active=Count("pk", filter=Q(status=MailboxStatus.ACTIVE))
        )
        return {
            "mailboxCount": mailboxes["all"],
            "activeMailboxCount": mailboxes["active"],
            "sentToday": quotas.spent(account, LimitKind.DAILY_SENDS, now=self.now),
            "sentThisMonth": quotas.spent(account, LimitKind.MONTHLY_SENDS, now=self.now),
            "receivedToday": self._today(account, CountKind.DAILY_INBOUND),
            "bouncedToday": self._today(account, CountKind.DAILY_BOUNCES),
        }

    def _today(self, account: Account, kind: CountKind) -> int:
        return quotas.used([account.pk], kind, now=self.now).get(account.pk, 0)


class Welcome(ApiView):
    @operation(
        "sendWelcomeEmail",
        tag="Account",
        request=Nothing,
        answers={200: OkSerializer},
        errors=(400, 403),
        parameters=[IDEMPOTENCY_KEY],
    )
    def post(self, request: Request) -> Response:
        """Send the owner the welcome mail, once in the account's life; asked again, nothing is sent and all is well."""
        self.principal.require_full_access()
        self.principal.require_live()
        self.asked(Nothing)
        standing.check_not_suspended(self.principal.account)

        def act() -> Answer:
            welcome.request(self.principal.account, now=self.now)
            return Answer(200, {"ok": True})

        return respond(idempotency.once(request, account_id=self.principal.account.pk, act=act))


class NextPage(ApiView):
    @operation(
        "setPostVerifyTarget",
        tag="Account",
        request=Nothing,
        answers={200: NextPageSerializer},
        errors=(400, 403),
        parameters=[IDEMPOTENCY_KEY],
    )
    def post(self, request: Request) -> Response:
        """Where the account's human goes next: to the console, or before they can sign in there to the first steps."""
        self.principal.require_full_access()
        self.asked(Nothing)

        def act() -> Answer:
            return Answer(200, {"target": welcome.next_page(self.principal.account)})

        return respond(idempotency.once(request, account_id=self.principal.account.pk, act=act))
