"""`/v1`: attachments. Messages and threads are routed by oversight."""

from __future__ import annotations

from django.urls import path

from .attachments import Attachments, OneAttachment

urlpatterns = [
    path("attachments", Attachments.as_view()),
    path("attachments/<str:id>", OneAttachment.as_view()),
]
