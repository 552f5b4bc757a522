"""An agent's keys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from mailboxes import keys, minting, stops, test_accounts
from mailboxes.api import idempotency, pagination
from mailboxes.api.base import ApiView, respond
from mailboxes.api.forms import KeyChange, KeyRotationRequest, NewKeyRequest
from mailboxes.api.idempotency import Answer
from mailboxes.api.openapi import AFTER, IDEMPOTENCY_KEY, operation, path_id
from mailboxes.api.serializers import (
    CreatedKeySerializer,
    KeyAnswerSerializer,
    KeyListSerializer,
    RevokedSerializer,
    RotatedKeySerializer,
)
from mailboxes.errors import Forbidden, NotFound
from mailboxes.ids import parse_id
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
        parameters=[IDEMPOTENCY_KEY],
    )
    def post(self, request: Request) -> Response:
        """A new key of the calling agent, shown this once. No key that this makes ever decides.

        It reaches no further than the key that makes it: it ends no later, and is good from no other addresses.
        A test key has mailboxes, mail, webhooks and events of its own; nothing that it sends leaves the server.
        """
        self.principal.require_full_access()
        asked = self.asked(NewKeyRequest)

        def act() -> Answer:
            stops.check_goes(self.principal.key)
            agent = self._agent(asked.get("environment"))
            wanted = NewKey(
                name=asked.get("name") or "",
                mailboxes=self._mailboxes(agent.account, asked.get("mailboxIds") or ()),
                expires_at=asked.get("expiresAt"),
                ip_allowlist=asked.get("ipAllowlist"),
            )
            key, text = minting.mint(self.principal, agent, asked=wanted, now=self.now)
            return Answer(201, dict(CreatedKeySerializer(_created(key, text)).data))

        return respond(idempotency.once(request, account_id=self.principal.account.pk, act=act))

    def _agent(self, environment: str | None) -> Agent:
        """Whose key it becomes: the caller's, or for a test key made with a live one the test account's agent."""
        agent = self.principal.agent
        if agent is None:
            raise Forbidden("Only an agent's key makes keys.", code="not_an_agent")
        if environment in (None, self.principal.environment):
            return agent
        self.principal.require_live()
        return test_accounts.default_agent(test_accounts.open_for(self.principal.account, now=self.now))

    def _mailboxes(self, account: Account, asked: Sequence[str]) -> list[Mailbox]:
        wanted = {text.lower() for text in asked}
        known = [parsed for text in wanted if (parsed := parse_id(text))]
        found = list(Mailbox.objects.filter(account=account, deleted_at__isnull=True, pk__in=known))
        if len(found) != len(wanted):
            raise NotFound("mailbox")
        return found


class OneKey(ApiView):
    @operation(
        "updateApiKey",
        parameters=[KEY_ID],
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
        key = minting.change(self.principal, id, asked=wanted, now=self.now)
        return Response(KeyAnswerSerializer({"key": _told(key, now=self.now)}).data)

    @operation(
        "revokeApiKey",
        parameters=[KEY_ID],
        tag="API keys",
        answers={200: RevokedSerializer},
        errors=(400, 403, 404),
    )
    def delete(self, request: Request, id: str) -> Response:
        """Revoke a key, effective at once. The last active full-access key stays."""
        self.principal.require_full_access()
        keys.revoke(self.principal, id, now=self.now)
        return Response({"revoked": True})


class RotateKey(ApiView):
    @operation(
        "rotateApiKey",
        parameters=[KEY_ID, IDEMPOTENCY_KEY],
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

        def act() -> Answer:
            old, new, text = minting.rotate(self.principal, id, overlap_hours=hours, now=self.now)
            told = _created(new, text) | {"old": _told(old, now=self.now)}
            return Answer(201, dict(RotatedKeySerializer(told).data))

        return respond(idempotency.once(request, account_id=self.principal.account.pk, act=act))


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
