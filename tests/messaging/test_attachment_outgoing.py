"""The files of a send: whose they are, how many, how large together, and what is fetched from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from pytest_django import Settings

from mailboxes import clock, keys, mailbox
from mailboxes.errors import Problem
from mailboxes.principals import Principal
from messaging.attachments import fetching, outgoing
from messaging.attachments.outgoing import Asked
from messaging.mime.types import OutgoingFile
from messaging.models import Attachment
from tests import builders, files
from tests.arrivals import arrive
from tests.builders import Tenant
from tests.contract.test_operations import WITH_A_FILE
from tests.fakes.storage import Frail
from tests.fakes.web import bytes_of, saying, web_server

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("files_folder")]


@pytest.fixture(autouse=True)
def _mended() -> Iterator[None]:
    yield
    Frail.broken.clear()


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


@pytest.fixture
def loopback(settings: Settings) -> None:
    settings.ALLOWED_PRIVATE_HOSTS = ["127.0.0.1"]


def gather(actor: Principal, *asked: Asked) -> tuple[OutgoingFile, ...]:
    return outgoing.gather(actor, asked, now=clock.now())


def refusal(actor: Principal, *asked: Asked) -> Problem:
    with pytest.raises(Problem) as caught:
        gather(actor, *asked)
    return caught.value


def scoped(owner: Tenant) -> Principal:
    _, text = keys.create_agent_key(owner.agent, name="scoped", mailboxes=[owner.mailbox], now=clock.now())
    return keys.authenticate(text, now=clock.now())


def link_to_a_message(owner: Tenant, file: Attachment) -> Attachment:
    file.message = builders.submit(owner)
    file.save(update_fields=["message"])
    return file


def test_uploads_come_in_the_order_asked_with_their_content(alice: Tenant) -> None:
    first, second = files.upload(alice, b"one", kind="text/plain", filename="1.txt"), files.upload(alice, b"two")
    found = gather(alice.agent_actor, second.pk, first.pk)
    assert [(file.attachment_id, file.content) for file in found] == [(second.pk, b"two"), (first.pk, b"one")]
    assert (found[1].filename, found[1].content_type, found[1].sha256) == ("1.txt", "text/plain", first.sha256)
    assert found[1].content_id is None


def test_no_files_are_no_files(alice: Tenant) -> None:
    assert gather(alice.agent_actor) == ()


def test_a_received_file_is_sent_on_as_a_new_one(alice: Tenant) -> None:
    came = arrive(alice.mailbox, WITH_A_FILE).attachments.get()
    [file] = gather(alice.agent_actor, came.pk)
    row = Attachment.objects.get(pk=file.attachment_id)
    assert (file.content, file.filename, row.message, row.part_index) == (b"hello", "plan.pdf", None, None)
    assert row.pk != came.pk
    assert files.used(alice) == 10


@pytest.mark.parametrize("whose", ["nobody", "charlie", "deleted mailbox"])
def test_what_is_not_in_the_account_is_a_400_that_names_it(alice: Tenant, whose: str) -> None:
    own = files.upload(alice)
    other: UUID = uuid4()
    if whose == "charlie":
        other = files.upload(builders.tenant("charlie")).pk
    if whose == "deleted mailbox":
        box = mailbox.create(
            alice.account, mailbox.NewMailbox(address="old", domain=alice.mailbox.domain), now=clock.now()
        )
        other = arrive(box, WITH_A_FILE).attachments.get().pk
        mailbox.delete(box, by="test", now=clock.now())
    problem = refusal(alice.agent_actor, own.pk, other)
    assert (problem.status, problem.code, problem.extra["field"]) == (400, "unknown_attachment", "attachments[1]")


def test_a_scoped_key_sends_on_what_is_linked_in_its_scope_and_nothing_else(alice: Tenant) -> None:
    actor, unsent = scoped(alice), files.upload(alice)
    sent = link_to_a_message(alice, files.upload(alice, b"sent"))
    assert gather(actor, sent.pk)[0].content == b"sent"
    problem = refusal(actor, unsent.pk)
    assert (problem.status, problem.code) == (403, "attachment_out_of_scope")
    assert refusal(actor, uuid4()).status == 400
    assert refusal(actor, files.upload(builders.tenant("charlie")).pk).status == 400


def test_eleven_files_are_a_400(alice: Tenant) -> None:
    ids = [files.upload(alice, b"%d" % number).pk for number in range(11)]
    assert len(gather(alice.agent_actor, *ids[:10])) == 10
    assert refusal(alice.agent_actor, *ids).code == "too_many_attachments"


def test_one_file_twice_is_a_400(alice: Tenant) -> None:
    file = files.upload(alice)
    assert refusal(alice.agent_actor, file.pk, file.pk).code == "attachment_twice"


@pytest.mark.parametrize("excess", [0, 1])
def test_more_than_the_limit_together_is_a_400(alice: Tenant, settings: Settings, excess: int) -> None:
    settings.MAX_FILES_SENT_BYTES = 10
    ids = [files.upload(alice, content).pk for content in (b"12345", b"1234" + b"6" * (1 + excess))]
    if excess:
        problem = refusal(alice.agent_actor, *ids)
        assert (problem.status, problem.code) == (400, "attachments_too_large")
    else:
        assert len(gather(alice.agent_actor, *ids)) == 2


def test_a_storage_that_is_away_is_a_503(alice: Tenant) -> None:
    file = files.upload(alice)
    Frail.broken.add("open")
    assert refusal(alice.agent_actor, file.pk).code == "storage_unavailable"


@pytest.mark.usefixtures("loopback")
def test_a_file_is_fetched_once_from_its_url_and_stored(alice: Tenant) -> None:
    with web_server(saying(bytes_of(content=b"%PDF-1", Content_Type="application/pdf; x=y"))) as web:
        [file] = gather(alice.agent_actor, ("../report\u202efdp.exe", f"http://127.0.0.1:{web.port}/r"))
    assert web.connections == 1
    assert (file.content, file.filename, file.content_type) == (b"%PDF-1", "report_fdp.exe", "application/pdf")
    row = Attachment.objects.get(pk=file.attachment_id)
    assert (row.message, row.sha256) == (None, files.digest(b"%PDF-1"))
    assert files.used(alice) == 6


@pytest.mark.usefixtures("loopback")
def test_files_by_id_and_by_url_come_in_the_order_asked(alice: Tenant) -> None:
    uploaded = files.upload(alice)
    with web_server(saying(bytes_of(content=b"fetched"))) as web:
        url = f"http://127.0.0.1:{web.port}/"
        found = gather(alice.agent_actor, ("a.txt", url), uploaded.pk, ("b.txt", url))
    assert [(file.filename, file.content) for file in found] == [
        ("a.txt", b"fetched"),
        ("plan.pdf", b"hello"),
        ("b.txt", b"fetched"),
    ]


@pytest.mark.usefixtures("loopback")
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (bytes_of("404 Not Found", b"no"), "status"),
        (bytes_of("302 Found", Location="http://127.0.0.1/"), "status"),
        (bytes_of(content=b"x" * 11), "too_large"),
        (b"nonsense", "bad_answer"),
    ],
)
def test_a_url_that_gives_no_file_is_a_400_that_names_it(
    alice: Tenant, settings: Settings, answer: bytes, reason: str
) -> None:
    settings.MAX_FILES_SENT_BYTES = 15
    uploaded = files.upload(alice)
    with web_server(saying(answer)) as web:
        url = f"http://127.0.0.1:{web.port}/x"
        problem = refusal(alice.agent_actor, uploaded.pk, ("a.txt", url))
    assert (problem.status, problem.code) == (400, "attachment_not_fetched")
    assert (problem.extra["field"], problem.extra["url"], problem.extra["reason"]) == ("attachments[1]", url, reason)
    assert Attachment.objects.count() == 1


def test_our_own_network_is_not_asked(alice: Tenant) -> None:
    for url in ("https://127.0.0.1/", "http://example.com/", "https://169.254.169.254/latest", "file:///etc/passwd"):
        assert refusal(alice.agent_actor, ("a", url)).code == "attachment_not_fetched"


@pytest.mark.usefixtures("loopback")
def test_all_urls_of_a_send_share_one_time(alice: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "SECONDS", 0.0)
    with web_server(saying(bytes_of(content=b"late"))) as web:
        problem = refusal(alice.agent_actor, ("a", f"http://127.0.0.1:{web.port}/"))
    assert problem.extra["reason"] == "timed_out"


@pytest.mark.usefixtures("loopback")
def test_nothing_is_stored_unless_every_file_is_there(alice: Tenant) -> None:
    with web_server(saying(bytes_of(content=b"good"))) as good, web_server(saying(bytes_of("500 No"))) as bad:
        asked = [("a", f"http://127.0.0.1:{good.port}/"), ("b", f"http://127.0.0.1:{bad.port}/")]
        assert refusal(alice.agent_actor, *asked).extra["field"] == "attachments[1]"
    assert not Attachment.objects.exists()


def test_slow_servers_of_others_do_not_hold_every_thread(alice: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "WAIT_SECONDS", 0.01)
    for _ in range(fetching.AT_ONCE):
        fetching._fetching.acquire()
    try:
        problem = refusal(alice.agent_actor, ("a", "https://example.com/"))
    finally:
        fetching._fetching.release(fetching.AT_ONCE)
    assert (problem.status, problem.code, problem.headers["Retry-After"]) == (503, "busy", "5")


@pytest.mark.usefixtures("loopback")
def test_a_full_storage_refuses_what_was_fetched(alice: Tenant) -> None:
    builders.limit(alice.account, "storage_bytes", 3)
    with web_server(saying(bytes_of(content=b"1234"))) as web:
        problem = refusal(alice.agent_actor, ("a", f"http://127.0.0.1:{web.port}/"))
    assert (problem.status, problem.code) == (413, "storage_limit")
