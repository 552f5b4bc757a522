"""Files of a send: whose, how many statements, what becomes of their rows, and that a person sees what would leave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from mailboxes import statements
from mailboxes.modes import OversightMode
from messaging.attachments import fetching
from messaging.models import Attachment, Message, Status
from oversight.models import Evaluation, Review
from tests import builders
from tests.api_client import Answer, Api
from tests.arrivals import arrive
from tests.builders import Tenant
from tests.contract.shapes import ATTACHMENT, wrong
from tests.contract.test_operations import WITH_A_FILE
from tests.fakes.web import Web, bytes_of, saying, web_server
from tests.oversight.console import seat, text_of, url_of
from tests.oversight.sends import MAIL, send, upload

pytestmark = pytest.mark.django_db


def send_files(owner: Tenant, *files: object, key: str | None = None, **change: Any) -> Answer:
    headers = {"Idempotency_Key": key} if key else {}
    return send(owner, MAIL | {"attachments": list(files)} | change, **headers)


def rows(owner: Tenant) -> list[tuple[str, str | None]]:
    """Name and message of every file of the account, oldest first."""
    found = Attachment.objects.filter(account=owner.account).order_by("created_at", "id")
    return [(one.filename, str(one.message_id) if one.message_id else None) for one in found]


def test_an_uploaded_file_leaves_with_the_message_and_is_told_with_it() -> None:
    alice = builders.tenant()
    file_id = upload(alice)
    answer = send_files(alice, file_id)
    assert (answer.status, answer.json["message"]["hasAttachments"]) == (201, True)
    assert "attachments" not in answer.json["message"]
    message_id, box = answer.json["message"]["id"], f"/mailboxes/{alice.mailbox.pk}"
    api = Api(alice.key_text)
    thread_id = answer.json["message"]["threadId"]
    for message in (
        api.get(f"{box}/messages/{message_id}").json["message"],
        api.get(f"{box}/messages").json["messages"][0],
        api.get(f"{box}/threads/{thread_id}").json["thread"]["messages"][0],
    ):
        [file] = message["attachments"]
        assert wrong(file, ATTACHMENT) is None
        assert (file["id"], file["messageId"], file["filename"], file["sizeBytes"]) == (
            file_id, message_id, "plan.pdf", len(b"%PDF-1.7 plan")
        )  # fmt: skip


def test_a_file_is_sent_again_as_a_copy_of_its_own() -> None:
    alice = builders.tenant()
    file_id = upload(alice)
    first, second = (send_files(alice, file_id).json["message"]["id"] for _ in range(2))
    assert rows(alice) == [("plan.pdf", first), ("plan.pdf", second)]
    assert Attachment.objects.get(message_id=first).pk != Attachment.objects.get(message_id=second).pk


def test_a_received_file_is_sent_on_and_stays_where_it_was() -> None:
    alice = builders.tenant()
    received = arrive(alice.mailbox, WITH_A_FILE)
    file = Attachment.objects.get(message=received)
    sent = send_files(alice, str(file.pk)).json["message"]
    assert {message for _, message in rows(alice)} == {str(received.pk), sent["id"]}
    assert b"aGVsbG8=" in bytes(Message.objects.get(pk=sent["id"]).revisions.get().raw)


@pytest.mark.parametrize("whose", ["nobody", "charlie", "deleted"])
def test_a_file_that_is_not_there_is_a_400_and_nothing_is_sent(whose: str) -> None:
    alice, charlie = builders.tenant(), builders.tenant("charlie")
    file_id = "b7f1b9f2-0000-7000-8000-000000000000"
    if whose == "charlie":
        file_id = upload(charlie)
    if whose == "deleted":
        file_id = upload(alice)
        Api(alice.key_text).delete(f"/attachments/{file_id}")
    answer = send_files(alice, file_id)
    assert (answer.status, answer.code, answer.json["field"]) == (400, "unknown_attachment", "attachments[0]")
    assert not Message.objects.filter(mailbox=alice.mailbox).exists()


def test_a_scoped_key_sends_on_the_files_of_its_mailboxes_and_no_others() -> None:
    alice = builders.tenant()
    api = Api(alice.key_text)
    received = arrive(alice.mailbox, WITH_A_FILE)
    scoped = Api(api.post("/api-keys", {"mailboxIds": [str(alice.mailbox.pk)]}).json["key"])
    path = f"/mailboxes/{alice.mailbox.pk}/messages"
    file_id = str(Attachment.objects.get(message=received).pk)
    assert scoped.post(path, MAIL | {"attachments": [file_id]}).status == 201
    answer = scoped.post(path, MAIL | {"attachments": [upload(alice)]})
    assert (answer.status, answer.code) == (403, "attachment_out_of_scope")


def test_more_than_may_go_together_is_a_400(settings: Settings) -> None:
    settings.MAX_FILES_SENT_BYTES = 20
    alice = builders.tenant()
    files = [upload(alice, content=b"12345678901"), upload(alice, content=b"1234567890")]
    assert send_files(alice, *files).code == "attachments_too_large"
    assert send_files(alice, files[0]).status == 201


def test_a_message_that_files_make_too_large_is_a_400_and_its_files_stay_as_they_were(settings: Settings) -> None:
    alice = builders.tenant()
    settings.MAX_MESSAGE_BYTES = 5000
    file_id = upload(alice, content=bytes(5000))
    answer = send_files(alice, file_id)
    assert (answer.status, answer.code) == (400, "message_too_large")
    assert rows(alice) == [("plan.pdf", None)]


def test_a_refused_send_takes_no_file() -> None:
    alice = builders.tenant(mode=OversightMode.READ_ONLY)
    file_id = upload(alice)
    assert send_files(alice, file_id).code == "read_only"
    assert Message.objects.get(mailbox=alice.mailbox).status == Status.REFUSED
    assert rows(alice) == [("plan.pdf", None)]


def test_the_statement_that_accepts_takes_ten_files_as_it_takes_one(monkeypatch: pytest.MonkeyPatch) -> None:
    alice = builders.tenant(mode=OversightMode.AUTONOMOUS)
    run, ran = statements.run, []

    def noted(statement: str, parameters: Mapping[str, object]) -> list[tuple[Any, ...]]:
        ran.append(statement)
        return run(statement, parameters)

    monkeypatch.setattr(statements, "run", noted)

    def statements_of(*files: str) -> int:
        ran.clear()
        assert send_files(alice, *files).status == 201
        return len(ran)

    few, many = ([upload(alice, content=f"{n}".encode()) for n in range(amount)] for amount in (1, 10))
    assert statements_of(*few) == statements_of(*many)


def test_the_policy_knows_the_files_and_where_answers_go() -> None:
    alice = builders.tenant()
    message = send_files(alice, upload(alice), replyTo="desk@people.example").json["message"]
    known = Evaluation.objects.get(message_id=message["id"]).facts
    assert known["reply_to"] == "desk@people.example"
    [file] = known["files"]
    assert (file["name"], file["content_type"], file["size_bytes"]) == ("plan.pdf", "application/pdf", 13)


def test_a_person_sees_each_file_and_where_answers_go_before_deciding() -> None:
    alice = builders.tenant()
    logo = {"id": upload(alice, "logo.png", b"\x89PNG", "image/png"), "contentId": "logo"}
    html = '<p>Hi <img src="cid:logo"></p>'
    message = send_files(alice, upload(alice, "отчёт.pdf"), logo, bodyHtml=html, replyTo="desk@people.example")
    review_id = message.json["message"]["review"]["id"]
    page = text_of(seat(builders.member(alice.account)).get(url_of(Review.objects.get(pk=review_id))))
    for shown in ("отчёт.pdf", "logo.png", "application/pdf", "desk@people.example"):
        assert shown in page


class TestByAddress:
    """Files that are named by where they lie are fetched once, when the send is accepted."""

    @pytest.fixture
    def web(self, settings: Settings) -> Iterator[Web]:
        settings.ALLOWED_PRIVATE_HOSTS = ["127.0.0.1"]
        with web_server(saying(bytes_of(content=b"the plan", Content_Type="application/pdf"))) as web:
            yield web

    def asked(self, web: Web) -> dict[str, str]:
        return {"filename": "plan.pdf", "url": f"http://127.0.0.1:{web.port}/plan"}

    def test_it_leaves_with_the_message(self, web: Web) -> None:
        alice = builders.tenant()
        answer = send_files(alice, self.asked(web))
        assert answer.status == 201
        assert rows(alice) == [("plan.pdf", answer.json["message"]["id"])]
        assert len(web.requests) == 1

    def test_it_is_fetched_once_however_often_the_send_is_repeated(self, web: Web) -> None:
        alice = builders.tenant()
        first, again = (send_files(alice, self.asked(web), key="k-1") for _ in range(2))
        assert (first.status, again.json) == (201, first.json)
        assert again.headers["Idempotent-Replayed"] == "true"
        assert len(web.requests) == 1

    @pytest.mark.parametrize(
        ("change", "status"),
        [
            ({"to": ["nonsense"]}, 400),
            ({"subject": ""}, 400),
            ({"to": ["a@friends.example", "b@friends.example"]}, 429),
        ],
    )
    def test_nothing_is_fetched_for_a_send_that_can_not_be(self, web: Web, change: dict[str, Any], status: int) -> None:
        alice = builders.tenant()
        builders.limit(alice.account, "daily_sends", 1)
        assert send_files(alice, self.asked(web), **change).status == status
        assert web.requests == []

    def test_nothing_is_fetched_for_who_may_not_send(self, web: Web) -> None:
        alice = builders.tenant(is_verified=False)
        assert send_files(alice, self.asked(web)).code == "email_not_verified"
        assert web.requests == []

    def test_nothing_is_fetched_inside_of_a_transaction(self, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
        depths, fetch = [], fetching.fetch

        def noted(*args: Any, **named: Any) -> Any:
            depths.append(len(connection.savepoint_ids))
            return fetch(*args, **named)

        monkeypatch.setattr(fetching, "fetch", noted)
        alice = builders.tenant()
        before = len(connection.savepoint_ids)
        assert send_files(alice, self.asked(web), key="k-1").status == 201
        assert depths == [before]
