"""Whatever is left below `/v1`."""

from __future__ import annotations

from django.urls import re_path

from .views.unknown import Unknown

urlpatterns = [re_path(r"^(?:/.*)?$", Unknown.as_view())]
