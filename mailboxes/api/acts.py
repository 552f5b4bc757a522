"""Which acts with keys, mailboxes and the account are dangerous, and the words in which people are told of them."""

from __future__ import annotations

from mailboxes.errors import NotFound
from mailboxes.ids import parse_id
from mailboxes.keys import of_account, scopes_of
from mailboxes.leave import DangerousAct, Waits, quoted
from mailboxes.mailbox import NewMailbox
from mailboxes.minting import Change, NewKey, Same
from mailboxes.models import Account, ApiKey, Mailbox, MailboxStatus, Scope
from mailboxes.principals import Principal


def make_key(asked: NewKey, *, environment: str) -> DangerousAct:
    """Whoever has a second key goes on where the first one is revoked."""
    boxes = sorted(box.full_address for box in asked.mailboxes)
    return DangerousAct(
        "make_key",
        (
            f"make the {environment} API key {quoted(asked.name)}",
            f"It may: {', '.join(scopes_of(is_scoped=bool(boxes)))}",
            f"In the mailboxes: {', '.join(boxes) if boxes else 'all of the account'}",
            f"It ends: {asked.expires_at or 'when the key ends that makes it'}",
            f"It is good from: {_places(asked.ip_allowlist, left_out='wherever the key is good that makes it')}",
        ),
    )


def rotate_key(actor: Principal, key_id: object, *, overlap_hours: int | None) -> DangerousAct:
    """As making one, and with what the other may."""
    key = _key(actor, key_id)
    goes_on = "as long as the server allows" if overlap_hours is None else f"{overlap_hours} hours"
    return DangerousAct(
        "rotate_key",
        (f"make a new API key in the place of {_named(key)}", f"The old one goes on for: {goes_on}", _reach(key)),
    )


def revoke_key(actor: Principal, key_id: object) -> DangerousAct | None:
    """Waits where it is another's that may all: whoever revokes their own, or a lesser one, only makes it safer."""
    key = _key(actor, key_id)
    if key.revoked_at is not None:
        return None
    waits = Waits.NEVER if _is_own_or_lesser(actor, key) else Waits.BY_SETTING
    return DangerousAct("revoke_key", (f"revoke the API key {_named(key)}", _reach(key)), waits=waits)


def change_key(actor: Principal, key_id: object, *, asked: Change) -> DangerousAct | None:
    """None where nobody need be asked: a key can only bind tighter, and does so with itself and lesser ones."""
    key = _key(actor, key_id)
    if actor.key is not None and _is_own_or_lesser(actor, key):
        return None
    said = [f"change the API key {_named(key)}"]
    if not isinstance(asked.name, Same):
        said.append(f"Its name: {quoted(asked.name)}")
    if not isinstance(asked.expires_at, Same):
        said.append(f"It ends: {key.expires_at or 'never'}, and then: {asked.expires_at or 'never'}")
    if not isinstance(asked.ip_allowlist, Same):
        said.append(f"It is good from: {_places(key.ip_allowlist)}, and then from: {_places(asked.ip_allowlist)}")
    return DangerousAct("change_key", tuple(said))


def make_mailbox(asked: NewMailbox) -> DangerousAct:
    """A new address speaks in the account's name."""
    said = [f"make the mailbox {asked.address.lower()}@{asked.domain.name}", f"Oversight: {asked.mode or 'as usual'}"]
    if asked.display_name:
        said.append(f"Its name: {quoted(asked.display_name)}")
    return DangerousAct("make_mailbox", tuple(said))


def delete_mailbox(box: Mailbox) -> DangerousAct:
    """There is no way back."""
    return DangerousAct("delete_mailbox", (f"delete the mailbox {box.full_address} and all its mail, for good",), box)


def wake_mailbox(box: Mailbox, *, status: str | None) -> DangerousAct | None:
    """None unless a mailbox that was paused, maybe by a person, is to send again."""
    if status != MailboxStatus.ACTIVE or box.status != MailboxStatus.PAUSED:
        return None
    return DangerousAct("wake_mailbox", (f"let the paused mailbox {box.full_address} send again",), box)


def delete_account(account: Account) -> DangerousAct:
    """There is no way back."""
    told = "All its mailboxes, messages, files, domains, keys and people go with it."
    # A deletion is written to the server's log as it happens, for whoever restores a backup.
    said = (f"delete the whole account {account.slug}, for good", told)
    return DangerousAct("delete_account", said, is_rehearsed=False)


def _key(actor: Principal, key_id: object) -> ApiKey:
    parsed = parse_id(key_id)
    key = of_account(actor.account).prefetch_related("mailboxes").filter(pk=parsed).first() if parsed else None
    if key is None:
        raise NotFound("key")
    return key


def _is_own_or_lesser(actor: Principal, key: ApiKey) -> bool:
    is_own = actor.key is not None and actor.key.pk == key.pk
    return is_own or Scope.ADMIN not in key.scopes


def _named(key: ApiKey) -> str:
    return f"{key.prefix}… {quoted(key.name)}" if key.name else f"{key.prefix}…"


def _reach(key: ApiKey) -> str:
    boxes = f" in {key.mailboxes.count()} mailboxes" if key.is_scoped else " in all of the account"
    return f"It may: {', '.join(sorted(key.scopes))}{boxes}"


def _places(allowlist: object, *, left_out: str = "") -> str:
    if allowlist is None:
        return left_out
    listed = [str(one) for one in allowlist] if isinstance(allowlist, (list, tuple)) else []
    return ", ".join(listed) or "everywhere"
