"""Two web processes on one database and one Valkey: what happens at one is heard at the other, whatever breaks."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from queue import Queue
from typing import Any

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from mailboxes import clock
from mailboxes.modes import OversightMode
from messaging.events import reading
from tests import builders
from tests.builders import Tenant
from tests.chaos.processes import until
from tests.contract.streaming import Subscriber

from .webs import BY_SOCKET, Web, Webs, running

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("alone")]

# A look without a ring comes every two seconds, so this soon only a ring is answered, or one look in three.
RUNG_SECONDS = 0.7
ROUNDS, OFTEN = 10, 8
PATIENCE = 60.0


@dataclass(frozen=True)
class House:
    webs: Webs
    first: Web
    second: Web


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None) -> Iterator[House]:
    limits = ("SENDS_PER_MINUTE_PER_MAILBOX", "SENDS_PER_MINUTE_PER_ACCOUNT", "DAILY_SENDS_PER_MAILBOX")
    unlimited = dict.fromkeys(limits, "0")
    with running(tmp_path_factory.mktemp("webs")) as webs:
        yield House(webs, webs.start("first", **unlimited), webs.start("second", **unlimited))


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant(mode=OversightMode.AUTONOMOUS)


def send(alice: Tenant, web: Web, number: int) -> str:
    """The id of a message that is accepted there, and told of by an event."""
    body = {"to": ["kim@friends.example"], "subject": f"Number {number}", "bodyText": "Good day."}
    headers = {"Authorization": f"Bearer {alice.key_text}"}
    url = f"{web.base}/mailboxes/{alice.mailbox.pk}/messages"
    answer = httpx2.post(url, json=body, headers=headers, timeout=PATIENCE)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["message"]["id"])


def logged(alice: Tenant, after: int) -> list[str]:
    """The ids of all that agents are told, by the log itself."""
    page = reading.page(alice.account.pk, after=after, limit=10_000, now=clock.now())
    assert not page.has_more
    return [str(one.id) for one in page.told]


def newest(alice: Tenant) -> int:
    return reading.page(alice.account.pk, after=0, limit=10_000, now=clock.now()).last


class Ear:
    """Somebody who listens in a thread. `heard` are envelopes with the moment they came."""

    def __init__(self) -> None:
        self.heard: Queue[tuple[float, Any]] = Queue()
        self.is_ready = threading.Event()

    def hear(self, event: Any) -> None:
        self.heard.put((time.monotonic(), event))

    def wait_for(self, message_id: str, *, seconds: float = PATIENCE) -> float:
        """The moment when it heard of the message."""
        end = time.monotonic() + seconds
        while True:
            at, event = self.heard.get(timeout=max(end - time.monotonic(), 0.01))
            if event["data"].get("message_id") == message_id:
                return at


@contextmanager
def by_socket(alice: Tenant, web: Web) -> Iterator[Ear]:
    ear = Ear()
    headers = {"Authorization": f"Bearer {alice.key_text}"}

    def listen(socket: ClientConnection) -> None:
        with suppress(ConnectionClosed):
            for text in socket:
                frame = json.loads(text)
                if frame.get("type") == "ready":
                    ear.is_ready.set()
                if "type" not in frame:
                    ear.hear(frame)

    with connect(f"{web.socket}?events=*", additional_headers=headers, **BY_SOCKET) as socket:
        thread = threading.Thread(target=listen, args=(socket,))
        thread.start()
        assert ear.is_ready.wait(PATIENCE)
        yield ear
        socket.close()
        thread.join(PATIENCE)


@contextmanager
def by_stream(alice: Tenant, web: Web) -> Iterator[Ear]:
    ear = Ear()
    subscriber = Subscriber(web.base, alice.key_text, events="*")
    is_over = threading.Event()

    def listen() -> None:
        with subscriber.connected() as frames:
            ear.is_ready.set()
            for frame in frames:
                ear.hear(frame.data)
                if is_over.is_set():
                    return

    thread = threading.Thread(target=listen)
    thread.start()
    assert ear.is_ready.wait(PATIENCE)
    yield ear
    is_over.set()
    send(alice, web, 0)  # a last event, so that the reader looks up
    thread.join(PATIENCE)
    assert not thread.is_alive()


def is_rung(alice: Tenant, at: Web, *ears: Ear) -> bool:
    """Whether those who listen hear at once what is committed there, most of the time."""
    soon = 0
    for number in range(ROUNDS):
        message_id, begun = send(alice, at, number), time.monotonic()
        soon += all(ear.wait_for(message_id) - begun < RUNG_SECONDS for ear in ears)
    return soon >= OFTEN


def test_what_is_committed_through_one_is_heard_at_the_other_at_once(house: House, alice: Tenant) -> None:
    with by_stream(alice, house.second) as stream, by_socket(alice, house.second) as socket:
        until(lambda: is_rung(alice, house.first, stream, socket), "the bell rings", seconds=2 * PATIENCE)


def test_who_is_cut_and_goes_on_at_the_other_is_told_everything_once_and_in_order(house: House, alice: Tenant) -> None:
    before = newest(alice)
    writers = [threading.Thread(target=write, args=(alice, web)) for web in (house.first, house.second)]
    subscriber = Subscriber(house.first.base, alice.key_text, events="*")
    with subscriber.connected() as frames:
        for writer in writers:
            writer.start()
        told = [str(next(frames).id)]
        subscriber.last_id = told[0]
    for turn in range(5):
        web = house.second if turn % 2 == 0 else house.first
        told += [str(frame.id) for frame in subscriber.take(6, web.base)]
    for writer in writers:
        writer.join()
    expected = logged(alice, before)
    told += [str(frame.id) for frame in subscriber.take(len(expected) - len(told), house.second.base)]
    assert told == expected
    assert subscriber.came_twice == 0


def write(alice: Tenant, web: Web) -> None:
    for number in range(25):
        send(alice, web, number)


def test_who_loses_the_process_by_signal_9_goes_on_at_the_other(house: House, alice: Tenant) -> None:
    before = newest(alice)
    headers = {"Authorization": f"Bearer {alice.key_text}"}
    told: list[str] = []
    with connect(f"{house.first.socket}?events=*", additional_headers=headers, **BY_SOCKET) as socket:
        assert json.loads(socket.recv(PATIENCE))["type"] == "ready"
        for number in range(5):
            send(alice, house.second, number)
        told += [json.loads(socket.recv(PATIENCE))["id"] for _ in range(3)]
        house.first.kill()
    try:
        for number in range(5):
            send(alice, house.second, number)
        expected = logged(alice, before)
        address = f"{house.second.socket}?events=*&after={told[-1]}"
        with connect(address, additional_headers=headers, **BY_SOCKET) as socket:
            assert json.loads(socket.recv(PATIENCE)) == {"type": "ready", "cursor": told[-1]}
            told += [json.loads(socket.recv(PATIENCE))["id"] for _ in range(len(expected) - len(told))]
        assert told == expected
    finally:
        house.first.start()


def test_nothing_is_missing_while_the_broker_is_dead_and_the_bell_works_again_by_itself(
    house: House, alice: Tenant
) -> None:
    before = newest(alice)
    with by_stream(alice, house.second) as stream, by_socket(alice, house.second) as socket:
        house.webs.valkey.kill()
        sent = [send(alice, house.first, number) for number in range(3)]
        for ear in (stream, socket):
            ear.wait_for(sent[-1])
        house.webs.start_valkey()
        until(lambda: is_rung(alice, house.first, stream, socket), "the bell rings again", seconds=2 * PATIENCE)
    assert len(logged(alice, before)) > len(sent)
