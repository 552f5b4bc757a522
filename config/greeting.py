"""What `make run` prints when everything runs."""

import json
import shlex

from django.conf import settings

RULE = "-" * 100
FIRST_MAIL = {
    "to": ["customer@example.com"],
    "subject": "Your order has shipped",
    "bodyText": "Hello,\n\nyour order left our warehouse today.\n",
}


def greeting(demo_json: str | None) -> str:
    """Addresses; with the demo account's JSON also its sign-ins, its key and a line to paste."""
    if demo_json is None:
        return "\n".join([RULE, f"Gatepost is ready at {settings.PUBLIC_URL}", RULE])
    demo = json.loads(demo_json)
    rows = [
        ("Console", demo["console_url"]),
        ("  reviewer", f"{demo['reviewer_email']}   password: {demo['reviewer_password']}"),
        ("Admin", demo["admin_url"]),
        ("  operator", f"{demo['admin_email']}   password: {demo['admin_password']}"),
        ("Mailbox", f"{demo['mailbox_address']}   ({settings.DEFAULT_MODE}; mail for it: {demo['smtp']})"),
        ("Agent key", demo["agent_key"]),
        ("Decide key", demo["decide_key"]),
    ]
    lines = [f"{name:<11} {value}" for name, value in rows]
    ask = "Ask for a mail to be sent, then decide in the console whether it may leave:"
    return "\n".join([RULE, "Gatepost is ready.", "", *lines, "", ask, "", _curl(demo), RULE])


def _curl(demo: dict[str, str]) -> str:
    url = f"{settings.PUBLIC_URL}/v1/mailboxes/{demo['mailbox_id']}/messages"
    parts = [
        f"curl -sS -X POST {shlex.quote(url)}",
        f"-H {shlex.quote('Authorization: Bearer ' + demo['agent_key'])}",
        "-H 'Content-Type: application/json'",
        f"-d {shlex.quote(json.dumps(FIRST_MAIL))}",
    ]
    return " ".join(parts)
