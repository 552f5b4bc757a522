"""Do the doorbells ring, does somebody hear them, is there room on the disk?"""

from __future__ import annotations

import asyncio
import shutil
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

from asgiref.sync import async_to_sync
from celery import current_app
from channels.layers import get_channel_layer
from django.conf import settings
from django.core.cache import cache

from config.heartbeat import HEARTBEAT
from messaging.webhooks import heartbeat as of_webhooks

from .ailment import Ailment

ANSWERS_WITHIN = 3
LEAST_FREE_BYTES = 512 * 1024**2


def check_web() -> str:
    """The web process answers where it listens."""
    address = f"{settings.LINK_HOST.strip('[]')}:{settings.PORT}"
    web = HTTPConnection(settings.LINK_HOST.strip("[]"), settings.PORT, timeout=ANSWERS_WITHIN)
    try:
        web.request("GET", "/health/live", headers={"Host": urlsplit(settings.PUBLIC_URL).netloc})
        status = web.getresponse().status
    except (OSError, HTTPException) as error:
        raise Ailment(f"{address} does not answer ({error}): is the web process running?") from error
    finally:
        web.close()
    # A redirect to https is an answer, too.
    if status >= 400:
        raise Ailment(f"{address} answers {status} to /health/live: look at the web process's log.")
    return f"{address} answers"


def check_broker() -> str:
    """Celery's broker takes a connection."""
    with current_app.connection_for_write() as broker:
        broker.ensure_connection(max_retries=1, timeout=ANSWERS_WITHIN)
        return f"{broker.transport.driver_name} answers"


def check_channel_layer() -> str:
    """A word sent through the layer arrives."""
    layer = get_channel_layer()
    if layer is None:
        raise Ailment("None is configured: look at CHANNEL_LAYERS.")
    async_to_sync(_send_and_receive)(layer)
    return "a message sent was received"


def check_worker() -> str:
    """A worker has answered beat lately."""
    beaten = cache.get(HEARTBEAT)
    if beaten is None:
        raise Ailment("No worker has given a sign of life for half a minute: are worker and beat running?")
    return f"last sign of life {beaten}"


def check_webhooks() -> str:
    """Somebody goes round and tells webhooks."""
    beaten = of_webhooks.last_beat()
    if beaten is None:
        raise Ailment("Nobody has told webhooks for half a minute: is a process `manage.py webhooks` running?")
    return f"last sign of life {beaten}"


def check_disk() -> str:
    """There is room where DATA_DIR is."""
    free = shutil.disk_usage(settings.DATA_DIR if settings.DATA_DIR.exists() else settings.BASE_DIR).free
    text = f"{free / 1024**3:.1f} GiB free at {settings.DATA_DIR}"
    if free < LEAST_FREE_BYTES:
        raise Ailment(f"{text}: make room, or arriving mail will be refused.")
    return text


async def _send_and_receive(layer: Any) -> None:
    channel = await layer.new_channel("doctor")
    await layer.send(channel, {"type": "doctor.ping"})
    await asyncio.wait_for(layer.receive(channel), ANSWERS_WITHIN)
