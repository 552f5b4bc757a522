"""The front door for agents, outside of `/v1`."""

from __future__ import annotations

from django.urls import path

from . import guide

urlpatterns = [
    path("llms.txt", guide.llms, name="llms"),
    path("agents", guide.agents, name="agents"),
    path("docs/events", guide.events, name="events"),
    path("docs/webhooks", guide.webhooks, name="webhooks"),
    path("docs/troubleshooting", guide.troubleshooting, name="troubleshooting"),
    path("security", guide.security, name="security"),
]
