"""Places in the log, pages of it, and who may have what of it."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from pytest_django import Settings

from mailboxes import clock, events, keys
from mailboxes.errors import Invalid, NotFound, Problem
from mailboxes.events import Happening
from mailboxes.models import Event, Mailbox, Scope
from mailboxes.principals import Principal
from messaging.events import catalog, cursors, filters, reading
from messaging.events.cursors import EXPIRED, UNKNOWN, Lost
from messaging.events.filters import Filter
from messaging.events.rendering import Told
from tests import arrivals, builders
from tests.builders import Tenant
from tests.conftest import Clock
from tests.letters import letter

from . import rendered

pytestmark = pytest.mark.django_db


def busy(owner: Tenant, count: int, *, kind: str = "key.created", box: Mailbox | None = None) -> None:
    """So many events of the account, in one go."""
    happened = [Happening(kind, str(uuid4()), {}, box.pk if box else None) for _ in range(count)]
    events.record_all(owner.account, happened, now=clock.now())


def numbers(told_of: list[Told]) -> list[int]:
    return [one.seq for one in told_of]


def newest(owner: Tenant) -> Event:
    return Event.objects.filter(account=owner.account).latest("seq")


def scoped(owner: Tenant, *boxes: Mailbox) -> Principal:
    text = keys.create_agent_key(owner.agent, mailboxes=boxes, now=clock.now())[1]
    return keys.authenticate(text, now=clock.now())


def test_the_id_of_an_event_is_its_place() -> None:
    alice = builders.tenant()
    event = newest(alice)
    assert cursors.find(alice.account.pk, str(event.pk), now=clock.now()) == event.seq
    assert cursors.text_of(alice.account.pk, event.seq) == str(event.pk)
    assert cursors.newest(alice.account.pk) == event.seq


@pytest.mark.parametrize(
    "text",
    ["", "0", "-1", str(2**63), "abc", "1788-0000-ab12", "8fc4ed58-2508-4d7c-945f-0c5749e979d2", "\x00", "é" * 5000],
)
def test_what_is_no_event_is_an_unknown_place(text: str) -> None:
    alice = builders.tenant()
    with pytest.raises(Lost) as lost:
        cursors.find(alice.account.pk, text, now=clock.now())
    assert lost.value.reason == UNKNOWN


def test_the_event_of_another_account_is_an_unknown_place() -> None:
    alice, charlie = builders.tenant("alice"), builders.tenant("charlie")
    with pytest.raises(Lost) as lost:
        cursors.find(charlie.account.pk, str(newest(alice).pk), now=clock.now())
    assert lost.value.reason == UNKNOWN


def test_a_place_expires_when_what_came_after_it_is_too_old(clock: Clock, settings: Settings) -> None:
    alice = builders.tenant()
    before = newest(alice)
    busy(alice, 1)
    clock.advance(days=settings.EVENT_RETENTION_DAYS + 1)
    with pytest.raises(Lost) as lost:
        cursors.find(alice.account.pk, str(before.pk), now=clock.now())
    assert lost.value.reason == EXPIRED


def test_the_newest_event_is_a_good_place_however_long_nothing_happens(clock: Clock, settings: Settings) -> None:
    alice = builders.tenant()
    event = newest(alice)
    now = clock.advance(days=settings.EVENT_RETENTION_DAYS + 1)
    assert cursors.find(alice.account.pk, str(event.pk), now=now) == event.seq
    assert cursors.oldest(alice.account.pk, now=now) == event.seq
    busy(alice, 1)
    assert cursors.find(alice.account.pk, str(event.pk), now=clock.now()) == event.seq


@pytest.mark.parametrize("old", [0, 1, 7, 40])
@pytest.mark.parametrize("young", [0, 1, 30])
def test_the_oldest_place_is_behind_all_that_is_too_old(old: int, young: int, clock: Clock, settings: Settings) -> None:
    alice = builders.tenant()
    busy(alice, old)
    last_old = newest(alice).seq
    clock.advance(days=settings.EVENT_RETENTION_DAYS - 1)
    busy(alice, young)
    now = clock.advance(days=2)
    assert cursors.oldest(alice.account.pk, now=now) == last_old
    assert cursors.oldest(alice.account.pk, now=Event.objects.earliest("seq").created_at) == 0


def test_pages_put_together_are_the_log() -> None:
    alice = builders.tenant()
    busy(alice, 23)
    whole, after, found = numbers(rendered.everything(alice)), 0, list[int]()
    while True:
        page = reading.page(alice.account.pk, after=after, limit=5, now=clock.now())
        found += numbers(page.told)
        after = page.last
        if not page.has_more:
            break
    assert found == whole
    assert after == newest(alice).seq
    page = reading.page(alice.account.pk, after=after, limit=5, now=clock.now())
    assert page == reading.Page([], after, False, after)


def test_a_page_has_the_kinds_and_mailboxes_that_are_asked_for() -> None:
    alice = builders.tenant()
    arrivals.arrive(alice.mailbox)
    busy(alice, 3)
    builders.submit(alice)

    def of(**asked: object) -> set[str]:
        page = reading.page(alice.account.pk, after=0, limit=100, now=clock.now(), **asked)  # type: ignore[arg-type]
        assert (page.last, page.has_more) == (newest(alice).seq, False)
        return {one.kind for one in page.told}

    assert of(kinds={"message.received", "key.created"}) == {"message.received", "key.created"}
    assert "key.created" not in of(mailbox_ids={alice.mailbox.pk})
    assert "message.held" in of(mailbox_ids={alice.mailbox.pk})
    assert of(mailbox_ids={alice.mailbox.pk}, kinds={"message.received"}) == {"message.received"}
    assert of(kinds=set[str]()) == set()
    assert of(mailbox_ids=set[UUID]()) == set()


def test_a_page_looks_through_a_part_of_a_long_log_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "WINDOW", 10)
    alice = builders.tenant()
    busy(alice, 25)
    arrivals.arrive(alice.mailbox)
    pages, after = list[reading.Page](), 0
    while not pages or pages[-1].has_more:
        pages.append(reading.page(alice.account.pk, after=after, limit=5, kinds={"message.received"}, now=clock.now()))
        after = pages[-1].last
    assert [page.last for page in pages] == [10, 20, 30, newest(alice).seq][-len(pages) :]
    assert [len(page.told) for page in pages] == [0] * (len(pages) - 1) + [1]


def test_a_page_of_long_mails_ends_early_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "FIRST_SLICE", 1)
    monkeypatch.setattr(reading, "GROWTH", 1)
    monkeypatch.setattr(reading, "PAGE_BYTES", 20_000)
    alice = builders.tenant()
    for _ in range(3):
        arrivals.arrive(alice.mailbox, letter(to=alice.mailbox.full_address, body="Long. " * 3000))
    page = reading.page(alice.account.pk, after=0, limit=100, kinds=set(catalog.CONTRACT), now=clock.now())
    assert len(page.told) == 2
    assert page.has_more
    rest = reading.page(alice.account.pk, after=page.last, limit=100, kinds=set(catalog.CONTRACT), now=clock.now())
    assert len(rest.told) == 1


def test_no_filter_is_the_contracts_five_and_a_star_is_all() -> None:
    alice = builders.tenant().agent_actor
    assert filters.of(alice) == Filter(kinds=frozenset(catalog.CONTRACT))
    assert filters.of(alice, events="*") == Filter()
    assert filters.of(alice, events="message.sent, key.created").kinds == frozenset({"message.sent", "key.created"})
    assert filters.of(alice, tags="orders,späte Post ").tags == frozenset({"orders", "späte Post"})


@pytest.mark.parametrize("name", ["message.recieved", "everything", "billing.plan_changed", "message.sent,x", "x\x00y"])
def test_an_event_that_does_not_exist_is_refused(name: str) -> None:
    with pytest.raises(Invalid) as refused:
        filters.of(builders.tenant().agent_actor, events=name)
    assert refused.value.code == "unknown_event"


def test_a_scoped_key_hears_of_its_mailboxes_and_of_nothing_else() -> None:
    alice, charlie = builders.tenant("alice"), builders.tenant("charlie")
    key = scoped(alice, alice.mailbox)
    mine = filters.of(key, events="*")
    assert mine.mailbox_ids == frozenset({alice.mailbox.pk})
    arrivals.arrive(alice.mailbox)
    heard = {one.kind for one in rendered.everything(alice) if mine.takes(one)}
    assert "message.received" in heard
    assert "key.created" not in heard
    for box in (charlie.mailbox.pk, uuid4(), "x"):
        with pytest.raises(NotFound):
            filters.of(key, mailbox_id=str(box))


def test_tags_leave_only_what_is_about_a_message_with_one_of_them() -> None:
    alice = builders.tenant()
    builders.submit(alice, tags=("orders", "late"))
    builders.submit(alice)
    asked = filters.of(alice.agent_actor, events="*", tags="late,other")
    assert [one.kind for one in rendered.everything(alice) if asked.takes(one)] == ["message.held", "review.opened"]


def test_a_key_that_may_not_read_hears_nothing() -> None:
    may_only_send = replace(builders.tenant().agent_actor, scopes=frozenset({Scope.SEND}))
    with pytest.raises(Problem) as refused:
        filters.of(may_only_send)
    assert refused.value.code == "missing_scope"
