"""Every address of the house, and who may come in there. A new route stands here or the tests fail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from django.urls import URLPattern, URLResolver, get_resolver


class Door(Enum):
    """Who an address is for. OPEN: everybody. KEY: holders of a key. DECIDE: of a member's decide key. MEMBER:
    signed-in humans. OPERATOR: the admin."""

    OPEN = auto()
    KEY = auto()
    DECIDE = auto()
    MEMBER = auto()
    OPERATOR = auto()


@dataclass(frozen=True)
class Address:
    """A route. `objects` says what each of its parameters names in the test's scene; a stranger gets 404 there."""

    door: Door
    method: str = "GET"
    objects: dict[str, str] = field(default_factory=dict)


MAILBOX = {"id": "mailbox"}
MESSAGE = {"id": "mailbox", "msgId": "message"}
REVIEW = {"id": "review"}
DELIVERY = {"id": "webhook", "deliveryId": "delivery"}
RULES = {"place": "mailbox"}
VERSION = {"place": "mailbox", "number": "version"}
RULE = {**VERSION, "rule_id": "rule"}
CONSOLE_REVIEW = {"review_id": "review"}
CONSOLE_MESSAGE = {"message_id": "message"}

ADDRESSES: dict[str, Address] = {
    "": Address(Door.OPEN),
    "health/live": Address(Door.OPEN),
    "health/ready": Address(Door.OPEN),
    "agents": Address(Door.OPEN),
    "llms.txt": Address(Door.OPEN),
    "security": Address(Door.OPEN),
    "docs/events": Address(Door.OPEN),
    "docs/listening": Address(Door.OPEN),
    "docs/troubleshooting": Address(Door.OPEN),
    "docs/webhooks": Address(Door.OPEN),
    "docs^/?$": Address(Door.OPEN),
    "files/<str:token>/<str:filename>": Address(Door.OPEN),  # the token is the key: tests/messaging
    "login/": Address(Door.OPEN),
    "login/code/": Address(Door.OPEN),
    "n/<str:token>/": Address(Door.OPEN),  # shows nothing without a session: tests/oversight/test_review_notices
    "o/<str:token>/": Address(Door.OPEN),  # the token is the key: tests/oversight/test_console_account
    "settings/notices/": Address(Door.MEMBER),
    "settings/account/": Address(Door.MEMBER),
    "access/": Address(Door.MEMBER),
    "audit/": Address(Door.MEMBER),
    "audit/export/": Address(Door.MEMBER, "POST"),
    "audit/verify/": Address(Door.MEMBER, "POST"),
    "agents/keys/": Address(Door.MEMBER),
    "agents/keys/<uuid:key_id>/": Address(Door.MEMBER, objects={"key_id": "key"}),
    "agents/keys/<uuid:key_id>/change/": Address(Door.MEMBER, "POST", {"key_id": "key"}),
    "agents/keys/<uuid:key_id>/revoke/": Address(Door.MEMBER, "POST", {"key_id": "key"}),
    "agents/keys/<uuid:key_id>/rotate/": Address(Door.MEMBER, "POST", {"key_id": "key"}),
    "logout/": Address(Door.OPEN, "POST"),
    "verify/again/": Address(Door.OPEN, "POST"),
    "verify/<str:token>/": Address(Door.OPEN),
    "v1/openapi.json": Address(Door.OPEN),
    "v1/signup": Address(Door.OPEN, "POST"),
    "v1/signup/check-slug": Address(Door.OPEN),
    "v1/auth/resend-verification": Address(Door.OPEN, "POST"),
    "v1^(?:/.*)?$": Address(Door.OPEN),
    "api/auth/sign-in/email": Address(Door.OPEN, "POST"),
    "api/auth/sign-out": Address(Door.OPEN, "POST"),
    "api/auth^(?:/.*)?$": Address(Door.OPEN),
    "onboarding": Address(Door.OPEN),
    "dashboard": Address(Door.MEMBER),
    "billing/checkout/<str:token>/": Address(Door.OPEN),
    "billing/checkout/<str:token>/decide/": Address(Door.OPEN, "POST"),
    "billing/stripe/webhook": Address(Door.OPEN, "POST"),
    "v1/account": Address(Door.KEY),
    "v1/account/export": Address(Door.KEY),
    "v1/account/welcome": Address(Door.KEY, "POST"),
    "v1/account/post-verify-target": Address(Door.KEY, "POST"),
    "v1/support": Address(Door.KEY, "POST"),
    "v1/api-keys": Address(Door.KEY),
    "v1/api-keys/<str:id>": Address(Door.KEY, "DELETE", {"id": "key"}),
    "v1/api-keys/<str:id>/rotate": Address(Door.KEY, "POST", {"id": "key"}),
    "v1/access-log": Address(Door.KEY),
    "v1/billing/upgrade": Address(Door.KEY, "POST"),
    "v1/attachments": Address(Door.KEY, "POST"),
    "v1/attachments/<str:id>": Address(Door.KEY, objects={"id": "attachment"}),
    "v1/domains": Address(Door.KEY),
    "v1/domains/<str:id>": Address(Door.KEY, objects={"id": "domain"}),
    "v1/domains/<str:id>/verify": Address(Door.KEY, "POST", {"id": "domain"}),
    "v1/events": Address(Door.KEY),
    "v1/events/log": Address(Door.KEY),
    "v1/mailboxes": Address(Door.KEY),
    "v1/mailboxes/<str:id>": Address(Door.KEY, objects=MAILBOX),
    "v1/mailboxes/<str:id>/messages": Address(Door.KEY, objects=MAILBOX),
    "v1/mailboxes/<str:id>/messages/<str:msgId>": Address(Door.KEY, objects=MESSAGE),
    "v1/mailboxes/<str:id>/messages/<str:msgId>/cancel": Address(Door.KEY, "POST", MESSAGE),
    "v1/mailboxes/<str:id>/messages/<str:msgId>/resubmit": Address(Door.KEY, "POST", MESSAGE),
    "v1/mailboxes/<str:id>/messages/<str:msgId>/timeline": Address(Door.KEY, objects=MESSAGE),
    "v1/mailboxes/<str:id>/threads": Address(Door.KEY, objects=MAILBOX),
    "v1/mailboxes/<str:id>/request-upgrade": Address(Door.KEY, "POST", MAILBOX),
    "v1/mailboxes/<str:id>/upgrade": Address(Door.KEY, "POST", MAILBOX),
    "v1/mailboxes/<str:id>/trust": Address(Door.KEY, objects=MAILBOX),
    "v1/mailboxes/<str:id>/threads/<str:tid>": Address(Door.KEY, objects={"id": "mailbox", "tid": "thread"}),
    "v1/suppressions": Address(Door.KEY),
    "v1/suppressions/<str:id>": Address(Door.KEY, "DELETE", {"id": "suppression"}),
    "v1/webhooks": Address(Door.KEY),
    "v1/webhooks/<str:id>": Address(Door.KEY, objects={"id": "webhook"}),
    "v1/webhooks/<str:id>/deliveries": Address(Door.KEY, objects={"id": "webhook"}),
    "v1/webhooks/<str:id>/deliveries/<str:deliveryId>": Address(Door.KEY, objects=DELIVERY),
    "v1/webhooks/<str:id>/deliveries/<str:deliveryId>/redeliver": Address(Door.KEY, "POST", DELIVERY),
    "v1/webhooks/<str:id>/ping": Address(Door.KEY, "POST", {"id": "webhook"}),
    "v1/webhooks/<str:id>/redeliver": Address(Door.KEY, "POST", {"id": "webhook"}),
    "v1/webhooks/<str:id>/rotate-secret": Address(Door.KEY, "POST", {"id": "webhook"}),
    "v1/oversight/pending": Address(Door.KEY),
    "v1/oversight/queue": Address(Door.KEY),
    "v1/oversight/groups": Address(Door.KEY),
    "v1/oversight/groups/<str:id>": Address(Door.KEY, objects={"id": "group"}),
    "v1/oversight/groups/<str:id>/approve": Address(Door.KEY, "POST", {"id": "group"}),
    "v1/oversight/bulk/reject": Address(Door.KEY, "POST"),
    "v1/oversight/batches/<str:id>": Address(Door.KEY, objects={"id": "batch"}),
    "v1/oversight/dead-letters": Address(Door.KEY),
    "v1/oversight/dead-letters/<str:id>/requeue": Address(Door.KEY, "POST", {"id": "dead_letter"}),
    "v1/oversight/dead-letters/<str:id>/drop": Address(Door.KEY, "POST", {"id": "dead_letter"}),
    "v1/oversight/reviews/<str:id>/claim": Address(Door.KEY, "POST", REVIEW),
    "v1/oversight/reviews/<str:id>/snooze": Address(Door.KEY, "POST", REVIEW),
    "v1/oversight/reviews/<str:id>": Address(Door.KEY, objects=REVIEW),
    "v1/oversight/reviews/<str:id>/approve": Address(Door.KEY, "POST", REVIEW),
    "v1/oversight/reviews/<str:id>/edit": Address(Door.KEY, "POST", REVIEW),
    "v1/oversight/reviews/<str:id>/request-changes": Address(Door.KEY, "POST", REVIEW),
    "v1/oversight/reviews/<str:id>/reject": Address(Door.KEY, "POST", REVIEW),
    "v1/oversight/reviews/<str:id>/undo": Address(Door.KEY, "POST", REVIEW),
    "v1/policy/evaluate": Address(Door.KEY, "POST"),
    "v1/policy/templates": Address(Door.KEY),
    "v1/policy/rule-sets/<str:place>": Address(Door.DECIDE, objects=RULES),
    "v1/policy/rule-sets/<str:place>/versions": Address(Door.DECIDE, objects=RULES),
    "v1/policy/rule-sets/<str:place>/versions/<str:number>": Address(Door.DECIDE, objects=VERSION),
    "v1/policy/rule-sets/<str:place>/versions/<str:number>/back-tests": Address(Door.DECIDE, "POST", VERSION),
    "v1/policy/rule-sets/<str:place>/versions/<str:number>/back-tests/<str:id>": Address(
        Door.DECIDE, objects={**VERSION, "id": "back_test"}
    ),
    "v1/policy/rule-sets/<str:place>/versions/<str:number>/publish": Address(Door.DECIDE, "POST", VERSION),
    "v1/policy/rule-sets/<str:place>/versions/<str:number>/roll-back": Address(Door.DECIDE, "POST", VERSION),
    "v1/oversight/stops": Address(Door.KEY),
    "v1/oversight/stops/<str:id>/resume": Address(Door.KEY, "POST", {"id": "stop"}),
    "account/": Address(Door.MEMBER, "POST"),
    "billing": Address(Door.MEMBER),
    "billing/": Address(Door.MEMBER),
    "billing/upgrade/": Address(Door.MEMBER, "POST"),
    "keys/": Address(Door.MEMBER),
    "keys/<uuid:key_id>/revoke/": Address(Door.MEMBER, "POST", {"key_id": "decide_key"}),
    "live/since/": Address(Door.MEMBER),
    "mailboxes/": Address(Door.MEMBER),
    "mailboxes/<uuid:mailbox_id>/": Address(Door.MEMBER, objects={"mailbox_id": "mailbox"}),
    "messages/<uuid:message_id>/": Address(Door.MEMBER, objects=CONSOLE_MESSAGE),
    "messages/<uuid:message_id>/body/": Address(Door.MEMBER, objects=CONSOLE_MESSAGE),
    "messages/<uuid:message_id>/files/<int:index>/": Address(Door.MEMBER, objects=CONSOLE_MESSAGE),
    "messages/<uuid:message_id>/link/<int:number>/": Address(Door.MEMBER, objects=CONSOLE_MESSAGE),
    "monitor/": Address(Door.MEMBER),
    "permits/": Address(Door.MEMBER),
    "permits/<uuid:permit_id>/grant/": Address(Door.MEMBER, objects={"permit_id": "permit"}),
    "permits/<uuid:permit_id>/refuse/": Address(Door.MEMBER, "POST", {"permit_id": "permit"}),
    "policies/": Address(Door.MEMBER),
    "policies/<str:place>/": Address(Door.MEMBER, objects=RULES),
    "policies/<str:place>/<int:number>/": Address(Door.MEMBER, objects=VERSION),
    "policies/<str:place>/<int:number>/add/": Address(Door.MEMBER, objects=VERSION),
    "policies/<str:place>/<int:number>/back-test/": Address(Door.MEMBER, "POST", VERSION),
    "policies/<str:place>/<int:number>/publish/": Address(Door.MEMBER, objects=VERSION),
    "policies/<str:place>/<int:number>/raw/": Address(Door.MEMBER, "POST", VERSION),
    "policies/<str:place>/<int:number>/roll-back/": Address(Door.MEMBER, objects=VERSION),
    "policies/<str:place>/<int:number>/rules/<slug:rule_id>/": Address(Door.MEMBER, objects=RULE),
    "policies/<str:place>/<int:number>/rules/<slug:rule_id>/remove/": Address(Door.MEMBER, "POST", RULE),
    "policies/<str:place>/<int:number>/try/": Address(Door.MEMBER, objects=VERSION),
    "review/": Address(Door.MEMBER),
    "review/many/": Address(Door.MEMBER, "POST"),
    "review/many/reject/": Address(Door.MEMBER, "POST"),
    "review/all/reject/": Address(Door.MEMBER),
    "review/batches/<uuid:batch_id>/": Address(Door.MEMBER, objects={"batch_id": "batch"}),
    "review/groups/<str:group_id>/": Address(Door.MEMBER, objects={"group_id": "group"}),
    "undelivered/": Address(Door.MEMBER),
    "undelivered/<uuid:letter_id>/requeue/": Address(Door.MEMBER, "POST", {"letter_id": "dead_letter"}),
    "undelivered/<uuid:letter_id>/drop/": Address(Door.MEMBER, "POST", {"letter_id": "dead_letter"}),
    "review/<uuid:review_id>/": Address(Door.MEMBER, objects=CONSOLE_REVIEW),
    "review/<uuid:review_id>/approve/": Address(Door.MEMBER, "POST", CONSOLE_REVIEW),
    "review/<uuid:review_id>/body/": Address(Door.MEMBER, objects=CONSOLE_REVIEW),
    "review/<uuid:review_id>/link/<int:number>/": Address(Door.MEMBER, objects=CONSOLE_REVIEW),
    "review/<uuid:review_id>/reject/": Address(Door.MEMBER, "POST", CONSOLE_REVIEW),
    "review/<uuid:review_id>/claim/": Address(Door.MEMBER, "POST", CONSOLE_REVIEW),
    "review/<uuid:review_id>/edit/": Address(Door.MEMBER, objects=CONSOLE_REVIEW),
    "review/<uuid:review_id>/request-changes/": Address(Door.MEMBER, "POST", CONSOLE_REVIEW),
    "review/<uuid:review_id>/snooze/": Address(Door.MEMBER, "POST", CONSOLE_REVIEW),
    "review/<uuid:review_id>/let-go/": Address(Door.MEMBER, "POST", CONSOLE_REVIEW),
    "review/<uuid:review_id>/undo/": Address(Door.MEMBER, "POST", CONSOLE_REVIEW),
    "settings/security/": Address(Door.MEMBER),
    "settings/security/codes/": Address(Door.MEMBER, "POST"),
    "settings/security/members/": Address(Door.MEMBER, "POST"),
    "settings/security/off/": Address(Door.MEMBER),
    "settings/security/prove/": Address(Door.MEMBER),
    "settings/security/set-up/": Address(Door.MEMBER),
    "agents/": Address(Door.MEMBER),
    "agents/<uuid:agent_id>/": Address(Door.MEMBER, objects={"agent_id": "agent"}),
    "agents/mailboxes/<uuid:mailbox_id>/": Address(Door.MEMBER, objects={"mailbox_id": "mailbox"}),
    "agents/suggestions/<uuid:suggestion_id>/": Address(Door.MEMBER, objects={"suggestion_id": "suggestion"}),
    "agents/suggestions/<uuid:suggestion_id>/decline/": Address(Door.MEMBER, "POST", {"suggestion_id": "suggestion"}),
    "stop/": Address(Door.MEMBER),
    "stop/resume/": Address(Door.MEMBER),
    "threads/<uuid:thread_id>/": Address(Door.MEMBER, objects={"thread_id": "thread"}),
}


def routes() -> Iterator[str]:
    """Every route of the URLconf, written out; those of Django's admin as one."""
    for route in _walk(get_resolver().url_patterns, ""):
        if not route.startswith("admin/"):
            yield route


def _walk(patterns: Sequence[URLPattern | URLResolver], before: str) -> Iterator[str]:
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, route)
        else:
            yield route
