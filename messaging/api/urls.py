"""`/v1`: accounts and mailboxes with counts of their mail. Messages and threads are routed by oversight."""

from __future__ import annotations

from django.urls import path

from .counts import CountedAccountView, CountedMailboxes

urlpatterns = [
    path("account", CountedAccountView.as_view()),
    path("mailboxes", CountedMailboxes.as_view()),
]
