"""Every operation of the contract that this version has: status, every declared field, its type."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache

from mailboxes import clock, domains, stops
from messaging.models import Message
from oversight import back_test_runs
from tests import builders, domain_zone, files
from tests.api_client import Answer, Api
from tests.arrivals import arrive
from tests.builders import Tenant
from tests.letters import letter

from .shapes import (
    ACCOUNT,
    ATTACHMENT,
    BACK_TEST,
    BATCH,
    CALL,
    CHECKOUT,
    DEAD_LETTER,
    DNS_RECORDS,
    DOMAIN,
    EMAIL,
    FLAG,
    GROUP,
    GROUP_DETAIL,
    ID,
    KEY,
    LIST_METADATA,
    MAILBOX,
    MESSAGE,
    MOMENT,
    PLAIN_WEBHOOK,
    RECEIVED_EVENT,
    REVIEW_DETAIL,
    RULE,
    RULE_SET,
    RULES_VERSION,
    SENT_MESSAGE,
    SIGNUP,
    STOP,
    SUPPRESSION,
    TEXT,
    THREAD,
    TIMELINE,
    TRUST,
    VERIFICATION,
    WEBHOOK,
    WEBHOOK_DELIVERY,
    WEBHOOK_DELIVERY_DETAIL,
    WHOLE,
    Kind,
    Maybe,
    one_of,
    wrong,
)

pytestmark = pytest.mark.django_db

MAIL = {
    "to": ["kim@friends.example"],
    "cc": ["lee@friends.example"],
    "bcc": ["max@friends.example"],
    "subject": "Hello",
    "bodyText": "Good day to you.",
    "bodyHtml": "<p>Good day to you.</p>",
    "headers": {"X-Order": "17", "Sender": "x"},
    "metadata": {"order": "17"},
}
RULES = "/policy/rule-sets/account"
SIGN_UP = {
    "email": "new@people.example",
    "password": "a-secure-password",
    "slug": "new-slug",
    "name": "New",
    "plan": "free",
    "period": "monthly",
    "turnstileToken": "t",
}
WITH_A_FILE = (
    b"From: Kim <kim@friends.example>\r\nTo: alice@agents.example\r\nSubject: A file\r\n"
    b"Message-ID: <f@friends.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\nContent-Type: text/plain\r\n\r\nSee the file.\r\n"
    b'--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename="plan.pdf"\r\n'
    b"Content-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n--b--\r\n"
)


class Scene:
    """Alice's account: a held message, a received one with a file, and a reviewer's key."""

    def __init__(self) -> None:
        self.alice: Tenant = builders.tenant()
        self.api = Api(self.alice.key_text)
        self.rhea = Api(builders.decide_key(builders.member(self.alice.account)))
        self.review = builders.held(self.alice)
        self.box = f"/mailboxes/{self.alice.mailbox.pk}"
        self.sent = f"{self.box}/messages/{self.review.message_id}"
        self.review_path = f"/oversight/reviews/{self.review.pk}"
        webhook, _ = builders.webhook(self.alice, box=self.alice.mailbox, headers={"X-Key": "secret"})
        self.webhook = f"/webhooks/{webhook.pk}"
        self.delivery = f"{self.webhook}/deliveries/{builders.webhook_delivery(webhook, tries=1).pk}"

    def with_rules(self) -> Api:
        """The owner's decide key, with rules in force and others that are proposed."""
        builders.rules(self.alice, builders.rule("all", "hold"))
        refusing = builders.rule("nobody", "refuse", {"kind": "recipient_list", "addresses": ["kim@friends.example"]})
        builders.rules(self.alice, refusing, is_live=False)
        return Api(builders.decide_key(self.alice.owner))

    def key_id(self) -> str:
        return str(self.api.get("/api-keys").json["keys"][-1]["id"])


@dataclass(frozen=True)
class Operation:
    name: str
    call: Callable[[Scene], Answer]
    status: int
    shape: Any


def revoke(scene: Scene) -> Answer:
    scene.api.post("/api-keys", {"name": "spare"})
    return scene.api.delete(f"/api-keys/{scene.key_id()}")


def list_calls(scene: Scene) -> Answer:
    builders.called(scene.alice)
    return scene.api.get("/access-log")


