"""The conditions of rules as fields of a form: what each kind is called, and what it is given."""

from __future__ import annotations

from dataclasses import dataclass

from oversight.policy.sentences import PROBLEMS, PROVENANCES, SECRETS
from oversight.policy.words import LISTS

Options = tuple[tuple[str, str], ...]
LINES, NUMBER, TEXT, TIME, SELECT, TICKS = "lines", "number", "text", "time", "select", "ticks"


@dataclass(frozen=True, slots=True)
class Param:
    """One member of a condition. LINES: one a line; TICKS: any of the options."""

    name: str
    label: str
    widget: str
    options: Options = ()
    hint: str = ""


KIND_NAMES: dict[str, str] = {
    "recipient_list": "Recipients on a list",
    "first_contact": "First contact",
    "new_recipients_per_hour": "Many new people within an hour",
    "outside_thread": "Answers to people outside of the conversation",
    "redirected_reply": "Answers that are led elsewhere",
    "parent_unproven": "Answers to a sender who is not proven",
    "volume": "Much mail in a short time",
    "amount": "Sums of money",
    "words": "Words in the text",
    "attachments": "Files",
    "links": "Links",
    "secrets": "Secrets and personal data",
    "duplicate": "The same once more",
    "quiet_hours": "A time of day",
    "provenance": "What made the agent send",
    "reply": "It is an answer",
    "answers_elsewhere": "Answers would go to another address",
    "recipients": "Number of recipients",
    "always": "Everything",
}
_MOST = Param("over", "More than", NUMBER)
PARAMS: dict[str, tuple[Param, ...]] = {
    "recipient_list": (
        Param("addresses", "Addresses", LINES, hint="One a line. *@customer.example is everybody at that domain."),
    ),
    "new_recipients_per_hour": (_MOST,),
    "volume": (
        Param("perHour", "More recipients within an hour than", NUMBER),
        Param("perDay", "More recipients within a day than", NUMBER, hint="One of the two, or both."),
    ),
    "amount": (
        Param("over", "A sum above", TEXT),
        Param("currency", "Currency", TEXT, hint="Like EUR; empty for any."),
    ),
    "words": (
        Param("list", "A list of the house", SELECT, (("", "none"), *((name, name) for name in LISTS))),
        Param("words", "Your own words", LINES, hint="One a line. Whole words, in any spelling."),
    ),
    "attachments": (
        Param("types", "Types of files", LINES, hint="One a line: pdf, or image/*. Empty for any file."),
        Param("over", "More files than", NUMBER),
        Param("sizeOver", "More bytes in all than", NUMBER),
    ),
    "links": (Param("problems", "A link that", TICKS, tuple(PROBLEMS.items()), "None ticked: any link."),),
    "secrets": (Param("kinds", "Of these kinds", TICKS, tuple(SECRETS.items()), "None ticked: any of them."),),
    "quiet_hours": (
        Param("from", "From", TIME),
        Param("to", "To", TIME),
        Param("zone", "Time zone", TEXT, hint="Like Europe/Vienna or UTC."),
    ),
    "provenance": (Param("of", "As it says", TICKS, tuple(PROVENANCES.items())),),
    "recipients": (_MOST,),
}
# What can't be turned round.
WITHOUT_NOT = frozenset({"always"})
