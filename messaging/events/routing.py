"""The agents' socket. Who shows a key needs no origin of ours, and no cookie counts: `config/routing.py`."""

from __future__ import annotations

from django.urls import path

from .consumers import event_socket

websocket_urlpatterns = [path("v1/events/ws", event_socket)]  # type: ignore[arg-type] # Channels takes ASGI applications
