"""The worker's sign of life: given once it can work, then whenever beat asks; the key in the cache dies by itself."""

from typing import Any

from celery import shared_task
from celery.signals import worker_ready
from django.core.cache import cache
from django.utils import timezone
from redis.exceptions import RedisError

HEARTBEAT = "worker-heartbeat"
HEARTBEAT_TASK = "config.heartbeat"
BEATS_EVERY = 5.0
GONE_AFTER = 30


@shared_task(name=HEARTBEAT_TASK)
def heartbeat() -> None:
    cache.set(HEARTBEAT, timezone.now().isoformat(timespec="seconds"), GONE_AFTER)


def is_beating() -> bool:
    """Whether a worker has given a sign of life lately; without a broker nobody can."""
    try:
        return cache.get(HEARTBEAT) is not None
    except (RedisError, OSError):
        return False


@worker_ready.connect
def _first_beat(**_kwargs: Any) -> None:
    heartbeat()
