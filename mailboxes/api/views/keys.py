"""An agent's keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from mailboxes import keys, minting, stops, test_accounts
from mailboxes.api import acts, dangerous, pagination
from mailboxes.api.base import ApiView
from mailboxes.api.forms import KeyChange, KeyRotationRequest, NewKeyRequest
from mailboxes.api.idempotency import Answer
from mailboxes.api.openapi import AFTER, APPROVAL_CODE, IDEMPOTENCY_KEY, operation, path_id
from mailboxes.api.serializers import (
    CreatedKeySerializer,
    KeyAnswerSerializer,
    KeyListSerializer,
    RevokedSerializer,
    RotatedKeySerializer,
)
from mailboxes.errors import Forbidden, NotFound
from mailboxes.ids import parse_id
from mailboxes.leave import DangerousAct
from mailboxes.minting import SAME, Change, NewKey
from mailboxes.models import Account, Agent, ApiKey, Mailbox

KEY_ID = path_id("id", "key")
# A page without `limit` is a full one: callers that know of no pages see all keys, as far as anybody has so many.
KEY_LIMIT = OpenApiParameter(
    "limit", {"type": "integer", "minimum": 1, "maximum": pagination.MAX_LIMIT, "default": pagination.MAX_LIMIT}
)


class Keys(ApiView):
    @operation(
        "listApiKeys",
        tag="API keys",
        answers={200: KeyListSerializer},
        errors=(400, 403),
        parameters=[KEY_LIMIT, AFTER],
    )
    def get(self, request: Request) -> Response:
        """The agents' keys of the account, oldest first, without the keys themselves. Needs a full-access key.

        A live key sees the test keys too; a test key only those.
        """
        self.principal.require_full_access()
        limit = pagination.limit(request, default=pagination.MAX_LIMIT)
        asked, after = keys.agent_keys(self.principal.account), pagination.asked_cursor(request)
        found = list((asked.filter(after.behind("created_at")) if after else asked)[: limit + 1])
        cursor = pagination.next_cursor([(key.created_at, key.pk) for key in found], limit)
        listed = [_told(key, now=self.now) for key in found[:limit]]
        return Response(KeyListSerializer({"keys": listed, "nextCursor": cursor and cursor.text()}).data)

    @operation(
        "createApiKey",
        tag="API keys",
        request=NewKeyRequest,
        answers={201: CreatedKeySerializer},
        errors=(400, 403, 404, 409, 422),
        parameters=[IDEMPOTENCY_KEY, APPROVAL_CODE],
    )
    def post(self, request: Request) -> Response:
        """A new key of the calling agent, shown this once. No key that this makes ever decides.

        It reaches no further than the key that makes it: it ends no later, and is good from no other addresses.
        A test key has mailboxes, mail, webhooks and events of its own; nothing that it sends leaves the server.
        """
        self.principal.require_full_access()
        asked = self.asked(NewKeyRequest)

        environment = asked.get("environment") or self.principal.environment

        def describe() -> DangerousAct:
            return acts.make_key(self._wanted(self._account(environment), asked), environment=environment)

        def do() -> Answer:
            stops.check_goes(self.principal.key)
            agent = self._agent(environment)
            wanted = self._wanted(agent.account, asked)
            key, text = minting.mint(self.principal, agent, asked=wanted, now=self.now)
            return Answer(201, dict(CreatedKeySerializer(_created(key, text)).data))

        return dangerous.perform(self, describe, do)

    def _account(self, environment: str) -> Account | None:
        """Whose key it becomes; a test account that is not there yet is made with its key, not before."""
        if environment == self.principal.environment:
            return self.principal.account
        return Account.objects.filter(test_of=self.principal.account).first()

    def _wanted(self, account: Account | None, asked: Mapping[str, Any]) -> NewKey:
        return NewKey(
            name=asked.get("name") or "",
            mailboxes=self._mailboxes(account, asked.get("mailboxIds") or ()),
            expires_at=asked.get("expiresAt"),
            ip_allowlist=asked.get("ipAllowlist"),
        )

    def _agent(self, environment: str) -> Agent:
        """Whose key it becomes: the caller's, or for a test key made with a live one the test account's agent."""
        agent = self.principal.agent
        if agent is None:
            raise Forbidden("Only an agent's key makes keys.", code="not_an_agent")
        if environment == self.principal.environment:
            return agent
        self.principal.require_live()
        return test_accounts.default_agent(test_accounts.open_for(self.principal.account, now=self.now))

    def _mailboxes(self, account: Account | None, asked: Sequence[str]) -> list[Mailbox]:
        wanted = {text.lower() for text in asked}
        known = [parsed for text in wanted if (parsed := parse_id(text))]
        found = list(Mailbox.objects.filter(account=account, deleted_at__isnull=True, pk__in=known)) if account else []
        if len(found) != len(wanted):
            raise NotFound("mailbox")
        return found


class OneKey(ApiView):
    @operation(
        "updateApiKey",
        parameters=[KEY_ID, APPROVAL_CODE],
        tag="API keys",
        request=KeyChange,
        answers={200: KeyAnswerSerializer},
        errors=(400, 403, 404, 409),
    )
    def patch(self, request: Request, id: str) -> Response:
        """Rename a key, end it sooner, or bind it to fewer addresses. What listens with it is told to come again.

        With a key only stricter: a later end, or an address that the list did not have, takes a signed-in person.
        """
        self.principal.require_full_access()
        asked = self.asked(KeyChange)
        wanted = Change(
            name=asked.get("name", SAME),
            expires_at=asked.get("expiresAt", SAME),
            ip_allowlist=asked.get("ipAllowlist", SAME),
        )

        def do() -> Answer:
            key = minting.change(self.principal, id, asked=wanted, now=self.now)
            return Answer(200, dict(KeyAnswerSerializer({"key": _told(key, now=self.now)}).data))

        return dangerous.perform(self, lambda: acts.change_key(self.principal, id, asked=wanted), do)

    @operation(
        "revokeApiKey",
        parameters=[KEY_ID, APPROVAL_CODE],
        tag="API keys",
        answers={200: RevokedSerializer},
        errors=(400, 403, 404),
    )
    def delete(self, request: Request, id: str) -> Response:
        """Revoke a key, effective at once. The last active full-access key stays."""
        self.principal.require_full_access()

        def do() -> Answer:
            keys.revoke(self.principal, id, now=self.now)
            return Answer(200, {"revoked": True})

        return dangerous.perform(self, lambda: acts.revoke_key(self.principal, id), do)


class RotateKey(ApiView):
    @operation(
        "rotateApiKey",
        parameters=[KEY_ID, IDEMPOTENCY_KEY, APPROVAL_CODE],
        tag="API keys",
        request=KeyRotationRequest,
        answers={201: RotatedKeySerializer},
        errors=(400, 403, 404),
    )
    def post(self, request: Request, id: str) -> Response:
        """A key that takes another's place: of the same agent, with its scopes, mailboxes, addresses and end.

        It is shown this once. The old one goes on for a while, or for `overlapHours`, and then has expired. A key is
        rotated once, and by none that reaches less far.
        """
        self.principal.require_full_access()
        hours = self.asked(KeyRotationRequest).get("overlapHours")

        def do() -> Answer:
            old, new, text = minting.rotate(self.principal, id, overlap_hours=hours, now=self.now)
            told = _created(new, text) | {"old": _told(old, now=self.now)}
            return Answer(201, dict(RotatedKeySerializer(told).data))

        return dangerous.perform(self, lambda: acts.rotate_key(self.principal, id, overlap_hours=hours), do)


def _told(key: ApiKey, *, now: datetime) -> dict[str, object]:
    return {
        "id": key.pk,
        "name": key.name or None,
        "prefix": key.prefix,
        "environment": key.environment,
        "created_at": key.created_at,
        "enabled": key.expires_at is None or key.expires_at > now,
        "is_scoped": key.is_scoped,
        "expires_at": key.expires_at,
        "last_used_at": key.last_used_at,
        "ip_allowlist": key.ip_allowlist,
        "rotated_to_id": key.rotated_to_id,
    }


def _created(key: ApiKey, text: str) -> dict[str, object]:
    return {
        "id": key.pk,
        "key": text,
        "prefix": key.prefix,
        "scoped": key.is_scoped,
        "environment": key.environment,
        "expires_at": key.expires_at,
        "ip_allowlist": key.ip_allowlist,
    }
