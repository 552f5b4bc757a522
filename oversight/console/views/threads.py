"""`/mailboxes/`, `/mailboxes/<id>/`, `/threads/<id>/`, `/messages/<id>/`: reading what was written."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from mailboxes.models import Mailbox
from messaging.attachments import serving
from messaging.models import Message
from oversight.console import conversations, detail, keyset, people, reading, shell, timeline
from oversight.console.reading import Reading
from oversight.console.views import body
from oversight.console.views.review import mail_card, tab_of
from oversight.console.visit import Visit, page


@require_safe
@page
def threads(request: HttpRequest, visit: Visit) -> HttpResponse:
    return _list(request, visit, None)


@require_safe
@page
def mailbox(request: HttpRequest, visit: Visit, mailbox_id: UUID) -> HttpResponse:
    return _list(request, visit, visit.actor.get_mailbox(mailbox_id))


def _list(request: HttpRequest, visit: Visit, box: Mailbox | None) -> HttpResponse:
    here = reverse("console:mailbox", args=[box.pk]) if box else reverse("console:threads")
    query = request.GET.get("q", "").strip().replace("\x00", "")[:200]
    after, every = request.GET.get("after", ""), conversations.threads(visit.actor, box)
    if query:
        found = conversations.naming(every, query)
        through = conversations.looked_through(visit.actor, box)
        part = keyset.search(found, through, "last_message_at", after, is_descending=True)
    else:
        part = keyset.cut(every, "last_message_at", after, is_descending=True)
    context = {
        "mailboxes": conversations.mailbox_links(visit.actor, current=box),
        "mailbox": {"address": box.full_address, "mode": box.mode} if box else None,
        "threads": conversations.thread_rows(part.rows),
        "withheld_count": conversations.withheld_count(visit.actor, box, now=visit.now),
        "query": query,
        "search_url": here,
        "pager": part.pager(here, request.GET),
    }
    return shell.render(request, visit, "oversight/threads.html", context, section="threads")


@require_safe
@page
def thread(request: HttpRequest, visit: Visit, thread_id: UUID) -> HttpResponse:
    found = conversations.get_thread(visit.actor, thread_id)
    context = {
        "thread": {
            "subject": found.subject,
            "mailbox_address": found.mailbox.full_address,
            "mailbox_url": reverse("console:mailbox", args=[found.mailbox_id]),
            "mode": found.mailbox.mode,
        },
        "messages": conversations.thread_messages(found),
    }
    return shell.render(request, visit, "oversight/thread.html", context, section="threads")


@require_safe
@page
def message(request: HttpRequest, visit: Visit, message_id: UUID) -> HttpResponse:
    """One message and its way, step by step."""
    found = detail.get_message(visit.actor, message_id)
    read = _reading(found)
    url = reverse("console:message", args=[found.pk])
    around, replies = detail.thread_around(found)
    addressed = people.of(found, actor=visit.actor, replies=replies)
    review = found.reviews.order_by("-opened_at").first()
    context = {
        "mail": mail_card(read, url=url, body_url=f"{url}body/", addressed=addressed),
        "message": found,
        "review_url": reverse("console:review", args=[review.pk]) if review else "",
        "signals": read.signals(),
        "initiator": detail.initiator(found),
        "recipients": addressed,
        "thread": around,
        "way": timeline.of(found, actor=visit.actor),
    } | tab_of(request, read)
    return shell.render(request, visit, "oversight/message.html", context, section="threads")


@require_safe
@page
def message_body(request: HttpRequest, visit: Visit, message_id: UUID) -> HttpResponse:
    return body.framed(_reading(detail.get_message(visit.actor, message_id)))


@require_safe
@page
def message_link(request: HttpRequest, visit: Visit, message_id: UUID, number: int) -> HttpResponse:
    return body.interstitial(request, _reading(detail.get_message(visit.actor, message_id)), number)


@require_safe
@page
def message_file(request: HttpRequest, visit: Visit, message_id: UUID, index: int) -> HttpResponse:
    """One file of a message, to be saved: what is sent as it stands under the seal."""
    found = _reading(detail.get_message(visit.actor, message_id)).file(index)
    if found is None:
        raise Http404("No such file.")
    file, content = found
    return serving.whole(content, filename=file.name, content_type=file.content_type)


def _reading(found: Message) -> Reading:
    path = reverse("console:message", args=[found.pk])
    return reading.of(found, getattr(found, "raw", None), link_url=lambda number: f"{path}link/{number}/")
