"""Clients that lose their streams again and again, at any moment, while many write: each hears the log, once (I14)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from tests import builders
from tests.chaos.processes import Crew, until

from .client import Client
from .writing import log_of, writers

pytestmark = [pytest.mark.crash, pytest.mark.django_db(transaction=True)]

FEW, MANY = 40, 500
CLIENTS = 4
UNLIMITED: dict[str, Any] = {"SSE_PER_KEY": 1000, "SSE_PER_ACCOUNT": 1000}


@pytest.mark.parametrize("reconnects", [FEW, pytest.param(MANY, marks=pytest.mark.chaos)])
def test_what_a_client_hears_over_many_connections_is_the_log(
    crew: Crew, layer: dict[str, Any], reconnects: int
) -> None:
    server = crew.serve("web", CHANNEL_LAYERS=layer, **UNLIMITED)
    tenants = [builders.tenant(is_verified=False) for _ in range(2)]
    clients = [Client(tenants[number % 2], number=number) for number in range(CLIENTS)]

    async def come_and_go(client: Client) -> None:
        for _ in range(reconnects // CLIENTS):
            await client.listen_for_a_moment(server.port)

    async def all_come_and_go() -> None:
        await asyncio.gather(*map(come_and_go, clients))

    with writers(tenants):
        async_to_sync(all_come_and_go)()
        for tenant in tenants:
            until(lambda tenant=tenant: len(log_of(tenant)) > reconnects, "a long log")  # type: ignore[misc]  # a default binds it
    logs = {tenant.account.pk: log_of(tenant) for tenant in tenants}

    async def hear_the_rest() -> None:
        await asyncio.gather(*(one.listen_until(server.port, logs[one.tenant.account.pk][-1]) for one in clients))

    async_to_sync(hear_the_rest)()
    for client in clients:
        assert client.heard == logs[client.tenant.account.pk], server.said
