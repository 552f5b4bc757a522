"""Where each part of the house is found: include lines only."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("health/", include("config.health")),
    path("admin/", admin.site.urls),
    path("v1/", include("oversight.api.urls")),
    path("v1/", include("billing.api.urls")),
    path("v1/", include("messaging.api.urls")),
    path("v1/", include("mailboxes.api.urls")),
    path("v1", include("mailboxes.api.unknown_urls")),
    path("files/", include("messaging.attachments.urls")),
    path("api/auth", include("mailboxes.api.auth_urls")),
    path("docs", include("oversight.api.docs_urls")),
    path("billing", include("billing.urls")),
    path("", include("oversight.console.urls")),
]

handler500 = "config.failures.failed"
