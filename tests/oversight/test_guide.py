"""The front door for agents: what it says is what the API does."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from lxml import html

from mailboxes.api.openapi import document
from messaging.events import catalog
from oversight.api import guide

PYTHON = re.compile(r"```python\n(.+?)```", re.DOTALL)
BODY_OF_PING = b'{"event":"webhook.pinged"}'
CURL = re.compile(r"```sh\n(curl .+?)```", re.DOTALL)
PLACE = re.compile(r"(?:-X (?P<method>[A-Z]+) )?\"?(?P<url>https?://[^\s\"]+)")
MENTION = re.compile(r"`(GET|POST|PATCH|DELETE) (/v1/[^\s`]*)")
BODY = re.compile(r"-d '(\{.*?\})'", re.DOTALL)
STEPS = 10


def calls(name: str) -> list[tuple[str, str, Any]]:
    """Method, path and JSON of every curl in a guide."""
    found = []
    for command in CURL.findall(guide.source(name)):
        place, body = PLACE.search(command), BODY.search(command)
        assert place is not None, command
        path = place["url"].removeprefix(settings.PUBLIC_URL).partition("?")[0]
        found.append((place["method"] or "GET", path, json.loads(body[1]) if body else None))
    return found


def known() -> set[tuple[str, str]]:
    """Every operation of the document, its parameters left open."""
    told = document()["paths"]
    return {(method.upper(), re.sub(r"\{\w+\}", "{}", path)) for path, methods in told.items() for method in methods}


def test_every_call_in_the_ten_steps_is_an_operation_and_sends_what_it_takes() -> None:
    made = calls("agents")
    assert len(made) >= STEPS
    for method, path, _ in made:
        if not path.startswith("/v1/"):
            continue
        assert (method, re.sub(r"\$\w+", "{}", path)) in known(), (method, path)


@pytest.mark.parametrize("name", ["agents", "events", "webhooks", "troubleshooting", "security"])
def test_every_operation_that_a_guide_mentions_exists(name: str) -> None:
    mentioned = [(method, path.partition(" ")[0]) for method, path in MENTION.findall(guide.source(name))]
    assert [one for one in mentioned if (one[0], re.sub(r"\{\w+\}", "{}", one[1])) not in known()] == []


def test_the_page_and_the_plain_text_are_one() -> None:
    page = html.document_fromstring(Client().get("/agents").content)
    told = [heading.text for heading in page.findall(".//h2")]
    text = Client().get("/llms.txt")
    assert text.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert told == re.findall(r"^## (.+)$", text.content.decode(), re.MULTILINE)
    assert len(told) == STEPS
    assert Client().get("/agents", headers={"Accept": "text/markdown"}).content == text.content


@pytest.mark.parametrize("path", ["/agents", "/docs/events", "/docs/webhooks", "/docs/troubleshooting", "/security"])
def test_a_guide_is_a_page_without_raw_markdown_and_with_one_heading(path: str) -> None:
    content = Client().get(path).content.decode()
    assert content.count("<h1>") == 1
    assert "```" not in content
    assert "{{" not in content


def test_the_five_troubles_are_told() -> None:
    page = html.document_fromstring(Client().get("/docs/troubleshooting").content)
    assert len(page.findall(".//table/tbody/tr")) == 5


def test_every_kind_of_event_is_told_with_what_it_does_not_promise() -> None:
    page = html.document_fromstring(Client().get("/docs/events").content)
    rows = [["".join(map(str, cell.itertext())) for cell in row] for row in page.findall(".//table/tbody/tr")]
    told = {row[0]: row[2] for row in rows if len(row) == 4}
    assert told.keys() == catalog.KINDS.keys()
    assert all(told.values())


@pytest.mark.parametrize("path", ["/agents", "/llms.txt", "/docs/troubleshooting", "/security", "/docs"])
def test_events_are_found_from_everywhere(path: str) -> None:
    assert "/docs/events" in Client().get(path).content.decode()
