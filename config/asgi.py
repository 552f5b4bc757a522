"""HTTP by Django; WebSockets of pages by Channels, only from our own origin and with the session's user."""

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

from config import outflow  # noqa: E402
from config.routing import websocket_urlpatterns  # noqa: E402
from config.threaded import ThreadedHandler  # noqa: E402

# Twisted would read every form into memory and parse it on the event loop, whoever sends it, before Django sees it; and
# answer by itself, without a word, what it can't read.
http_protocol.WebRequest = partial(outflow.Request, parsePOSTFormSubmission=False)

application = ProtocolTypeRouter(
    {
        "http": ThreadedHandler(),
        "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns))),
    }
)
