"""The WebSocket routes of all apps: include lines only."""

from django.urls.resolvers import URLPattern

from messaging.events import routing as events
from oversight.console import routing as console

# A page's browser brings the session's cookie along, whichever page asks it to: these are for our own origin alone.
page_urlpatterns: list[URLPattern] = [*console.websocket_urlpatterns]
# Below v1/ a key is the proof, which no foreign page has, and programs send no Origin.
key_urlpatterns: list[URLPattern] = [*events.websocket_urlpatterns]
