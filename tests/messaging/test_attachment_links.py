"""GET /v1/attachments/{id}, and the link that it gives: whoever has it may save the file, for a day."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.http.response import HttpResponseBase
from django.test import Client
from pytest_django import Settings

from mailboxes import clock as clocks
from mailboxes import mailbox
from mailboxes.models import Mailbox
from messaging.attachments import serving
from messaging.attachments.refusals import StorageUnavailable
from messaging.models import Attachment, Message, Status
from tests import builders, files
from tests.api_client import Api
from tests.arrivals import arrive
from tests.builders import Tenant
from tests.conftest import Clock
from tests.contract.shapes import ATTACHMENT, TEXT, wrong
from tests.contract.test_operations import WITH_A_FILE
from tests.fakes.storage import Frail

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("files_folder")]


@pytest.fixture(autouse=True)
def _mended() -> Iterator[None]:
    yield
    Frail.broken.clear()


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


def received(owner: Tenant) -> Attachment:
    """The one file of a received mail."""
    return Attachment.objects.get(message=arrive(owner.mailbox, WITH_A_FILE))


def linked(owner: Tenant, content: bytes = b"hello", **fields: str) -> Attachment:
    """An uploaded file that belongs to a sent message."""
    file = files.upload(owner, content, **fields)
    file.message = builders.submit(owner)
    file.save(update_fields=["message"])
    return file


def scoped(owner: Tenant, *boxes: Mailbox) -> Api:
    made = Api(owner.key_text).post("/api-keys", {"name": "scoped", "mailboxIds": [str(box.pk) for box in boxes]})
    return Api(made.json["key"])


def second_mailbox(owner: Tenant) -> Mailbox:
    asked = mailbox.NewMailbox(address=f"desk-{owner.account.slug}", domain=owner.mailbox.domain)
    return mailbox.create(owner.account, asked, now=clocks.now())


def link(owner: Tenant, file: Attachment) -> str:
    """The link's path."""
    url: str = Api(owner.key_text).get(f"/attachments/{file.pk}").json["url"]
    return urlsplit(url).path


def content(response: HttpResponseBase) -> bytes:
    assert response.streaming
    return b"".join(response.streaming_content)  # type: ignore[attr-defined]  # a stream


def test_an_attachment_is_told_with_every_field_and_a_link(alice: Tenant, settings: Settings) -> None:
    for file in (files.upload(alice), linked(alice), received(alice)):
        answer = Api(alice.key_text).get(f"/attachments/{file.pk}")
        assert (answer.status, wrong(answer.json, ATTACHMENT | {"url": TEXT})) == (200, None)
        assert answer.json["url"].startswith(f"{settings.PUBLIC_URL}/files/")
        assert answer.json["userId"] == str(alice.account.pk)


def test_the_storage_key_is_stable_and_says_where_the_content_is(alice: Tenant) -> None:
    api = Api(alice.key_text)
    sent, came = files.upload(alice), received(alice)
    key = api.get(f"/attachments/{sent.pk}").json["r2Key"]
    assert key == f"attachments/{files.digest(b'hello')[:2]}/{files.digest(b'hello')}"
    assert api.get(f"/attachments/{came.pk}").json["r2Key"] == f"received/{came.message_id}/{came.part_index}"
    assert files.upload(alice, filename="again.txt").storage_key == key


@pytest.mark.parametrize("where", ["sent", "received"])
def test_the_link_gives_the_content_to_be_saved(alice: Tenant, where: str) -> None:
    file = linked(alice) if where == "sent" else received(alice)
    response = Client().get(link(alice, file))
    assert (response.status_code, content(response)) == (200, b"hello")
    assert response.headers["Content-Disposition"] == 'attachment; filename="plan.pdf"'
    assert response.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "private"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["ETag"] == f'"{files.digest(b"hello")}"'
    assert response.headers["Content-Length"] == "5"
    assert response.headers["Content-Type"] == "application/pdf"
    assert not response.cookies


async def test_a_file_is_sent_by_pieces_under_asgi_too() -> None:
    whole = b"0123456789" * 20_000
    response = serving.answer(BytesIO(whole), filename="plan.pdf", content_type="application/pdf", etag="x")
    pieces = [piece async for piece in response]
    assert (b"".join(pieces), len(pieces)) == (whole, 4)


def test_a_client_that_has_the_file_is_told_so(alice: Tenant) -> None:
    file = files.upload(alice)
    response = Client().get(link(alice, file), headers={"If-None-Match": f'"{file.sha256}"'})
    assert (response.status_code, response.headers["ETag"]) == (304, f'"{file.sha256}"')
    assert response.headers["Cache-Control"] == "private"


@pytest.mark.parametrize("name", ['a"b.pdf', "Grüße ☃.pdf", "a b%2F.pdf", "x\r\nSet-Cookie: a=b.pdf", "<script>.html"])
def test_a_hostile_name_stays_a_name(alice: Tenant, name: str) -> None:
    file = files.upload(alice, filename=name)
    response = Client().get(link(alice, file))
    assert response.status_code == 200
    disposition = response.headers["Content-Disposition"]
    assert disposition.startswith("attachment; filename")
    assert disposition.isascii()
    assert "Set-Cookie" not in response.headers
    assert content(response) == b"hello"


