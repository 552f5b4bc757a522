"""The front door in words: `/agents` and `/llms.txt` (one text), `/docs/events`, `/docs/webhooks` and so on.

Each is Markdown in `templates/guide/`, so that the page and the plain text can't come to differ.
"""

from __future__ import annotations

from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_safe

from messaging.events import catalog, reading
from messaging.mime import markdown

# The headings of the guide to events, and what the names below them begin with.
GROUPS = {
    "Messages": ("message.",),
    "Reviews": ("review.",),
    "Mailboxes and domains": ("mailbox.", "domain.", "permit."),
    "The account": ("account.", "key.", "sending.", "suppression.", "attachment.", "webhook."),
}


def _of_events() -> dict[str, object]:
    """What the guide to events tells of the code: it can't come to say otherwise."""
    return {
        "days": settings.EVENT_RETENTION_DAYS,
        "window": f"{reading.WINDOW:,}",
        "contract": ", ".join(f"`{name}`" for name in catalog.CONTRACT),
        "description": catalog.DESCRIPTION,
        "groups": [
            (title, [kind for kind in catalog.KINDS.values() if kind.name.startswith(beginnings)])
            for title, beginnings in GROUPS.items()
        ],
    }


def _of_webhooks() -> dict[str, object]:
    """What the guide to webhooks tells of the settings."""
    *pauses, last = [_duration(minutes) for minutes in settings.WEBHOOK_RETRY_MINUTES]
    return {
        "days": settings.EVENT_RETENTION_DAYS,
        "overlap_hours": settings.WEBHOOK_SECRET_OVERLAP_HOURS,
        "seconds": settings.WEBHOOK_SECONDS,
        "failures": settings.WEBHOOK_FAILURES,
        "pauses": f"{', '.join(pauses)} and {last}" if pauses else last,
    }


def _duration(minutes: int) -> str:
    number, unit = (minutes // 60, "hour") if minutes % 60 == 0 else (minutes, "minute")
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def _of_listening() -> dict[str, object]:
    return {
        "socket": f"ws{settings.PUBLIC_URL.removeprefix('http')}/v1",
        "days": settings.EVENT_RETENTION_DAYS,
        "key_seconds": settings.SOCKET_KEY_SECONDS,
        "per_key": settings.SSE_PER_KEY,
        "per_account": settings.SSE_PER_ACCOUNT,
    }


FACTS = {"events": _of_events, "listening": _of_listening, "webhooks": _of_webhooks}


@lru_cache(maxsize=8)
def source(name: str) -> str:
    """The Markdown of one guide, with this server's addresses in it."""
    facts = {
        "site": settings.PUBLIC_URL,
        "base": f"{settings.PUBLIC_URL}/v1",
        "domain": settings.PLATFORM_DOMAIN,
        "contact": settings.SECURITY_CONTACT,
    }
    return render_to_string(f"guide/{name}.md", facts | FACTS.get(name, dict)()).strip() + "\n"


@require_safe
def agents(request: HttpRequest) -> HttpResponse:
    """Ten steps for an agent; as plain text for whoever asks for that."""
    if request.get_preferred_type(["text/html", "text/plain", "text/markdown"]) in ("text/plain", "text/markdown"):
        return llms(request)
    return _page(request, "agents")


@require_safe
def llms(request: HttpRequest) -> HttpResponse:
    """`/llms.txt`: the ten steps as plain text."""
    return HttpResponse(source("agents"), content_type="text/plain; charset=utf-8")


@require_safe
def events(request: HttpRequest) -> HttpResponse:
    """Every kind of event, with what it does not promise, and how to go on after a pause."""
    return _page(request, "events")


@require_safe
def webhooks(request: HttpRequest) -> HttpResponse:
    """How a webhook is verified, repeated, put in order, and caught up with."""
    return _page(request, "webhooks")


@require_safe
def listening(request: HttpRequest) -> HttpResponse:
    """The ways to hear of events: stream, socket, long poll, log."""
    return _page(request, "listening")


@require_safe
def troubleshooting(request: HttpRequest) -> HttpResponse:
    """What is seen most, and where to look first."""
    return _page(request, "troubleshooting")


@require_safe
def security(request: HttpRequest) -> HttpResponse:
    """What is promised, and where to report a weakness."""
    return _page(request, "security")


def _page(request: HttpRequest, name: str) -> HttpResponse:
    return render(request, "docs/guide.html", _content(name))


@lru_cache(maxsize=8)
def _content(name: str) -> dict[str, str]:
    text = source(name)
    title = text.partition("\n")[0].removeprefix("# ")
    # Written by us, and raw HTML in it would be shown as text.
    return {"title": title, "content": mark_safe(markdown.to_html(text))}  # noqa: S308 - see above
