"""The kinds of events that agents may be told: what each says, what it holds, and what it does not promise."""

from __future__ import annotations

from dataclasses import dataclass

# Which message an event is about: in `data` of every event that "the message" is said of.
DESCRIPTION = (
    "`message_id`, `mailbox_id`, `mailbox_address`, `rfc_message_id` (the Message-ID header), `thread_id`, `from`, "
    "`to`, `cc`, `subject`, `in_reply_to`, `metadata`, `tags`"
)
MESSAGE = "the message"
ONE_RECIPIENT = f"{MESSAGE}, `recipient`, `recipient_id`, `code`"
KEY, TERMS = "`key_id`, `prefix`, `by`", "`expires_at`, `is_bound` (to addresses)"
REVIEW = "`review_id`, `message_id`, `version`"
RECEIVED = (
    f"{MESSAGE}, `body_text`, `body_html`, `headers`, `received_at`, `attachments` (each with a `download_url` made "
    "when the event is told), `attachments_dropped` and `attachments_dropped_reason` if any were, `answers` (your "
    "message that it answers, with your metadata), `account` from half of the inbound limit on"
)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of event by its name on the wire. `holds` are the members of its `data`.

    `is_reserved`: nothing records it yet. It may be subscribed to, so that who does needs no change once it happens.
    """

    name: str
    says: str
    promises_not: str
    holds: str
    is_reserved: bool = False


# The five of the contract (section 9), which a stream without a filter gives.
CONTRACT = ("message.received", "message.sent", "message.delivered", "message.bounced", "message.complaint")

_MESSAGES = (
    Kind("message.received", "A mail arrived and may be read.", "That its sender is who the From line says.", RECEIVED),
    Kind("message.sent", "The next mail server took the message.", "That it was delivered.", f"{MESSAGE}, `sent_at`"),
    Kind(
        "message.delivered",
        "A recipient's server confirmed that it took the mail.",
        "That anybody read it. Few servers confirm: without it the mail may have arrived all the same.",
        f"{ONE_RECIPIENT}, `delivered_at`",
    ),
    Kind(
        "message.bounced",
        "A recipient's server gave the mail back for good.",
        "That the address never works: look at `bounce_type` and `code`.",
        f"{ONE_RECIPIENT}, `recipients`, `bounce_type` (`hard` or `soft`), `reason`, `bounced_at`",
    ),
    Kind(
        "message.complaint",
        "A recipient reported the mail as spam.",
        "That other copies were not welcome.",
        f"{ONE_RECIPIENT}, `recipients`, `complained_at`",
    ),
    Kind(
        "message.queued",
        "The message may leave, and waits for a mail server.",
        "That it leaves: until the first attempt an approval can be undone, and the message be cancelled.",
        f"{MESSAGE}, `decision_id` after an approval",
    ),
    Kind(
        "message.held",
        "The message waits for a human.",
        "That anybody looks before it expires.",
        f"{MESSAGE}, `reason`, `decision_id` after an approval that was undone",
    ),
    Kind(
        "message.approved",
        "A human let the message leave.",
        "That it was sent, nor that it will be: the approval can be undone for some seconds.",
        f"{MESSAGE}, `review_id`, `decision_id`, `by`",
    ),
    Kind(
        "message.rejected",
        "A human decided that the message never leaves.",
        "That another one about the same would be rejected, too.",
        f"{MESSAGE}, `reason`, `review_reason`",
    ),
    Kind(
        "message.returned",
        "A human gave the message back to be changed.",
        "That a changed one is approved.",
        f"{MESSAGE}, `reason`",
        is_reserved=True,
    ),
    Kind(
        "message.expired",
        "Nobody decided in time: the message never leaves.",
        "That anybody has seen it.",
        f"{MESSAGE}, `reason`",
    ),
    Kind(
        "message.cancelled",
        "The message was taken back before it left.",
        "That nobody saw it: reviewers may have.",
        f"{MESSAGE}, `reason`, `by`",
    ),
    Kind(
        "message.scheduled",
        "The message waits for the time that its sender chose.",
        "That it leaves then: it is judged once more when it is due.",
        MESSAGE,
        is_reserved=True,
    ),
    Kind(
        "message.failed",
        "No mail server took the message, for any of its recipients.",
        "That the addresses are wrong: read `reason`, and each recipient's state in the message.",
        f"{MESSAGE}, `reason`",
    ),
    Kind(
        "message.unknown",
        "The message may have left: the mail server's answer was lost. It is never sent again by itself.",
        "That it was sent, nor that it was not. A later event may tell.",
        f"{MESSAGE}, `reason`",
    ),
    Kind(
        "message.unlocked",
        "A received mail that had come over the month's limit may be read now.",
        "That it is new: `received_at` says when it came.",
        f"{RECEIVED}, `unlocked_at`",
    ),
    Kind("message.tagged", "Tags of a message were changed.", "Which tags it had before.", MESSAGE, is_reserved=True),
)
_REVIEWS = (
    Kind("review.opened", "A message was put before humans.", "That anybody looks.", f"{REVIEW}, `reason`"),
    Kind(
        "review.approved",
        "A human approved the message.",
        "That it was sent; the approval can be undone for some seconds.",
        f"{REVIEW}, `decision_id`, `by`",
    ),
    Kind(
        "review.rejected",
        "A human rejected the message.",
        "That the reason is all there is to it: a note for you stands in the review.",
        f"{REVIEW}, `decision_id`, `by`, `reason`",
    ),
    Kind(
        "review.undone",
        "An approval was taken back: the message waits again.",
        "That it will be rejected.",
        f"{REVIEW}, `decision_id`, `by`",
    ),
    Kind("review.expired", "Nobody decided in time.", "That anybody has looked.", f"{REVIEW}, `by`"),
    Kind("review.cancelled", "The message was taken back while it was before humans.", "Why.", f"{REVIEW}, `by`"),
)
_PLACES = (
    Kind("mailbox.created", "There is a new mailbox.", "That mail has come.", "`mailbox_id` and facts of it"),
    Kind(
        "mailbox.changed",
        "A mailbox was changed, paused or woken.",
        "What it was before.",
        "`mailbox_id`, `changed` (names), `status`, `by`",
    ),
    Kind(
        "mailbox.mode_changed",
        "A human changed how far the mailbox's agent is trusted.",
        "That what waits is judged anew: it goes on waiting.",
        "`mailbox_id`, `from`, `to`, `by`, `reason`",
    ),
    Kind(
        "permit.asked",
        "An agent asked for what only a person allows; the code was mailed to the account's people.",
        "That anybody has read the mail.",
        "`permit_id`, `act`, `key_id`, `to`, `by`",
    ),
    Kind("permit.granted", "A person allowed it by a button.", "That it was done.", "`permit_id`, `act`, `by`"),
    Kind("permit.used", "The code was right, and it was done.", "Who gave the code.", "`permit_id`, `act`, `by`"),
    Kind(
        "permit.refused",
        "A person refused it, or the code was wrong too often.",
        "That asking again is refused.",
        "`permit_id`, `act`, `by`",
    ),
    Kind(
        "mailbox.deleted",
        "The mailbox is gone for good, and its mail with it.",
        "That the mail is erased at this moment: it takes a while.",
        "`mailbox_id`, `by`",
    ),
    Kind("domain.added", "A domain was named as the account's.", "That it is.", "`domain_id`, `name`"),
    Kind(
        "domain.verified",
        "The domain's records stand: mailboxes may be made on it.",
        "That they stay.",
        "`domain_id`, `name`",
    ),
    Kind(
        "domain.check_failed",
        "Other records than before are missing from a domain that is not verified yet.",
        "That the DNS everywhere says the same.",
        "`domain_id`, `name`, `failing`",
    ),
    Kind(
        "domain.drifted",
        "Records of a verified domain no longer stand.",
        "That mail already bounces.",
        "`domain_id`, `name`, `failing`",
    ),
    Kind(
        "domain.recovered",
        "All records of the domain stand again.",
        "That they stay.",
        "`domain_id`, `name`, `failing`",
    ),
    Kind(
        "domain.frozen",
        "Every proof that the domain is yours is gone for days: nothing is sent from it.",
        "That its mailboxes are lost.",
        "`domain_id`, `name`",
    ),
    Kind(
        "domain.thawed",
        "The proof is back: mail is sent again.",
        "That nothing expired meanwhile.",
        "`domain_id`, `name`",
    ),
    Kind(
        "domain.keys_made",
        "New signing keys wait for their records.",
        "That they sign.",
        "`domain_id`, `selectors`, `by`",
    ),
    Kind(
        "domain.keys_switched",
        "The new keys sign from now on.",
        "That the old records may go yet.",
        "`domain_id`, `selectors`",
    ),
    Kind(
        "domain.keys_retired",
        "Old keys sign no more: their records may go.",
        "That anybody removed them.",
        "`domain_id`, `selectors`",
    ),
    Kind(
        "domain.deleted",
        "The account let go of the domain.",
        "That its DNS records are gone.",
        "`domain_id`, `name`, `by`",
    ),
)
_ACCOUNT = (
    Kind("key.created", "There is a new key.", "That it was used.", f"`key_id`, `prefix`, `scopes`, {TERMS}"),
    Kind("key.changed", "A key's name, end or addresses changed.", "Which addresses it has.", f"{KEY}, {TERMS}"),
    Kind(
        "key.rotated", "Another takes its place at its end.", "That its user has it.", f"{KEY}, `rotated_to`, {TERMS}"
    ),
    Kind("key.revoked", "A key opens nothing any more.", "That a request in progress was stopped.", KEY),
    Kind(
        "suppression.added",
        "An address must not be written to any more.",
        "That mail to it has not left already.",
        "`suppression_id`, `reason`, `by` unless it came of a bounce or complaint",
    ),
    Kind("suppression.removed", "An address may be written to again.", "That it takes mail.", "`suppression_id`, `by`"),
    Kind("attachment.uploaded", "A file waits to be sent.", "That it was looked at.", "`attachment_id`, `size_bytes`"),
    Kind("attachment.deleted", "A file is gone.", "That copies that were sent are.", "`attachment_id`, `by`"),
    Kind("webhook.created", "There is a new webhook.", "That its URL answers.", "`webhook_id`, `by`"),
    Kind("webhook.changed", "A webhook was changed.", "What it was before.", "`webhook_id`, `changed` (names), `by`"),
    Kind(
        "webhook.secret_rotated",
        "A webhook signs with a new secret, and for a while with the old one as well.",
        "That its receiver knows the new one.",
        "`webhook_id`, `by`, `previous_until`",
    ),
    Kind("webhook.deleted", "A webhook is gone.", "That nothing is on its way to it.", "`webhook_id`, `by`"),
    Kind(
        "webhook.failed",
        "A webhook failed too often in a row: nothing is told to it until its owner makes it ACTIVE.",
        "That what it missed is lost: it is told then.",
        "`webhook_id`, `failures`, `since`, and of the last attempt `response_status`, `code`",
    ),
    Kind(
        "webhook.skipped",
        "A webhook was away for so long that events became too old to be told to it.",
        "That they are lost to you: lists still have what they were about.",
        "`webhook_id`, and the numbers of the events, `after` and `up_to`",
    ),
    Kind("webhook.skipped", "Events too old for a webhook.", "That it wanted them.", "`webhook_id`, `after`, `up_to`"),
    Kind(
        "webhook.pinged", "A test event, told to one webhook.", "That other events get through.", "`webhook_id`, `by`"
    ),
    Kind(
        "account.stopped",
        "A human stopped all sending of the account.",
        "That what waits is cancelled: it waits.",
        "`by`, `reason`",
    ),
    Kind("account.resumed", "The account sends again.", "That nothing expired meanwhile.", "`by`"),
    Kind(
        "account.suspended",
        "The server's operator suspended the account.",
        "For how long.",
        "`by`, `reason` and numbers",
    ),
    Kind("account.reactivated", "The account is no longer suspended.", "That nothing expired meanwhile.", "`by`"),
)
KINDS = {kind.name: kind for kind in (*_MESSAGES, *_REVIEWS, *_PLACES, *_ACCOUNT)}

# Told in full, as a received mail: everything else about a received mail is hidden from agents.
OF_RECEIVED_MAIL = frozenset({"message.received", "message.unlocked"})
