"""`/v1/events/ws` as a real server has it: frames that are too long, readers that are too slow, a restart."""

from __future__ import annotations

import json
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
from tests.chaos.processes import until
from tests.letters import letter
from tests.streams import has_open_end

from .webs import BY_SOCKET, PATIENCE, Web, Webs, running

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


@pytest.fixture(scope="module")
def patient(webs: Webs) -> Web:
    """One that waits for whoever reads, however slow the machine is."""
    return webs.start("patient", SLOW_CLIENT_SECONDS="3600")


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


@contextmanager
def listening(alice: Tenant, web: Web, query: str = "", **options: Any) -> Iterator[ClientConnection]:
    headers = {"Authorization": f"Bearer {alice.key_text}"}
    with connect(f"{web.socket}{query}", additional_headers=headers, **BY_SOCKET, **options) as socket:
        assert json.loads(socket.recv(PATIENCE))["type"] == "ready"
        yield socket


def rest(socket: ClientConnection) -> list[Any]:
    """What still comes, until the socket is closed."""
    frames = []
    with suppress(ConnectionClosed):
        while True:
            frames.append(json.loads(socket.recv(PATIENCE)))
    return frames


def test_a_frame_over_64_kib_closes_the_socket(alice: Tenant, web: Web) -> None:
    """A59: pages' sockets are of the same kind."""
    with listening(alice, web) as socket:
        socket.send("x" * 65_536)  # dropped, like everything that is said
        socket.send("x" * 65_537)
        assert (rest(socket), socket.close_code) == ([], TOO_BIG)
    with connect(web.socket, **BY_SOCKET) as nobody:
        nobody.send("x" * 65_537)
        assert (rest(nobody), nobody.close_code) == ([], TOO_BIG)


def test_a_server_that_ends_asks_its_listeners_to_come_again(alice: Tenant, webs: Webs) -> None:
    web = webs.start("short-lived")
    with listening(alice, web) as socket:
        web.end()  # raises when it does not end although somebody listens
        assert (rest(socket), socket.close_code) == ([{"type": "reconnect"}], 1012)


def test_who_does_not_read_is_cut_off_and_comes_back_to_the_rest(alice: Tenant, web: Web, patient: Web) -> None:
    arrive(alice.mailbox)
    place = logged(alice)[-1]
    for _ in range(LETTERS):
        arrive(alice.mailbox, letter(to=alice.mailbox.full_address, body=LONG))
    expected = logged(alice)[-LETTERS:]
    with listening(alice, web, f"?after={place}", max_queue=1, max_size=None) as socket:
        until(lambda: has_let_go(web, socket), "the server has waited long enough", seconds=PATIENCE)
        told = [frame["id"] for frame in rest(socket)]
    assert len(told) < LETTERS
    with listening(alice, patient, f"?after={told[-1] if told else place}", max_size=None) as again:
        told += [json.loads(again.recv(PATIENCE))["id"] for _ in range(LETTERS - len(told))]
    assert told == expected


def has_let_go(web: Web, socket: ClientConnection) -> bool:
    """Whether the server has closed its end: the client itself learns of it when it has read what lies in buffers."""
    return not has_open_end(web.port, socket.local_address[1])


def logged(alice: Tenant) -> list[str]:
    page = reading.page(alice.account.pk, after=0, limit=1000, now=clock.now())
    assert not page.has_more
    return [str(one.id) for one in page.told]
