"""POST /v1/attachments: one file, streamed, under a safe name, once for each content, within the account's storage."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from mailboxes import clock, suspensions
from mailboxes.models import Event, IdempotentAnswer
from messaging.models import Attachment, Remnant, StoredFile
from tests import builders, files
from tests.api_client import Api
from tests.builders import Tenant
from tests.contract.shapes import TEXT, WHOLE, wrong
from tests.fakes.storage import Frail

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("files_folder")]


@pytest.fixture(autouse=True)
def _mended() -> Iterator[None]:
    yield
    Frail.broken.clear()
    Frail.while_saving.clear()


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


@pytest.fixture
def api(alice: Tenant) -> Api:
    return Api(alice.key_text)


def test_a_file_is_stored_and_told_unwrapped(alice: Tenant, api: Api, files_folder: Path) -> None:
    answer = files.post(api, b"hello", kind="application/pdf")
    assert (answer.status, wrong(answer.json, {"id": TEXT, "filename": TEXT, "sizeBytes": WHOLE})) == (201, None)
    assert (answer.json["filename"], answer.json["sizeBytes"]) == ("plan.pdf", 5)
    row = Attachment.objects.get(pk=answer.json["id"])
    assert (row.content_type, row.sha256, row.message) == ("application/pdf", files.digest(b"hello"), None)
    assert files.objects(files_folder) == [files.digest(b"hello")]
    assert not Remnant.objects.exists()
    assert Event.objects.get(kind="attachment.uploaded").subject == answer.json["id"]


def test_the_object_is_for_our_eyes_only(api: Api, files_folder: Path) -> None:
    files.post(api)
    [path] = (path for path in files_folder.rglob("*") if path.is_file())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_an_upload_needs_no_verified_address() -> None:
    assert files.post(Api(builders.tenant(is_verified=False).key_text)).status == 201


def test_the_account_tells_what_its_files_take(alice: Tenant, api: Api) -> None:
    files.post(api, b"x" * 1000)
    account = api.get("/account").json["account"]
    assert (account["storageUsedBytes"], account["storageLimitBytes"]) == (1000, 1024**3)


def test_an_empty_file_is_a_file(api: Api) -> None:
    assert files.post(api, b"").json["sizeBytes"] == 0


def test_the_same_content_again_is_another_attachment_and_no_other_object(
    alice: Tenant, api: Api, files_folder: Path
) -> None:
    first, second = files.post(api), files.post(api, filename="other.txt")
    assert first.json["id"] != second.json["id"]
    assert files.objects(files_folder) == [files.digest(b"hello")]
    assert files.used(alice) == 5


def test_the_same_content_of_another_account_is_an_object_of_its_own(api: Api, files_folder: Path) -> None:
    files.post(api)
    files.post(Api(builders.tenant("charlie").key_text))
    assert files.objects(files_folder) == [files.digest(b"hello")] * 2


@pytest.mark.parametrize("excess", [0, 1])
def test_the_limit_is_a_size_that_is_taken_and_not_one_byte_more(
    api: Api, settings: Settings, files_folder: Path, excess: int
) -> None:
    settings.MAX_FILE_BYTES = 300_000
    answer = files.post(api, b"x" * (300_000 + excess))
    if excess:
        assert (answer.status, answer.code) == (413, "file_too_large")
        assert not files_folder.exists()
    else:
        assert answer.status == 201


def test_the_usual_limit_is_25_mebibytes(settings: Settings) -> None:
    assert settings.MAX_FILE_BYTES == 25 * 1024 * 1024


def test_a_body_that_says_it_is_much_too_large_is_refused_unread(api: Api, settings: Settings) -> None:
    settings.MAX_FILE_BYTES = 1000
    raw = b"no multipart at all, and never looked at" * 5000
    answer = api.send("POST", "/attachments", raw, Content_Type=files.MULTIPART)
    assert (answer.status, answer.code) == (413, "file_too_large")


@pytest.mark.parametrize(
    ("raw", "code", "field"),
    [
        (b"", "missing_field", "file"),
        (files.body(), "missing_field", "file"),
        (files.body(files.part(b"x", filename="")), "missing_field", "file"),
        (files.body(files.part(b"x", filename=None)), "missing_field", "file"),
        (files.body(files.part(b"x", name="document")), "unknown_field", "document"),
        (files.body(files.part(b"x"), files.part(b"y")), "invalid_field", "file"),
        (files.body(files.part(b"x"), files.part(b"y", name="note", filename=None)), "unknown_field", "note"),
        (files.part(b"x" * 100)[:-50], "malformed_multipart", None),
        (b"{}", "missing_field", "file"),
    ],
)
def test_anything_but_one_file_is_a_400(api: Api, raw: bytes, code: str, field: str | None) -> None:
    answer = api.send("POST", "/attachments", raw, Content_Type=files.MULTIPART)
    assert (answer.status, answer.code, answer.json.get("field")) == (400, code, field)
    assert "multipart/form-data" in answer.json["fix"] or code == "invalid_field"


@pytest.mark.parametrize("kind", ["application/json", "", "multipart/form-data", "multipart/form-data; boundary=\x01"])
def test_a_body_of_another_kind_is_a_400(api: Api, kind: str) -> None:
    answer = api.send("POST", "/attachments", b'{"file": "x"}', Content_Type=kind)
    assert answer.status == 400
    assert answer.code in {"missing_field", "malformed_multipart"}


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\\\temp\\\\a.txt", "a.txt"),
        ("cod\u202egpj.exe", "cod_gpj.exe"),
        ("..", "attachment-0"),
        (".htaccess", "_htaccess"),
        ("a\tb;c|d.txt", "a_b_c_d.txt"),
        ("R&amp;D.pdf", "R&amp_D.pdf"),
        ("Grüße ☃.pdf", "Grüße ☃.pdf"),
        ("x" * 300 + ".pdf", "x" * 146 + ".pdf"),
    ],
)
def test_a_name_is_made_safe(api: Api, written: str, kept: str) -> None:
    answer = files.post(api, filename=written)
    assert (answer.status, answer.json["filename"]) == (201, kept)


@pytest.mark.parametrize(
    "written",
    ["filename*=bogus''a%ff", "filename*=utf-8''%ff%00", "filename*=utf-8", 'filename="\x00\xff"', "filename=;;"],
)
def test_a_name_in_no_known_form_is_a_name_or_a_400(api: Api, written: str) -> None:
    head = f'--{files.BOUNDARY}\r\nContent-Disposition: form-data; name="file"; {written}\r\n\r\nx\r\n'
    raw = files.body(head.encode("latin-1"))
    assert api.send("POST", "/attachments", raw, Content_Type=files.MULTIPART).status in {201, 400}


@pytest.mark.parametrize(
    ("declared", "filename", "kept"),
    [
        ("text/plain; charset=utf-8", "a.txt", "text/plain"),
        ("TEXT/HTML", "a.html", "text/html"),
        ("", "a.png", "image/png"),
        ("application/octet-stream", "a.csv", "text/csv"),
        ("nonsense", "a", "application/octet-stream"),
        ("multipart/mixed", "a", "application/octet-stream"),
        ("message/rfc822", "a.eml", "application/octet-stream"),
        ('text/x"; evil', "a", "application/octet-stream"),
    ],
)
def test_a_type_is_kept_where_it_is_one(api: Api, declared: str, filename: str, kept: str) -> None:
    answer = files.post(api, kind=declared, filename=filename)
    assert Attachment.objects.get(pk=answer.json["id"]).content_type == kept


def test_a_full_storage_refuses_and_says_how_to_get_more(alice: Tenant, api: Api, files_folder: Path) -> None:
    builders.limit(alice.account, "storage_bytes", 9)
    assert files.post(api, b"12345").status == 201
    answer = files.post(api, b"67890")
    assert (answer.status, answer.code) == (413, "storage_limit")
    assert "POST /v1/billing/upgrade" in answer.json["upgrade"]
    assert files.used(alice) == 5
    assert files.objects(files_folder) == [files.digest(b"12345")]
    assert files.post(api, b"12345").status == 201  # what is stored already takes no more room


def test_a_scoped_key_uploads_nothing(alice: Tenant, api: Api) -> None:
    made = api.post("/api-keys", {"name": "scoped", "mailboxIds": [str(alice.mailbox.pk)]})
    answer = files.post(Api(made.json["key"]))
    assert (answer.status, answer.code) == (403, "scoped_key")


def test_a_decide_key_uploads_nothing(alice: Tenant) -> None:
    assert files.post(Api(builders.decide_key(alice.owner))).status == 403


def test_a_suspended_account_uploads_nothing(alice: Tenant, api: Api) -> None:
    suspensions.suspend(alice.account, reason="bounce_rate_exceeded", by="test", now=clock.now())
    answer = files.post(api)
    assert (answer.status, answer.code, answer.json["suspended"]) == (403, "account_suspended", True)


def test_the_same_request_again_is_one_upload(alice: Tenant, api: Api) -> None:
    first, again = (files.post(api, key="k-1") for _ in range(2))
    assert (first.status, again.status, first.json) == (201, 201, again.json)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert Attachment.objects.count() == 1


@pytest.mark.parametrize("change", [{"content": b"other"}, {"filename": "b.pdf"}, {"kind": "text/plain"}])
def test_another_file_under_the_same_key_is_a_422_and_leaves_nothing(api: Api, change: dict[str, object]) -> None:
    files.post(api, key="k-1")
    answer = files.post(api, **({"content": b"hello", "key": "k-1"} | change))  # type: ignore[arg-type]  # by name
    assert (answer.status, answer.code) == (422, "idempotency_key_reused")
    assert Attachment.objects.count() == 1
    assert Remnant.objects.filter(is_given_up=False).count() == 0


def test_a_storage_that_is_away_is_a_503_and_nothing_is_there(alice: Tenant, api: Api) -> None:
    Frail.broken.add("save")
    answer = files.post(api, key="k-1")
    assert (answer.status, answer.code, answer.headers["Retry-After"]) == (503, "storage_unavailable", "5")
    assert not Attachment.objects.exists()
    assert not StoredFile.objects.exists()
    assert not IdempotentAnswer.objects.exists()
    assert files.used(alice) == 0
    assert Remnant.objects.get().is_given_up
    Frail.broken.clear()
    assert files.post(api, key="k-1").status == 201


def test_the_object_is_known_before_it_is_written(api: Api) -> None:
    seen: list[bool] = []
    Frail.while_saving.append(lambda: seen.extend(Remnant.objects.values_list("is_given_up", flat=True)))
    assert files.post(api).status == 201
    assert seen == [False]
    assert not Remnant.objects.exists()
