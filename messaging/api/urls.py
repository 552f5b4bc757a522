"""`/v1`: what needs the network and no review. Mail is routed by oversight."""

from __future__ import annotations

from django.urls import path

from .domains import VerifyDomain

urlpatterns = [
    path("domains/<str:id>/verify", VerifyDomain.as_view()),
]
