"""What happens to mailboxes, domains, and what stands around them."""

from __future__ import annotations

from .kind import Kind

PLACES: tuple[Kind, ...] = (
    Kind("mailbox.created", "There is a new mailbox.", "That mail has come.", "`mailbox_id` and facts of it"),
    Kind(
        "mailbox.changed",
        "A mailbox was changed, paused or woken.",
        "What it was before.",
        "`mailbox_id`, `changed` (names), `status`, `by`",
    ),
    Kind(
        "mailbox.mode_changed",
        "How far the mailbox's agent is trusted was changed: by a human, or by the machine to a stricter mode.",
        "That what waits is judged anew: it goes on waiting.",
        "`mailbox_id`, `from`, `to`, `by`, `reason`",
    ),
    Kind(
        "mailbox.demoted",
        "The machine set the mailbox back to a stricter mode.",
        "That mail which had left already was stopped.",
        "`mailbox_id`, `demotion_id`, `cause` (`severe_reject`, `complaint`, `breaker`), `reason`, `to`",
    ),
    Kind("mailbox.floor_changed", "A human set a floor.", "That what waits is judged anew.", "`from`, `to`, `by`"),
    Kind(
        "permit.asked",
        "An agent asked for what only a person allows; the code was mailed to the account's people.",
        "That anybody has read the mail.",
        "`permit_id`, `act`, `key_id`, `to`, `by`",
    ),
    Kind(
        "permit.granted",
        "A person allowed it by a button: repeat the call.",
        "That it was done.",
        "`permit_id`, `act`, `by`",
    ),
    Kind("permit.used", "It was done, by the code or after the button.", "Who gave it.", "`permit_id`, `act`, `by`"),
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
