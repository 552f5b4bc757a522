"""HTTP by Django; WebSockets by Channels: pages' from our own origin and with the session's user, agents' by a key."""

import os
from functools import partial

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup(set_prefix=False)

# Consumers and middleware import models, so they come after Django is set up.
from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402
from daphne import http_protocol  # noqa: E402
from daphne.server import Server  # noqa: E402
from daphne.ws_protocol import WebSocketFactory  # noqa: E402
from django.urls import re_path  # noqa: E402

from config import farewell, outflow, sockets  # noqa: E402
from config.routing import key_urlpatterns, page_urlpatterns  # noqa: E402
from config.threaded import ThreadedHandler  # noqa: E402
from mailboxes import collector  # noqa: E402

# Twisted would read every form into memory and parse it on the event loop, whoever sends it, before Django sees it; and
# answer by itself, without a word, what it can't read.
http_protocol.WebRequest = partial(outflow.Request, parsePOSTFormSubmission=False)
WebSocketFactory.protocol = sockets.Socket
Server.kill_all_applications = farewell.end_applications

programs = outflow.patiently(URLRouter(key_urlpatterns))
pages = AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(page_urlpatterns)))
application = ProtocolTypeRouter(
    {
        "http": ThreadedHandler(),
        # Its stubs know routes to Django's views only, not to ASGI applications.
        "websocket": URLRouter([re_path("^v1/", programs), re_path("", pages)]),  # type: ignore[arg-type]  # see above
    }
)
collector.settle()
