"""The WebSocket routes of all apps: include lines only."""

from django.urls.resolvers import URLPattern

websocket_urlpatterns: list[URLPattern] = []
