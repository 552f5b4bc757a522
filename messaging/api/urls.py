"""`/v1`: attachments, looks at the DNS, events, webhooks, suppressions. Oversight routes messages and threads."""

from __future__ import annotations

from django.urls import path

from .attachments import Attachments, OneAttachment
from .domains import VerifyDomain
from .events_log import EventLog
from .events_stream import EventStream
from .suppressions import OneSuppression, Suppressions
from .webhook_acts import Ping, RotateSecret
from .webhook_deliveries import Deliveries, OneDelivery, RedeliverOne, RedeliverRange
from .webhooks import OneWebhook, Webhooks

urlpatterns = [
    path("attachments", Attachments.as_view()),
    path("attachments/<str:id>", OneAttachment.as_view()),
    path("domains/<str:id>/verify", VerifyDomain.as_view()),
    path("events", EventStream.as_view()),
    path("events/log", EventLog.as_view()),
    path("suppressions", Suppressions.as_view()),
    path("suppressions/<str:id>", OneSuppression.as_view()),
    path("webhooks", Webhooks.as_view()),
    path("webhooks/<str:id>", OneWebhook.as_view()),
    path("webhooks/<str:id>/deliveries", Deliveries.as_view()),
    path("webhooks/<str:id>/deliveries/<str:deliveryId>", OneDelivery.as_view()),
    path("webhooks/<str:id>/deliveries/<str:deliveryId>/redeliver", RedeliverOne.as_view()),
    path("webhooks/<str:id>/ping", Ping.as_view()),
    path("webhooks/<str:id>/redeliver", RedeliverRange.as_view()),
    path("webhooks/<str:id>/rotate-secret", RotateSecret.as_view()),
]
