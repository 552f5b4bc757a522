"""The kinds of events that agents may be told, by name: `kinds` has what each says, holds and does not promise."""

from __future__ import annotations

from .kinds.account import ACCOUNT
from .kinds.kind import DESCRIPTION as DESCRIPTION
from .kinds.kind import MESSAGE as MESSAGE
from .kinds.kind import Kind as Kind
from .kinds.mail import MESSAGES
from .kinds.people import REVIEWS
from .kinds.places import PLACES

# The five of the contract (section 9), which a stream without a filter gives.
CONTRACT = ("message.received", "message.sent", "message.delivered", "message.bounced", "message.complaint")

KINDS = {kind.name: kind for kind in (*MESSAGES, *REVIEWS, *PLACES, *ACCOUNT)}

# Told in full, as a received mail: everything else about a received mail is hidden from agents.
OF_RECEIVED_MAIL = frozenset({"message.received", "message.unlocked"})