def test_html_is_saved_and_never_shown(alice: Tenant) -> None:
    file = files.upload(alice, b"<script>alert(1)</script>", filename="a.html", kind="text/html")
    response = Client().get(link(alice, file))
    assert response.headers["Content-Disposition"].startswith("attachment")
    assert response.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert content(response) == b"<script>alert(1)</script>"


def test_a_link_is_good_for_a_day_and_then_says_where_to_get_another(alice: Tenant, clock: Clock) -> None:
    clock.set(clock.now())
    file = files.upload(alice)
    path = link(alice, file)
    clock.advance(seconds=24 * 3600 - 2)
    assert content(Client().get(path)) == b"hello"
    clock.advance(seconds=2)
    answer = Client().get(path)
    assert answer.status_code == 410
    told = answer.json()
    assert (told["code"], told["attachmentId"]) == ("link_expired", str(file.pk))
    assert f"GET /v1/attachments/{file.pk}" in told["fix"]


def test_a_forged_link_is_a_404(alice: Tenant) -> None:
    mine, other = files.upload(alice), files.upload(alice, b"other")
    token = link(alice, mine).split("/")[2]
    named, until, signature = token.split(".")
    for forged in (
        f"{other.pk.hex}.{until}.{signature}",
        f"{named}.{int(until) + 1}.{signature}",
        f"{named}.{until}.{signature[:-1]}",
        f"{named}.{until}",
        "nonsense",
        "..",
        "\u2603",
    ):
        answer = Client().get(f"/files/{forged}/plan.pdf")
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


def test_a_link_ends_with_its_attachment_and_its_mailbox(alice: Tenant) -> None:
    uploaded, came = files.upload(alice), received(alice)
    paths = [link(alice, uploaded), link(alice, came)]
    Api(alice.key_text).delete(f"/attachments/{uploaded.pk}")
    mailbox.delete(alice.mailbox, by="test", now=clocks.now())
    assert [Client().get(path).status_code for path in paths] == [404, 404]
    assert Api(alice.key_text).get(f"/attachments/{came.pk}").status == 404


def test_a_stranger_finds_nothing(alice: Tenant) -> None:
    charlie = Api(builders.tenant("charlie").key_text)
    for file in (files.upload(alice), linked(alice), received(alice)):
        for answer in (charlie.get(f"/attachments/{file.pk}"), charlie.delete(f"/attachments/{file.pk}")):
            assert (answer.status, answer.code) == (404, "NOT_FOUND")
    assert charlie.get("/attachments/not-an-id").status == 404
    assert Attachment.objects.count() == 3


def test_a_scoped_key_finds_what_is_linked_in_its_mailboxes(alice: Tenant) -> None:
    other = scoped(alice, second_mailbox(alice))
    own = scoped(alice, alice.mailbox)
    unsent, sent, came = files.upload(alice), linked(alice), received(alice)
    assert [own.get(f"/attachments/{file.pk}").status for file in (unsent, sent, came)] == [404, 200, 200]
    assert [other.get(f"/attachments/{file.pk}").status for file in (unsent, sent, came)] == [404, 404, 404]
    assert [own.delete(f"/attachments/{file.pk}").status for file in (unsent, sent, came)] == [404, 200, 200]


def test_a_reviewer_reads_what_was_sent_and_deletes_nothing(alice: Tenant) -> None:
    reviewer = Api(builders.decide_key(alice.owner))
    unsent, sent = files.upload(alice), linked(alice)
    assert [reviewer.get(f"/attachments/{file.pk}").status for file in (unsent, sent)] == [404, 200]
    assert reviewer.delete(f"/attachments/{sent.pk}").status == 403


def test_a_file_of_mail_that_is_not_shown_is_not_there(alice: Tenant) -> None:
    came = received(alice)
    Message.objects.filter(attachments=came).update(status=Status.ARRIVED)
    assert Api(alice.key_text).get(f"/attachments/{came.pk}").status == 404


@pytest.mark.parametrize("where", ["sent", "received"])
def test_a_content_that_can_not_be_had_is_a_503(alice: Tenant, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    file = linked(alice) if where == "sent" else received(alice)
    path = link(alice, file)
    Frail.broken.add("open")
    monkeypatch.setattr("messaging.inbound.parser_process.attachment_content", lambda raw, index: None)
    answer = Client().get(path)
    assert (answer.status_code, answer.json()["code"]) == (503, StorageUnavailable.code)
    assert answer.headers["Retry-After"] == "5"


def test_a_lost_object_is_a_503_and_not_an_empty_file(alice: Tenant, files_folder: Path) -> None:
    path = link(alice, files.upload(alice))
    for one in files_folder.rglob("*"):
        if one.is_file():
            one.unlink()
    assert Client().get(path).status_code == 503


def test_another_part_than_was_listed_is_not_given_out(alice: Tenant) -> None:
    came = received(alice)
    Attachment.objects.filter(pk=came.pk).update(part_index=1)  # the text of the mail
    assert Client().get(link(alice, came)).status_code == 503
