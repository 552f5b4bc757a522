"""Settings of the server that the browser tests drive: the tests' own, with the channel layer of a real instance."""

from config.settings import _redis_url
from config.settings_test import *  # noqa: F403

WHITENOISE_AUTOREFRESH = False
# Browsers press "Undo" while the clock runs: the time for it ends when a test says so (`Backstage.pass_undo_time`).
UNDO_SECONDS = 600
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [_redis_url], "prefix": "gatepost"},
    },
}
