"""Background work of messaging. A task parses, calls one verb, and does nothing else."""

from celery import shared_task

from mailboxes import clock, reputation
from messaging import domain_checks, wakeup

from .attachments import sweeping
from .inbound import holding, intake, withholding
from .outbound import dispatch
from .webhooks import rotation


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


@shared_task(name="messaging.judge_senders")
def judge_senders() -> None:
    """Suspend accounts whose mail bounces or is complained about too often. Swept only."""
    reputation.suspend_due(now=clock.now())


@shared_task(name=wakeup.SWEEP_FILES)
def sweep_files() -> None:
    """Remove objects from storage that nothing refers to. Rung by whoever deletes, and swept."""
    sweeping.remove_remnants(now=clock.now())


@shared_task(name="messaging.forget_unsent_files")
def forget_unsent_files() -> None:
    """Delete files that were never sent, and contents that lost their attachments. Swept only."""
    sweeping.forget_unsent(now=clock.now())
    sweeping.give_up_unused()


@shared_task(name=wakeup.UNLOCK_WITHHELD)
def unlock_withheld() -> None:
    """Unlock what a month's end or a raised limit gives free. Rung by a change of a limit, and swept."""
    withholding.unlock_due(now=clock.now())


@shared_task(name="messaging.settle_held")
def settle_held() -> None:
    """Hold the mail of paused mailboxes, let go that of all others. Swept only."""
    holding.settle()


@shared_task(name="messaging.forget_ended_secrets")
def forget_ended_secrets() -> None:
    """Forget what webhooks were signed with before a rotation, once it signs no more. Swept only."""
    rotation.forget_ended(now=clock.now())


@shared_task(name="messaging.check_domains")
def check_domains() -> None:
    """Look at the DNS of the domains whose time has come. Swept only."""
    domain_checks.sweep(now=clock.now())
