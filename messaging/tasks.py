"""Background work of messaging. A task parses, calls one verb, and does nothing else."""

from celery import shared_task

from mailboxes import clock
from messaging import domain_checks, wakeup

from .inbound import intake
from .outbound import dispatch


@shared_task(name=wakeup.DRAIN_OUTBOX)
def drain_outbox() -> None:
    """Send what is due. Rung by whoever fills the outbox, and swept."""
    dispatch.drain(threads=dispatch.THREADS)


@shared_task(name="messaging.take_back_overdue")
def take_back_overdue() -> None:
    """End the attempts of workers that are gone. Swept only."""
    dispatch.take_back_overdue()


@shared_task(name=wakeup.PROCESS_INTAKE)
def process_intake() -> None:
    """Read and file what arrived. Rung by the listener, and swept."""
    intake.drain()


@shared_task(name="messaging.check_domains")
def check_domains() -> None:
    """Look at the DNS of the domains whose time has come. Swept only."""
    domain_checks.sweep(now=clock.now())
