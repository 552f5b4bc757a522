"""Domains of the account's own: listed, added, deleted. They are verified in messaging, which has the network."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from mailboxes import domains, standing
from mailboxes.api import idempotency
from mailboxes.api.base import ApiView, respond
from mailboxes.api.domain_serializers import DomainFacts, DomainListSerializer, NewDomainSerializer, with_records
from mailboxes.api.forms import NewDomainRequest
from mailboxes.api.idempotency import Answer
from mailboxes.api.openapi import IDEMPOTENCY_KEY, operation, path_id
from mailboxes.api.serializers import DeletedSerializer

DOMAIN_ID = path_id("id", "domain")
MOST_LISTED = 1000


class Domains(ApiView):
    @operation("listDomains", tag="Domains", answers={200: DomainListSerializer}, errors=(403,))
    def get(self, request: Request) -> Response:
        """The account's own domains, oldest first. Needs a full-access key."""
        self.principal.require_full_access()
        self.principal.require_live()
        own = domains.of_account(self.principal.account).prefetch_related("dkim_keys").order_by("created_at", "pk")
        listed = [DomainFacts(domain) for domain in own[:MOST_LISTED]]
        return Response(DomainListSerializer({"domains": listed}).data)

    @operation(
        "createDomain",
        tag="Domains",
        request=NewDomainRequest,
        answers={201: NewDomainSerializer},
        errors=(400, 403, 409, 422),
        parameters=[IDEMPOTENCY_KEY],
    )
    def post(self, request: Request) -> Response:
        """Add a domain of your own. Publish `dnsRecords`, then verify it."""
        self.principal.require_full_access()
        self.principal.require_live()
        standing.check_not_suspended(self.principal.account)
        standing.check_verified(self.principal.account)
        asked = self.asked(NewDomainRequest)
        account = self.principal.account

        def act() -> Answer:
            made = domains.add(account, asked["domain"], now=self.now)
            return Answer(201, NewDomainSerializer(with_records(domains.get(account, made.pk))).data)

        return respond(idempotency.once(request, account_id=account.pk, act=act))


class OneDomain(ApiView):
    @operation(
        "getDomain", parameters=[DOMAIN_ID], tag="Domains", answers={200: NewDomainSerializer}, errors=(403, 404)
    )
    def get(self, request: Request, id: str) -> Response:
        """One domain, with the records to publish and what the last look at them found."""
        self.principal.require_full_access()
        self.principal.require_live()
        return Response(NewDomainSerializer(with_records(domains.get(self.principal.account, id))).data)

    @operation(
        "deleteDomain", parameters=[DOMAIN_ID], tag="Domains", answers={200: DeletedSerializer}, errors=(403, 404, 409)
    )
    def delete(self, request: Request, id: str) -> Response:
        """Let go of a domain and destroy its keys. Its mailboxes are to be deleted first."""
        self.principal.require_full_access()
        self.principal.require_live()
        domains.delete(domains.get(self.principal.account, id), by=self.principal.identity, now=self.now)
        return Response({"deleted": True})
