"""The real loop tells receivers that mean no good: each gets all that happened once it is well, and nobody else waits
(I17, I19, A46-A50)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db.models import F
from pytest_django import Settings
from standardwebhooks import Webhook, WebhookVerificationError

from mailboxes import clock, events
from mailboxes.models import Event
from messaging.models import DeliveryStatus, WebhookAttempt, WebhookDelivery, WebhookEndpoint
from messaging.safe_http import Fetched, Lines, urls
from messaging.webhooks import endpoints
from messaging.webhooks.teller import Teller
from tests import builders
from tests.builders import Tenant
from tests.fakes.receiver import LONG, Bad, Receiver, Told, bad_ways, hanging, odd_ways, receiver
from tests.fakes.tls import Trust
from tests.fakes.turncoat_dns import turncoat
from tests.fakes.web import bytes_of, saying

pytestmark = pytest.mark.django_db(transaction=True)

KIND = "suppression.removed"
PATIENCE = 1.2
BAD = bad_ways(patience=PATIENCE)
# Who waits for one that hangs waits as long at least.
HANGS_FOR = 8.0


@pytest.fixture(autouse=True)
def patience_with(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Seconds for the receivers that are named here by their doors; all others have a minute, and need less."""
    settings.WEBHOOK_SECONDS = LONG
    settings.WEBHOOK_FAILURES = 100
    seconds: dict[str, float] = {}
    post = Lines.post

    def hasty(lines: Lines, url: str, **asked: Any) -> Fetched:
        return post(lines, url, **asked | {"seconds": seconds.get(urlsplit(url).netloc, asked["seconds"])})

    monkeypatch.setattr(Lines, "post", hasty)
    return seconds


@pytest.fixture
def teller() -> Teller:
    """The loop of the command, step by step; the retries' time comes when a test says so."""
    return Teller()


@dataclass(frozen=True)
class Hook:
    """A webhook with its receiver, and what it should have been told."""

    owner: Tenant
    endpoint: WebhookEndpoint
    secret: str
    to: Receiver

    def check_told(self, recorded: Sequence[Event]) -> None:
        """All that was recorded was taken, by its id, signed by this webhook's secret, and is written down so."""
        assert sorted(self.to.taken_ids) == sorted(str(one.pk) for one in recorded)
        for told in self.to.heard:
            assert Webhook(self.secret).verify(told.body, told.headers)["id"] == told.event_id
        deliveries = WebhookDelivery.objects.filter(endpoint=self.endpoint)
        assert {(one.status, one.leased_until) for one in deliveries} == {(DeliveryStatus.DELIVERED, None)}
        assert {str(one.event_id): str(one.pk) for one in deliveries} == {
            told.event_id: told.headers["x-robotomail-delivery-id"] for told in self.to.heard
        }
        tries = WebhookAttempt.objects.filter(delivery__in=deliveries)
        assert len(tries) == sum(one.attempts for one in deliveries)
        assert len([one for one in tries if one.response_status == 200 and not one.code]) == len(recorded)


def hook(owner: Tenant, to: Receiver, settings: Settings, *, url: str = "", **fields: object) -> Hook:
    settings.WEBHOOK_ALLOW = [*settings.WEBHOOK_ALLOW, to.door]
    checked = endpoints.check_url(url or f"http://{to.door}/hook")
    made, secret = endpoints.create(owner.agent_actor, endpoints.NewEndpoint(checked, [KIND]), now=clock.now())
    WebhookEndpoint.objects.filter(pk=made.pk).update(**fields)
    return Hook(owner, made, secret, to)


def happen(owner: Tenant, count: int) -> list[Event]:
    now = clock.now()
    return [events.record(owner.account, KIND, subject=str(n), data={"n": n}, now=now) for n in range(count)]


def settle(teller: Teller, *, seconds: float = LONG) -> None:
    """Go round until nothing is on the way and nothing is due."""
    end = time.monotonic() + seconds
    teller.ring()
    while teller.go_round() or teller.is_busy:
        assert time.monotonic() < end, "it does not come to an end"
        time.sleep(0.002)


def until_told(teller: Teller, is_so: Callable[[], bool], *, seconds: float = LONG) -> None:
    end = time.monotonic() + seconds
    teller.ring()
    while not is_so():
        assert time.monotonic() < end, "it is not told"
        teller.go_round()
        time.sleep(0.002)


def time_passes() -> None:
    """The schedule's next attempts are due."""
    pending = WebhookDelivery.objects.filter(status=DeliveryStatus.PENDING, leased_until=None)
    pending.update(next_at=F("created_at"))


def settle_in_time(teller: Teller) -> None:
    for _ in range(10):
        settle(teller)
        if not WebhookDelivery.objects.filter(status=DeliveryStatus.PENDING).exists():
            return
        time_passes()
    raise AssertionError("it goes on failing")


