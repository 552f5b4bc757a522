"""Rules to begin with: whoever copies one sets what it asks for, and looks at its back-test.

Those that hold or refuse are classes that never graduate: no mode, track record or code lifts them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Template:
    """A rule ready for copying, and what it is good for."""

    rule: dict[str, Any]
    description: str

    @property
    def id(self) -> str:
        return str(self.rule["id"])


def _rule(id: str, name: str, then: str, *when: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": id, "name": name, "when": list(when), "then": then, **more}


TEMPLATES: tuple[Template, ...] = (
    Template(
        _rule(
            "known-correspondents",
            "To people we know",
            "allow",
            {"kind": "recipient_list", "addresses": ["kim@customer.example", "*@partner.example"]},
        ),
        "What a gated_send mailbox writes to these alone leaves without a person. Every recipient must be listed.",
    ),
    Template(
        _rule(
            "never-to",
            "Never to these",
            "refuse",
            {"kind": "recipient_list", "addresses": ["*@competitor.example"]},
        ),
        "One such recipient is enough: nothing of the message leaves, in any mode.",
    ),
    Template(
        _rule(
            "only-to",
            "A person looks at mail to anybody else",
            "hold",
            {"kind": "recipient_list", "addresses": ["*@our-company.example"], "isNot": True},
        ),
        "For mailboxes that send by themselves: whatever names a recipient outside of the list waits.",
    ),
    Template(
        _rule("first-contact", "First contact", "hold", {"kind": "first_contact"}, lane="first-contact", risk="medium"),
        "Mail to somebody whom the account never wrote to and never heard from waits for a person.",
    ),
    Template(
        _rule("many-new-people", "Many new people", "hold", {"kind": "new_recipients_per_hour", "over": 5}),
        "More than five people within an hour who were never written to before.",
    ),
    Template(
        _rule(
            "off-the-thread",
            "Answers to outsiders",
            "hold",
            {"kind": "reply"},
            {"kind": "outside_thread"},
            risk="medium",
        ),
        "An answer that names people who take no part in the conversation.",
    ),
    Template(
        _rule("reply-hijack", "Answers that are led elsewhere", "hold", {"kind": "redirected_reply"}, risk="high"),
        "The mail that is answered asks for answers at another domain than it came from.",
    ),
    Template(
        _rule("money", "Money", "hold", {"kind": "amount", "over": 1000}, lane="money", people=2, risk="high"),
        "Sums above 1,000 of any currency: two people approve.",
    ),
    Template(
        _rule("promises", "Promises", "hold", {"kind": "words", "list": "promises"}, risk="medium"),
        "Words that bind: guarantees, refunds, liability. Add words of your own beside the list.",
    ),
    Template(
        _rule("regulated", "Regulated words", "hold", {"kind": "words", "list": "regulated"}, risk="medium"),
        "Words of finance, medicine and law that someone qualified should read.",
    ),
    Template(
        _rule(
            "bank-details",
            "New bank details",
            "hold",
            {
                "kind": "words",
                "words": ["new bank details", "our bank details have changed", "new account number", "change of bank"],
            },
            lane="money",
            people=2,
            risk="high",
        ),
        "Whoever says that money goes to another account from now on is looked at by two people, at every rung.",
    ),
    Template(
        _rule(
            "secrets",
            "Secrets that leave",
            "refuse",
            {"kind": "secrets", "kinds": ["api_key", "private_key", "password"]},
        ),
        "Keys and passwords never leave. Let it hold instead where a person may let one through.",
    ),
    Template(
        _rule(
            "personal-data",
            "Card and account numbers",
            "hold",
            {"kind": "secrets", "kinds": ["card_number", "iban"]},
            risk="high",
        ),
        "Numbers of cards and bank accounts that pass their checksums.",
    ),
    Template(
        _rule(
            "deceptive-links",
            "Links that deceive",
            "hold",
            {"kind": "links", "problems": ["look_alike", "text_differs", "mixed_script"]},
            risk="high",
        ),
        "Hosts that look like others, and texts that name another host than the one they lead to.",
    ),
    Template(
        _rule(
            "programs",
            "Programs as files",
            "refuse",
            {"kind": "attachments", "types": ["exe", "js", "vbs", "scr", "bat", "cmd", "msi", "jar", "iso", "lnk"]},
        ),
        "Files that run on the reader's computer.",
    ),
    Template(
        _rule("volume", "Volume", "hold", {"kind": "volume", "perHour": 30, "perDay": 200}, risk="medium"),
        "What this mailbox writes beyond 30 recipients within the hour or 200 within the day.",
    ),
    Template(
        _rule("duplicates", "Twice the same", "refuse", {"kind": "duplicate"}),
        "The same content to the same recipients within 60 seconds.",
    ),
    Template(
        _rule(
            "quiet-hours",
            "Quiet hours",
            "hold",
            {"kind": "quiet_hours", "from": "22:00", "to": "06:00", "zone": "UTC"},
        ),
        "What is sent at night waits until somebody is awake.",
    ),
    Template(
        _rule(
            "moved-by-mail",
            "Sent because of a received mail",
            "hold",
            {"kind": "provenance", "of": ["inbound", "unknown"]},
            {"kind": "first_contact"},
            risk="high",
        ),
        "A received mail, or nobody knows what, made the agent write to somebody new.",
    ),
)
