"""Contents in a bucket of an S3 instead of a folder: the same rows, the same answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from importlib.util import find_spec
from urllib.parse import urlsplit

import pytest
from django.test import Client
from pytest_django import Settings

from mailboxes import clock
from messaging.attachments import objects, sweeping
from messaging.checks import check_files_storage
from messaging.models import Attachment, Remnant
from tests import builders, files
from tests.api_client import Api
from tests.builders import Tenant
from tests.fakes.s3 import Bucket, s3

pytestmark = pytest.mark.django_db
with_boto3 = pytest.mark.skipif(find_spec("boto3") is None, reason="boto3 is not installed: django-storages[s3]")


@pytest.fixture
def bucket(settings: Settings) -> Iterator[Bucket]:
    with s3("gatepost-files") as served:
        options = {
            "bucket_name": "gatepost-files",
            "endpoint_url": served.url,
            "region_name": "eu-central-1",
            "access_key": "who",
            "secret_key": "what",
        }
        settings.STORAGES = {
            **settings.STORAGES,
            "attachments": {"BACKEND": "messaging.attachments.bucket.Bucket", "OPTIONS": options},
        }
        yield served


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


@with_boto3
def test_a_file_goes_into_the_bucket_and_comes_back_by_our_link(alice: Tenant, bucket: Bucket) -> None:
    content = b"0123456789" * 300_000
    api = Api(alice.key_text)
    uploaded = files.post(api, content)
    assert uploaded.status == 201
    told = api.get(f"/attachments/{uploaded.json['id']}").json
    [name] = bucket.objects
    assert name.startswith(told["r2Key"])
    assert bucket.objects[name] == content
    response = Client().get(urlsplit(told["url"]).path)
    assert b"".join(response.streaming_content) == content  # type: ignore[attr-defined]  # a stream


@with_boto3
def test_a_deleted_file_leaves_the_bucket(alice: Tenant, bucket: Bucket) -> None:
    file = files.upload(alice)
    Api(alice.key_text).delete(f"/attachments/{file.pk}")
    sweeping.remove_remnants(now=clock.now())
    assert bucket.objects == {}
    assert not Remnant.objects.exists()


@with_boto3
def test_a_bucket_that_is_away_is_a_503_and_stops_no_deletion(alice: Tenant, bucket: Bucket) -> None:
    file = files.upload(alice)
    bucket.is_away = True
    api = Api(alice.key_text)
    assert files.post(api, b"other").code == "storage_unavailable"
    path = urlsplit(api.get(f"/attachments/{file.pk}").json["url"]).path
    assert Client().get(path).status_code == 503
    assert api.delete(f"/attachments/{file.pk}").status == 200
    assert sweeping.remove_remnants(now=clock.now()) == 0
    bucket.is_away = False
    later = clock.now() + objects.TRY_AGAIN_AFTER + timedelta(seconds=1)
    assert sweeping.remove_remnants(now=later) == 2
    assert (bucket.objects, Attachment.objects.count()) == ({}, 0)


def test_a_bucket_without_its_library_is_told_at_start(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_files_storage() == []
    settings.FILES_BUCKET = "gatepost-files"
    monkeypatch.setattr("messaging.checks.find_spec", lambda name: None)
    [error] = check_files_storage()
    assert error.id == "messaging.E004"
    assert "pip install" in str(error.hint)
