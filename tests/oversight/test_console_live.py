"""What open pages are told: by the socket, and by the address that stands in for it."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from django.conf import settings as django_settings
from django.db import connections
from django.test import Client
from pytest_django import Settings

from config.asgi import application
from mailboxes import clock, stops
from mailboxes.models import EventCounter, Member, Role
from mailboxes.modes import OversightMode
from messaging import ringing
from messaging.events import doorbell
from messaging.silence import Silence
from oversight import decisions
from oversight.console import consumers
from oversight.models import Review
from tests import builders
from tests.oversight.console import seat, url_of
from tests.valkey import running_valkey

PATIENCE = 60
HOST = [(b"origin", b"http://localhost"), (b"host", b"localhost")]


def since(client: Client, member: Member, cursor: int = 0) -> Any:
    return client.get("/live/since/", {"account": str(member.account_id), "cursor": str(cursor)}).json()


def head(member: Member) -> int:
    return EventCounter.objects.get(account=member.account).last_seq


def approve(review: Review, member: Member) -> None:
    decisions.approve(review, reviewer=builders.reviewer(member), version=None, now=clock.now())


@pytest.fixture(autouse=True)
def _nobody_was_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorbell, "_silence", Silence())
    monkeypatch.setattr(ringing, "RING_SECONDS", PATIENCE)


@pytest.mark.django_db
class TestFrames:
    def test_tell_what_arrived_and_how_much_waits(self) -> None:
        alice = builders.tenant()
        before = head(alice.owner)
        review = builders.held(alice)
        message = since(seat(alice.owner), alice.owner, before)
        assert (message["arrived"], message["pending"], message["cursor"]) == ([str(review.pk)], 1, head(alice.owner))

    def test_tell_a_decision_as_a_tombstone_without_forms(self) -> None:
        alice = builders.tenant()
        review = builders.held(alice)
        before = head(alice.owner)
        approve(review, builders.member(alice.account))
        message = since(seat(alice.owner), alice.owner, before)
        assert f'hx-target="#review-{review.pk}"' in message["content"]
        assert "tombstone" in message["content"]
        assert f"decision-{review.pk}" in message["refresh"]
        assert message["pending"] == 0

    def test_tell_an_undone_approval_as_a_waiting_row_again(self) -> None:
        alice = builders.tenant()
        review = builders.held(alice)
        before = head(alice.owner)
        approve(review, alice.owner)
        decisions.undo(review, reviewer=builders.reviewer(alice.owner), now=clock.now())
        message = since(seat(alice.owner), alice.owner, before)
        assert "row-link" in message["content"]
        assert (message["pending"], message["arrived"]) == (1, [])

    def test_tell_a_stop_with_the_banner(self) -> None:
        alice = builders.tenant()
        before = head(alice.owner)
        stops.stop(alice.owner, reason="Odd prices", now=clock.now())
        message = since(seat(alice.owner), alice.owner, before)
        assert "All sending is stopped." in message["content"]
        assert message["urgent"] == "All sending is stopped by Alice."
        stops.resume(alice.owner, now=clock.now())
        message = since(seat(alice.owner), alice.owner, message["cursor"])
        assert "stopped." not in message["content"]

    def test_tell_of_monitored_sends_until_somebody_looked(self) -> None:
        alice = builders.tenant(mode=OversightMode.MONITORED)
        client, before = seat(alice.owner), head(alice.owner)
        builders.submit(alice)
        message = since(client, alice.owner, before)
        assert (message["feed"], message["unseen"]) == (True, 1)
        client.get("/monitor/")
        assert since(client, alice.owner, before)["unseen"] == 0

    def test_hold_no_form_no_token_and_no_word_of_the_mail_but_its_subject(self) -> None:
        alice = builders.tenant()
        review = builders.held(alice, subject="The subject", body_text="Nobody else may read this.\n")
        approve(review, alice.owner)
        stops.stop(alice.owner, reason="", now=clock.now())
        told = json.dumps(since(seat(alice.owner), alice.owner))
        assert "The subject" in told
        for trace in ("<form", "csrf", "Nobody else", "<input", "hx-post"):
            assert trace not in told

    def test_say_only_that_nothing_happened_when_nothing_did(self) -> None:
        alice = builders.tenant()
        message = since(seat(alice.owner), alice.owner, head(alice.owner))
        assert set(message) == {"cursor", "now"}

    @pytest.mark.parametrize("cursor", ["", "x", "-1", "9" * 30])
    def test_begin_at_the_beginning_for_an_unreadable_place(self, cursor: str) -> None:
        alice = builders.tenant()
        answer = seat(alice.owner).get("/live/since/", {"account": str(alice.account.pk), "cursor": cursor})
        assert answer.json()["cursor"] == head(alice.owner)

    def test_of_an_ended_session_are_refused_with_401(self, client: Client) -> None:
        headers = {"Accept": "application/json"}
        assert client.get("/live/since/", {"account": "x"}, headers=headers).status_code == 401


@pytest.mark.django_db
def test_an_act_succeeds_when_the_bell_is_broken(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    class Broken:
        async def group_send(self, *_: object) -> None:
            raise ConnectionError("no broker")

    alice = builders.tenant()
    review = builders.held(alice)
    monkeypatch.setattr(ringing, "get_channel_layer", Broken)
    with django_capture_on_commit_callbacks(execute=True):
        response = seat(alice.owner).post(url_of(review, "approve"), {"version": 1})
    assert response.status_code == 302
    assert Review.objects.get(pk=review.pk).state == "approved"


@pytest.mark.django_db
def test_nobody_waits_for_a_broker_that_never_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    is_over = threading.Event()

    class Silent:
        async def group_send(self, *_: object) -> None:
            while not is_over.is_set():
                await asyncio.sleep(0.02)

    monkeypatch.setattr(ringing, "get_channel_layer", Silent)
    account = builders.tenant().account
    begun = time.monotonic()
    doorbell.ring(account.pk)
    taken = time.monotonic() - begun
    is_over.set()
    assert taken < PATIENCE / 2


def in_thread(act: Callable[[], Any]) -> Awaitable[Any]:
    return sync_to_async(act, thread_sensitive=True)()


@asynccontextmanager
async def socket(client: Client, member: Member, *, account: str = "") -> AsyncIterator[WebsocketCommunicator]:
    cookie = f"{django_settings.SESSION_COOKIE_NAME}={client.cookies[django_settings.SESSION_COOKIE_NAME].value}"
    path = f"/ws/console/?account={account or member.account_id}"
    communicator = WebsocketCommunicator(application, path, headers=[*HOST, (b"cookie", cookie.encode())])
    connected, _ = await communicator.connect(timeout=PATIENCE)
    assert connected
    yield communicator
    await communicator.disconnect(timeout=PATIENCE)


async def closed_with(communicator: WebsocketCommunicator) -> int:
    while True:
        message = await communicator.receive_output(timeout=PATIENCE)
        if message["type"] == "websocket.close":
            return int(message["code"])


@pytest.mark.django_db(transaction=True)
class TestSocket:
    @pytest.fixture(autouse=True)
    def _broker(self, settings: Settings, tmp_path: Path) -> Iterator[None]:
        with running_valkey(tmp_path) as url:
            backend = "channels_redis.pubsub.RedisPubSubChannelLayer"
            settings.CHANNEL_LAYERS = {"default": {"BACKEND": backend, "CONFIG": {"hosts": [url]}}}
            yield

    @pytest.fixture(autouse=True)
    async def _connections_are_closed(self) -> AsyncIterator[None]:
        yield
        await in_thread(connections.close_all)

    async def test_tells_what_happens_in_the_account_as_it_happens(self) -> None:
        alice = await in_thread(builders.tenant)
        rhea = await in_thread(lambda: builders.member(alice.account))
        client = await in_thread(lambda: seat(rhea))
        async with socket(client, rhea) as communicator:
            review = await in_thread(lambda: builders.held(alice))
            message = await communicator.receive_json_from(timeout=PATIENCE)
            assert message["arrived"] == [str(review.pk)]
            await in_thread(lambda: approve(review, alice.owner))
            message = await communicator.receive_json_from(timeout=PATIENCE)
            assert "tombstone" in message["content"]

    async def test_of_a_stranger_hears_nothing(self) -> None:
        alice = await in_thread(builders.tenant)
        charlie = await in_thread(lambda: builders.tenant("charlie"))
        client = await in_thread(lambda: seat(charlie.owner))
        async with socket(client, charlie.owner) as communicator:
            await in_thread(lambda: builders.held(alice))
            assert await communicator.receive_nothing(timeout=1)
        async with socket(client, charlie.owner, account=str(alice.account.pk)) as communicator:
            assert await closed_with(communicator) == consumers.SESSION_OVER

    async def test_of_nobody_is_closed_with_the_code_that_means_sign_in(self) -> None:
        communicator = WebsocketCommunicator(application, "/ws/console/?account=x", headers=HOST)
        await communicator.connect(timeout=PATIENCE)
        assert await closed_with(communicator) == consumers.SESSION_OVER

    async def test_from_another_origin_is_refused(self) -> None:
        """A59."""
        headers = [(b"origin", b"https://evil.example"), (b"host", b"localhost")]
        communicator = WebsocketCommunicator(application, "/ws/console/", headers=headers)
        connected, _ = await communicator.connect(timeout=PATIENCE)
        assert not connected

    async def test_without_an_origin_is_refused(self) -> None:
        """A59: what is no browser brings a key, at another address."""
        alice = await in_thread(builders.tenant)
        client = await in_thread(lambda: seat(alice.owner))
        cookie = f"{django_settings.SESSION_COOKIE_NAME}={client.session.session_key}"
        path = f"/ws/console/?account={alice.account.pk}"
        for origin in ([], [(b"origin", b"null")], [(b"origin", b"http://localhost.evil.example")]):
            headers = [(b"host", b"localhost"), (b"cookie", cookie.encode()), *origin]
            connected, _ = await WebsocketCommunicator(application, path, headers=headers).connect(timeout=PATIENCE)
            assert not connected, origin

    async def test_a_thousand_of_one_person_are_refused_until_one_is_closed(self, settings: Settings) -> None:
        """A59."""
        settings.SOCKETS_PER_PERSON = 2
        alice = await in_thread(builders.tenant)
        rhea = await in_thread(lambda: builders.member(alice.account))
        client, other = await in_thread(lambda: seat(alice.owner)), await in_thread(lambda: seat(rhea))
        async with socket(client, alice.owner), socket(other, rhea):
            async with socket(client, alice.owner):
                for _ in range(3):
                    async with socket(client, alice.owner) as one_more:
                        assert await closed_with(one_more) == consumers.TOO_MANY
            async with socket(client, alice.owner) as again:
                assert await again.receive_nothing(timeout=0.3)
        assert not consumers.ConsoleConsumer.tabs, "a place that nobody holds"

    async def test_is_closed_when_the_session_ends(self) -> None:
        """A59."""
        alice = await in_thread(builders.tenant)
        client = await in_thread(lambda: seat(alice.owner))
        async with socket(client, alice.owner) as communicator:
            key = client.session.session_key
            await in_thread(lambda: import_module(django_settings.SESSION_ENGINE).SessionStore(key).delete())
            layer = get_channel_layer()
            assert layer is not None
            await layer.group_send(doorbell.group_name(alice.account.pk), {"type": "events.ring"})
            assert await closed_with(communicator) == consumers.SESSION_OVER

    async def test_is_closed_when_the_member_leaves_the_account(self) -> None:
        alice = await in_thread(builders.tenant)
        vera = await in_thread(lambda: builders.member(alice.account, "vera", Role.VIEWER))
        client = await in_thread(lambda: seat(vera))
        async with socket(client, vera) as communicator:
            await in_thread(vera.delete)
            await in_thread(lambda: builders.held(alice))
            assert await closed_with(communicator) == consumers.SESSION_OVER

    async def test_finds_what_a_lost_ring_did_not_tell(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(consumers, "LOOK_SECONDS", 0.3)
        alice = await in_thread(builders.tenant)
        client = await in_thread(lambda: seat(alice.owner))
        async with socket(client, alice.owner) as communicator:
            monkeypatch.setattr(doorbell, "ring", lambda account_id: None)
            review = await in_thread(lambda: builders.held(alice))
            message = await communicator.receive_json_from(timeout=PATIENCE)
            assert message["arrived"] == [str(review.pk)]

    async def test_takes_no_orders(self) -> None:
        """A59."""
        alice = await in_thread(builders.tenant)
        review = await in_thread(lambda: builders.held(alice))
        client = await in_thread(lambda: seat(alice.owner))
        async with socket(client, alice.owner) as communicator:
            await communicator.send_to(text_data=json.dumps({"type": "approve", "review": str(review.pk)}))
            await communicator.send_to(text_data="not even json")
            assert await communicator.receive_nothing(timeout=0.5)
        stored = await Review.objects.aget(pk=review.pk)
        assert stored.state == "open"