def upgrade(scene: Scene) -> Answer:
    scene.api.post(f"{scene.box}/request-upgrade", {"targetMode": "monitored"})
    mail = Message.objects.filter(subject__startswith="Code for ").latest("created_at")
    (code,) = re.findall(r"\b[A-Z2-9]{3}-[A-Z2-9]{3}\b", mail.body_text)
    return scene.api.post(f"{scene.box}/upgrade", {"code": code})


def undo(scene: Scene) -> Answer:
    scene.rhea.post(f"{scene.review_path}/approve")
    return scene.rhea.post(f"{scene.review_path}/undo")


def give_back(scene: Scene) -> Answer:
    return scene.rhea.post(f"{scene.review_path}/request-changes", {"instructions": "Name the price."})


def resubmit(scene: Scene) -> Answer:
    give_back(scene)
    asked = {"to": ["kim@friends.example"], "subject": "Anew", "bodyText": "It is 5 EUR."}
    return scene.api.post(f"{scene.sent}/resubmit", asked)


def back_test(scene: Scene) -> Answer:
    owner = scene.with_rules()
    asked = owner.post(f"{RULES}/versions/2/back-tests")
    back_test_runs.run_due(busy_for=600)
    return owner.get(f"{RULES}/versions/2/back-tests/{asked.json['backTest']['id']}")


def roll_back(scene: Scene) -> Answer:
    owner = scene.with_rules()
    owner.post(f"{RULES}/versions/2/publish")
    return owner.post(f"{RULES}/versions/1/roll-back")


def resumed_stop(scene: Scene) -> Answer:
    made = scene.rhea.post("/oversight/stops", {"scope": "account"})
    stops.resume(scene.alice.owner, now=clock.now())
    return scene.rhea.post(f"/oversight/stops/{made.json['stop']['id']}/resume")


def verify_domain(scene: Scene) -> Answer:
    domain = domains.of_account(scene.alice.account).first() or domain_zone.add(scene.alice.account)
    with domain_zone.serving(domain_zone.zone_of(domain)):
        return scene.api.post(f"/domains/{domain.pk}/verify")


def create_domain(scene: Scene) -> Answer:
    builders.limit(scene.alice.account, "domains", 1)
    return scene.api.post("/domains", {"domain": "shop.example"})


def list_domains(scene: Scene) -> Answer:
    domain_zone.add(scene.alice.account)
    return scene.api.get("/domains")


# No JSON: tests/config/test_export.py; `streaming.Subscriber`, which `test_client.py` listens with.
OTHER_KINDS = {"exportAccount", "streamEvents"}


def sign_in(scene: Scene) -> Answer:
    asked = {"email": scene.alice.owner.user.email, "password": builders.PASSWORD}
    return Api().post("/api/auth/sign-in/email", asked)


def unsuppress(scene: Scene) -> Answer:
    made = scene.api.post("/suppressions", {"email": "gone@friends.example", "reason": "MANUAL"})
    return scene.api.delete(f"/suppressions/{made.json['suppression']['id']}")


def tomorrow() -> str:
    return (clock.now() + timedelta(days=1)).isoformat()


def approve_many(scene: Scene) -> Answer:
    scene.rhea.get(scene.review_path)
    items = {"items": [{"id": str(scene.review.pk), "version": 1}]}
    return scene.rhea.post(f"/oversight/groups/{scene.review.fingerprint}/approve", items)


def reject_many(scene: Scene) -> Answer:
    return scene.rhea.post("/oversight/bulk/reject", {"filter": {}, "count": 1, "reason": "tone"})


def with_letter(scene: Scene, act: str) -> Answer:
    return scene.rhea.post(f"/oversight/dead-letters/{builders.dead_letter(scene.alice).pk}/{act}")


