"""Settings of the server that the browser tests drive: the tests' own, with the channel layer of a real instance."""

from config.settings import _redis_url
from config.settings_test import *  # noqa: F403

WHITENOISE_AUTOREFRESH = False
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [_redis_url], "prefix": "gatepost"},
    },
}
