"""`/v1`: messages, threads, and the decisions about them."""

from __future__ import annotations

from django.urls import path

from .messages import Cancel, Messages, OneMessage, OneThread, Threads
from .reviews import Approve, OneReview, Pending, Reject, Undo
from .timeline import MessageTimeline
from .trust import RequestUpgrade, Upgrade

urlpatterns = [
    path("mailboxes/<str:id>/messages", Messages.as_view()),
    path("mailboxes/<str:id>/messages/<str:msgId>", OneMessage.as_view()),
    path("mailboxes/<str:id>/messages/<str:msgId>/cancel", Cancel.as_view()),
    path("mailboxes/<str:id>/messages/<str:msgId>/timeline", MessageTimeline.as_view()),
    path("mailboxes/<str:id>/threads", Threads.as_view()),
    path("mailboxes/<str:id>/threads/<str:tid>", OneThread.as_view()),
    path("mailboxes/<str:id>/request-upgrade", RequestUpgrade.as_view()),
    path("mailboxes/<str:id>/upgrade", Upgrade.as_view()),
    path("oversight/pending", Pending.as_view()),
    path("oversight/reviews/<str:id>", OneReview.as_view()),
    path("oversight/reviews/<str:id>/approve", Approve.as_view()),
    path("oversight/reviews/<str:id>/reject", Reject.as_view()),
    path("oversight/reviews/<str:id>/undo", Undo.as_view()),
]
