"""What happens to messages."""

from __future__ import annotations

from .kind import DEAD, MESSAGE, ONE_RECIPIENT, RECEIVED, Kind

MESSAGES: tuple[Kind, ...] = (
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
        f"{MESSAGE}, `reason`, `decision_id` after an approval that was undone, `revision` of one that came again",
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
        f"{MESSAGE}, `reason`, `review_reason` if there is one; the instructions stand in the review",
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
    Kind("message.requeued", "A human has a recipient tried again whose tries were spent.", "Success.", DEAD),
    Kind("message.dropped", "A human gave up a recipient whose tries were spent.", "More of the others.", DEAD),
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
