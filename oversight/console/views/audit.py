"""`/audit/`: what happened in the account, whether that is what was written, and all of it as a file."""

from __future__ import annotations

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from mailboxes import events
from mailboxes.api.views.export import Pieces
from mailboxes.audit import checks
from oversight import audit_checks
from oversight.console import actors, audit_rows, shell
from oversight.console.visit import Visit, page


@require_safe
@page
def audit(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The log, newest first, and the last look at it."""
    here, account = reverse("console:audit"), visit.member.account
    found = audit_rows.page_of(visit, request.GET, here=here)
    check = checks.find(account)
    context = {
        "rows": found.rows,
        "pager": found.pager,
        "head": account.event_counter,
        "check": check,
        "asked_by": actors.names(account, [check.asked_by])[check.asked_by] if check else "",
        "families": audit_rows.FAMILIES,
        "family": request.GET.get("kind", ""),
        "may_ask": visit.member.may_manage,
    }
    return shell.render(request, visit, "oversight/audit.html", context)


@require_POST
@page
def verify(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Have a worker walk the log."""
    is_new = audit_checks.ask(visit.member, now=visit.now)
    messages.success(request, "The log is being looked at." if is_new else "It is being looked at already.")
    return redirect("console:audit")


@require_POST
@page
def export(request: HttpRequest, visit: Visit) -> Pieces:
    """The log as CSV, sent while it is read. The log says who took it."""
    member, account = visit.member, visit.member.account
    data = {"by": visit.actor.identity}
    with transaction.atomic():
        event = events.record(account, "account.audit_exported", subject=str(account.pk), data=data, now=visit.now)
    name = f"gatepost-{account.slug}-audit-{visit.now:%Y%m%d}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    pieces = audit_rows.export(member, now_event=event)
    return Pieces(pieces, content_type="text/csv; charset=utf-8", headers=headers)
