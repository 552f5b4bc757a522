"""HTTP to addresses that other people chose: attachments by URL, webhooks.

Nothing that is reached this way may be a machine of ours or of the operator's network, whatever its name says, whenever
it says so. The rules stand in `urls` (what a URL may look like), `addresses` (which addresses are the internet),
`trust` (what the operator exempts), `names` (what a name means, asked once per connection), `connecting` (only the
address that was looked at is connected to), `timing` (time and size) and `exchange` (one request, one answer);
`fetching` gets a file, `lines` tells webhooks.
"""

from .exchange import Fetched
from .failures import Failure, Refused, TimedOut, TooLarge, Unreachable
from .fetching import fetch
from .lines import Lines
from .trust import webhook_receivers
from .urls import check_url, is_same_origin

__all__ = [
    "Failure",
    "Fetched",
    "Lines",
    "Refused",
    "TimedOut",
    "TooLarge",
    "Unreachable",
    "check_url",
    "fetch",
    "is_same_origin",
    "webhook_receivers",
]
