"""What happens to the account: its keys, webhooks, and whether it may send."""

from __future__ import annotations

from .kind import KEY, PART, STOPPED, TERMS, Kind

ACCOUNT: tuple[Kind, ...] = (
    Kind(
        "key.created",
        "There is a new key.",
        "That it was used.",
        f"`key_id`, `prefix`, `scopes`, {TERMS}, `by` unless it came with the signup",
    ),
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
    Kind(
        "webhook.pinged", "A test event, told to one webhook.", "That other events get through.", "`webhook_id`, `by`"
    ),
    Kind(
        "account.stopped",
        "A human stopped all sending of the account.",
        "That what waits is cancelled: it waits.",
        "`stop_id`, `scope`, `by`, `reason`",
    ),
    Kind("account.resumed", "The account sends again.", "That nothing expired meanwhile.", "`stop_id`, `scope`, `by`"),
    Kind("sending.stopped", f"{PART} was stopped.", "That what waits is cancelled.", f"{STOPPED}, `by`, `reason`"),
    Kind("sending.resumed", f"{PART} sends again.", "That nothing expired meanwhile.", f"{STOPPED}, `by`"),
    Kind(
        "account.suspended",
        "The server's operator suspended the account.",
        "For how long.",
        "`by`, `reason` and numbers",
    ),
    Kind("account.reactivated", "The account is no longer suspended.", "That nothing expired meanwhile.", "`by`"),
)
