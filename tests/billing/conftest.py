"""Alice on the free plan, and Stripe next door."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client
from pytest_django import Settings

from mailboxes.models import User
from tests import builders
from tests.builders import Tenant
from tests.fakes.stripe import KEY, SECRET, FakeStripe, fake_stripe


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


@pytest.fixture
def stripe(settings: Settings) -> Iterator[FakeStripe]:
    """Plans are paid at a Stripe of our own."""
    with fake_stripe() as server:
        settings.STRIPE_SECRET_KEY = KEY
        settings.STRIPE_WEBHOOK_SECRET = SECRET
        settings.STRIPE_API_URL = server.url
        yield server


@pytest.fixture
def operator() -> User:
    return User.objects.create_superuser("operator@gatepost.example", builders.PASSWORD)


@pytest.fixture
def desk(operator: User) -> Client:
    """An operator's browser."""
    client = Client()
    client.force_login(operator, backend="django.contrib.auth.backends.ModelBackend")
    return client
