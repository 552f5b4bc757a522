"""How strictly agents are overseen: settings from the environment, a part of `settings`."""

from django.core.exceptions import ImproperlyConfigured

from config.environment import number as _number
from config.environment import text as _text

DEFAULT_MODE = _text("DEFAULT_MODE", "gated_send")
UNDO_SECONDS = _number("UNDO_SECONDS", 30)
REVIEW_EXPIRES_DAYS = _number("REVIEW_EXPIRES_DAYS", 7)
# How often a minute the policy is asked, for one mailbox, what it would make of a send. 0: as often as one likes.
EVALUATIONS_PER_MINUTE = _number("EVALUATIONS_PER_MINUTE", 60)
# A back-test of rules: how far back without being told, how far at most, and how many messages.
BACKTEST_DAYS = max(_number("BACKTEST_DAYS", 30), 1)
BACKTEST_MOST_DAYS = max(_number("BACKTEST_MOST_DAYS", 90), BACKTEST_DAYS)
BACKTEST_MESSAGES = max(_number("BACKTEST_MESSAGES", 10_000), 1)
# The queue of reviews: whether people claim (off, optional, required) and for how long; how many of one key may wait
# (0: any number); how many one act may decide at once.
CLAIMS = _text("CLAIMS", "optional")
if CLAIMS not in {"off", "optional", "required"}:
    raise ImproperlyConfigured(f"CLAIMS must be off, optional or required, not {CLAIMS!r}")
CLAIM_SECONDS = _number("CLAIM_SECONDS", 120)
PENDING_PER_KEY = _number("PENDING_PER_KEY", 1000)
BULK_APPROVE_MOST = _number("BULK_APPROVE_MOST", 200)
BULK_REJECT_MOST = _number("BULK_REJECT_MOST", 10_000)
# The trust ladder: wrong codes until a request is dead, requests an hour for a mailbox, hours that a code works.
PERMIT_TRIES = _number("PERMIT_TRIES", 5)
UPGRADE_REQUESTS_PER_HOUR = _number("UPGRADE_REQUESTS_PER_HOUR", 3)
UPGRADE_CODE_HOURS = _number("UPGRADE_CODE_HOURS", 24)
# Notices to reviewers: how long after a hold, how seldom, how long the link in them works.
NOTICE_DELAY_SECONDS = _number("NOTICE_DELAY_SECONDS", 60)
NOTICE_EVERY_MINUTES = _number("NOTICE_EVERY_MINUTES", 10)
NOTICE_LINK_HOURS = _number("NOTICE_LINK_HOURS", 24)
TIMELINE_STEPS = _number("TIMELINE_STEPS", 500)  # so many of a message's life are told at once
