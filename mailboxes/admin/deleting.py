"""Deleting an account in Django admin: by an action, with the slug typed once more."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from mailboxes import clock, departure
from mailboxes.errors import Problem
from mailboxes.models import Account, Erasure

from .base import OperatorAdmin, operator


@admin.register(Erasure)
class ErasureAdmin(OperatorAdmin[Erasure]):
    """What is being erased, and the receipts of what was (KEEP_AFTER_DELETION)."""

    list_display = ("begun_at", "account_id", "mailbox_id", "due_at", "failures_count", "finished_at")
    list_filter = (("finished_at", admin.EmptyFieldListFilter),)
    fields = (*list_display, "counts", "last_hash")


def ask_or_delete(desk: OperatorAdmin[Account], request: HttpRequest, chosen: QuerySet[Account]) -> HttpResponse | None:
    """The page that asks for the slug; None when the account is deleted, or can't be, which is told."""
    accounts = list(chosen[:2])
    if len(accounts) != 1:
        desk.message_user(request, "Choose one account: they are deleted one at a time.", level=messages.ERROR)
        return None
    (account,) = accounts
    typed = request.POST.get("confirm")
    if typed != account.slug:
        context = {
            **desk.admin_site.each_context(request),
            "title": "Delete account",
            "opts": desk.opts,
            "account": account,
            "is_wrong": typed is not None,
        }
        return TemplateResponse(request, "admin/delete_account.html", context)
    try:
        departure.depart(account, by=operator(request), now=clock.now())
    except Problem as problem:
        desk.tell(request, problem)
        return None
    desk.message_user(request, f"{account.slug} is deleted and is being erased.")
    return None
