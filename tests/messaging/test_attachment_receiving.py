"""Files that come with mail: listed within the limits, counted in the storage, kept whatever it holds."""

from __future__ import annotations

import base64

import pytest
from django.test import Client
from pytest_django import Settings

from messaging.models import Message, RawMessage
from tests import builders, files
from tests.api_client import Answer, Api
from tests.arrivals import arrive
from tests.builders import Tenant

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


def mail(*parts: tuple[str, bytes]) -> bytes:
    """A mail with these parts: the end of each one's head, and its content."""
    head = (
        b"From: Kim <kim@friends.example>\r\nTo: alice@agents.example\r\nSubject: Files\r\n"
        b"Message-ID: <files-%d@friends.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"
        b"\r\n--b\r\nContent-Type: text/plain\r\n\r\nSee the files.\r\n" % len(parts)
    )
    written = b"".join(
        b"--b\r\n%s\r\nContent-Transfer-Encoding: base64\r\n\r\n%s" % (told.encode(), base64.encodebytes(content))
        for told, content in parts
    )
    return head + written.replace(b"\n", b"\r\n").replace(b"\r\r\n", b"\r\n") + b"--b--\r\n"


def file(content: bytes, name: str = "a.bin") -> tuple[str, bytes]:
    told = f'Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename="{name}"'
    return told, content


def told(owner: Tenant, message: Message) -> Answer:
    return Api(owner.key_text).get(f"/mailboxes/{owner.mailbox.pk}/messages/{message.pk}")


def test_received_files_count_in_the_storage(alice: Tenant) -> None:
    arrive(alice.mailbox, mail(file(b"12345"), file(b"678")))
    arrive(alice.mailbox, mail(file(b"9")))
    assert files.used(alice) == 9
    assert Api(alice.key_text).get("/account").json["account"]["storageUsedBytes"] == 9


def test_mail_is_kept_over_the_limit_and_uploads_are_refused(alice: Tenant) -> None:
    builders.limit(alice.account, "storage_bytes", 4)
    message = arrive(alice.mailbox, mail(file(b"12345")))
    assert told(alice, message).json["message"]["hasAttachments"] is True
    assert files.used(alice) == 5
    assert files.post(Api(alice.key_text)).code == "storage_limit"


@pytest.mark.parametrize(
    ("contents", "kept", "reason"),
    [
        ([b"1", b"2"], 2, None),
        ([b"1", b"2", b"3"], 2, "count"),
        ([b"x" * 11, b"2"], 1, "size"),
        ([b"x" * 11, b"2", b"3", b"4"], 2, "both"),
    ],
)
def test_what_is_beyond_the_limits_is_dropped_and_told_and_stays_in_the_mail(
    alice: Tenant, settings: Settings, contents: list[bytes], kept: int, reason: str | None
) -> None:
    settings.MAX_FILES_RECEIVED, settings.MAX_FILE_BYTES = 2, 10
    raw = mail(*(file(content) for content in contents))
    message = arrive(alice.mailbox, raw)
    shown = told(alice, message).json["message"]
    assert (len(shown["attachments"]), shown["attachmentsDroppedReason"]) == (kept, reason)
    assert shown["attachmentsDropped"] is (reason is not None)
    assert bytes(RawMessage.objects.get(message=message).raw) == raw


def test_an_inline_picture_keeps_its_content_id(alice: Tenant) -> None:
    head = 'Content-Type: image/png; name="logo.png"\r\nContent-ID: <logo@x>\r\nContent-Disposition: inline'
    message = arrive(alice.mailbox, mail((head, b"PNG")))
    [shown] = told(alice, message).json["message"]["attachments"]
    assert (shown["contentId"], shown["filename"], shown["contentType"]) == ("logo@x", "logo.png", "image/png")
    answer = Api(alice.key_text).get(f"/attachments/{shown['id']}").json
    response = Client().get(answer["url"].removeprefix("http://127.0.0.1:8000"))
    assert b"".join(response.streaming_content) == b"PNG"  # type: ignore[attr-defined]  # a stream


def test_each_file_of_a_mail_is_itself(alice: Tenant) -> None:
    message = arrive(alice.mailbox, mail(*(file(b"content %d" % number, f"{number}.bin") for number in range(20))))
    api = Api(alice.key_text)
    for shown in told(alice, message).json["message"]["attachments"]:
        path = api.get(f"/attachments/{shown['id']}").json["url"].removeprefix("http://127.0.0.1:8000")
        response = Client().get(path)
        assert b"".join(response.streaming_content) == b"content " + shown["filename"].removesuffix(".bin").encode()  # type: ignore[attr-defined]  # a stream