def test_bad_receivers_get_all_that_happened_once_they_are_well_and_good_ones_do_not_wait(
    teller: Teller, settings: Settings, patience_with: dict[str, float]
) -> None:
    alice = builders.tenant()
    with ExitStack() as stack, receiver() as good:
        worse: list[tuple[Bad, Hook]] = []
        for bad in [*bad_ways(patience=HANGS_FOR), *odd_ways()]:
            to = stack.enter_context(receiver([bad.answer] * 3, is_taken=bad.outcome == 200))
            if bad.outcome == "timed_out":
                patience_with[to.door] = HANGS_FOR
            worse.append((bad, hook(builders.tenant(f"tenant-{len(worse)}"), to, settings)))
        better = hook(alice, good, settings)
        recorded = {one.endpoint.pk: happen(one.owner, 4) for _, one in worse}
        of_alice = happen(alice, 20)
        began = time.monotonic()
        until_told(teller, lambda: len(good.taken) == 20)
        assert max(one.at for one in good.taken) - began < HANGS_FOR
        settle_in_time(teller)
        for bad, one in worse:
            one.check_told(recorded[one.endpoint.pk])
            ended = WebhookAttempt.objects.filter(delivery__endpoint=one.endpoint).exclude(response_status=200)
            assert {bad.outcome} >= {tried.response_status or tried.code for tried in ended}, bad.name
        better.check_told(of_alice)
    assert len(good.heard) == 20


@pytest.mark.parametrize("name", ["500", "hangs", "drops"])
def test_a_bad_receiver_is_told_in_order_once_it_is_well(
    name: str, teller: Teller, settings: Settings, patience_with: dict[str, float]
) -> None:
    alice = builders.tenant()
    (bad,) = [bad for bad in BAD if bad.name == name]
    with receiver([bad.answer] * 3) as evil:
        if bad.outcome == "timed_out":
            patience_with[evil.door] = PATIENCE
        one = hook(alice, evil, settings, is_ordered=True)
        recorded = happen(alice, 4)
        settle_in_time(teller)
        one.check_told(recorded)
    places = [[str(event.pk) for event in recorded].index(told.event_id) for told in evil.heard]
    assert places == sorted(places)  # what was told twice came twice in a row


def test_a_receiver_that_was_down_misses_nothing_although_it_was_given_up(teller: Teller, settings: Settings) -> None:
    alice = builders.tenant()
    settings.WEBHOOK_RETRY_MINUTES = [1]
    with receiver([bad.answer for bad in BAD if bad.outcome == 500] * 5) as down:
        one = hook(alice, down, settings)
        recorded = happen(alice, 3)
        for _ in range(2):
            settle(teller)
            time_passes()
        given_up = WebhookDelivery.objects.filter(endpoint=one.endpoint, status=DeliveryStatus.FAILED)
        assert given_up.exists()
        down.moods.clear()
        recorded += happen(alice, 1)
        settle_in_time(teller)
        one.check_told(recorded)


