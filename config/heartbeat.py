"""The worker's sign of life: beat asks every few seconds, a worker answers into the cache, the key dies by itself."""

from celery import shared_task
from django.core.cache import cache
from django.utils import timezone

HEARTBEAT = "worker-heartbeat"
HEARTBEAT_TASK = "config.heartbeat"
BEATS_EVERY = 5.0
GONE_AFTER = 30


@shared_task(name=HEARTBEAT_TASK)
def heartbeat() -> None:
    cache.set(HEARTBEAT, timezone.now().isoformat(timespec="seconds"), GONE_AFTER)
