"""The READMEs tell the truth: each name, file, command and address in them exists, and the flows run as they are told.

A flow is a numbered list. Who stands first in an item calls all that the item names after it; or is a signal, or the
name of a task, that wakes it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest
from django.apps import apps
from django.core.management import get_commands

from .addresses import routes
from .calls import APPS, ROOT, calls

READMES = [*(f"{app}/README.md" for app in APPS), "README.md", "config/invariants/README.md"]
# Words of other programs, and samples.
FOREIGN = {
    "kill -9",
    "synchronous_commit = off",
    "restart_after_crash",
    "max_prepared_statements",
    "pg_stat_reset_shared",
    "pg_dump",
    "nobody",
    "venv",
    "make",
    "apt-get install python3 python3-venv make",
    "<id>",
    "DATA_DIR/instance",
    "/var/lib/gatepost",
    "/var/lib/gatepost/<id>",
    "Prefer: wait",
    '"state": "held"',
    "bounce@sim.agents.example",
    "greylist@",
    "complaint@",
    "ooo@",
    "slow@",
    "RELAY_URL=smtp://user:password@relay.example:587",
    "no-reply@PLATFORM_DOMAIN",
}
TICKED = re.compile(r"`([^`]+)`")
COMMAND = re.compile(r"\b(make|manage\.py)\s([a-z_-]+)")
PROMPT = re.compile(r"^    (?:\S*python )?(make|manage\.py) ([a-z_-]+)", re.MULTILINE)
ADDRESS = re.compile(r"(?:GET |POST |PATCH |DELETE )?(/[a-z][^ ]*)")
NAME = re.compile(r"[A-Za-z_][\w.]*")
ITEM = re.compile(r"^\d+\. (.*?)(?=^\d+\. |^\S|\Z)", re.MULTILINE | re.DOTALL)


def text_of(readme: str) -> str:
    return (ROOT / readme).read_text()


def spans(text: str) -> list[str]:
    """What stands in code type."""
    return [" ".join(words.split()) for words in TICKED.findall(text)]


def app_of(readme: str) -> str:
    return readme.partition("/")[0] if "/" in readme else ""


def is_true(words: str, readme: str) -> bool:
    """Whether what a README says in this code type exists."""
    if words in FOREIGN:
        return True
    if command := COMMAND.match(words):
        return is_command(*command.groups())
    if is_file(words, readme) or (NAME.fullmatch(words) and is_name(words, readme)):
        return True
    address = ADDRESS.fullmatch(words)
    return bool(address and is_address(address[1])) or words in literals()


def is_command(program: str, name: str) -> bool:
    if program == "make":
        return re.search(rf"^{name}:", (ROOT / "Makefile").read_text(), re.MULTILINE) is not None
    return name in get_commands()


def is_file(words: str, readme: str) -> bool:
    places = [ROOT / words.lstrip("/")] if words.startswith("/") else [(ROOT / readme).parent / words, ROOT / words]
    return any(place.exists() for place in places)


def is_name(words: str, readme: str) -> bool:
    return words in settings_names() or bool(calls().named(words, app=app_of(readme)))


def is_address(path: str) -> bool:
    wanted = re.sub(r"\{\w+\}", "<str:id>", path.strip("/"))
    return any(route == wanted or route.startswith(f"{wanted}/") or route == f"{wanted}/" for route in routes())


def is_table(names: set[str]) -> bool:
    return all(".models." in name for name in names)


@cache
def settings_names() -> set[str]:
    """What can be set in the environment."""
    return set(re.findall(r"^#?([A-Z_]+)=", text_of(".env.example"), re.MULTILINE))


@cache
def literals() -> set[str]:
    """Every text in our code: kinds of events, states, modes, constraints."""
    found: set[str] = set()
    for app in APPS:
        for path in (ROOT / app).rglob("*.py"):
            nodes = ast.walk(ast.parse(path.read_text()))
            found |= {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
            # Constraints and triggers are named inside of SQL.
            found |= {word for text in list(found) if "TRIGGER" in text for word in re.findall(r"\w+", text)}
    return found


def flow_errors(text: str, *, app: str) -> Iterator[str]:
    """What the items of the numbered lists say that the code does not do."""
    for item in ITEM.findall(text):
        words = [words for words in spans(item) if NAME.fullmatch(words) and words not in settings_names()]
        steps = [found for found in (calls().named(one, app=app) for one in words) if found and not is_table(found)]
        heads, *others = steps or [set()]
        reached = set().union(*(calls().reached(head) for head in heads))
        yield from (f"{sorted(heads)} calls none of {sorted(step)}" for step in others if not step & reached)


@pytest.mark.parametrize("readme", READMES)
def test_everything_that_a_readme_names_exists(readme: str) -> None:
    text = text_of(readme)
    assert [words for words in spans(text) if not is_true(words, readme)] == []
    assert [found[0] for found in PROMPT.finditer(text) if not is_command(*found.groups())] == []


@pytest.mark.parametrize("readme", READMES)
def test_every_link_of_a_readme_leads_somewhere(readme: str) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", text_of(readme))
    assert [link for link in links if not ((ROOT / readme).parent / link).exists()] == []


@pytest.mark.parametrize("app", APPS)
def test_the_flows_of_a_readme_run_as_they_are_told(app: str) -> None:
    text = text_of(f"{app}/README.md")
    assert ITEM.findall(text)
    assert list(flow_errors(text, app=app)) == []


@pytest.mark.parametrize("app", APPS)
def test_a_readme_names_the_tables_of_its_app(app: str) -> None:
    (line,) = re.findall(r"^\*\*Tables\.\*\*(.*?)\n\n", text_of(f"{app}/README.md"), re.MULTILINE | re.DOTALL)
    models = {model.__name__ for model in apps.get_app_config(app).get_models()}
    assert set(spans(line)) & {model.__name__ for model in apps.get_models()} == models


@pytest.mark.parametrize(
    "words",
    [
        "outbound.outbox.enqueues",
        "outboxes.enqueue",
        "manage.py stand",
        "make coffee",
        "outbound/letterbox.py",
        "/v1/letters",
        "NO_SUCH_SETTING",
        "message.lost",
    ],
)
def test_a_wrong_name_is_noticed(words: str) -> None:
    assert not is_true(words, "messaging/README.md")


def test_a_flow_that_does_not_run_is_noticed() -> None:
    told = "1. `outbound.outbox.claim_due` asks `lifecycle.fold`,\n   then `inbound.feedback.apply`.\n"
    assert list(flow_errors(told, app="messaging")) == [
        "['messaging.outbound.outbox.claim_due'] calls none of ['messaging.inbound.feedback.apply']"
    ]


def test_a_signal_and_the_name_of_a_task_wake_who_listens() -> None:
    told = "1. `signals.messages_arrived` → `oversight.admission.admit`\n2. `PROCESS_INTAKE` → `inbound.intake.drain`\n"
    assert list(flow_errors(told, app="messaging")) == []
