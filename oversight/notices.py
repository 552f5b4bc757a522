"""Words of the platform to people, by mail: verification, welcome, the link to pay, a webhook that failed, what
became of a second step, questions to the operator. When they are mailed: `due_notices`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse

from mailboxes import accounts, checkout_links, oversight_address
from mailboxes.errors import Problem
from mailboxes.models import Account, Event, Mailbox, Member, Role, SupportTicket, User
from messaging.mime import characters
from messaging.mime.refusals import Refused
from messaging.models import WebhookEndpoint

from .models import DueNotice
from .submission import PlatformMail, submit_platform

MOST_NAMED = 20
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Why a webhook's server gave no answer, by the codes of `messaging.safe_http`; others are told as they are.
NO_ANSWER = {
    "timed_out": "the server did not answer in time",
    "unresolved": "the DNS does not know the server's name",
    "connect_failed": "the server accepted no connection",
    "tls_failed": "the server's certificate could not be verified",
    "too_large": "the server's answer was too large",
    "blocked_address": "the server's name leads to an address that is not public",
}

log = structlog.get_logger(__name__)


def send_verification(event: Event) -> None:
    """Mail the verification link. The event names the user; token and link exist only in the mail."""
    user = User.objects.get(pk=json.loads(event.data)["user_id"])
    context = {
        "address": user.email,
        "url": f"{settings.PUBLIC_URL}/verify/{accounts.verification_token(user)}/",
        "days": accounts.VERIFICATION_SECONDS // 86400,
    }
    submit_platform(_mail("verification", user.email, "Please confirm your address", context), now=event.created_at)


def send_welcome(event: Event) -> None:
    """Mail the owner what is theirs now and where to look."""
    user = User.objects.get(pk=json.loads(event.data)["user_id"])
    boxes = Mailbox.objects.filter(account=event.account_id, deleted_at__isnull=True).order_by("created_at", "pk")
    context = {
        "mailboxes": list(boxes.values_list("full_address", flat=True)[:MOST_NAMED]),
        "console_url": f"{settings.PUBLIC_URL}{reverse('console:queue')}",
        "stop_url": f"{settings.PUBLIC_URL}{reverse('console:stop')}",
        "docs_url": f"{settings.PUBLIC_URL}{reverse('docs')}",
    }
    submit_platform(_mail("welcome", user.email, "Welcome to Gatepost", context), now=event.created_at)


def send_ticket(event: Event) -> None:
    """Mail the operator a question, if SUPPORT_EMAIL says to whom."""
    if settings.SUPPORT_EMAIL:
        submit_platform(_ticket_mail(SupportTicket.objects.get(pk=event.subject)), now=event.created_at)


def _ticket_mail(ticket: SupportTicket) -> PlatformMail:
    account = Account.objects.get(pk=ticket.account_id)
    owner = Member.objects.select_related("user").filter(account=account, role=Role.OWNER).earliest("created_at")
    context = {
        "slug": account.slug,
        "email": owner.user.email,
        "is_verified": owner.user.email_verified_at is not None,
        "is_suspended": account.suspended_at is not None,
        "category": ticket.category,
        "message": characters.readable(ticket.message),
        "url": f"{settings.PUBLIC_URL}{reverse('admin:mailboxes_supportticket_change', args=[ticket.pk])}",
    }
    subject = characters.one_line(f"[{ticket.category}] {account.slug}: {ticket.subject}")
    # Text only: what a stranger wrote is shown to the operator as it was written, and nothing of it is a link of ours.
    return PlatformMail(settings.SUPPORT_EMAIL, subject, render_to_string("emails/support.txt", context))


def _mail(name: str, to: str, subject: str, context: Mapping[str, object]) -> PlatformMail:
    return PlatformMail(
        to=to,
        subject=subject,
        body_text=render_to_string(f"emails/{name}.txt", dict(context)),
        body_html=render_to_string(f"emails/{name}.html", dict(context)),
    )


def send_checkout(event: Event) -> None:
    """Mail the page of a checkout to the account's owners."""
    asked = json.loads(event.data)
    for address, slug in _proven_owners(event):
        context = {**asked, "slug": slug, "url": checkout_links.url(asked["checkout_id"]), "hours": 24}
        mail = _mail("checkout", address, f"Upgrade of {slug} to {asked['plan']}", context)
        submit_platform(mail, now=event.created_at)


def send_webhook_failed(event: Event) -> None:
    """Mail the account's owners that a webhook is told nothing any more, and what to do.

    About the same one not more than once in WEBHOOK_NOTICE_HOURS: an agent may make it ACTIVE again and again.
    """
    endpoint = WebhookEndpoint.objects.select_related("account").get(pk=event.subject)
    if _was_told_lately(event):
        return
    context = {
        **_failure(json.loads(event.data)),
        "slug": endpoint.account.slug,
        "host": urlsplit(endpoint.url).hostname,
        "webhook_id": endpoint.pk,
        "url": f"{settings.PUBLIC_URL}/v1/webhooks/{endpoint.pk}",
        "docs_url": f"{settings.PUBLIC_URL}{reverse('webhooks')}",
        "days": settings.EVENT_RETENTION_DAYS,
    }
    for address, slug in _proven_owners(event):
        try:
            with transaction.atomic():
                mail = _mail("webhook_failed", address, f"A webhook of {slug} has failed", context)
                submit_platform(mail, now=event.created_at)
        except (Problem, Refused) as error:
            log.error("webhook.failure_unmailed", webhook=event.subject, error=str(error))


