"""Hears the doorbell for all accounts that one process listens to, by one channel of the channel layer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

from channels.layers import get_channel_layer

from .doorbell import group_name

PATIENCE_SECONDS = 2.0


class Ear:
    """`heard` is called with an account's id when its bell rang, and once it is listened to: it may have rung before.

    `hear` and `stay_in_groups` are done again and again by its owner; both fail while the broker is away.
    """

    def __init__(self, heard: Callable[[UUID], None]) -> None:
        self._heard = heard
        # A name of our own: what the layer makes for a broker that is away would be left behind each time.
        self._channel = f"specific.{uuid4().hex}"
        self._wanted: set[UUID] = set()
        self._joined: set[UUID] = set()
        self._is_changed = asyncio.Event()

    def listen_to(self, account_id: UUID) -> None:
        self._wanted.add(account_id)
        self._is_changed.set()

    def stop_listening_to(self, account_id: UUID) -> None:
        self._wanted.discard(account_id)
        self._is_changed.set()

    async def hear(self) -> None:
        message: dict[str, Any] = await _layer().receive(self._channel)
        self._heard(UUID(message["account"]))

    async def stay_in_groups(self) -> None:
        """Join and leave until it is in the groups of exactly the accounts that are wanted; when cancelled, in none."""
        try:
            self._is_changed.clear()
            await self._settle()
            await self._is_changed.wait()
        except asyncio.CancelledError:
            self._wanted.clear()
            with suppress(Exception):
                await self._settle()
            raise
        except BaseException:
            self._is_changed.set()
            raise

    async def _settle(self) -> None:
        layer = _layer()
        for account_id in self._wanted - self._joined:
            await asyncio.wait_for(layer.group_add(group_name(account_id), self._channel), PATIENCE_SECONDS)
            self._joined.add(account_id)
            self._heard(account_id)
        for account_id in self._joined - self._wanted:
            self._joined.discard(account_id)
            await asyncio.wait_for(layer.group_discard(group_name(account_id), self._channel), PATIENCE_SECONDS)


def _layer() -> Any:
    layer = get_channel_layer()
    if layer is None:
        raise RuntimeError("There is no channel layer: CHANNEL_LAYERS can't be used.")
    return layer
