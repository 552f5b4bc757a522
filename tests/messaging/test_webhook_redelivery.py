"""Telling once more, one delivery or a part of the log: under the id that it had, with a schedule of its own."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from mailboxes import clock as platform_clock
from mailboxes import suspensions
from mailboxes.models import Event
from messaging.models import DeliveryStatus, WebhookDelivery, WebhookEndpoint
from tests import builders
from tests.api_client import Answer, Api
from tests.arrivals import arrive
from tests.builders import Tenant
from tests.conftest import Clock
from tests.letters import letter
from tests.messaging.told import happen
from tests.messaging.webhooks import alice as alice
from tests.messaging.webhooks import api as api
from tests.messaging.webhooks import fan_out
from tests.messaging.webhooks import other_box as other_box
from tests.messaging.webhooks import scoped as scoped

pytestmark = pytest.mark.django_db

DELIVERED, FAILED, PENDING = DeliveryStatus.DELIVERED, DeliveryStatus.FAILED, DeliveryStatus.PENDING


@pytest.fixture
def hook(alice: Tenant) -> WebhookEndpoint:
    return builders.webhook(alice, events=["suppression.removed"])[0]


def became(status: str, *, attempts: int = 1, of: Iterable[Event] | None = None) -> None:
    """What telling leaves of the deliveries."""
    rows = WebhookDelivery.objects.all()
    if of is not None:
        rows = rows.filter(event_id__in=[one.pk for one in of])
    rows.update(status=status, attempts=attempts, next_at=None, attempted_at=platform_clock.now())


def again(api: Api, hook: WebhookEndpoint, **asked: object) -> Answer:
    answer = api.post(f"/webhooks/{hook.pk}/redeliver", {"status": "ALL", **asked})
    assert answer.status == 202, answer.json
    return answer


def due(hook: WebhookEndpoint) -> list[UUID]:
    """The events that are to be told to it now, in the order of the log."""
    rows = WebhookDelivery.objects.filter(endpoint=hook, status=PENDING, next_at__lte=platform_clock.now())
    return list(rows.order_by("event_seq").values_list("event_id", flat=True))


def ids(happened: Iterable[Event]) -> list[UUID]:
    return [one.pk for one in happened]


# --- One ---


@pytest.mark.parametrize("status", [DELIVERED, FAILED])
def test_a_delivery_goes_once_more_under_its_id_with_the_whole_schedule(
    status: str, alice: Tenant, api: Api, hook: WebhookEndpoint
) -> None:
    happen(alice)
    fan_out()
    became(status, attempts=6)
    row = WebhookDelivery.objects.get()
    answer = api.post(f"/webhooks/{hook.pk}/deliveries/{row.pk}/redeliver")
    assert answer.status == 202
    told = answer.json["delivery"]
    assert (told["id"], told["status"], told["attempts"]) == (str(row.pk), "PENDING", 6)
    row.refresh_from_db()
    assert (row.attempts, row.attempts_before) == (6, 6)
    assert due(hook) == [row.event_id]


def test_a_delivery_that_waits_goes_at_once(alice: Tenant, api: Api, hook: WebhookEndpoint) -> None:
    happen(alice)
    fan_out()
    WebhookDelivery.objects.update(attempts=3, next_at=platform_clock.now() + timedelta(hours=2))
    assert due(hook) == []
    row = WebhookDelivery.objects.get()
    assert api.post(f"/webhooks/{hook.pk}/deliveries/{row.pk}/redeliver").status == 202
    assert due(hook) == [row.event_id]


def test_a_repeated_request_makes_it_due_once(alice: Tenant, api: Api, hook: WebhookEndpoint) -> None:
    happen(alice)
    fan_out()
    became(DELIVERED)
    path = f"/webhooks/{hook.pk}/deliveries/{WebhookDelivery.objects.get().pk}/redeliver"
    first = api.post(path, Idempotency_Key="one")
    became(DELIVERED, attempts=2)
    assert api.post(path, Idempotency_Key="one").json == first.json
    assert due(hook) == []


# --- A part of the log ---


def test_everything_behind_an_event_goes_once_more_under_the_ids_that_it_had(
    alice: Tenant, api: Api, hook: WebhookEndpoint
) -> None:
    happened = happen(alice, 6)
    fan_out()
    became(DELIVERED)
    before = dict(WebhookDelivery.objects.values_list("event_id", "pk"))
    answer = again(api, hook, after=str(happened[1].pk), until=str(happened[4].pk)).json
    assert (answer["count"], answer["hasMore"], answer["cursor"]) == (3, False, str(happened[4].pk))
    assert due(hook) == ids(happened[2:5])
    assert dict(WebhookDelivery.objects.values_list("event_id", "pk")) == before


def test_only_what_was_given_up_goes_when_that_is_asked(alice: Tenant, api: Api, hook: WebhookEndpoint) -> None:
    happened = happen(alice, 6)
    fan_out()
    became(DELIVERED)
    became(FAILED, attempts=6, of=happened[::2])
    WebhookDelivery.objects.filter(event_id=happened[0].pk).delete()
    answer = again(api, hook, status="FAILED").json
    assert answer["count"] == 2
    assert due(hook) == ids(happened[2::2])
    assert set(WebhookDelivery.objects.filter(status=PENDING).values_list("attempts_before", flat=True)) == {6}


def test_what_is_from_before_the_webhook_gets_a_delivery(alice: Tenant, api: Api) -> None:
    happened = happen(alice, 3)
    hook, _ = builders.webhook(alice, events=["suppression.removed"])
    fan_out()
    assert not WebhookDelivery.objects.exists()
    assert again(api, hook).json["count"] == 3
    assert due(hook) == ids(happened)
    assert again(api, hook, status="FAILED").json["count"] == 0


def test_only_what_the_webhook_is_subscribed_to_goes(alice: Tenant, api: Api, other_box: object) -> None:
    happen(alice, 2)
    happen(alice, 1, kind="suppression.added")
    arrive(alice.mailbox, letter(to=alice.mailbox.full_address))
    of_box, _ = builders.webhook(alice, box=alice.mailbox, events=["*"])
    again(api, of_box)
    kinds = WebhookDelivery.objects.filter(endpoint=of_box).values_list("event", flat=True)
    assert "message.received" in kinds
    assert not {"suppression.removed", "suppression.added", "webhook.pinged"} & set(kinds)
    plain, _ = builders.webhook(alice, events=["suppression.removed", "suppression.added"])
    assert again(api, plain, types=["suppression.added", "message.sent"]).json["count"] == 1
    assert again(api, plain, types=[]).json["count"] == 0


def test_tags_are_those_of_the_message_and_of_the_one_that_it_answers(alice: Tenant, api: Api) -> None:
    sent = [builders.submit(alice, subject=f"Number {number}", tags=(f"tag-{number}",)) for number in range(2)]
    answers = [letter(f"In-Reply-To: {one.message_id}", to=alice.mailbox.full_address) for one in sent]
    for raw in [*answers, letter(to=alice.mailbox.full_address, subject="Of nothing")]:
        arrive(alice.mailbox, raw)
    hook, _ = builders.webhook(alice, events=["*"], tags=["tag-1", "other"])
    again(api, hook)
    found = Event.objects.filter(pk__in=due(hook)).order_by("seq")
    received = [event for event in found if event.kind == "message.received"]
    assert len(received) == 1
    about = {json.loads(event.data).get("message_id", event.subject) for event in found}
    assert about == {str(sent[1].pk), received[0].subject}


def test_mail_that_no_agent_sees_is_not_told(alice: Tenant, api: Api) -> None:
    hook, _ = builders.webhook(alice, events=["*"])
    again(api, hook)
    told = set(WebhookDelivery.objects.filter(endpoint=hook).values_list("event", flat=True))
    assert not told & {"account.created", "message.refused", "account.verification_requested"}


def test_a_long_range_goes_part_by_part(alice: Tenant, api: Api, hook: WebhookEndpoint, settings: Settings) -> None:
    settings.WEBHOOK_REDELIVERY_EVENTS = 2
    happened = happen(alice, 5)
    fan_out()
    became(DELIVERED)
    cursor, counts = str(Event.objects.get(account=alice.account, kind="webhook.created").pk), []
    for _ in range(3):
        answer = again(api, hook, after=cursor).json
        cursor = answer["cursor"]
        counts.append((answer["count"], answer["hasMore"]))
    assert counts == [(2, True), (2, True), (1, False)]
    assert cursor == str(happened[-1].pk)
    assert due(hook) == ids(happened)
    assert again(api, hook, after=cursor).json == {"count": 0, "hasMore": False, "cursor": cursor}


def test_a_range_is_two_statements_however_long(alice: Tenant, api: Api, hook: WebhookEndpoint) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as caught:
            again(api, hook)
        return len(caught)

    happen(alice, 1)
    fan_out()
    few = queries()
    happen(alice, 30)
    fan_out()
    assert queries() == few


def test_a_paused_webhook_keeps_what_was_asked_for(alice: Tenant, api: Api, hook: WebhookEndpoint) -> None:
    happened = happen(alice, 2)
    fan_out()
    became(DELIVERED)
    api.patch(f"/webhooks/{hook.pk}", {"status": "PAUSED"})
    assert again(api, hook).json["count"] == 2
    assert due(hook) == ids(happened)
    assert api.get(f"/webhooks/{hook.pk}").json["webhook"]["pendingCount"] == 2


def test_what_is_told_anyway_is_left_to_that(alice: Tenant, api: Api, hook: WebhookEndpoint) -> None:
    happen(alice, 2)  # its cursor has not come there yet
    assert again(api, hook).json["count"] == 0
    fan_out()
    assert len(due(hook)) == 2


def test_events_of_others_and_those_too_old_are_no_places(
    alice: Tenant, api: Api, hook: WebhookEndpoint, clock: Clock, settings: Settings
) -> None:
    [strange] = happen(builders.tenant("charlie"))
    [old] = happen(alice)
    happen(alice)
    path = f"/webhooks/{hook.pk}/redeliver"
    for field in ("after", "until"):
        for text in (str(strange.pk), "nonsense", "0"):
            answer = api.post(path, {"status": "ALL", field: text})
            assert (answer.status, answer.code, answer.json["field"]) == (404, "cursor_unknown", field)
    fan_out()
    clock.advance(days=settings.EVENT_RETENTION_DAYS + 1)
    answer = api.post(path, {"status": "ALL", "after": str(old.pk)})
    assert (answer.status, answer.code) == (410, "cursor_expired")
    assert again(api, hook).json["count"] == 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "status"),
        ({"status": "DELIVERED"}, "status"),
        ({"status": "ALL", "types": ["message.read"]}, "types[0]"),
        ({"status": "ALL", "types": ["*"]}, "types[0]"),
        ({"status": "ALL", "after": 17}, "after"),
        ({"status": "ALL", "from": "x"}, "from"),
    ],
)
def test_a_request_that_can_not_be_used_names_the_field(
    body: dict[str, object], field: str, api: Api, hook: WebhookEndpoint
) -> None:
    answer = api.post(f"/webhooks/{hook.pk}/redeliver", body)
    assert (answer.status, answer.json["field"]) == (400, field)


def test_whose_webhook_it_is_redelivers_and_nobody_else(alice: Tenant, api: Api, scoped: Api) -> None:
    of_account, of_box = builders.webhook(alice)[0], builders.webhook(alice, box=alice.mailbox)[0]
    again(scoped, of_box)
    charlie = Api(builders.tenant("charlie").key_text)
    assert scoped.post(f"/webhooks/{of_account.pk}/redeliver", {"status": "ALL"}).status == 404
    assert charlie.post(f"/webhooks/{of_box.pk}/redeliver", {"status": "ALL"}).status == 404
    rhea = Api(builders.decide_key(builders.member(alice.account)))
    assert rhea.post(f"/webhooks/{of_account.pk}/redeliver", {"status": "ALL"}).code == "missing_scope"
    suspensions.suspend(alice.account, reason="bounce_rate_exceeded", by="test", now=platform_clock.now())
    assert api.post(f"/webhooks/{of_account.pk}/redeliver", {"status": "ALL"}).code == "account_suspended"
