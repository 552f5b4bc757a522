"""What agents are told of a rule: a code, a sentence and what to do; never a threshold, a list or the rule's name."""

from __future__ import annotations

from .types import Outcome

_ASKS = {
    Outcome.ALLOW: "A rule of the account lets this message pass",
    Outcome.HOLD: "A rule of the account puts this message before a person",
    Outcome.REFUSE: "A rule of the account does not let this message leave",
}
_ABOUT = {
    "recipient_list": "because of whom it is addressed to",
    "first_contact": "because it writes to somebody for the first time",
    "new_recipients_per_hour": "because this mailbox writes to many people for the first time",
    "outside_thread": "because it answers to people who take no part in the conversation",
    "redirected_reply": "because the answer would go elsewhere than to whom it answers",
    "parent_unproven": "because the sender of the mail that it answers is not proven",
    "volume": "because this mailbox writes much in a short time",
    "amount": "because it speaks of money",
    "words": "because of words in it",
    "attachments": "because of its attachments",
    "links": "because of its links",
    "secrets": "because it holds something that should not leave",
    "duplicate": "because the same message was just sent",
    "quiet_hours": "because of the time of day",
    "provenance": "because of what made you send it",
    "reply": "because of what it answers",
    "answers_elsewhere": "because answers to it would go to another address",
    "recipients": "because of how many it is addressed to",
    "always": "as it does with all of this mailbox",
}
_FIXES = {
    "recipient_list": "Write to other recipients, or ask a human of the account.",
    "new_recipients_per_hour": "Wait, or write to fewer new people at a time.",
    "outside_thread": "Leave out those who take no part in the conversation.",
    "redirected_reply": "Write to the From address of the mail, or ask a human of the account.",
    "volume": "Wait, and write to fewer people at a time.",
    "words": "Say it in other words, or leave it to a human of the account.",
    "attachments": "Leave the files out, or ask a human of the account.",
    "links": "Link to the whole https address of a host that you name in the text.",
    "secrets": "Take it out of the message and send again.",
    "duplicate": "Look whether your first message was taken before you send it again.",
    "quiet_hours": "Send it again at another time of day.",
    "provenance": "Say with the send what made you send it, if it was a person or a schedule.",
    "answers_elsewhere": "Leave replyTo out.",
    "recipients": "Write to fewer at a time.",
}
_ASK = "Ask a human of the account."
_WAIT = "Wait for the decision"


def text_of(kind: str, outcome: Outcome) -> str:
    return f"{_ASKS[outcome]}, {_ABOUT[kind]}."


def fix_of(kind: str, outcome: Outcome) -> str:
    """What the author may do: nothing needs to be done about what passes, and what is held may just be waited for."""
    if outcome == Outcome.ALLOW:
        return ""
    fix = _FIXES.get(kind)
    if outcome == Outcome.REFUSE:
        return fix or _ASK
    return f"{_WAIT}, or cancel the message and send a changed one. {fix}" if fix else f"{_WAIT}. {_ASK}"
