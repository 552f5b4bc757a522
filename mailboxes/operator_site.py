"""Django admin as operators enter it: by the one sign-in page of the house."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache

from mailboxes import second_factor
from mailboxes.models import User


class OperatorSite(AdminSite):
    """What libraries would show of themselves is not shown: codes and secrets are for our verbs alone.

    With ADMIN_REQUIRES_MFA it opens only to operators who have a second factor.

    Every session of theirs has shown a code: it was asked for at sign-in, and sessions from before end at enrolment.
    """

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        if admin_class is None or not admin_class.__module__.startswith("allauth."):
            super().register(model_or_iterable, admin_class, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        return super().has_permission(request) and not lacks_second_factor(request)

    @method_decorator(never_cache)
    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Not a second sign-in: ours leads back here. Who is signed in and may not enter is told why."""
        if not request.user.is_authenticated:
            following = request.GET.get("next") or reverse("admin:index")
            return redirect(f"{resolve_url(settings.LOGIN_URL)}?{urlencode({'next': following})}")
        if self.has_permission(request):
            return redirect("admin:index")
        return render(request, "admin/no_entry.html", {"is_unproven": lacks_second_factor(request)}, status=403)


def lacks_second_factor(request: HttpRequest) -> bool:
    """Whether this operator is kept out for want of one."""
    user = request.user
    is_bare = isinstance(user, User) and user.is_staff and not second_factor.is_enrolled(user)
    return settings.ADMIN_REQUIRES_MFA and is_bare
