"""The API described: for programs at /v1/openapi.json, for people at /docs."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from lxml import html

from mailboxes.api.openapi import document
from oversight.api.error_codes import CODES

CODE_FOLDERS = (
    *("mailboxes", "mailboxes/api", "mailboxes/api/views", "messaging/api", "messaging/attachments"),
    *("oversight", "oversight/api"),
)
MORE_CODE_FILES = (
    "messaging/mime/headers.py",
    "messaging/mime/conversation.py",
    "messaging/mime/build.py",
    "messaging/outbound/drafts.py",
    "messaging/outbound/outbox.py",
    "messaging/lifecycle.py",
    "messaging/recipients/suppressions.py",
)
# Told by the console, the admin and the shell, or between the API's own files; never on /v1.
NOT_ON_V1 = {
    *(
        "unknown_account",
        "no_oversight_address",
        "suggestion_over",
        "ambiguous_account",
        "reason_too_long",
        "platform_account",
        "last_owner",
        "invalid_role",
        "invalid_limit",
        "link_over",
        "no_reach",
        "too_many_addresses",
        "attachments",
    ),
    # At the console, of operators, and as results of the items of a batch.
    *("second_factor_on", "second_factor_off", "not_owner", "operators_only", "left_out", "changed"),
    *("invalid", "required"),
}


@pytest.fixture
def page() -> html.HtmlElement:
    response = Client().get("/docs")
    assert response.status_code == 200
    return html.document_fromstring(response.content)


def test_every_operation_is_documented_with_fields_curl_and_answers(page: html.HtmlElement) -> None:
    operations = {one["operationId"] for path in document()["paths"].values() for one in path.values()}
    assert {article.get("id") for article in page.iter("article")} == operations
    [send] = page.xpath("//article[@id='sendMessage']")
    text = send.text_content()
    for expected in ("curl -X POST", "$GATEPOST_KEY", "bodyMarkdown", "oversightMode", "Idempotency-Key", "201", "422"):
        assert expected in text
    assert '"to": [' in text
    assert "Anything else that goes wrong." in send.xpath("string(.//p[span='default'])")


def test_an_upload_is_shown_as_curl_sends_one(page: html.HtmlElement) -> None:
    [upload] = page.xpath("//article[@id='uploadAttachment']")
    assert "-F file=@plan.pdf" in upload.text_content()


def test_every_link_on_the_page_leads_somewhere(page: html.HtmlElement) -> None:
    ids = {element.get("id") for element in page.xpath("//*[@id]")}
    for link in page.xpath("//a/@href[. != '/']"):
        assert link.removeprefix("#") in ids or Client().get(link).status_code == 200


def test_the_page_has_no_file_from_elsewhere_and_no_script_but_the_one_that_copies(page: html.HtmlElement) -> None:
    assert [script.get("src") for script in page.xpath("//script")] == ["/static/js/copy.js"]
    assert not page.xpath("//script/text() | //@onclick | //@style | //style")
    assert all(link.startswith(("/static/", "data:")) for link in page.xpath("//link/@href | //img/@src"))


def test_the_page_lists_every_error_code(page: html.HtmlElement) -> None:
    listed = set(page.xpath("//section[@id='errors']//th/code/text()"))
    assert listed == {code for codes in CODES.values() for code in codes}


def test_every_code_that_the_source_raises_is_listed() -> None:
    listed = {code for codes in CODES.values() for code in codes}
    raised = {code for path in _sources() for code in _codes(path)}
    assert raised - NOT_ON_V1 - listed == set()


def test_the_document_has_keys_errors_and_no_marks_of_its_maker() -> None:
    told = document()
    assert told["openapi"] == "3.1.0"
    assert told["components"]["securitySchemes"]["ApiKeyAuth"]["scheme"] == "bearer"
    assert set(told["components"]["schemas"]["Error"]["required"]) >= {"error", "code", "fix", "requestId", "docs"}
    assert "x-spec" not in str(told)
    for path in told["paths"].values():
        for operation in path.values():
            assert operation["description"]
            assert all(answer["description"] for answer in operation["responses"].values())


def test_only_what_needs_no_key_is_open() -> None:
    is_open = {
        one["operationId"] for path in document()["paths"].values() for one in path.values() if "security" not in one
    }
    assert is_open == {"createSignup", "checkSlugAvailability", "resendVerificationEmail", "signInEmail", "signOut"}


def _sources() -> list[Path]:
    root: Path = settings.BASE_DIR
    folders = [path for folder in CODE_FOLDERS for path in sorted((root / folder).glob("*.py"))]
    files = [*folders, *(root / name for name in MORE_CODE_FILES)]
    return [path for path in files if path.name not in {"admin.py", "checks.py"}]


def _codes(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.keyword) and node.arg == "code":
            found |= _texts(node.value)
        if isinstance(node, ast.Assign) and [getattr(target, "id", "") for target in node.targets] == ["code"]:
            found |= _texts(node.value)
        if (
            isinstance(node, ast.Call)
            and getattr(node.func, "id", "") in {"HeaderRefused", "BodyRefused"}
            and node.args
        ):
            found |= _texts(node.args[0])
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "PlainProblem":
            found |= _texts(node.args[1])
    return {code for code in found if re.fullmatch(r"[A-Za-z]\w+", code)}


def _texts(node: Any) -> set[str]:
    return {one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)}
