"""What may be asked of the policy, and what rules look like on the wire."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from mailboxes.api.fields import Text, WholeNumber
from mailboxes.api.reading import Form
from oversight.policy.kinds import KINDS
from oversight.policy.reading import SLUG
from oversight.policy.rules import MOST_CONDITIONS, MOST_PEOPLE, MOST_RULES
from oversight.policy.types import Outcome, Risk

from .forms import SendRequest

_SLUG = {"type": "string", "pattern": f"^{SLUG.pattern}$"}
_CONDITION: dict[str, Any] = {
    "type": "object",
    "properties": {
        "kind": {"type": "string", "enum": list(KINDS)},
        "isNot": {"type": "boolean", "default": False, "description": "Turns it; of a list for each member."},
    },
    "required": ["kind"],
    "description": "Beside these its own members, as in GET /v1/policy/templates.",
}
RULE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": _SLUG | {"description": "Its name for programs, once in a set."},
        "name": {"type": "string", "minLength": 1, "maxLength": 100, "description": "For people."},
        "when": {
            "type": "array",
            "items": _CONDITION,
            "minItems": 1,
            "maxItems": MOST_CONDITIONS,
            "description": "All must be met.",
        },
        "then": {"type": "string", "enum": [*Outcome]},
        "lane": _SLUG | {"description": "Of `hold`: the queue it goes to."},
        "people": {"type": "integer", "minimum": 1, "maximum": MOST_PEOPLE, "description": "Who must approve."},
        "risk": {"type": "string", "enum": [*Risk], "description": "Of `hold`; high asks for a second step."},
        "isOn": {"type": "boolean", "default": True},
        "isShadow": {"type": "boolean", "default": False, "description": "Stands in the trace and decides nothing."},
    },
    "required": ["id", "name", "when", "then"],
}


@extend_schema_field({"type": "array", "items": RULE, "maxItems": MOST_RULES})
class Rules(serializers.JSONField):
    """A list of rules; what is wrong in it the verb says, by rule and field."""


class EvaluateRequest(SendRequest):
    """A send, and from which mailbox."""

    mailboxId = Text(max_length=80, help_text="From which mailbox it would be sent.")


class NewVersionRequest(Form):
    rules = Rules(help_text="The whole set; empty for no rules.")
    note = Text(required=False, allow_null=True, allow_blank=True, max_length=500, help_text="Why, for people.")


class BackTestRequest(Form):
    days = WholeNumber(required=False, allow_null=True, min_value=1, help_text="How far back; 30 unless said.")


class LiveRequest(Form):
    live = WholeNumber(
        required=False, allow_null=True, min_value=0, help_text="The version that you saw in force; 0 for none."
    )
