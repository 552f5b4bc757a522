"""Health answers what a load balancer asks."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache
from django.test import Client

from config.health import OVERDUE_SECONDS
from config.heartbeat import heartbeat


def test_live_answers_without_looking_at_anything(client: Client) -> None:
    response = client.get("/health/live")
    assert response.status_code == 200
    assert response.json() == {"status": "ok"}


@pytest.mark.django_db
def test_ready_is_refused_when_no_worker_beats(client: Client) -> None:
    cache.clear()
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert response.json()["checks"]["worker"]["ok"] is False
    assert response.json()["checks"]["database"]["ok"] is True


@pytest.mark.django_db
def test_ready_is_given_when_a_worker_beats(client: Client) -> None:
    heartbeat()
    response = client.get("/health/ready")
    assert response.status_code == 200
    assert response.json()["status"] == "ok"


@pytest.mark.django_db
def test_ready_is_refused_when_due_mail_is_left_lying(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    heartbeat()
    monkeypatch.setattr("config.health.oldest_due", lambda: datetime.now(UTC) - timedelta(seconds=OVERDUE_SECONDS + 60))
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert response.json()["checks"]["outbox"]["oldestDueSeconds"] > OVERDUE_SECONDS
