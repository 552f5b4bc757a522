"""`/v1`: webhooks and suppressions. Mail is routed by oversight."""

from __future__ import annotations

from django.urls import path

from .suppressions import OneSuppression, Suppressions
from .webhooks import Deliveries, OneWebhook, Webhooks

urlpatterns = [
    path("suppressions", Suppressions.as_view()),
    path("suppressions/<str:id>", OneSuppression.as_view()),
    path("webhooks", Webhooks.as_view()),
    path("webhooks/<str:id>", OneWebhook.as_view()),
    path("webhooks/<str:id>/deliveries", Deliveries.as_view()),
]