def _was_told_lately(event: Event) -> bool:
    hours = timedelta(hours=settings.WEBHOOK_NOTICE_HOURS)
    if not hours:
        return False
    since = event.created_at - (event.created_at - EPOCH) % hours
    before = Event.objects.filter(subject=event.subject, kind=event.kind, seq__lt=event.seq, created_at__gte=since)
    return before.filter(account_id=event.account_id).exists()


def _failure(told: Mapping[str, object]) -> Mapping[str, object]:
    """How often, since when, and what was answered last, in words."""
    status, code = told.get("response_status"), str(told.get("code") or "")
    answer = f"the server answered with the status {status}" if status else NO_ANSWER.get(code, f"no answer ({code})")
    since = datetime.fromisoformat(str(told["since"])).strftime("%Y-%m-%d %H:%M") if told.get("since") else ""
    return {"failures": told.get("failures"), "since": since, "answer": answer}


def _proven_owners(event: Event) -> Iterable[tuple[str, str]]:
    """Address and the account's slug of each owner whose address is proven: anybody can sign up a stranger."""
    owners = Member.objects.filter(account_id=event.account_id, role=Role.OWNER, user__is_active=True)
    proven = owners.filter(user__email_verified_at__isnull=False).order_by("created_at")
    return list(proven.values_list("user__email", "account__slug"))


def send_second_factor(event: Event) -> None:
    """Mail a person what became of their second step: what they did not do themselves they learn so.

    Once, whatever the number of their accounts.
    """
    told = json.loads(event.data)
    # Not get(): a recovery code that switches it off is two events in one request, and looks like a loop.
    user = User.objects.filter(pk=told["user_id"])[0]
    first = user.memberships.order_by("account_id").values_list("pk", flat=True).first()
    if first is not None and str(first) != told.get("member_id"):
        return
    subject, sentence = SECOND_FACTOR[event.kind]
    context = {
        "subject": subject,
        "sentence": sentence,
        "address": user.email,
        "at": event.created_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M"),
        "reason": characters.one_line(told.get("reason", "")),
        "left": told.get("left"),
        "url": f"{settings.PUBLIC_URL}{reverse('console:security')}",
    }
    submit_platform(_mail("second_factor", user.email, subject, context), now=event.created_at)


def send_address_asked(event: Event) -> None:
    """Mail the address that is to be the account's oversight address a link, and tell the one that it was.

    That one is told whatever becomes of the other mail, be it another by now.
    """
    account, told = Account.objects.get(pk=event.account_id), json.loads(event.data)
    context = {
        "slug": account.slug,
        "who": _who(told["by"]),
        "hours": settings.OVERSIGHT_ADDRESS_HOURS,
        "settings_url": f"{settings.PUBLIC_URL}{reverse('console:account_settings')}",
    }
    former = DueNotice.objects.get(pk=event.pk).address
    if former:
        mail = _mail("oversight_moves", former, f"The oversight address of {account.slug} is to change", context)
        _try_to_submit(mail, event)
    if account.oversight_email_asked:
        token = oversight_address.token(account, by=told["by"])
        url = f"{settings.PUBLIC_URL}{reverse('console:oversight_link', args=[token])}"
        subject = f"Shall mail of {account.slug} be copied to you?"
        mail = _mail("oversight_asked", account.oversight_email_asked, subject, context | {"url": url})
        submit_platform(mail, now=event.created_at)


def send_address_changed(event: Event) -> None:
    """Tell the account's owners where copies and codes go from now on."""
    context = {
        "who": _who(json.loads(event.data)["by"]),
        "address": oversight_address.find(Account.objects.get(pk=event.account_id)) or "",
        "settings_url": f"{settings.PUBLIC_URL}{reverse('console:account_settings')}",
    }
    for address, slug in _proven_owners(event):
        subject = f"The oversight address of {slug} has changed"
        _try_to_submit(_mail("oversight_changed", address, subject, context | {"slug": slug}), event)


def _who(by: str) -> str:
    """A member's address; who else acts on an account is its operator."""
    kind, _, pk = by.partition(":")
    member = Member.objects.select_related("user").filter(pk=pk).first() if kind == "member" else None
    return member.user.email if member else "an operator of this server"


def _try_to_submit(mail: PlatformMail, event: Event) -> None:
    try:
        with transaction.atomic():
            submit_platform(mail, now=event.created_at)
    except (Problem, Refused) as error:
        log.error("notice.unmailed", kind=event.kind, account=str(event.account_id), error=str(error))


# What the subject and the first sentence of that mail say.
SECOND_FACTOR = {
    "member.mfa_enabled": ("Your second step is on", "From now on a code is asked for when you sign in."),
    "member.mfa_disabled": ("Your second step is off", "From now on your password alone opens your sign-in."),
    "member.mfa_reset": (
        "Your second step was reset",
        "An operator of this server has taken your second step away. Your password alone opens your sign-in now.",
    ),
    "member.recovery_code_used": ("A recovery code was used", "One of your recovery codes stood in for a code."),
    "member.recovery_codes_renewed": ("You have new recovery codes", "The old ones open nothing any more."),
    "member.codes_locked": (
        "Too many wrong codes",
        "Somebody who knows your password typed several wrong codes. None is looked at for a while.",
    ),
}

TO_WHOEVER_IT_WAS = {"account.oversight_email_asked"}
NOTICES: dict[str, Callable[[Event], None]] = {
    "account.oversight_email_asked": send_address_asked,
    "account.oversight_email_changed": send_address_changed,
    "account.verification_requested": send_verification,
    "account.welcome_requested": send_welcome,
    "billing.checkout_opened": send_checkout,
    "support.requested": send_ticket,
    "webhook.failed": send_webhook_failed,
    **dict.fromkeys(SECOND_FACTOR, send_second_factor),
}
