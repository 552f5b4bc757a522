"""`/files/`: contents of attachments, by links that need no key."""

from __future__ import annotations

from django.urls import path

from .views import Download

urlpatterns = [path("<str:token>/<str:filename>", Download.as_view())]
