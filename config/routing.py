"""The WebSocket routes of all apps: include lines only."""

from django.urls.resolvers import URLPattern

from oversight.console import routing as console

websocket_urlpatterns: list[URLPattern] = [*console.websocket_urlpatterns]
