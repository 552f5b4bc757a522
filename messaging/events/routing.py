"""The agents' socket, below v1/. Who shows a key needs no origin of ours, and no cookie counts: `config/routing.py`."""

from __future__ import annotations

from django.urls import path

from .consumers import event_socket

websocket_urlpatterns = [path("events/ws", event_socket)]  # type: ignore[arg-type] # Channels takes ASGI applications
