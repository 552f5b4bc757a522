"""`/docs`: the API for people."""

from __future__ import annotations

from django.urls import re_path

from .docs import page

urlpatterns = [re_path(r"^/?$", page, name="docs")]