QUEUE_SETTINGS = {"claims": one_of("off", "optional", "required"), "claimSeconds": WHOLE}
ONE_MAILBOX = {"mailbox": MAILBOX}
SECRET = Kind("64 hex digits", lambda value: bool(re.fullmatch("[0-9a-f]{64}", value)))
ONE_WEBHOOK = {"webhook": PLAIN_WEBHOOK}
NEW_WEBHOOK = {"url": "https://hooks.example/", "events": ["message.received"], "headers": {"X-Key": "secret"}}
NEW_DOMAIN = {"domain": DOMAIN, "dnsRecords": DNS_RECORDS, "zoneFile": TEXT}
ONE_REVIEW = {"review": REVIEW_DETAIL}
OPERATIONS = [
    Operation("createSignup", lambda scene: Api().post("/signup", SIGN_UP), 201, SIGNUP),
    Operation(
        "checkSlugAvailability", lambda scene: Api().get("/signup/check-slug", slug="fresh"), 200, {"available": FLAG}
    ),
    Operation(
        "uploadAttachment",
        lambda scene: files.post(scene.api),
        201,
        {"id": ID, "filename": TEXT, "sizeBytes": WHOLE},
    ),
    Operation(
        "downloadAttachment",
        lambda scene: scene.api.get(f"/attachments/{files.post(scene.api).json['id']}"),
        200,
        ATTACHMENT | {"url": TEXT},
    ),
    Operation(
        "deleteAttachment",
        lambda scene: scene.api.delete(f"/attachments/{files.post(scene.api).json['id']}"),
        200,
        {"deleted": FLAG},
    ),
    Operation("getAccount", lambda scene: scene.api.get("/account"), 200, {"account": ACCOUNT}),
    Operation(
        "deleteAccount",
        lambda scene: scene.api.send("DELETE", "/account", {"confirm": "DELETE"}),
        200,
        {"deleted": one_of(True)},
    ),
    Operation(
        "resendVerificationEmail",
        lambda scene: Api().post("/auth/resend-verification", {"email": scene.alice.owner.user.email}),
        200,
        {"ok": FLAG},
    ),
    Operation("signInEmail", sign_in, 200, {"user": {"id": TEXT, "email": EMAIL, "emailVerified": FLAG}}),
    Operation("signOut", lambda scene: Api().post("/api/auth/sign-out"), 200, {"ok": FLAG}),
    Operation("sendWelcomeEmail", lambda scene: scene.api.post("/account/welcome"), 200, {"ok": FLAG}),
    Operation(
        "setPostVerifyTarget",
        lambda scene: scene.api.post("/account/post-verify-target"),
        200,
        {"target": one_of("/dashboard?verified=true", "/onboarding")},
    ),
    Operation(
        "submitSupportTicket",
        lambda scene: scene.api.post("/support", {"category": "technical", "subject": "Help", "message": "How?"}),
        200,
        {"ok": FLAG},
    ),
    Operation("listApiKeys", lambda scene: scene.api.get("/api-keys"), 200, {"keys": [KEY]}),
    Operation(
        "createApiKey",
        lambda scene: scene.api.post("/api-keys", {"name": "spare", "mailboxIds": []}),
        201,
        {"key": TEXT, "prefix": TEXT, "scoped": FLAG},
    ),
    Operation("revokeApiKey", revoke, 200, {"revoked": FLAG}),
    Operation(
        "updateApiKey",
        lambda scene: scene.api.patch(f"/api-keys/{scene.key_id()}", {"name": "new name"}),
        200,
        {"key": KEY | {"expiresAt": Maybe(TEXT), "ipAllowlist": [TEXT], "rotatedTo": Maybe(ID)}},
    ),
    Operation(
        "rotateApiKey",
        lambda scene: scene.api.post(f"/api-keys/{scene.key_id()}/rotate"),
        201,
        {"key": TEXT, "prefix": TEXT, "scoped": FLAG, "expiresAt": Maybe(TEXT), "ipAllowlist": [TEXT], "old": KEY},
    ),
    Operation("listCalls", list_calls, 200, {"calls": [CALL], "nextCursor": Maybe(TEXT)}),
    Operation(
        "listMailboxes",
        lambda scene: scene.api.get("/mailboxes"),
        200,
        {"mailboxes": [MAILBOX | {"receivedThisMonth": WHOLE}]},
    ),
    Operation("createUpgradeCheckout", lambda scene: scene.api.post("/billing/upgrade"), 201, CHECKOUT),
    Operation("createMailbox", lambda scene: scene.api.post("/mailboxes", {"address": "desk"}), 201, ONE_MAILBOX),
    Operation("getMailbox", lambda scene: scene.api.get(scene.box), 200, ONE_MAILBOX),
    Operation("updateMailbox", lambda scene: scene.api.patch(scene.box, {"displayName": "Hal"}), 200, ONE_MAILBOX),
    Operation("deleteMailbox", lambda scene: scene.api.delete(scene.box), 200, {"deleted": FLAG}),
    Operation("listDomains", list_domains, 200, {"domains": [DOMAIN]}),
    Operation("createDomain", create_domain, 201, NEW_DOMAIN),
    Operation(
        "getDomain",
        lambda scene: scene.api.get(f"/domains/{domain_zone.add(scene.alice.account).pk}"),
        200,
        NEW_DOMAIN,
    ),
    Operation("verifyDomain", verify_domain, 200, {"domain": DOMAIN, "verification": VERIFICATION}),
    Operation(
        "deleteDomain",
        lambda scene: scene.api.delete(f"/domains/{domain_zone.add(scene.alice.account).pk}"),
        200,
        {"deleted": FLAG},
    ),
    Operation(
        "listMessages",
        lambda scene: scene.api.get(f"{scene.box}/messages"),
        200,
        {"messages": [MESSAGE], "metadata": LIST_METADATA},
    ),
    Operation(
        "sendMessage", lambda scene: scene.api.post(f"{scene.box}/messages", MAIL), 201, {"message": SENT_MESSAGE}
    ),
    Operation("getMessage", lambda scene: scene.api.get(scene.sent), 200, {"message": MESSAGE}),
    Operation("getMessageTimeline", lambda scene: scene.api.get(f"{scene.sent}/timeline"), 200, TIMELINE),
    Operation("cancelMessage", lambda scene: scene.api.post(f"{scene.sent}/cancel"), 200, {"message": MESSAGE}),
    Operation(
        "listThreads",
        lambda scene: scene.api.get(f"{scene.box}/threads"),
        200,
        {"threads": [THREAD], "metadata": LIST_METADATA},
    ),
    Operation(
        "getThread",
        lambda scene: scene.api.get(f"{scene.box}/threads/{scene.review.message.thread_id}"),
        200,
        {"thread": THREAD | {"messages": [MESSAGE]}},
    ),
    Operation(
        "listPendingReviews",
        lambda scene: scene.rhea.get("/oversight/pending"),
        200,
        {"reviews": [REVIEW_DETAIL], "nextCursor": Maybe(TEXT)},
    ),
    Operation("getReview", lambda scene: scene.rhea.get(scene.review_path), 200, ONE_REVIEW),
    Operation("approveReview", lambda scene: scene.rhea.post(f"{scene.review_path}/approve", {}), 200, ONE_REVIEW),
    Operation(
        "rejectReview",
        lambda scene: scene.rhea.post(f"{scene.review_path}/reject", {"reason": "tone", "note": "No."}),
        200,
        ONE_REVIEW,
    ),
    Operation("undoReview", undo, 200, ONE_REVIEW),
    Operation("claimReview", lambda scene: scene.rhea.post(f"{scene.review_path}/claim"), 200, ONE_REVIEW),
    Operation("releaseReviewClaim", lambda scene: scene.rhea.delete(f"{scene.review_path}/claim"), 200, ONE_REVIEW),
    Operation(
        "snoozeReview",
        lambda scene: scene.rhea.post(f"{scene.review_path}/snooze", {"until": tomorrow()}),
        200,
        ONE_REVIEW,
    ),
    Operation("wakeReview", lambda scene: scene.rhea.delete(f"{scene.review_path}/snooze"), 200, ONE_REVIEW),
    Operation("getQueueSettings", lambda scene: scene.rhea.get("/oversight/queue"), 200, QUEUE_SETTINGS),
    Operation(
        "updateQueueSettings",
        lambda scene: Api(builders.decide_key(scene.alice.owner)).patch("/oversight/queue", {"claims": "required"}),
        200,
        QUEUE_SETTINGS,
    ),
    Operation(
        "listSimilarGroups",
        lambda scene: (builders.held(scene.alice), scene.rhea.get("/oversight/groups"))[1],
        200,
        {"groups": [GROUP]},
    ),
    Operation(
        "getSimilarGroup",
        lambda scene: scene.rhea.get(f"/oversight/groups/{scene.review.fingerprint}"),
        200,
        {"group": GROUP_DETAIL},
    ),
    Operation("approveSimilarReviews", approve_many, 202, {"batch": BATCH}),
    Operation("rejectReviews", reject_many, 202, {"batch": BATCH}),
    Operation(
        "getBatch",
        lambda scene: scene.rhea.get(f"/oversight/batches/{reject_many(scene).json['batch']['id']}"),
        200,
        {"batch": BATCH},
    ),
    Operation(
        "listDeadLetters",
        lambda scene: (builders.dead_letter(scene.alice), scene.rhea.get("/oversight/dead-letters"))[1],
        200,
        {"deadLetters": [DEAD_LETTER], "nextCursor": Maybe(TEXT)},
    ),
    Operation("requeueDeadLetter", lambda scene: with_letter(scene, "requeue"), 200, {"deadLetter": DEAD_LETTER}),
    Operation("dropDeadLetter", lambda scene: with_letter(scene, "drop"), 200, {"deadLetter": DEAD_LETTER}),
    Operation(
        "editReview",
        lambda scene: scene.rhea.post(f"{scene.review_path}/edit", {"subject": "Anew", "version": 1}),
        200,
        ONE_REVIEW,
    ),
    Operation("requestChanges", give_back, 200, ONE_REVIEW),
    Operation("resubmitMessage", resubmit, 200, {"message": SENT_MESSAGE}),
    Operation(
        "listStops",
        lambda scene: (scene.rhea.post("/oversight/stops", {"scope": "account"}), scene.api.get("/oversight/stops"))[1],
        200,
        {"stops": [STOP], "nextCursor": Maybe(TEXT)},
    ),
    Operation(
        "createStop",
        lambda scene: scene.rhea.post("/oversight/stops", {"scope": "account", "reason": "Odd prices."}),
        201,
        {"stop": STOP},
    ),
    Operation("resumeStop", resumed_stop, 200, {"stop": STOP}),
    Operation(
        "requestUpgrade",
        lambda scene: scene.api.post(f"{scene.box}/request-upgrade", {"targetMode": "monitored"}),
        202,
        {"status": TEXT, "mailboxId": ID, "targetMode": TEXT, "triesLeft": WHOLE, "expiresAt": MOMENT},
    ),
    Operation("getMailboxTrust", lambda scene: scene.api.get(f"{scene.box}/trust"), 200, {"trust": TRUST}),
    Operation("upgradeMailbox", upgrade, 200, {"status": TEXT, "mailboxId": ID, "mode": TEXT}),
    Operation(
        "evaluatePolicy",
        lambda scene: scene.api.post("/policy/evaluate", MAIL | {"mailboxId": str(scene.alice.mailbox.pk)}),
        200,
        {"evaluation": {"outcome": TEXT, "code": TEXT, "text": TEXT, "fix": TEXT, "also": [TEXT]}},
    ),
    Operation(
        "listRuleTemplates",
        lambda scene: scene.api.get("/policy/templates"),
        200,
        {"templates": [{"id": TEXT, "description": TEXT, "rule": RULE}]},
    ),
    Operation("getRuleSet", lambda scene: scene.with_rules().get(RULES), 200, {"ruleSet": RULE_SET}),
    Operation(
        "listRuleSetVersions",
        lambda scene: scene.with_rules().get(f"{RULES}/versions"),
        200,
        {"versions": [RULES_VERSION], "before": Maybe(WHOLE)},
    ),
    Operation(
        "proposeRules",
        lambda scene: scene.with_rules().post(f"{RULES}/versions", {"rules": [builders.rule()], "note": "Why"}),
        201,
        {"version": RULES_VERSION},
    ),
    Operation(
        "getRuleSetVersion",
        lambda scene: scene.with_rules().get(f"{RULES}/versions/1"),
        200,
        {"version": RULES_VERSION},
    ),
    Operation(
        "backTestRules",
        lambda scene: scene.with_rules().post(f"{RULES}/versions/2/back-tests", {"days": 7}),
        202,
        {"backTest": BACK_TEST},
    ),
    Operation("getBackTest", back_test, 200, {"backTest": BACK_TEST}),
    Operation(
        "publishRules",
        lambda scene: scene.with_rules().post(f"{RULES}/versions/2/publish", {"live": 1}),
        200,
        {"version": RULES_VERSION},
    ),
    Operation("rollBackRules", roll_back, 201, {"version": RULES_VERSION}),
    Operation(
        "listEvents",
        lambda scene: (arrive(scene.alice.mailbox, WITH_A_FILE), scene.api.get("/events/log"))[1],
        200,
        {"events": [RECEIVED_EVENT], "cursor": Maybe(ID), "hasMore": FLAG},
    ),
    Operation("listWebhooks", lambda scene: scene.api.get("/webhooks"), 200, {"webhooks": [PLAIN_WEBHOOK]}),
    Operation(
        "createWebhook",
        lambda scene: scene.api.post("/webhooks", NEW_WEBHOOK),
        201,
        {"webhook": WEBHOOK | {"secret": SECRET}},
    ),
    Operation("getWebhook", lambda scene: scene.api.get(scene.webhook), 200, ONE_WEBHOOK),
    Operation("updateWebhook", lambda scene: scene.api.patch(scene.webhook, {"status": "PAUSED"}), 200, ONE_WEBHOOK),
    Operation("deleteWebhook", lambda scene: scene.api.delete(scene.webhook), 200, {"deleted": FLAG}),
    Operation(
        "listWebhookDeliveries",
        lambda scene: scene.api.get(f"{scene.webhook}/deliveries"),
        200,
        {"deliveries": [WEBHOOK_DELIVERY], "nextCursor": Maybe(TEXT)},
    ),
    Operation(
        "getWebhookDelivery",
        lambda scene: scene.api.get(scene.delivery),
        200,
        {"delivery": WEBHOOK_DELIVERY_DETAIL},
    ),
    Operation(
        "redeliverWebhookDelivery",
        lambda scene: scene.api.post(f"{scene.delivery}/redeliver"),
        202,
        {"delivery": WEBHOOK_DELIVERY},
    ),
    Operation(
        "redeliverWebhookEvents",
        lambda scene: scene.api.post(f"{scene.webhook}/redeliver", {"status": "ALL"}),
        202,
        {"count": WHOLE, "hasMore": FLAG, "cursor": TEXT},
    ),
    Operation(
        "pingWebhook", lambda scene: scene.api.post(f"{scene.webhook}/ping"), 202, {"delivery": WEBHOOK_DELIVERY}
    ),
    Operation(
        "rotateWebhookSecret",
        lambda scene: scene.api.post(f"{scene.webhook}/rotate-secret"),
        200,
        {"webhook": PLAIN_WEBHOOK, "secret": SECRET},
    ),
    Operation(
        "createSuppression",
        lambda scene: scene.api.post("/suppressions", {"email": "Gone@Friends.example"}),
        201,
        {"suppression": SUPPRESSION},
    ),
    Operation(
        "listSuppressions",
        lambda scene: scene.api.get("/suppressions"),
        200,
        {"suppressions": [SUPPRESSION], "nextCursor": Maybe(TEXT)},
    ),
    Operation("deleteSuppression", unsuppress, 200, {"deleted": FLAG}),
]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_declared_field_is_there_with_its_type(operation: Operation) -> None:
    cache.clear()
    answer = operation.call(Scene())
    assert (answer.status, wrong(answer.json, operation.shape)) == (operation.status, None)


