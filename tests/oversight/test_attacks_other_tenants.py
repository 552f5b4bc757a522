"""A53, A55, A57: another tenant's ids where one's own belong, a noisy neighbour, a reviewer who looks elsewhere.

(Every address with every foreign id: tests/architecture/test_addresses.py; pages: test_console_strangers.py.)
"""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.test import Client

from mailboxes import clock
from mailboxes.models import LimitKind
from mailboxes.modes import OversightMode
from messaging.models import Message
from oversight.models import Viewing
from tests import builders, files
from tests.api_client import Api
from tests.arrivals import arrive
from tests.builders import Tenant
from tests.conftest import Clock
from tests.oversight.console import seat

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant("alice")


@pytest.fixture
def charlie() -> Tenant:
    return builders.tenant("charlie")


def test_a_foreign_id_below_ones_own_is_as_unknown_as_none(alice: Tenant, charlie: Tenant) -> None:
    """A53: nested ids. The outer one is Charlie's own, the inner one Alice's."""
    theirs, api = builders.held(alice).message, Api(charlie.key_text)
    endpoint, mine = builders.webhook(alice)[0], builders.webhook(charlie)[0]
    delivery = builders.webhook_delivery(endpoint)
    box, hook = f"/mailboxes/{charlie.mailbox.pk}", f"/webhooks/{mine.pk}/deliveries"
    nested = [
        ("GET", f"{box}/messages", theirs.pk, ""),
        ("GET", f"{box}/messages", theirs.pk, "/timeline"),
        ("POST", f"{box}/messages", theirs.pk, "/cancel"),
        ("GET", f"{box}/threads", theirs.thread_id, ""),
        ("GET", hook, delivery.pk, ""),
        ("POST", hook, delivery.pk, "/redeliver"),
    ]
    for method, before, inner, after in nested:
        told, nobodys = (api.send(method, f"{before}/{one}{after}", b"{}") for one in (inner, uuid4()))
        told.json.pop("requestId"), nobodys.json.pop("requestId")
        assert (told.status, told.json) == (nobodys.status, nobodys.json), before
        assert told.status == 404
    theirs.refresh_from_db()
    assert theirs.status == "held"


def test_a_foreign_thing_in_a_body_is_refused_as_one_that_does_not_exist(
    alice: Tenant, charlie: Tenant, files_folder: object
) -> None:
    """A53: ids of attachments, triggers, answers and mailboxes that stand in what is sent."""
    api, file, heard = Api(charlie.key_text), files.upload(alice), arrive(alice.mailbox)
    mail = {"to": ["kim@friends.example"], "subject": "Hello", "bodyText": "Good day.\n"}
    path = f"/mailboxes/{charlie.mailbox.pk}/messages"
    for name, theirs, nobodys in (
        ("attachments", [str(file.pk)], [str(uuid4())]),
        ("triggerId", str(heard.pk), str(uuid4())),
    ):
        told, other = (api.post(path, mail | {name: value}) for value in (theirs, nobodys))
        assert (told.status, told.code) == (other.status, other.code), name
        assert told.status in (400, 404), name
    assert not Message.objects.filter(mailbox=charlie.mailbox).exists()


def test_an_answer_to_another_tenants_mail_joins_no_thread_of_theirs(alice: Tenant, charlie: Tenant) -> None:
    """A53: thread merge. Whoever names a Message-ID of somebody else's begins a conversation of its own."""
    heard = arrive(alice.mailbox)
    mine = builders.submit(charlie, in_reply_to=heard.message_id)
    assert mine.thread_id != heard.thread_id
    assert Message.objects.filter(thread=heard.thread_id).count() == 1


@pytest.mark.parametrize("name", ["account", "accountId", "account_id", "tenant"])
def test_no_stream_and_no_list_takes_an_account(name: str, alice: Tenant, charlie: Tenant) -> None:
    """A53: whose events they are says the key alone."""
    builders.held(alice)
    foreign = {name: str(alice.account.pk)}
    for path in ("/events/log", "/oversight/pending", "/webhooks", "/account"):
        told = Api(charlie.key_text).get(path, **foreign)
        assert told.status in (200, 400)
        assert str(alice.account.pk) not in str(told.json)
        assert str(alice.mailbox.pk) not in str(told.json)


def test_however_many_mailboxes_one_account_has_it_queues_no_more_a_minute(clock: Clock) -> None:
    """A55: what a neighbour may put before others' mail is bounded by the minute, for the account as a whole."""
    clock.set(clock.now())  # no minute ends
    noisy = builders.tenant("noisy", mode=OversightMode.AUTONOMOUS)
    builders.limit(noisy.account, LimitKind.ACCOUNT_SENDS_PER_MINUTE, 5)
    api = Api(noisy.key_text)
    second = api.post("/mailboxes", {"address": "second", "mode": "gated_send"}).json
    boxes = [noisy.mailbox.pk, (second.get("mailbox") or second)["id"]]
    mail = {"to": ["kim@friends.example"], "subject": "Hello", "bodyText": "Good day.\n"}
    told = [api.post(f"/mailboxes/{boxes[number % 2]}/messages", mail).status for number in range(12)]
    assert told.count(201) == 5
    assert set(told) == {201, 429}
    quiet = builders.tenant("quiet", mode=OversightMode.AUTONOMOUS)
    assert Api(quiet.key_text).post(f"/mailboxes/{quiet.mailbox.pk}/messages", mail).status == 201


def test_a_reviewer_of_one_account_opens_saves_and_finds_nothing_of_another(alice: Tenant, charlie: Tenant) -> None:
    """A57: its page, its raw bytes, its tabs, its search, and its archive by an agent's key."""
    review = builders.held(charlie, subject="Bassoon", body_text="Contrabassoon.\n")
    rhea = seat(builders.member(alice.account, "rhea"))
    for path in (f"/review/{review.pk}/", f"/review/{review.pk}/?tab=source", f"/messages/{review.message_id}/"):
        told = rhea.get(path)
        assert told.status_code == 404, path
        assert b"assoon" not in told.content
    for path in ("/review/?q=bassoon", "/messages/?q=bassoon", "/monitor/", "/"):
        assert b"Contrabassoon" not in rhea.get(path, follow=True).content
    assert Client().get(f"/review/{review.pk}/").status_code in (302, 404)
    assert not Viewing.objects.exists(), "nobody has read it"


def test_who_has_read_what_is_written_down(alice: Tenant) -> None:
    """A57: the page of a review leaves a row with reader, moment and version."""
    review = builders.held(alice)
    person = builders.member(alice.account, "rhea")
    began = clock.now()
    seat(person).get(f"/review/{review.pk}/")
    [viewing] = Viewing.objects.all()
    assert (viewing.review_id, viewing.member_id, viewing.version) == (review.pk, person.pk, review.version)
    moments = [getattr(viewing, field.name) for field in viewing._meta.fields if field.name.endswith("_at")]
    assert moments
    assert all(began <= moment <= clock.now() for moment in moments)
