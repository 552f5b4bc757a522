"""`/v1`: who may act. Mail is routed by oversight."""

from __future__ import annotations

from django.urls import path

from .openapi import Schema
from .views.access_log import AccessLog
from .views.account import AccountView, NextPage, Welcome
from .views.domains import Domains, OneDomain
from .views.export import AccountExport
from .views.keys import Keys, OneKey, RotateKey
from .views.mailboxes import Mailboxes, OneMailbox
from .views.signup import CheckSlug, ResendVerification, Signup
from .views.support import Support

urlpatterns = [
    path("signup", Signup.as_view()),
    path("signup/check-slug", CheckSlug.as_view()),
    path("auth/resend-verification", ResendVerification.as_view()),
    path("api-keys", Keys.as_view()),
    path("api-keys/<str:id>", OneKey.as_view()),
    path("api-keys/<str:id>/rotate", RotateKey.as_view()),
    path("access-log", AccessLog.as_view()),
    path("account", AccountView.as_view()),
    path("account/export", AccountExport.as_view()),
    path("account/welcome", Welcome.as_view()),
    path("account/post-verify-target", NextPage.as_view()),
    path("support", Support.as_view()),
    path("mailboxes", Mailboxes.as_view()),
    path("mailboxes/<str:id>", OneMailbox.as_view()),
    path("domains", Domains.as_view()),
    path("domains/<str:id>", OneDomain.as_view()),
    path("openapi.json", Schema.as_view(), name="openapi"),
]
