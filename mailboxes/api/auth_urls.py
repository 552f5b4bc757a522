"""`/api/auth`: signing in and out of `/v1`."""

from __future__ import annotations

from django.urls import path, re_path

from .views.sign_in import SignIn, SignOut
from .views.unknown import Unknown

urlpatterns = [
    path("/sign-in/email", SignIn.as_view()),
    path("/sign-out", SignOut.as_view()),
    re_path(r"^(?:/.*)?$", Unknown.as_view()),
]
