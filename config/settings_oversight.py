"""How strictly agents are overseen: settings from the environment, a part of `settings`."""

from django.core.exceptions import ImproperlyConfigured

from config.environment import number as _number
from config.environment import percent as _percent
from config.environment import text as _text

DEFAULT_MODE = _text("DEFAULT_MODE", "gated_send")
UNDO_SECONDS = _number("UNDO_SECONDS", 30)
REVIEW_EXPIRES_DAYS = _number("REVIEW_EXPIRES_DAYS", 7)
# How often a minute the policy is asked, for one mailbox, what it would make of a send. 0: as often as one likes.
EVALUATIONS_PER_MINUTE = _number("EVALUATIONS_PER_MINUTE", 60)
# How often an hour a mailbox answers in one conversation before its answers wait for a person. 0: as often as it likes.
THREAD_SENDS_PER_HOUR = _number("THREAD_SENDS_PER_HOUR", 20)
# A back-test of rules: how far back without being told, how far at most, and how many messages.
BACKTEST_DAYS = max(_number("BACKTEST_DAYS", 30), 1)
BACKTEST_MOST_DAYS = max(_number("BACKTEST_MOST_DAYS", 90), BACKTEST_DAYS)
BACKTEST_MESSAGES = max(_number("BACKTEST_MESSAGES", 10_000), 1)
# How many of the newest messages the page of the rules looks at, to say how often each was met.
RULE_HITS_MESSAGES = max(_number("RULE_HITS_MESSAGES", 5_000), 1)
# The queue of reviews: whether people claim (off, optional, required) and for how long; how many of one key may wait
# (0: any number); how many one act may decide at once.
CLAIMS = _text("CLAIMS", "optional")
if CLAIMS not in {"off", "optional", "required"}:
    raise ImproperlyConfigured(f"CLAIMS must be off, optional or required, not {CLAIMS!r}")
CLAIM_SECONDS = _number("CLAIM_SECONDS", 120)
PENDING_PER_KEY = _number("PENDING_PER_KEY", 1000)
# How much received mail of a gated_all mailbox may wait unseen before senders are told to try later. 0: any amount.
HIDDEN_PER_MAILBOX = _number("HIDDEN_PER_MAILBOX", 1000)
BULK_APPROVE_MOST = _number("BULK_APPROVE_MOST", 200)
BULK_REJECT_MOST = _number("BULK_REJECT_MOST", 10_000)
# The trust ladder: wrong codes until a request is dead, requests an hour for a mailbox, hours that a code works.
PERMIT_TRIES = _number("PERMIT_TRIES", 5)
# Dangerous acts that wait for a person: how long, how many an hour of one key; how seldom at most people are mailed of
# those that were done.
PERMIT_MINUTES = min(max(_number("PERMIT_MINUTES", 60), 15), 60)
PERMITS_PER_HOUR = max(_number("PERMITS_PER_HOUR", 10), 1)
ACTS_MAIL_EVERY_MINUTES = _number("ACTS_MAIL_EVERY_MINUTES", 2)
UPGRADE_REQUESTS_PER_HOUR = _number("UPGRADE_REQUESTS_PER_HOUR", 3)
UPGRADE_CODE_HOURS = _number("UPGRADE_CODE_HOURS", 24)
# Tabs of the console that one person may have open at once, in each web process.
SOCKETS_PER_PERSON = _number("SOCKETS_PER_PERSON", 50)
# What a mailbox's place on the ladder is judged by: the decisions and sends of so many days, the newest so many.
TRUST_DAYS = max(_number("TRUST_DAYS", 30), 1)
TRUST_READ_MOST = max(_number("TRUST_READ_MOST", 500), 1)
# What speaks for a rung up: at least so many decisions (or, where it sends by itself, sends that were taken) on so many
# days, at most so much of it edited or returned, less than so much bounced. No rejection and no complaint.
TRUST_MIN_DECISIONS = _number("TRUST_MIN_DECISIONS", 20)
TRUST_MIN_SENDS = _number("TRUST_MIN_SENDS", 50)
TRUST_MIN_DAYS = _number("TRUST_MIN_DAYS", 3)
TRUST_MAX_EDIT_PERCENT = _percent("TRUST_MAX_EDIT_PERCENT", "5")
TRUST_MAX_BOUNCE_PERCENT = _percent("TRUST_MAX_BOUNCE_PERCENT", "2")
# What speaks for a rung down: more than so much rejected (two at least), or bounced.
TRUST_BAD_REJECT_PERCENT = _percent("TRUST_BAD_REJECT_PERCENT", "10")
TRUST_BAD_BOUNCE_PERCENT = _percent("TRUST_BAD_BOUNCE_PERCENT", "5")
# How long nothing is suggested: upwards after a demotion, the same again after a person has declined it.
TRUST_COOLING_DAYS = _number("TRUST_COOLING_DAYS", 14)
TRUST_DECLINED_DAYS = _number("TRUST_DECLINED_DAYS", 30)
# The machine takes a rung back after a rejection for one of these reasons, a complaint, or a suspension for bad rates:
# never further than this mode.
SEVERE_REASONS = frozenset(
    filter(None, (_one.strip() for _one in _text("SEVERE_REASONS", "risky_link_or_file,privacy").split(",")))
)
DEMOTION_LOWEST = _text("DEMOTION_LOWEST", "gated_send")
if DEMOTION_LOWEST not in {"gated_all", "gated_send", "monitored"}:
    raise ImproperlyConfigured(f"DEMOTION_LOWEST must be gated_all, gated_send or monitored, not {DEMOTION_LOWEST!r}")
# Notices to reviewers: how long after a hold, how seldom, how long the link in them works.
NOTICE_DELAY_SECONDS = _number("NOTICE_DELAY_SECONDS", 60)
NOTICE_EVERY_MINUTES = _number("NOTICE_EVERY_MINUTES", 10)
NOTICE_LINK_HOURS = _number("NOTICE_LINK_HOURS", 24)
# How long the link in the mail to a new oversight address works, and how many such mails an account has sent an hour.
OVERSIGHT_ADDRESS_HOURS = _number("OVERSIGHT_ADDRESS_HOURS", 24)
OVERSIGHT_ADDRESS_ASKS = _number("OVERSIGHT_ADDRESS_ASKS", 5)
KEY_UNUSED_DAYS = _number("KEY_UNUSED_DAYS", 30)  # a key without a call for so long is flagged
TIMELINE_STEPS = _number("TIMELINE_STEPS", 500)  # so many of a message's life are told at once
