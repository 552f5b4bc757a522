"""`Message.status` is written by `messaging.lifecycle` and nobody else; creation is for drafts and intake."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

APPS = ("config", "mailboxes", "messaging", "oversight", "billing")
WRITER = "messaging/lifecycle.py"
BEGINNINGS = {"messaging/outbound/drafts.py": "ACCEPTED", "messaging/inbound/filing.py": "ARRIVED"}
SQL_UPDATE = re.compile(r"UPDATE\s+messaging_message\b.*?\bSET\b.*?\bstatus\s*=", re.IGNORECASE | re.DOTALL)
UPDATES = {"update", "aupdate", "bulk_update", "update_or_create"}
MESSAGE_NAMES = {"message", "mail", "found", "row", "sent", "held"}


def sources() -> dict[str, ast.Module]:
    root: Path = settings.BASE_DIR
    files = [file for app in APPS for file in (root / app).rglob("*.py") if "migrations" not in file.parts]
    return {str(file.relative_to(root)): ast.parse(file.read_text()) for file in sorted(files)}


def writes(tree: ast.Module) -> Iterator[str]:
    """Each place that writes the status of a message: an attribute, an update, a statement in SQL."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (f"line {node.lineno}" for target in targets if _is_message_status(target))
        if isinstance(node, ast.Call) and _writes_status(node):
            yield f"line {node.lineno}"
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL_UPDATE.search(node.value):
            yield f"line {node.lineno}"


def creations(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """(line, status) of each message that is made with a status."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _root(node.func) == "Message" and not _is_update(node):
            for keyword in node.keywords:
                if keyword.arg == "status" and _makes(node.func):
                    yield f"line {node.lineno}", ast.unparse(keyword.value).rpartition(".")[2]


def test_the_status_of_a_message_has_one_writer() -> None:
    found = {name: list(writes(tree)) for name, tree in sources().items() if name != WRITER}
    assert {name: places for name, places in found.items() if places} == {}


def test_a_message_begins_as_accepted_or_arrived_in_two_places() -> None:
    found = {(name, status) for name, tree in sources().items() for _, status in creations(tree)}
    assert found == set(BEGINNINGS.items())


@pytest.mark.parametrize(
    "source",
    [
        "message.status = Status.SENT",
        "review.message.status = 'sent'",
        "Message.objects.filter(pk=1).update(status='sent')",
        "Message.objects.bulk_update(messages, ['status'])",
        "cursor.execute('UPDATE messaging_message m SET sent_at = now(), status = %s', ['sent'])",
        "setattr(message, 'status', 'sent')",
    ],
)
def test_a_second_writer_would_be_found(source: str) -> None:
    assert list(writes(ast.parse(source)))


def _is_message_status(target: ast.expr) -> bool:
    if not isinstance(target, ast.Attribute) or target.attr != "status":
        return False
    owner = target.value
    name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
    return name in MESSAGE_NAMES


def _writes_status(call: ast.Call) -> bool:
    names: set[object] = {keyword.arg for keyword in call.keywords}
    names |= {one.value for part in call.args for one in ast.walk(part) if isinstance(one, ast.Constant)}
    is_setattr = isinstance(call.func, ast.Name) and call.func.id == "setattr"
    return "status" in names and (is_setattr or (_is_update(call) and _root(call.func) == "Message"))


def _is_update(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Attribute) and node.func.attr in {
        "update",
        "update_or_create",
        "bulk_update",
        "aupdate",
    }


def _makes(function: ast.expr) -> bool:
    return isinstance(function, ast.Name) or (isinstance(function, ast.Attribute) and function.attr == "create")


def _root(function: ast.expr) -> str:
    while isinstance(function, ast.Attribute | ast.Call):
        function = function.value if isinstance(function, ast.Attribute) else function.func
    return getattr(function, "id", "")