@pytest.mark.parametrize("seconds", ["999999999", "99999999999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_nobody_is_put_off_for_longer_than_a_day(seconds: str, teller: Teller, settings: Settings) -> None:
    alice = builders.tenant()
    with receiver([saying(bytes_of("503 Later", Retry_After=seconds))]) as slow:
        one = hook(alice, slow, settings)
        happen(alice, 1)
        settle(teller)
    next_at: datetime | None = WebhookDelivery.objects.get(endpoint=one.endpoint).next_at
    assert next_at is not None
    assert timedelta(hours=23) < next_at - clock.now() <= timedelta(hours=24)


def test_one_that_hangs_keeps_few_of_the_places_however_much_it_has_to_be_told(
    teller: Teller, settings: Settings
) -> None:
    alice = builders.tenant()
    settings.WEBHOOK_SECONDS = 4 * LONG
    tenants = [builders.tenant(f"tenant-{number}") for number in range(3)]
    with receiver() as good, receiver([hanging(2 * LONG)] * 200) as dead:
        hook(alice, dead, settings)
        for tenant in [alice, *tenants]:
            hook(tenant, good, settings)
        happen(alice, 100)
        until_told(teller, lambda: len(dead.heard) > 0)
        for tenant in tenants:
            happen(tenant, 5)
        until_told(teller, lambda: len(good.taken) == 115)
        assert 0 < len(dead.heard) <= settings.WEBHOOK_AT_ONCE
    settle(teller)


# --- DNS and TLS ---


@pytest.fixture
def loopback_is_public(monkeypatch: pytest.MonkeyPatch) -> None:
    """127.0.0.2 stands for an address of the internet."""
    monkeypatch.setattr("messaging.safe_http.addresses.is_public", lambda address: str(address) == "127.0.0.2")


@pytest.mark.allow_hosts(["127.0.0.1", "127.0.0.2"])
@pytest.mark.usefixtures("loopback_is_public")
@pytest.mark.parametrize(
    "turned", [["A 127.0.0.1"], ["A 127.0.0.2", "A 127.0.0.1"], ["AAAA ::1"], ["CNAME inner.example"], []], ids=str
)
def test_a_name_that_turns_inside_is_told_nothing_until_it_has_turned_back(
    turned: list[str],
    teller: Teller,
    settings: Settings,
    trusted: Trust,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alice = builders.tenant()
    answers = {"hooks.example": [["A 127.0.0.2"], turned, turned, ["A 127.0.0.2"]], "inner.example": [["A 127.0.0.1"]]}
    tls = trusted("hooks.example")
    with receiver(host="127.0.0.2", tls=tls) as outside, receiver() as inside, turncoat(answers) as dns:
        settings.DNS_RESOLVERS = [dns.address]
        monkeypatch.setitem(urls.PORTS, "https", (outside.web.port,))
        one = hook(alice, outside, settings, url=f"https://hooks.example:{outside.web.port}/")
        recorded = happen(alice, 2)
        settle(teller)
        assert outside.heard == []
        settle_in_time(teller)
        one.check_told(recorded)
    assert inside.web.connections == 0
    codes = {one.code for one in WebhookAttempt.objects.all()}
    assert codes <= {"", "unresolved", "blocked_address"}
    assert ("blocked_address" in codes) == bool(turned)


@pytest.mark.allow_hosts(["127.0.0.1", "127.0.0.2"])
@pytest.mark.usefixtures("loopback_is_public")
@pytest.mark.parametrize("fault", ["wrong name", "expired"])
def test_a_receiver_without_a_good_certificate_hears_nothing_and_a_good_one_does_not_wait(
    fault: str, teller: Teller, settings: Settings, trusted: Trust, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = builders.tenant()
    tls = trusted("other.example" if fault == "wrong name" else "hooks.example", is_expired=fault == "expired")
    names = {"hooks.example": [["A 127.0.0.2"]]}
    with receiver(host="127.0.0.2", tls=tls) as liar, receiver() as good, turncoat(names) as dns:
        settings.DNS_RESOLVERS = [dns.address]
        monkeypatch.setitem(urls.PORTS, "https", (liar.web.port,))
        hook(alice, liar, settings, url=f"https://hooks.example:{liar.web.port}/")
        better = hook(alice, good, settings)
        recorded = happen(alice, 3)
        settle(teller)
        better.check_told(recorded)
    assert liar.heard == []
    assert {one.code for one in WebhookAttempt.objects.all()} == {"", "tls_failed"}


# --- Signatures (A50) ---


def told_once(teller: Teller, settings: Settings) -> tuple[Hook, Told]:
    alice = builders.tenant()
    with receiver() as to:
        one = hook(alice, to, settings)
        happen(alice, 1)
        settle(teller)
    return one, to.heard[0]


def test_a_signature_is_of_this_body_this_id_this_time_and_this_webhook(teller: Teller, settings: Settings) -> None:
    one, told = told_once(teller, settings)
    verifier = Webhook(one.secret)
    verifier.verify(told.body, told.headers)
    changed = bytes([told.body[0] ^ 1]) + told.body[1:]
    moment = int(told.headers["webhook-timestamp"])
    _, other_secret = builders.webhook(builders.tenant("bob"))
    for verify, body, headers in (
        (verifier, changed, {}),
        (verifier, told.body, {"webhook-id": told.event_id[:-1] + "x"}),
        (verifier, told.body, {"webhook-id": f"{told.event_id}.{moment}"}),
        (verifier, told.body, {"webhook-timestamp": str(moment + 1)}),
        (verifier, told.body, {"webhook-signature": ""}),
        (verifier, told.body, {"webhook-signature": told.headers["webhook-signature"].replace("v1,", "v1a,")}),
        (Webhook(other_secret), told.body, {}),
    ):
        with pytest.raises(WebhookVerificationError):
            verify.verify(body, told.headers | headers)


def test_a_post_that_is_played_back_after_six_minutes_is_refused(
    teller: Teller, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, told = told_once(teller, settings)
    later = datetime.fromtimestamp(int(told.headers["webhook-timestamp"]), tz=clock.now().tzinfo) + timedelta(minutes=6)

    class Later(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return later

    monkeypatch.setattr("standardwebhooks.webhooks.datetime", Later)
    with pytest.raises(WebhookVerificationError):
        Webhook(one.secret).verify(told.body, told.headers)


def test_no_post_bears_the_secret(teller: Teller, settings: Settings) -> None:
    one, told = told_once(teller, settings)
    assert one.secret not in str(told)
    assert one.secret.encode() not in told.body
