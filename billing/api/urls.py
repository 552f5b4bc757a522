"""`/v1`: what is paid."""

from __future__ import annotations

from django.urls import path

from .upgrade import Upgrade

urlpatterns = [path("billing/upgrade", Upgrade.as_view())]
