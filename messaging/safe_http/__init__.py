"""HTTP to addresses that other people chose: attachments by URL, webhooks.

Nothing that is reached this way may be a machine of ours or of the operator's network, whatever its name says, whenever
it says so. The rules stand in `urls` (what a URL may look like), `addresses` (which addresses are the internet),
`names` (what a name means, asked once), `connecting` (only the address that was looked at is connected to) and
`exchange` (time and size).
"""

from .exchange import Fetched, fetch, post
from .failures import Failure, Refused, TimedOut, TooLarge, Unreachable
from .urls import check_url, is_same_origin

__all__ = [
    "Failure",
    "Fetched",
    "Refused",
    "TimedOut",
    "TooLarge",
    "Unreachable",
    "check_url",
    "fetch",
    "is_same_origin",
    "post",
]
