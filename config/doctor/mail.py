"""Does mail move: out, in, signed, through the relay?"""

from __future__ import annotations

import socket
import ssl
from datetime import timedelta
from urllib.parse import urlsplit

from django.conf import settings

from config.health import OVERDUE_SECONDS, oldest_due
from mailboxes import clock, dkim_keys, epoch
from mailboxes.models import Domain, MailboxStatus
from messaging.models import DUE_STATES, RawMessage, Recipient

from .ailment import Ailment
from .counted import told_count

ANSWERS_WITHIN = 5.0
# So old a key is worth a change, for who may have seen it by now; nothing breaks if it stays.
OLD_KEY = timedelta(days=365)
DEFAULT_PORTS = {"smtp": 587, "smtps": 465}


def check_sending() -> str:
    """This database is the newest: it knows of everything that has left this host."""
    halt = epoch.find_halt()
    if halt:
        raise Ailment(f"Nothing leaves. {halt.reason} See manage.py confirm_restore.")
    return "the database knows of everything that has left"


def check_outbox() -> str:
    """Nothing that may leave has been waiting for long."""
    since = oldest_due()
    if since is None:
        return "nothing is due"
    waiting = told_count(Recipient.objects.filter(state__in=DUE_STATES, next_at__isnull=False))
    age = (clock.now() - since).total_seconds()
    if age > OVERDUE_SECONDS:
        raise Ailment(
            f"Mail has been due for {age:.0f} s and nobody takes it, {waiting} copies in all: look at the worker's log."
        )
    return f"nothing is overdue; {waiting} copies wait for their time"


def check_intake() -> str:
    """Nothing received has been waiting long to be read."""
    waiting = RawMessage.objects.filter(processed_at__isnull=True).exclude(mailbox__status=MailboxStatus.PAUSED)
    oldest = waiting.order_by("received_at").values_list("received_at", flat=True).first()
    if oldest is None:
        return "everything received was read"
    age = (clock.now() - oldest).total_seconds()
    if age > OVERDUE_SECONDS:
        raise Ailment(f"Received mail has been waiting for {age:.0f} s to be read: look at the worker's log.")
    return "nothing received is waiting for long"


def check_dkim_key() -> str:
    """The platform domain's key loads, so SECRET_KEY is the one that sealed it."""
    domain = Domain.objects.filter(is_platform=True, is_test=False).first()
    if domain is None:
        raise Ailment("There is no platform domain yet: it is made by manage.py dns_records or the first signup.")
    if domain.name != settings.PLATFORM_DOMAIN:
        raise Ailment(f"The platform's domain is {domain.name}, PLATFORM_DOMAIN says {settings.PLATFORM_DOMAIN}.")
    found = dkim_keys.signing_keys(domain)
    if not found:
        raise Ailment(f"{domain.name} has no active key: nothing leaves, since nothing leaves unsigned.")
    selectors = " and ".join(selector for selector, _ in found)
    age = clock.now() - min(key.activated_at for key in dkim_keys.signing(domain) if key.activated_at)
    advice = f", {age.days} days old: manage.py rotate_dkim {domain.name} renews them" if age > OLD_KEY else ""
    return f"{selectors} of {domain.name} load{advice}"


def check_smtp_listener() -> str:
    """The listener for arriving mail greets."""
    greeting = _greeting(settings.LINK_HOST.strip("[]"), settings.SMTP_PORT)
    if not greeting.startswith("220"):
        raise Ailment(f"{settings.LINK_HOST}:{settings.SMTP_PORT} answers, but not as a mail server: {greeting!r}")
    return f"{settings.LINK_HOST}:{settings.SMTP_PORT} greets"


def check_relay() -> str:
    """The relay greets, where there is one. Nothing is sent, and nobody signs in."""
    if not settings.RELAY_URL:
        way = settings.EMAIL_PROVIDER or "the sandbox: nothing leaves this server"
        return f"none is set; mail goes by {way}"
    parts = urlsplit(settings.RELAY_URL)
    host, port = parts.hostname or "", parts.port or DEFAULT_PORTS.get(parts.scheme, 25)
    greeting = _greeting(host, port, is_tls=parts.scheme == "smtps")
    if not greeting.startswith("220"):
        raise Ailment(f"{host}:{port} does not take mail now: {greeting!r}")
    return f"{host}:{port} greets"


def _greeting(host: str, port: int, *, is_tls: bool = False) -> str:
    try:
        with socket.create_connection((host, port), timeout=ANSWERS_WITHIN) as plain:
            if not is_tls:
                return _first_line(plain)
            with ssl.create_default_context().wrap_socket(plain, server_hostname=host) as secured:
                return _first_line(secured)
    except OSError as error:
        raise Ailment(f"{host}:{port} does not answer: {error}") from error


def _first_line(connection: socket.socket) -> str:
    return connection.recv(512).decode("ascii", "replace").partition("\r\n")[0]
