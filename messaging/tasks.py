"""Background work of messaging. A task parses, calls one verb, and does nothing else."""

from __future__ import annotations

from celery import shared_task

from messaging.outbound import dispatch


@shared_task(name="messaging.drain_outbox")
def drain_outbox() -> None:
    dispatch.drain()


@shared_task(name="messaging.take_back_overdue")
def take_back_overdue() -> None:
    dispatch.take_back_overdue()
