"""`/v1/events/ws`: who may listen, what is told there, and with which word it ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.core.cache import cache
from django.db import connections
from django.test import Client
from pytest_django import Settings

from config.asgi import application
from mailboxes import clock, keys
from mailboxes.models import ApiKey, Mailbox
from messaging.events import cursors, doorbell, hub, reading
from messaging.events.rendering import Told
from messaging.silence import Silence
from tests import builders
from tests.api_client import Api
from tests.arrivals import arrive, withheld
from tests.builders import Tenant
from tests.conftest import Clock
from tests.oversight.console import seat
from tests.valkey import running_valkey

pytestmark = pytest.mark.django_db(transaction=True)

Frame = dict[str, Any]
PATIENCE = 60


@pytest.fixture(autouse=True)
def _broker(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(doorbell, "_silence", Silence())
    settings.SOCKET_KEY_SECONDS = PATIENCE
    cache.clear()
    with running_valkey(tmp_path) as url:
        backend = "channels_redis.pubsub.RedisPubSubChannelLayer"
        settings.CHANNEL_LAYERS = {"default": {"BACKEND": backend, "CONFIG": {"hosts": [url]}}}
        yield


@pytest.fixture(autouse=True)
async def _nothing_is_left() -> AsyncIterator[None]:
    yield
    assert not hub._hubs
    await asyncio.gather(*hub.endings)
    await in_thread(connections.close_all)


@pytest.fixture
async def alice() -> Tenant:
    made: Tenant = await in_thread(builders.tenant)
    return made


def in_thread(act: Callable[[], Any]) -> Awaitable[Any]:
    return sync_to_async(act, thread_sensitive=True)()


class Socket:
    """A client of `/v1/events/ws`."""

    def __init__(self, query: dict[str, str], headers: dict[str, str]) -> None:
        given = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        path = f"/v1/events/ws?{urlencode(query)}"
        self.communicator = WebsocketCommunicator(application, path, headers=given)

    async def frame(self) -> Frame:
        """The next frame that is no heartbeat."""
        while True:
            frame: Frame = await self.communicator.receive_json_from(timeout=PATIENCE)
            if frame.get("type") != "heartbeat":
                return frame

    async def say(self, frame: object) -> None:
        await self.communicator.send_to(text_data=frame if isinstance(frame, str) else json.dumps(frame))

    async def end(self) -> tuple[list[Frame], int]:
        """What is still told, and the code with which it is closed."""
        frames: list[Frame] = []
        while True:
            message = await self.communicator.receive_output(timeout=PATIENCE)
            if message["type"] == "websocket.close":
                return frames, int(message["code"])
            frames.append(json.loads(message["text"]))

    async def refused(self) -> tuple[str, int]:
        """The code in words and as a number, where nothing else was told."""
        [error], code = await self.end()
        assert error["type"] == "error"
        assert error["message"]
        assert error["fix"]
        return error["code"], code


@asynccontextmanager
async def opened(
    key: str | None = None, query: dict[str, str] | None = None, *, headers: dict[str, str] | None = None
) -> AsyncIterator[Socket]:
    given = {"Authorization": f"Bearer {key}"} if key else {}
    socket = Socket(query or {}, given | (headers or {}))
    assert (await socket.communicator.connect(timeout=PATIENCE))[0]
    yield socket
    await socket.communicator.disconnect(timeout=PATIENCE)


@asynccontextmanager
async def listening(key: str, /, **query: str) -> AsyncIterator[Socket]:
    """A socket that has said that it is ready."""
    async with opened(key, query) as socket:
        assert (await socket.frame())["type"] == "ready"
        yield socket


async def arrived(box: Mailbox) -> str:
    message = await in_thread(lambda: arrive(box))
    return str(message.pk)


async def told_to(alice: Tenant) -> list[Told]:
    page = await in_thread(lambda: reading.page(alice.account.pk, after=0, limit=1000, now=clock.now()))
    return list(page.told)


async def test_an_event_is_one_text_frame_and_that_is_the_envelope(alice: Tenant) -> None:
    async with listening(alice.key_text) as socket:
        message_id = await arrived(alice.mailbox)
        frame = await socket.frame()
    told = (await told_to(alice))[-1]
    assert frame == json.loads(told.body)
    assert (frame["event"], frame["data"]["message_id"], frame["id"]) == ("message.received", message_id, str(told.id))


async def test_a_program_without_an_origin_and_a_page_of_any_origin_come_in_by_their_key(alice: Tenant) -> None:
    async with opened(alice.key_text, headers={"Origin": "https://agent.example"}) as socket:
        assert (await socket.frame())["type"] == "ready"
    async with opened(alice.key_text) as socket:
        assert (await socket.frame())["type"] == "ready"


async def test_who_cannot_set_headers_shows_the_key_in_the_first_frame(alice: Tenant) -> None:
    async with opened(headers={"Origin": "https://agent.example"}) as socket:
        await socket.say({"authorization": f"Bearer {alice.key_text}"})
        assert (await socket.frame())["type"] == "ready"
        message_id = await arrived(alice.mailbox)
        assert (await socket.frame())["data"]["message_id"] == message_id


async def test_who_shows_no_key_in_time_is_sent_away(settings: Settings) -> None:
    settings.SOCKET_KEY_SECONDS = 0
    async with opened() as socket:
        assert await socket.refused() == ("missing_key", 4401)


async def test_who_leaves_before_showing_a_key_is_no_error() -> None:
    async with opened():
        pass


@pytest.mark.parametrize("text", ["not JSON", "[]", "null", "{}", '{"authorization": 1}', "[" * 60_000, "x" * 70_000])
async def test_a_first_frame_that_is_no_key_is_refused(text: str) -> None:
    async with opened() as socket:
        await socket.say(text)
        assert await socket.refused() == ("malformed_frame", 4400)


async def test_a_first_frame_of_bytes_is_refused() -> None:
    async with opened() as socket:
        await socket.communicator.send_to(bytes_data=b"\xff")
        assert await socket.refused() == ("malformed_frame", 4400)


async def test_a_key_that_is_no_good_is_told_why(alice: Tenant) -> None:
    spare = await in_thread(lambda: keys.create_agent_key(alice.agent, now=clock.now()))
    await in_thread(lambda: keys.revoke_now(spare[0], by="test", now=clock.now()))
    unknown = "gp_live_" + "0" * 43
    for text, code in ((spare[1], "revoked_key"), (unknown + keys.checksum(unknown), "invalid_key")):
        async with opened(text) as socket:
            assert await socket.refused() == (code, 4401)
    async with opened(headers={"Authorization": "Basic eA=="}) as socket:
        assert await socket.refused() == ("malformed_key", 4401)
    async with opened("gp_live_x") as socket:
        assert await socket.refused() == ("malformed_key", 4401)


async def test_a_key_in_the_address_is_refused_even_beside_a_good_one(alice: Tenant) -> None:
    for query in ({"key": alice.key_text}, {"after": alice.key_text}, {"access_token": "x"}):
        async with opened(alice.key_text, query) as socket:
            assert await socket.refused() == ("key_in_query", 4401)


async def test_a_cookie_opens_nothing(alice: Tenant, settings: Settings) -> None:
    settings.SOCKET_KEY_SECONDS = 0
    page: Client = await in_thread(lambda: seat(alice.owner))
    api = Api()
    asked = {"email": alice.owner.user.email, "password": builders.PASSWORD}
    await in_thread(lambda: api.post("/api/auth/sign-in/email", asked))
    for client in (page, api.client):
        cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
        assert "session" in cookies or "api" in cookies
        headers = {"Cookie": cookies, "Origin": "http://localhost", "Host": "localhost"}
        async with opened(headers=headers) as socket:
            assert await socket.refused() == ("missing_key", 4401)


async def test_a_key_is_not_taken_over_plain_http_where_https_is_spoken(alice: Tenant, settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    async with opened(alice.key_text) as socket:
        assert await socket.refused() == ("https_required", 4403)
    async with opened(alice.key_text, headers={"X-Forwarded-Proto": "https"}) as socket:
        assert (await socket.frame())["type"] == "ready"


async def test_what_is_asked_wrongly_is_refused_with_what_to_do(alice: Tenant) -> None:
    charlie = await in_thread(lambda: builders.tenant("charlie"))
    wrong = [
        ({"events": "message.recieved"}, ("unknown_event", 4400)),
        ({"kinds": "message.received"}, ("unknown_field", 4400)),
        ({"mailboxId": str(charlie.mailbox.pk)}, ("NOT_FOUND", 4404)),
        ({"mailboxId": "x"}, ("NOT_FOUND", 4404)),
    ]
    for query, answer in wrong:
        async with opened(alice.key_text, query) as socket:
            assert await socket.refused() == answer, query


async def test_a_scoped_key_hears_of_its_mailboxes_only(alice: Tenant) -> None:
    second = await in_thread(
        lambda: Api(alice.key_text).post("/mailboxes", {"address": "second"}).json["mailbox"]["id"]
    )
    box = await in_thread(lambda: Mailbox.objects.select_related("account", "domain").get(pk=second))
    text = (await in_thread(lambda: keys.create_agent_key(alice.agent, mailboxes=[box], now=clock.now())))[1]
    async with listening(text, events="*") as socket:
        await arrived(alice.mailbox)
        message_id = await arrived(box)
        assert (await socket.frame())["data"]["message_id"] == message_id
    async with opened(text, {"mailboxId": str(alice.mailbox.pk)}) as socket:
        assert await socket.refused() == ("NOT_FOUND", 4404)


async def test_only_the_kinds_asked_for_are_told(alice: Tenant) -> None:
    async with listening(alice.key_text, events="key.created") as socket:
        await arrived(alice.mailbox)
        await in_thread(lambda: keys.create_agent_key(alice.agent, now=clock.now()))
        assert (await socket.frame())["event"] == "key.created"


async def test_who_comes_back_is_told_what_it_missed_in_order(alice: Tenant) -> None:
    async with listening(alice.key_text) as socket:
        await arrived(alice.mailbox)
        place = (await socket.frame())["id"]
    missed = [await arrived(alice.mailbox) for _ in range(3)]
    async with opened(alice.key_text, {"after": place}) as socket:
        assert await socket.frame() == {"type": "ready", "cursor": place}
        frames = [await socket.frame() for _ in missed]
    assert [frame["data"]["message_id"] for frame in frames] == missed


async def test_the_cursor_of_ready_is_a_place_before_anything_happened(alice: Tenant) -> None:
    async with opened(alice.key_text) as socket:
        place = (await socket.frame())["cursor"]
    message_id = await arrived(alice.mailbox)
    async with listening(alice.key_text, after=place) as socket:
        assert (await socket.frame())["data"]["message_id"] == message_id


async def test_a_place_that_is_lost_is_told_once_and_then_it_goes_on_from_now(alice: Tenant, clock: Clock) -> None:
    charlie = await in_thread(lambda: builders.tenant("charlie"))
    await in_thread(lambda: arrive(charlie.mailbox))
    foreign = str((await told_to(charlie))[-1].id)
    await arrived(alice.mailbox)
    mine = str((await told_to(alice))[0].id)
    asked = [("abc", "unknown"), ("0", "unknown"), (str(2**63), "unknown"), (foreign, "unknown"), (mine, "expired")]
    for place, reason in asked:
        if reason == "expired":
            await in_thread(lambda: clock.advance(days=31))
        async with opened(alice.key_text, {"after": place}) as socket:
            assert await socket.frame() == {"type": "reset", "reason": reason}
            newest = await in_thread(lambda: cursors.text_of(alice.account.pk, cursors.newest(alice.account.pk)))
            assert await socket.frame() == {"type": "ready", "cursor": newest}
            message_id = await arrived(alice.mailbox)
            assert (await socket.frame())["data"]["message_id"] == message_id


async def test_a_revoked_key_is_shut_out_and_no_other(alice: Tenant) -> None:
    key, text = await in_thread(lambda: keys.create_agent_key(alice.agent, now=clock.now()))
    async with listening(text) as socket, listening(alice.key_text) as other:
        await in_thread(lambda: keys.revoke_now(key, by="test", now=clock.now()))
        assert await socket.refused() == ("revoked_key", 4401)
        message_id = await arrived(alice.mailbox)
        assert (await other.frame())["data"]["message_id"] == message_id


async def test_an_expired_key_is_shut_out_too(alice: Tenant) -> None:
    key, text = await in_thread(lambda: keys.create_agent_key(alice.agent, now=clock.now()))
    async with listening(text) as socket:
        ended = {"expires_at": await in_thread(clock.now) - timedelta(seconds=1)}
        await in_thread(lambda: ApiKey.objects.filter(pk=key.pk).update(**ended))
        assert (await socket.refused())[1] == 4401


async def test_one_socket_too_many_is_refused_until_another_is_closed(alice: Tenant, settings: Settings) -> None:
    settings.SSE_PER_KEY = 2
    async with listening(alice.key_text):
        async with listening(alice.key_text), opened(alice.key_text) as third:
            assert await third.refused() == ("too_many_streams", 4429)
        async with listening(alice.key_text):
            pass


async def test_a_refused_socket_holds_no_place(alice: Tenant, settings: Settings) -> None:
    settings.SSE_PER_KEY = 1
    for _ in range(3):
        async with opened(alice.key_text, {"events": "nonsense"}) as socket:
            assert (await socket.refused())[1] == 4400
    async with listening(alice.key_text):
        pass


async def test_what_the_client_says_afterwards_is_dropped(alice: Tenant) -> None:
    async with listening(alice.key_text) as socket:
        for word in ("hello", {"type": "reset"}, {"authorization": "Bearer gp_live_x"}):
            await socket.say(word)
        await socket.communicator.send_to(bytes_data=b"\x00" * 1000)
        message_id = await arrived(alice.mailbox)
        assert (await socket.frame())["data"]["message_id"] == message_id


async def test_silence_is_broken_by_heartbeats(alice: Tenant, settings: Settings) -> None:
    settings.HEARTBEAT_SECONDS = 1
    async with listening(alice.key_text) as socket:
        assert await socket.communicator.receive_json_from(timeout=PATIENCE) == {"type": "heartbeat"}


async def test_when_its_time_is_over_a_socket_is_asked_to_come_again(alice: Tenant, settings: Settings) -> None:
    settings.SOCKET_SECONDS = 1
    async with listening(alice.key_text) as socket:
        assert await socket.end() == ([{"type": "reconnect"}], 1000)


async def test_of_mail_over_the_limit_only_the_ids_are_told(alice: Tenant) -> None:
    async with listening(alice.key_text) as socket:
        hidden = await in_thread(lambda: withheld(alice.mailbox))
        assert "subject" in (await socket.frame())["data"]
        data = (await socket.frame())["data"]
    assert (data["message_id"], data["over_limit"]) == (str(hidden.pk), True)
    assert not {"subject", "from", "body_text"} & set(data)
