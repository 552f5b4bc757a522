"""Verifying a domain: the one question about domains that needs the network."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from mailboxes import domain_state, domains
from mailboxes.api import idempotency
from mailboxes.api.base import ApiView, respond
from mailboxes.api.domain_serializers import DomainVerificationSerializer, verification, with_records
from mailboxes.api.idempotency import Answer
from mailboxes.api.openapi import IDEMPOTENCY_KEY, operation, path_id
from mailboxes.models import Domain
from messaging import domain_checks


class VerifyDomain(ApiView):
    @operation(
        "verifyDomain",
        parameters=[path_id("id", "domain"), IDEMPOTENCY_KEY],
        tag="Domains",
        answers={200: DomainVerificationSerializer},
        errors=(403, 404, 409, 422),
    )
    def post(self, request: Request, id: str) -> Response:
        """Look at the domain's DNS now, 5 s at most. What stands there is verified for good; `domain.checks` says what
        is missing. It is looked at by itself, too: every 5 minutes until it is verified, then daily.
        """
        self.principal.require_full_access()
        self.principal.require_live()
        account = self.principal.account
        domain = domains.get(account, id)
        if kept := idempotency.find(request, account_id=account.pk):
            return respond(kept)
        looked = domain_checks.look_if_free(domain, now=self.now)

        def act() -> Answer:
            # The look itself was before: no transaction is held across the network.
            if looked is not None:
                domain_state.apply(domain, looked, now=self.now)
            return Answer(200, _told(domains.get(account, id)))

        return respond(idempotency.once(request, account_id=account.pk, act=act))


def _told(domain: Domain) -> dict[str, object]:
    return dict(DomainVerificationSerializer({**with_records(domain), "verification": verification(domain)}).data)
