"""What people do about messages."""

from __future__ import annotations

from .kind import DECIDED, REVIEW, Kind

REVIEWS: tuple[Kind, ...] = (
    Kind("review.opened", "A message was put before humans.", "That anybody looks.", f"{REVIEW}, `reason`"),
    Kind("review.approved", "People approved the message.", "That it was sent; it can be undone for a while.", DECIDED),
    Kind("review.approved_by_one", "One of several who must approve it has done so.", "That the others will.", DECIDED),
    Kind(
        "review.rejected",
        "A human rejected the message.",
        "That the reason is all there is to it: a note for you stands in the review.",
        f"{DECIDED}, `reason`",
    ),
    Kind(
        "review.edited",
        "A human changed the message, which still waits; the review tells old and new.",
        "That it will be approved.",
        f"{DECIDED}, `fields` (names), `revision`",
    ),
    Kind(
        "review.returned",
        "A human gave the message back with instructions: send it again in another form.",
        "That a changed one is approved.",
        f"{DECIDED}, `reason` if there is one",
    ),
    Kind("review.undone", "An approval was taken back: it waits again.", "That it will be rejected.", DECIDED),
    Kind("review.reopened", "What was approved has gone stale and waits again.", "Who looks.", f"{REVIEW}, `reason`"),
    Kind("review.expired", "Nobody decided in time.", "That anybody has looked.", f"{REVIEW}, `by`"),
    Kind("review.cancelled", "The message was taken back while it was before humans.", "Why.", f"{REVIEW}, `by`"),
)