def test_the_table_has_every_documented_operation() -> None:
    document = Api().get("/openapi.json").json
    documented = {one["operationId"] for path in document["paths"].values() for one in path.values()}
    assert documented == {operation.name for operation in OPERATIONS} | OTHER_KINDS


def test_a_received_message_with_a_file_has_every_field() -> None:
    scene = Scene()
    arrive(scene.alice.mailbox, WITH_A_FILE)
    [message] = scene.api.get(f"{scene.box}/messages", direction="INBOUND").json["messages"]
    assert wrong(message, MESSAGE) is None
    assert (message["status"], message["bccAddresses"], message["review"]) == ("RECEIVED", [], None)
    assert message["hasAttachments"] is True
    assert [one["filename"] for one in message["attachments"]] == ["plan.pdf"]
    detail = scene.api.get(f"{scene.box}/messages/{message['id']}").json["message"]
    assert detail == message


def test_an_answer_to_a_sent_message_is_read_in_its_thread() -> None:
    scene = Scene()
    parent = scene.api.get(scene.sent).json["message"]
    arrive(scene.alice.mailbox, letter(f"In-Reply-To: {parent['messageId']}", to=scene.alice.mailbox.full_address))
    [answer] = scene.api.get(f"{scene.box}/messages", direction="INBOUND").json["messages"]
    assert answer["threadId"] == parent["threadId"]
    listed = scene.api.get("/mailboxes").json["mailboxes"][0]
    assert listed["receivedThisMonth"] == 1
    account = scene.api.get("/account").json["account"]
    assert (account["receivedToday"], account["monthlyInboundCount"]) == (1, 1)


def test_lists_tell_the_limit_from_half_of_it_on() -> None:
    scene = Scene()
    builders.received(scene.alice.account, 80)
    metadata = scene.api.get(f"{scene.box}/threads").json["metadata"]
    hint = metadata["limitHint"]
    assert (hint["current"], hint["limit"], hint["percentage"], hint["status"]) == (80, 100, 80, "near")
    assert hint["reset_date"].endswith("-01T00:00:00.000Z")
