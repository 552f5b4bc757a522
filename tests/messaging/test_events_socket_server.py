"""`/v1/events/ws` as a real server has it: frames that are too long, readers that are too slow, a restart."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from mailboxes import clock
from messaging.events import reading
from tests import builders
from tests.arrivals import arrive
from tests.builders import Tenant
from tests.letters import letter

from .webs import Web, Webs, running

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("alone")]

TOO_BIG = 1009
SLOW_SECONDS = 1
LETTERS = 30
LONG = "Good day to you.\r\n" * 20_000


@pytest.fixture(scope="module")
def webs(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None) -> Iterator[Webs]:
    with running(tmp_path_factory.mktemp("webs")) as made:
        yield made


@pytest.fixture(scope="module")
def web(webs: Webs) -> Web:
    return webs.start("web", SLOW_CLIENT_SECONDS=str(SLOW_SECONDS))


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


@contextmanager
def listening(alice: Tenant, web: Web, query: str = "", **options: Any) -> Iterator[ClientConnection]:
    headers = {"Authorization": f"Bearer {alice.key_text}"}
    with connect(f"{web.socket}{query}", additional_headers=headers, proxy=None, **options) as socket:
        assert json.loads(socket.recv(10))["type"] == "ready"
        yield socket


def rest(socket: ClientConnection) -> list[Any]:
    """What still comes, until the socket is closed."""
    frames = []
    with suppress(ConnectionClosed):
        while True:
            frames.append(json.loads(socket.recv(20)))
    return frames


def test_a_frame_over_64_kib_closes_the_socket(alice: Tenant, web: Web) -> None:
    """A59: pages' sockets are of the same kind."""
    with listening(alice, web) as socket:
        socket.send("x" * 65_536)  # dropped, like everything that is said
        socket.send("x" * 65_537)
        assert (rest(socket), socket.close_code) == ([], TOO_BIG)
    with connect(web.socket, proxy=None) as nobody:
        nobody.send("x" * 65_537)
        assert (rest(nobody), nobody.close_code) == ([], TOO_BIG)


def test_a_server_that_ends_asks_its_listeners_to_come_again(alice: Tenant, webs: Webs) -> None:
    web = webs.start("short-lived")
    with listening(alice, web) as socket:
        began = time.monotonic()
        web.end()
        assert time.monotonic() - began < 5
        assert (rest(socket), socket.close_code) == ([{"type": "reconnect"}], 1012)


def test_who_does_not_read_is_cut_off_and_comes_back_to_the_rest(alice: Tenant, web: Web) -> None:
    arrive(alice.mailbox)
    place = logged(alice)[-1]
    for _ in range(LETTERS):
        arrive(alice.mailbox, letter(to=alice.mailbox.full_address, body=LONG))
    expected = logged(alice)[-LETTERS:]
    with listening(alice, web, f"?after={place}", max_queue=1, max_size=None) as socket:
        time.sleep(SLOW_SECONDS + 4)  # longer than the server waits; what it has sent by then lies in buffers
        told = [frame["id"] for frame in rest(socket)]
    assert len(told) < LETTERS
    with listening(alice, web, f"?after={told[-1] if told else place}", max_size=None) as again:
        told += [json.loads(again.recv(10))["id"] for _ in range(LETTERS - len(told))]
    assert told == expected


def logged(alice: Tenant) -> list[str]:
    page = reading.page(alice.account.pk, after=0, limit=1000, now=clock.now())
    assert not page.has_more
    return [str(one.id) for one in page.told]
